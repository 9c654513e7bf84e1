"""The three forms of a damped step: the same step, and what each is for."""

import numpy as np
import pytest
import torch

from kanpde.training.damped import Kernel, Normal, Orthogonal, gram_of, times


def drawn(parameters: int, rows: int, condition: float = 10.0):
    """Return a transposed Jacobian (P, rows) of given condition and a residual (rows,)."""
    rng = np.random.default_rng(0)
    size = min(parameters, rows)
    left, right = (np.linalg.qr(rng.normal(size=(n, size)))[0] for n in (parameters, rows))
    values = np.logspace(0, -np.log10(condition), size)
    return torch.as_tensor((left * values) @ right.T), torch.as_tensor(rng.normal(size=rows))


@pytest.mark.parametrize("kind", [Normal, Kernel, Orthogonal])
@pytest.mark.parametrize(("parameters", "rows"), [(12, 40), (12, 12), (40, 12)])
@pytest.mark.parametrize("damping", [1e-3, 10.0])
def test_every_form_minimises_the_damped_model(kind, parameters, rows, damping) -> None:
    jacobian, residual = drawn(parameters, rows)
    step = kind(jacobian).factored(damping)(residual)
    gradient = jacobian @ (residual + jacobian.T @ step) + damping * step
    assert float(gradient.norm()) < 1e-12 * float((jacobian @ residual).norm())


def test_orthogonal_factors_keep_the_condition() -> None:
    jacobian, _ = drawn(20, 60, condition=1e9)
    wanted = torch.linspace(-1, 1, 20).double()
    residual = -(jacobian.T @ wanted)
    kinds = Normal(jacobian), Orthogonal(jacobian)
    errors = [float((k.factored(k.floor)(residual) - wanted).norm()) for k in kinds]
    assert errors[0] > 0.1
    assert errors[1] < 1e-5


def test_singular_systems_have_no_step_without_damping() -> None:
    residual = torch.ones(5).double()
    for kind in (Normal, Kernel, Orthogonal):
        assert not kind(torch.zeros(3, 5).double()).factored(0.0)(residual).any()


@pytest.mark.parametrize("kind", [Normal, Kernel, Orthogonal])
def test_a_jacobian_in_single_precision_is_summed_up_in_double(kind) -> None:
    """Its entries are what they are; the step is that of the same entries in double precision."""
    jacobian, residual = (part.float() for part in drawn(30, 9000, condition=1e3))
    expected = Orthogonal(jacobian.double()).factored(1e-9)(residual.double())
    step = kind(jacobian[:, :300] if kind is Kernel else jacobian).factored(1e-9)
    if kind is Kernel:
        few, rows = jacobian[:, :300].double(), residual[:300]
        expected = Orthogonal(few).factored(1e-9)(rows.double())
        found = step(rows)
    else:
        found = step(residual)
    assert found.dtype == torch.float64
    assert float((found - expected).norm()) < 1e-8 * float(expected.norm())


def test_products_in_slices_are_exact_sums() -> None:
    jacobian, residual = (part.float() for part in drawn(7, 9001))
    exact = jacobian.double()
    torch.testing.assert_close(gram_of(jacobian), exact @ exact.T, rtol=1e-12, atol=1e-12)
    expected = exact @ residual.double()
    torch.testing.assert_close(times(jacobian, residual), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (1, 1), (3, 0)])
def test_a_product_with_itself_is_whole_whatever_the_layout(shape) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cut = torch.randn(2 * shape[0], shape[1] + 1).double()[::2, 1:]  # neither row nor column major
    for given in (matrix, matrix.T, cut):
        found = gram_of(given)
        torch.testing.assert_close(found, given @ given.T, rtol=1e-13, atol=1e-13)
        assert torch.equal(found, found.T)
