"""Patches for problems that are not linear and for systems: Newton's method and its outcomes."""

import numpy as np
import pytest
import torch
from sympy import Rational, cos, exp, pi, sin, sinh, sqrt, tanh

import kanpde
from kanpde import (
    Condition,
    Dirichlet,
    Interval,
    Outcome,
    Patches,
    PointValue,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    normal_derivative,
    solve,
    unknown,
)
from kanpde.control import Control
from kanpde.networks import JetLayout, PatchKAN
from kanpde.solving.elimination import LocalBasis
from kanpde.solving.forms import CompiledProblem, Linearisation
from kanpde.solving.patch_newton import PatchNewton, PatchSolver

x, y = coordinates("x y")
u1, u2 = unknown("u", x), unknown("u", x, y)
v2, p2 = unknown("v", x, y), unknown("p", x, y)
line, unit = Interval(x=(-1, 1)), Rectangle(x=(0, 1), y=(0, 1))


def bratu(parameter) -> Problem:
    interval = Interval(x=(0, 1))
    ends = Dirichlet(u1, 0, on=interval.boundary)
    return Problem(interval, u1.diff(x, 2) + parameter * exp(u1), ends, name="bratu")


def shock(width) -> Problem:
    """The stationary Burgers equation: no one polynomial resolves its front."""
    exact = -tanh(x / (2 * width))
    return Problem(
        line,
        u1 * u1.diff(x) - width * u1.diff(x, 2),
        Dirichlet(u1, exact, on=line.boundary),
        exact={u1: exact},
        name="shock",
    )


def nonlinear_flux() -> Problem:
    """Conductivity and a condition that depend on u."""
    exact = sin(2 * x) * exp(y)

    def operator(f):
        return sum(((1 + f**2) * f.diff(c)).diff(c) for c in (x, y)) - f**3

    def radiated(f):
        return normal_derivative(f, x, y) + f**2

    return Problem(
        unit,
        (operator(u2) - operator(exact)).doit(),
        [
            Dirichlet(u2, exact, on=("left", "bottom", "top")),
            Condition(radiated(u2) - radiated(exact), on="right", name="radiation"),
        ],
        exact={u2: exact},
        name="flux",
    )


def kovasznay(pinned: bool) -> Problem:
    channel, nu = Rectangle(x=(-0.5, 1), y=(-0.5, 0.5)), Rational(1, 20)
    decay = 10 - sqrt(100 + 4 * pi**2)
    exact = {
        u2: 1 - exp(decay * x) * cos(2 * pi * y),
        v2: decay / (2 * pi) * exp(decay * x) * sin(2 * pi * y),
        p2: (1 - exp(2 * decay * x)) / 2,
    }
    pressure = PointValue(p2, 0, x=0, y=0.2) if pinned else Dirichlet(p2, exact[p2], on="right")
    return Problem(
        channel,
        [
            u2 * u2.diff(x) + v2 * u2.diff(y) + p2.diff(x) - nu * laplacian(u2),
            u2 * v2.diff(x) + v2 * v2.diff(y) + p2.diff(y) - nu * laplacian(v2),
            u2.diff(x) + v2.diff(y),
        ],
        [*(Dirichlet(w, exact[w], on=channel.boundary) for w in (u2, v2)), pressure],
        exact=exact,
        name="kovasznay",
    )


def elastic() -> Problem:
    """Five unknowns of first order: Hooke's law and equilibrium."""
    s, q, r = (unknown(name, x, y) for name in ("s", "q", "r"))
    a, b = cos(2 * x) * sin(y), sin(x) * exp(y)

    def stresses(f, g):
        trace = f.diff(x) + g.diff(y)
        return trace + f.diff(x), trace + g.diff(y), (f.diff(y) + g.diff(x)) / 2

    exact = dict(zip((u2, v2, s, q, r), (a, b, *stresses(a, b)), strict=True))
    laws = stresses(u2, v2)
    return Problem(
        unit,
        [
            s - laws[0],
            q - laws[1],
            r - laws[2],
            s.diff(x) + r.diff(y) - exact[s].diff(x) - exact[r].diff(y),
            r.diff(x) + q.diff(y) - exact[r].diff(x) - exact[q].diff(y),
        ],
        [
            *(Dirichlet(w, exact[w], on=("left", "bottom", "top")) for w in (u2, v2)),
            *(Dirichlet(w, exact[w], on="right") for w in (s, r)),
        ],
        exact=exact,
        name="elastic",
    )


CASES = {
    "shock": lambda: shock(Rational(1, 40)),
    "flux": nonlinear_flux,
    "kovasznay": lambda: kovasznay(pinned=False),
    "kovasznay pinned": lambda: kovasznay(pinned=True),
    "elastic": elastic,
}


@pytest.mark.parametrize("name", CASES)
def test_the_tolerance_is_met_and_the_estimate_is_honest(name) -> None:
    solution = solve(CASES[name](), Patches(), tol=1e-7)
    assert solution.outcome is Outcome.SOLVED
    error = max(e["relative_l2"] for e in solution.errors().values())
    assert error / 2 < solution.estimate < 1e-7
    if error > 1e-12:
        assert solution.estimate < 30 * error


