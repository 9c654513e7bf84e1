"""What is special to B-splines: locality, sum one, smooth continuation, knots."""

import numpy as np
import pytest
import torch

from kanpde.bases import BSpline
from kanpde.bases.basis import chebyshev_points

FREE = (-1.0, -0.8, -0.75, -0.1, 0.4, 1.0)
SPLINES = [
    *[BSpline(p, 5) for p in (0, 1, 2, 3, 5, 9)],
    *[BSpline(p, knots=FREE) for p in (0, 1, 2, 3, 5, 9)],
]
every_spline = pytest.mark.parametrize("basis", SPLINES, ids=repr)


@every_spline
def test_functions_sum_to_one_inside_and_outside(basis):
    s = torch.linspace(-1, 1, 301, dtype=torch.float64)
    table = basis.evaluate(s, 2).sum(dim=1)
    np.testing.assert_allclose(table[0], 1, atol=1e-14)
    np.testing.assert_allclose(table[1:], 0, atol=1e-9)
    # Outside, single functions grow like |s|^degree; so does the rounding of their sum.
    outside = torch.tensor([-1.4, -1.1, 1.1, 1.4], dtype=torch.float64)
    values = basis.evaluate(outside, 0)[0]
    assert (values.sum(0) - 1).abs().max() < 1e-14 * max(1, values.abs().max().item())


@every_spline
def test_functions_are_positive_and_local_inside(basis):
    s = torch.linspace(-1, 1, 301, dtype=torch.float64)
    values = basis.evaluate(s, 0)[0]
    assert values.min() > -1e-15
    assert ((values != 0).sum(0) <= basis.degree + 1).all()
    knots = basis.extended_knots()
    low, high = knots[: basis.size, None], knots[basis.degree + 1 :, None]
    outside = (s.numpy() < low - 1e-12) | (s.numpy() > high + 1e-12)
    assert (values.numpy()[outside] == 0).all()


@every_spline
def test_local_is_the_dense_table_without_zeros(basis):
    s = torch.tensor([[-1.5, -1.0, -0.8], [0.4, 1.0, 1.5]], dtype=torch.float64)
    cell, table = basis.local(s, 3)
    assert cell.dtype == torch.int64
    assert cell.shape == s.shape
    assert table.shape == (4, basis.degree + 1, 2, 3)
    breaks = basis.breakpoints()
    expected = np.clip(np.searchsorted(breaks, s.numpy(), side="right") - 1, 0, basis.intervals - 1)
    # Even knots find the cell by division, so a point on a knot may fall on either side.
    on_knot = np.abs(s.numpy()[..., None] - breaks).min(-1) < 1e-12
    assert ((cell.numpy() == expected) | on_knot).all()
    dense = basis.evaluate(s, 3)
    for j in range(basis.degree + 1):
        picked = dense.gather(1, (cell + j).expand(4, 1, 2, 3))[:, 0]
        assert torch.equal(picked, table[:, j])
    assert (dense != 0).sum() == (table != 0).sum()


@every_spline
def test_polynomials_of_the_end_cells_continue(basis):
    """The interpolant of values inside the end cell, extrapolated, meets those beyond it."""
    p = basis.degree
    breaks = basis.breakpoints()
    for low, high, end in ((breaks[0], breaks[1], -1.0), (breaks[-2], breaks[-1], 1.0)):
        width = high - low
        inside = 0.5 * (low + high) + 0.49 * width * chebyshev_points(p + 1)
        beyond = end + np.sign(end) * width * np.array([0.2, 0.6])
        values = basis.evaluate(torch.from_numpy(np.concatenate([inside, beyond])), 0)[0].numpy()
        centre = 0.5 * (low + high)
        powers = np.polynomial.legendre.legvander((inside - centre) / width, p)
        continued = np.polynomial.legendre.legvander((beyond - centre) / width, p)
        extrapolation = continued @ np.linalg.inv(powers)
        expected = extrapolation @ values[:, : p + 1].T
        amplified = np.abs(extrapolation).sum(axis=1).max()
        assert np.abs(values[:, p + 1 :].T - expected).max() < 1e-14 * amplified
        assert np.abs(values[:, p + 1 :]).max() > 0.05


@pytest.mark.parametrize("degree", range(10))
def test_even_and_free_evaluation_agree(degree):
    even = BSpline(degree, 6)
    free = BSpline(degree, knots=tuple(even.breakpoints().tolist()))
    s = torch.linspace(-1.15, 1.15, 97, dtype=torch.float64)
    a, b = even.evaluate(s, 5), free.evaluate(s, 5)
    for k in range(6):
        assert (a[k] - b[k]).abs().max() <= 1e-11 * max(1.0, b[k].abs().max().item())


