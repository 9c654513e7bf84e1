"""Compressing a solution: from any way, to the tolerance asked for, and saying how far it is."""

import numpy as np
import pytest
import torch
from numpy.polynomial import Chebyshev as Series
from sympy import Abs, cos, exp, pi, sin, tanh

import kanpde
from kanpde import (
    BSpline,
    Chebyshev,
    Dirichlet,
    Disk,
    Initial,
    Interval,
    Ladder,
    Outcome,
    Patches,
    Problem,
    Rectangle,
    SeparableKAN,
    Slabs,
    TimeInterval,
    coordinates,
    laplacian,
    solve,
    unknown,
    unknowns,
)
from kanpde.solution.knots import adapted_knots

x, y, t = coordinates("x y t")
u2, ut = unknown("u", x, y), unknown("u", x, t)
square = Rectangle(x=(0, 1), y=(-1, 1))
strip = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))


def manufactured(exact) -> Problem:
    equation = laplacian(u2) - laplacian(exact, x, y)
    return Problem(square, equation, Dirichlet(u2, exact, on=square.boundary), exact={u2: exact})


def burgers() -> Problem:
    return Problem(
        strip,
        ut.diff(t) + ut * ut.diff(x) - ut.diff(x, 2) / 10,
        [Initial(ut, -sin(pi * x)), Dirichlet(ut, 0, on=("left", "right"))],
    )


SMOOTH = manufactured(sin(3 * x) * exp(y) + cos(2 * y) * x**2)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-10])
@pytest.mark.parametrize("way", [Ladder(), Patches()], ids=["ladder", "patches"])
def test_the_field_is_kept_to_the_tolerance_with_the_rank_it_has(way, tol) -> None:
    solution = solve(SMOOTH, way, tol=1e-11)
    small = solution.compress(tol)
    assert isinstance(small.network, SeparableKAN)
    assert small.network.rank == 2
    assert small.outcome is Outcome.SOLVED
    error = small.errors()["u"]["relative_l2"]
    assert error <= tol
    assert error / 2 < small.estimate <= tol + solution.estimate
    assert small.parameters < 120
    assert small.why == "It was compressed."


def test_slabs_are_compressed_in_space_and_time() -> None:
    solution = solve(burgers(), Slabs(), tol=1e-7)
    small = solution.compress(1e-5)
    assert small.parameters < solution.parameters / 3
    points = strip.interior(3000, seed=3)
    before, after = solution.at(points), small.at(points)
    assert np.linalg.norm(after - before) <= 1.1e-5 * np.linalg.norm(before)
    assert small.network.lower.tolist() == [-1, 0]


def test_the_rank_grows_with_the_tolerance_and_no_faster_than_it_must() -> None:
    """Singular values of 1 / (3 + x y) fall geometrically, so the rank grows by the digit."""
    solution = solve(manufactured(1 / (3 + x * y)), tol=1e-11)
    ranks = [solution.compress(tol).network.rank for tol in (1e-2, 1e-4, 1e-8)]
    assert ranks == sorted(set(ranks))
    points = [np.linspace(0, 1, 200), np.linspace(-1, 1, 200)]
    values = 1 / (3 + np.outer(*points))
    singular = np.linalg.svd(values, compute_uv=False)
    least = int((singular > 1e-8 * singular[0]).sum())
    assert least <= ranks[-1] <= least + 1


def test_several_unknowns_and_derivatives() -> None:
    u, v = unknowns("u v", x, y)
    fields = {u: sin(x) * exp(y), v: cos(x + y)}
    problem = Problem(
        square,
        [laplacian(w) - laplacian(f, x, y) for w, f in fields.items()],
        [Dirichlet(w, f, on=square.boundary) for w, f in fields.items()],
        exact=fields,
    )
    small = solve(problem, tol=1e-10).compress(1e-8)
    assert max(e["relative_l2"] for e in small.errors().values()) < 1e-8
    slope = small.derivative(v.diff(x), x=0.3, y=0.2)
    assert slope == pytest.approx(-np.sin(0.5), rel=1e-6)


def test_a_compressed_solution_is_saved_and_loaded(tmp_path) -> None:
    small = solve(SMOOTH, tol=1e-8).compress(1e-6)
    again = kanpde.load(small.save(tmp_path / "small.h5"))
    points = square.interior(100, seed=1)
    np.testing.assert_array_equal(again.at(points), small.at(points))
    assert (again.way, again.notes, again.estimate) == (small.way, small.notes, small.estimate)


def test_what_no_series_resolves_is_said(monkeypatch) -> None:
    monkeypatch.setattr("kanpde.solution.compress.MOST", 40)
    exact = Abs(x - 0.4321) * cos(y)
    problem = Problem(square, u2 - exact, [], exact={u2: exact})
    field = solve(problem, Ladder(degrees=(30, 33)), tol=1e-3)
    small = field.compress(1e-13)
    assert small.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert small.estimate > field.estimate
    assert "asked for 1.0e-13" in small.notes[-1]


@pytest.mark.parametrize("tol", [0, 1, -1e-3])
def test_the_tolerance_is_checked(tol) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        solve(SMOOTH, tol=1e-3).compress(tol)


def test_a_domain_that_is_no_box_in_two_coordinates_is_refused() -> None:
    disk = Disk(x=0, y=0, radius=1)
    problem = Problem(disk, laplacian(u2) + 1, Dirichlet(u2, 0, on=disk.boundary))
    with pytest.raises(ValueError, match="compress needs a box in two coordinates"):
        solve(problem, tol=1e-3).compress(1e-3)


def test_a_field_that_ends_early_is_refused() -> None:
    solution = solve(burgers(), Slabs(), tol=1e-9, budget=1e-4)
    assert solution.outcome is Outcome.BUDGET
    with pytest.raises(ValueError, match="not known everywhere"):
        solution.compress(1e-3)


def test_a_steep_layer_gets_splines_with_knots_where_it_is() -> None:
    layer = manufactured(tanh(60 * (x - 0.4)) * cos(y) + x * y)
    solution = solve(layer, Patches(), tol=1e-9)
    small = solution.compress(1e-6)
    first, second = small.network.bases
    assert isinstance(first, BSpline)
    assert isinstance(second, Chebyshev)
    widths = np.diff(first.breakpoints())
    narrowest = first.breakpoints()[widths.argmin()]
    assert abs(narrowest - (2 * 0.4 - 1)) < 0.1
    assert widths.max() > 10 * widths.min()
    assert small.errors()["u"]["relative_l2"] < 1.1e-6
    assert "spline edges of degree 5" in small.way


@pytest.mark.parametrize("degree", [3, 5])
def test_splines_on_adapted_knots_hold_the_functions(degree) -> None:
    bump = Series.interpolate(lambda s: np.exp(-400 * (s - 0.2) ** 2), 300)
    wave = Series.interpolate(np.sin, 300)
    series = np.stack([bump.coef, wave.coef], axis=1)
    s = np.linspace(-1, 1, 3001)

    def gap(basis, f):
        return basis.evaluate(torch.as_tensor(s), 0)[0].numpy().T @ basis.fit(f) - f(s)

    for goal in (1e-4, 1e-7):
        basis = BSpline(degree, knots=adapted_knots(series, degree, goal, density=2.4))
        for f in (bump, wave):
            assert np.sqrt(np.mean(gap(basis, f) ** 2)) < 5 * goal
        even = BSpline(degree, intervals=basis.intervals)
        assert np.abs(gap(even, bump)).max() > 30 * goal