@pytest.mark.parametrize("parameter", [1, 3.4])
def test_bratu_on_a_line_agrees_with_the_closed_form(parameter) -> None:
    theta = 0.0  # theta = sqrt(2 lambda) cosh(theta / 4)
    for _ in range(500):
        theta = np.sqrt(2 * parameter) * np.cosh(theta / 4)
    solution = solve(bratu(parameter), Patches())
    assert solution.outcome is Outcome.SOLVED
    assert solution(x=0.5) == pytest.approx(2 * np.log(np.cosh(theta / 4)), rel=1e-10)


def test_a_nonlinear_front_that_a_ladder_cannot_follow_goes_to_patches() -> None:
    problem = shock(Rational(1, 30))
    solution = solve(problem, tol=1e-6)
    assert solution.outcome is Outcome.SOLVED
    assert {record.stage for record in solution.history} == {"ladder", "patches"}
    assert solution.errors()["u"]["relative_l2"] < 2 * solution.estimate < 2e-6


def test_beyond_the_turning_point_there_is_no_solution_and_that_is_said() -> None:
    solution = solve(bratu(6), Patches())  # the largest parameter with a solution is 3.5138...
    assert solution.outcome is Outcome.NOT_CONVERGED
    assert not solution.outcome.is_success
    assert solution.estimate == 1


def troesch(parameter) -> Problem:
    interval = Interval(x=(0, 1))
    ends = [Dirichlet(u1, 0, on="left"), Dirichlet(u1, 1, on="right")]
    return Problem(interval, u1.diff(x, 2) - parameter * sinh(parameter * u1), ends)


def test_continuation_helps_where_newton_from_zero_fails() -> None:
    """With few iterations Troesch's problem is reached only step by step.

    u'(0) = 0.0457504614 for the parameter 5 (Roberts and Shipman, J. Comput. Phys. 10, 1972).
    """
    problem, basis = troesch(5), LocalBasis(16, 1)
    boxes = np.array([[0, 0.5], [0.5, 0.8], [0.8, 0.95], [0.95, 1]])[:, :, None]
    solver = PatchSolver(problem, PatchNewton(iterations=3, halvings=0))
    control = Control(None, None)
    straight = solver._iterate(boxes, basis, None, 1.0, 1e-8, control)
    assert not straight.converged
    level = solver.level(boxes, basis, control, start=None, enough=1e-8)
    assert level.converged
    slope = level.network().jets(torch.zeros(1, 1, dtype=torch.float64), JetLayout.of(1, [(1,)]))
    assert float(slope[0, 1, 0].detach()) == pytest.approx(0.0457504614, rel=1e-8)


def test_a_linearisation_against_finite_differences() -> None:
    problem, rng = nonlinear_flux(), np.random.default_rng(4)
    boxes = np.array([[[0.0, 0.0], [1.0, 1.0]]])
    fields = [PatchKAN(boxes, 5) for _ in range(2)]
    base, change = (
        f.with_output_coefficients(torch.as_tensor(rng.standard_normal((1, 21)) / 10))
        for f in fields
    )
    points, normals = np.column_stack([np.ones(9), rng.random(9)]), np.tile([1.0, 0.0], (9, 1))
    about = CompiledProblem.of(problem).forms(Linearisation(base))
    pairs = [(problem.equation_residuals[0], about.equations[0])]
    pairs.append((problem.condition_residuals[1], about.conditions[-1].form))

    def residual(field, k):
        """F of a field: that of its own linearisation there."""
        forms = CompiledProblem.of(problem).forms(Linearisation(field))
        form = (forms.equations[0], forms.conditions[-1].form)[k]
        jets = Linearisation(field).jets(pairs[k][0], points)
        slopes = form.coefficients_at(points, normals)
        return (slopes * jets).sum(axis=0) + form.source_at(points, normals)

    for k, (symbolic, form) in enumerate(pairs):
        step = 1e-5
        ends = [
            base.with_output_coefficients(
                base.output_coefficients + sign * step * change.output_coefficients
            )
            for sign in (1, -1)
        ]
        difference = (residual(ends[0], k) - residual(ends[1], k)) / (2 * step)
        jets = Linearisation(change).jets(symbolic, points)
        slope = (form.coefficients_at(points, normals) * jets).sum(axis=0)
        np.testing.assert_allclose(slope, difference, rtol=1e-7, atol=1e-8)


def test_without_load_the_zero_field_solves_the_problem() -> None:
    solver = PatchSolver(nonlinear_flux(), PatchNewton())
    boxes = np.array([[[0.0, 0.0], [1.0, 1.0]]])
    for load, zero in ((0.0, True), (0.5, False)):
        level = solver._iterate(boxes, LocalBasis(8, 2), None, load, 1e-8, Control(None, None))
        assert level.converged
        assert bool(np.abs(level.coefficients).max() < 1e-10) is zero


def test_a_system_in_boxes_is_saved_bit_for_bit(tmp_path) -> None:
    solution = solve(elastic(), Patches(), tol=1e-3)
    loaded = kanpde.load(solution.save(tmp_path / "elastic.h5"))
    points = unit.interior(50, seed=1)
    np.testing.assert_array_equal(loaded.at(points), solution.at(points))
    assert loaded.estimate == solution.estimate


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"halvings": -1}, {"smallest_step": 0.0}])
def test_wrong_settings_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="at least one iteration"):
        PatchNewton(**wrong)