@every_spline
def test_greville_points_represent_the_identity_and_marsden_the_square(basis):
    p = basis.degree
    assert basis.greville().shape == (basis.size,)
    assert (np.diff(basis.greville()) > 0).all()
    if p < 2:
        return
    knots = basis.extended_knots()
    s = torch.linspace(-1, 1, 57, dtype=torch.float64)
    windows = [knots[i + 1 : i + p + 1] for i in range(basis.size)]
    # Marsden: the coefficient of s^2 is the mean of the products of two different knots.
    square = [(w.sum() ** 2 - (w**2).sum()) / (p * (p - 1)) for w in windows]
    value = np.array(square) @ basis.evaluate(s, 0)[0].numpy()
    np.testing.assert_allclose(value, s.numpy() ** 2, atol=1e-13)


@pytest.mark.parametrize("degree", [1, 3, 6])
def test_insertion_of_knots_keeps_the_function_to_all_orders(degree):
    coarse = BSpline(degree, 4)
    fine = coarse.inserted([0.3, -0.9, 0.31])
    assert fine.knots == (-1.0, -0.9, -0.5, 0.0, 0.3, 0.31, 0.5, 1.0)
    matrix = coarse.transfer(fine)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-13)
    c = np.random.default_rng(1).standard_normal(coarse.size)
    s = torch.linspace(-0.997, 0.993, 200, dtype=torch.float64)
    before = np.einsum("kbn,b->kn", coarse.evaluate(s, degree).numpy(), c)
    after = np.einsum("kbn,b->kn", fine.evaluate(s, degree).numpy(), matrix @ c)
    for k in range(min(3, degree + 1)):
        assert np.abs(after[k] - before[k]).max() < 1e-12 * np.abs(before[k]).max()


def test_a_chain_of_refinements_is_one_refinement():
    a, b, c = BSpline(5, 5), BSpline(5, 10), BSpline(5, 20)
    np.testing.assert_allclose(b.transfer(c) @ a.transfer(b), a.transfer(c), atol=1e-13)


@pytest.mark.parametrize("points", [[1.0], [-1.2], [0.5, 0.5], [0.0], [float("nan")]])
def test_insertion_refuses(points):
    with pytest.raises(ValueError, match="inside"):
        BSpline(3, 4).inserted(points)


def test_quantile_knots_follow_the_samples():
    samples = np.tanh(np.random.default_rng(0).standard_normal(20000) * 0.3)
    basis = BSpline.from_quantiles(samples, degree=4, intervals=8)
    assert (basis.degree, basis.intervals) == (4, 8)
    counts, _ = np.histogram(samples, basis.breakpoints())
    assert counts.min() > 0.08 * samples.size
    from_torch = BSpline.from_quantiles(torch.from_numpy(samples), 4, 8)
    assert from_torch == basis


def test_quantile_knots_survive_ties_and_outliers():
    basis = BSpline.from_quantiles([0.5] * 50 + [7.0, -7.0], intervals=6)
    assert basis.intervals == 6
    assert BSpline.from_quantiles([0.0], intervals=2, uniform_share=1.0).knots == (-1, 0, 1)


@pytest.mark.parametrize(
    ("samples", "share", "message"),
    [
        ([], 0.1, "at least one"),
        ([np.nan], 0.1, "finite numbers"),
        ([0.0], 0.0, "> 0"),
        ([0.0], 1.5, "<= 1"),
    ],
)
def test_quantile_knots_refuse(samples, share, message):
    with pytest.raises(ValueError, match=message):
        BSpline.from_quantiles(samples, uniform_share=share)


def test_knots_decide_the_intervals():
    basis = BSpline(degree=2, knots=[-1, 0, 1])
    assert basis.intervals == 2
    assert basis.knots == (-1.0, 0.0, 1.0)


def test_a_narrow_cell_is_fitted():
    basis = BSpline(3, knots=(-1, -1e-4, 1e-4, 1))
    s = np.linspace(-1, 1, 1001)
    fitted = basis.fit(lambda s: s**3 - s)
    value = fitted @ basis.evaluate(torch.from_numpy(s), 0)[0].numpy()
    np.testing.assert_allclose(value, s**3 - s, atol=1e-9)
