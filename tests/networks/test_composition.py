"""Edges and their composition: tables of every kind and the chain rule, with their adjoints."""

from itertools import product
from math import factorial

import pytest
import torch
from torch import Tensor

from kanpde.bases import BSpline, Chebyshev, Fourier, Gaussian
from kanpde.networks.composition import Composition
from kanpde.networks.jets import JetLayout, compose
from kanpde.networks.tables import function_tables

ORDER, INPUTS, OUTPUTS, N = 3, 2, 3, 7
FREE = (-1.0, -0.7, 0.1, 1.0)
BASES = {
    "even spline": [BSpline(3, 4)],
    "high spline": [BSpline(6, 2)],
    "low spline": [BSpline(1, 3)],
    "free spline": [BSpline(3, knots=FREE)],
    "splines of their own": [BSpline(2, 3), BSpline(2, knots=(*FREE[:2], 0.0, *FREE[2:]))],
    "chebyshev": [Chebyshev(5)],
    "fourier": [Fourier(2)],
    "gaussian": [Gaussian(4)],
}
LAYOUTS = {
    "value": JetLayout.of(2, []),
    "gradient": JetLayout.of(2, [(1, 0), (0, 1)]),
    "all to the third": JetLayout.of(2, [a for a in product(range(4), repeat=2) if sum(a) <= 3]),
    "laplacian": JetLayout.of(2, [], (1.0, 2.0)),
}
of_every_basis = pytest.mark.parametrize("bases", BASES.values(), ids=BASES)
of_every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) * 2 - 1


def tables_of(bases, order: int = ORDER):
    """Return tables at inputs on both sides of [-1, 1], of different ranges."""
    s = 1.2 * random(INPUTS, N)
    return function_tables(bases, s, torch.tensor([[0.5], [3.0]], dtype=torch.float64), order)


def weights_of(tables) -> Tensor:
    return random(OUTPUTS, tables.dense().shape[1], INPUTS, seed=1)


@of_every_basis
def test_edges_are_the_weighted_functions(bases) -> None:
    tables = tables_of(bases)
    weights = weights_of(tables)
    expected = torch.einsum("ofi,kfin->kion", weights, tables.dense())
    for k, edge in enumerate(tables.edges(weights)):
        scale = float(expected[k].abs().max()) + 1.0
        torch.testing.assert_close(factorial(k) * edge, expected[k], rtol=1e-12, atol=1e-12 * scale)


@of_every_basis
@pytest.mark.parametrize("missing", [(), (0,), (0, 2), (1, 2)], ids=str)
def test_sums_and_rows_are_the_adjoint_of_the_edges(bases, missing) -> None:
    tables = tables_of(bases)
    weights = weights_of(tables).requires_grad_()
    moments = [
        None if k in missing else random(1 if k == 0 else INPUTS, OUTPUTS, N, seed=k + 2)
        for k in range(ORDER)
    ]
    pairs = zip(moments, tables.edges(weights), strict=False)
    terms = [m * e for m, e in pairs if m is not None]
    (expected,) = torch.autograd.grad(sum(term.sum() for term in terms), weights)
    tables = tables_of(bases)
    scale = float(expected.abs().max()) + 1.0
    torch.testing.assert_close(tables.sums(moments), expected, rtol=1e-12, atol=1e-12 * scale)
    rows = torch.full((*weights.shape, N), torch.nan, dtype=torch.float64)
    tables.rows(moments, rows)
    torch.testing.assert_close(rows.sum(-1), expected, rtol=1e-12, atol=1e-12 * scale)


def test_only_slopes_a_low_spline_has_not() -> None:
    """Second derivatives of a piecewise linear function do not depend on its weights."""
    tables = tables_of([BSpline(1, 3)])
    moments = [None, None, random(INPUTS, OUTPUTS, N)]
    rows = torch.full((OUTPUTS, 4, INPUTS, N), torch.nan, dtype=torch.float64)
    tables.rows(moments, rows)
    assert not rows.any()
    assert not tables.sums(moments).any()


def taylor_of(z: Tensor, order: int) -> list[Tensor]:
    """Return Taylor coefficients of sin((o + 1) z), each (inputs, outputs, N)."""
    rate = torch.arange(1.0, OUTPUTS + 1, dtype=torch.float64)[:, None]
    angle = rate * z[:, None]
    return [rate**k * torch.sin(angle + k * torch.pi / 2) / factorial(k) for k in range(order)]


@of_every_layout
def test_composition_is_the_sum_of_compositions(layout) -> None:
    z = random(INPUTS, layout.size, N)
    taylor = taylor_of(z[:, 0], layout.order + 1)
    table = torch.stack([factorial(k) * t for k, t in enumerate(taylor)])
    expected = compose(table.transpose(1, 2), z, layout).sum(1)
    torch.testing.assert_close(Composition(z, layout).forward(taylor), expected)


@of_every_layout
@pytest.mark.parametrize("only_last", [False, True], ids=["all parts", "last part"])
def test_adjoints_of_the_composition_against_autograd(layout, only_last) -> None:
    z = random(INPUTS, layout.size, N).requires_grad_()
    taylor = taylor_of(z[:, 0], layout.order + 1)
    adjoint = random(OUTPUTS, layout.size, N, seed=9)
    active = range(layout.size)[-1:] if only_last else range(layout.size)
    if only_last:
        adjoint[:, :-1] = 0
    y = Composition(z, layout).forward(taylor)
    expected = torch.autograd.grad((adjoint * y).sum(), [z, *taylor], materialize_grads=True)
    with torch.no_grad():
        chain = Composition(z.detach(), layout)
        moments = chain.moments(adjoint, active)
        edges = taylor_of(z[:, 0], layout.order + 2)
        found = chain.input_adjoint(adjoint, active, edges, moments)
    torch.testing.assert_close(found, expected[0])
    for moment, wanted in zip(moments, expected[1:], strict=True):
        if moment is None:
            assert not wanted.any()
        else:
            torch.testing.assert_close(moment.expand_as(wanted), wanted)
