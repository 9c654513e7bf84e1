"""Equations in parts of a domain, and conditions on curves inside it."""

import numpy as np
import pytest
import torch
from sympy import Rational, cos, exp, sin

from kanpde import (
    KAN,
    BSpline,
    Condition,
    Dirichlet,
    Disk,
    Initial,
    Interval,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    TimeInterval,
    choose,
    coordinates,
    laplacian,
    normal_derivative,
    solve,
    time,
    unknown,
)
from kanpde.collocation import boundary_points, collocate
from kanpde.geometry import Sobol
from kanpde.problem import determined
from kanpde.solution.storage import problem_from_dict, problem_to_dict
from kanpde.solving.families import Counts
from kanpde.solving.points import level_points
from kanpde.solving.traits import Traits

x, y = coordinates("x y")
u, v, w = (unknown(name, x, y) for name in "uvw")
BOX = Rectangle(x=(-1, 1), y=(-1, 1))
DISK = Disk(x=0.1, y=-0.2, radius=0.4)


def two_materials(jump: float = 0.0) -> Problem:
    """Return Poisson's equation with an interface; the values jump, and so do the fluxes."""
    outside, inside = exp(x) * sin(y) + x**2, cos(x + y) + jump
    flux = normal_derivative(v) - 5 * normal_derivative(w)
    known = flux.subs({v: outside, w: inside}).doit()
    return Problem(
        BOX.including(face=DISK),
        equations={
            "outside": laplacian(v) - laplacian(outside, x, y),
            "inside": laplacian(w) - laplacian(inside, x, y),
        },
        regions={"outside": BOX - DISK, "inside": DISK},
        conditions=[
            Dirichlet(v, outside, on=BOX.boundary.names),
            Condition(v - w - (outside - inside), on="face", name="values"),
            Condition(flux - known, on="face", name="flux"),
        ],
        exact={v: outside, w: inside},
    )


def test_a_cylinder_that_conducts_better_is_found_by_harmonic_functions():
    """In a disk about it: v = (A r + B / r) cos(phi) outside, w = C r cos(phi) inside."""
    whole, core = Disk(x=0, y=0, radius=1), Disk(x=0, y=0, radius=0.5)
    # v = -x at r = 1; values and ten times the flux of the core agree at r = 1/2
    a, b, c = np.linalg.solve([[1, 1, 0], [0.5, 2, -0.5], [1, -4, -10]], [-1, 0, 0])
    problem = Problem(
        whole.including(ring=core),
        equations={"outside": laplacian(v), "inside": laplacian(w)},
        regions={"outside": whole - core, "inside": core},
        conditions=[
            Dirichlet(v, -x, on=whole.boundary.names),
            Condition(v - w, on="ring", name="temperature"),
            Condition(normal_derivative(v) - 10 * normal_derivative(w), on="ring", name="flux"),
        ],
        exact={v: a * x + b * x / (x**2 + y**2), w: c * x},
    )
    solution = solve(problem, tol=1e-10)
    assert solution.outcome.is_success
    assert max(e["relative_l2"] for e in solution.errors().values()) < 1e-12
    assert solution.parameters < 100


def test_points_lie_in_every_part_where_an_equation_holds():
    small = Disk(x=0.5, y=0.5, radius=0.2)
    problem = Problem(
        BOX.including(face=small),
        equations={"outside": laplacian(v) - 1, "inside": laplacian(w) - 1},
        regions={"outside": BOX - small, "inside": small},
        conditions=[
            Dirichlet(v, 0, on=BOX.boundary.names),
            Condition(v - w, on="face", name="values"),
            Condition(normal_derivative(v - w), on="face", name="flux"),
        ],
    )
    points = level_points(problem, Traits.of(problem), Counts(200, 100), 0).interior
    inside = small.contains(points)
    assert min(inside.sum(), (~inside).sum()) >= 150  # half of 200 are drawn near the boundary
    assert len(np.unique(points, axis=0)) == len(points)


@pytest.mark.slow
def test_an_interface_between_two_sources():
    problem = two_materials(0.3)
    assert "in a part of the domain" in choose(problem).why
    solution = solve(problem, tol=1e-6)
    errors = solution.errors()
    assert max(e["relative_l2"] for e in errors.values()) < 1e-6
    assert solution.estimate < 1e-6


def test_fields_mean_nothing_where_no_equation_of_theirs_holds():
    """A cylinder that conducts ten times better, in a uniform field."""
    disk = Disk(x=0, y=0, radius=0.5)
    outside = -x + Rational(9, 11) * x / (4 * (x**2 + y**2))
    problem = Problem(
        BOX.including(circle=disk),
        equations={"outside": laplacian(v), "inside": laplacian(w)},
        regions={"outside": BOX - disk, "inside": disk},
        conditions=[
            Dirichlet(v, outside, on=BOX.boundary.names),
            Condition(v - w, on="circle", name="temperature"),
            Condition(normal_derivative(v) - 10 * normal_derivative(w), on="circle", name="flux"),
        ],
        exact={v: outside, w: -2 * x / 11},
    )
    solution = solve(problem, tol=1e-8)
    assert max(e["max_error"] for e in solution.errors().values()) < 1e-12
    fields = solution.fields(np.array([[0.0, 0.0], [0.9, 0.9]]))
    np.testing.assert_array_equal(np.isnan(fields["v"]), [True, False])
    np.testing.assert_array_equal(np.isnan(fields["w_error"]), [False, True])


def test_residuals_are_zero_where_an_equation_does_not_hold():
    problem = two_materials()
    interior = problem.domain.interior(500, seed=1, sampler=Sobol())
    boundary = boundary_points(problem, 100, 0, sampler=Sobol())
    blocks = collocate(problem, interior, boundary).blocks
    inside = DISK.contains(interior)
    for block, held in zip(blocks[:2], (~inside, inside), strict=True):
        ones = [np.full(len(interior), 3.0)] * len(block.parts)
        values = block.value([torch.as_tensor(a) for a in ones]).numpy()
        assert (values[~held] == 0).all()
        assert (values[held] != 0).mean() > 0.9
        partials = block.partials([torch.as_tensor(a) for a in ones])
        assert all((p.numpy()[~held] == 0).all() for p in partials)
    points, normals = boundary["values on face"]
    np.testing.assert_allclose(normals, (points - [0.1, -0.2]) / 0.4, atol=1e-12)


def test_summary_figure_and_file():
    problem = two_materials()
    text = problem.summary()
    assert "in Disk(x=0.1, y=-0.2, radius=0.4)" in text
    assert "flux on face" in text
    figure = problem.plot(points=100)
    labels = " ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))
    assert "face" in labels
    again = problem_from_dict(problem_to_dict(problem))
    assert again.regions == problem.regions
    assert again.domain == problem.domain
    assert again.conditions == problem.conditions


def test_values_on_a_curve_inside():
    """A field that is smooth through the curve: what is given there is one condition more."""
    exact = exp(x) * cos(y)
    problem = Problem(
        BOX.including(ring=DISK),
        equations=laplacian(u),
        conditions=[
            Condition(u - exact, on="ring"),
            Dirichlet(u, exact, on=("left", "right", "top", "bottom")),
        ],
        exact={u: exact},
    )
    solution = solve(problem, tol=1e-10)
    assert solution.errors()["u"]["relative_l2"] < 1e-9


def test_a_level_set_carries_a_condition():
    exact = exp(x) * cos(y)
    slope = 2 * (x * exact.diff(x) + y * exact.diff(y))
    problem = Problem(
        BOX.including(ring=x**2 + y**2 - 0.25),
        equations=laplacian(u),
        conditions=[
            Dirichlet(u, exact, on=BOX.boundary.names),
            Condition(normal_derivative(u) - slope, on="ring"),
        ],
        exact={u: exact},
    )
    assert solve(problem, tol=1e-9).errors()["u"]["relative_l2"] < 1e-9


def test_a_kan_is_trained_on_an_interface():
    problem = two_materials()
    network = KAN([2, 5, 2], basis=BSpline(degree=4, intervals=3))
    solution = solve(problem, network, [LevenbergMarquardt(iterations=12)], seed=0)
    first, last = solution.history[0].loss, solution.history[-1].loss
    assert last < 1e-2 * first
    errors = solution.errors()
    assert max(e["relative_l2"] for e in errors.values()) < 0.3
    assert set(solution.residual_rms()) >= {"outside", "inside", "values on face", "flux on face"}


def test_regions_of_space_hold_at_all_times():
    t = time("t")
    s = coordinates("x")
    f, g = unknown("f", s, t), unknown("g", s, t)
    line = Interval(x=(0, 2))
    problem = Problem(
        line * TimeInterval(t=(0, 1)),
        equations={"left half": f.diff(t) - f.diff(s, 2), "right half": g.diff(t) - g.diff(s, 2)},
        regions={"left half": Interval(x=(0, 1)), "right half": Interval(x=(1, 2))},
        conditions=[
            Dirichlet(f, 0, on="left"),
            Dirichlet(g, 0, on="right"),
            Initial(f, 0),
            Initial(g, 0),
        ],
    )
    points = problem.domain.interior(100)
    np.testing.assert_array_equal(determined(problem, 0, points), points[:, 0] <= 1)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ({"nowhere": DISK}, '"nowhere" is no equation; the equations are poisson'),
        ({"poisson": "disk"}, "is no domain over the coordinates x, y"),
        ({"poisson": Disk(a=0, b=0, radius=1)}, "is no domain over the coordinates x, y"),
        ({"poisson": Interval(x=(0, 1))}, "lacks the coordinate y"),
        ({"poisson": Disk(x=9, y=9, radius=1)}, "has no place in"),
        (DISK, "must be a dict"),
    ],
)
def test_bad_regions(regions, message):
    with pytest.raises(ValueError, match=message):
        Problem(
            BOX,
            equations={"poisson": laplacian(u) - 1},
            conditions=[Dirichlet(u, 0, on=BOX.boundary)],
            regions=regions,
        )
