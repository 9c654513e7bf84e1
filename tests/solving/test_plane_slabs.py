"""Slabs over a rectangle: accuracy and estimate, all conditions, systems, outcomes, refusals."""

import numpy as np
import pytest
import torch
from sympy import Rational, cos, exp, pi, sin, sqrt

import kanpde
from kanpde import (
    Dirichlet,
    Disk,
    Initial,
    Interval,
    Neumann,
    Outcome,
    Periodic,
    Problem,
    Rectangle,
    Robin,
    TimeInterval,
    coordinates,
    time,
    unknown,
)
from kanpde.control import Control
from kanpde.networks import JetLayout, TensorSlabKAN
from kanpde.solution import Solution
from kanpde.solving import PlaneSlabs, plane_suits
from kanpde.solving.plane_space import Axis, PlaneSpace
from kanpde.solving.plane_step import PlaneState, PlaneStep
from kanpde.solving.plane_system import plane_system
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_time import RadauRule

x, y = coordinates("x y")
t = time("t")
u, v = unknown("u", x, y, t), unknown("v", x, y, t)
SIDES = ["left", "right", "bottom", "top"]


def square(end: float, b: float = 1.0, d: float = 1.0):
    return Rectangle(x=(0, b), y=(0, d)) * TimeInterval(t=(0, end))


def laplacian_of(w):
    return w.diff(x, 2) + w.diff(y, 2)


def heat() -> Problem:
    exact = exp(-2 * pi**2 * t / 10) * sin(pi * x) * sin(pi * y)
    conditions = [Dirichlet(u, 0, on=SIDES), Initial(u, exact.subs(t, 0))]
    equation = u.diff(t) - laplacian_of(u) / 10
    return Problem(square(1), equation, conditions, exact={u: exact}, name="heat")


def wave() -> Problem:
    exact = sin(pi * x) * sin(2 * pi * y) * cos(sqrt(5) * pi * t)
    conditions = [
        Dirichlet(u, 0, on=SIDES),
        Initial(u, exact.subs(t, 0)),
        Initial(u.diff(t), 0),
    ]
    equation = u.diff(t, 2) - laplacian_of(u)
    return Problem(square(0.5), equation, conditions, exact={u: exact}, name="wave")


def nonlinear_with_robin() -> Problem:
    exact = exp(-t) * cos(x) * cos(y / 2) + t
    source = exact.diff(t) - laplacian_of(exact) + exact**2
    conditions = [
        Robin(u, 2, 2 * exact - exact.diff(x), on="left"),
        Neumann(u, exact.diff(x), on="right"),
        Neumann(u, -exact.diff(y), on="bottom"),
        Dirichlet(u, exact, on="top"),
        Initial(u, exact.subs(t, 0)),
    ]
    equation = u.diff(t) - laplacian_of(u) + u**2 - source
    return Problem(square(1, 1, 2), equation, conditions, exact={u: exact}, name="robin")


def periodic_transport() -> Problem:
    exact = sin(2 * pi * (x - t)) * cos(2 * pi * (y + t))
    conditions = [Periodic(u, x), Periodic(u, y), Initial(u, exact.subs(t, 0))]
    equation = u.diff(t) + u.diff(x) - u.diff(y)
    return Problem(square(0.3), equation, conditions, exact={u: exact}, name="transport")


def system() -> Problem:
    """Two coupled equations, periodic in x only."""
    first, second = cos(t) * sin(2 * pi * x) * sin(pi * y), sin(t) * cos(2 * pi * x) * sin(pi * y)
    left = u.diff(t) - laplacian_of(u) / 20 + u * v
    right = v.diff(t) - laplacian_of(v) / 20 - u
    known = {u: first, v: second}
    equations = {
        "first": left - left.subs(known).doit(),
        "second": right - right.subs(known).doit(),
    }
    conditions = [Periodic(u, x), Periodic(v, x)]
    for w in (u, v):
        conditions += [Dirichlet(w, 0, on=["bottom", "top"]), Initial(w, known[w].subs(t, 0))]
    return Problem(square(1), equations, conditions, exact=known, name="system")


PROBLEMS = [heat, wave, nonlinear_with_robin, periodic_transport, system]


def solved(problem: Problem, tol: float, **how):
    result = PlaneSlabs(**how).solve(problem, tol, Control())
    errors = Solution(problem, result.network, result.outcome).errors()
    return result, max(e["relative_l2"] for e in errors.values())


@pytest.mark.parametrize("make", PROBLEMS)
def test_error_and_estimate(make) -> None:
    result, error = solved(make(), 1e-5)
    assert result.outcome is Outcome.SOLVED
    assert error < 1e-5
    assert error / 2 < result.estimate < 1e-5


def test_a_smaller_tolerance_gives_a_smaller_error() -> None:
    errors = [solved(wave(), tol)[1] for tol in (1e-3, 1e-5, 1e-7)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


@pytest.mark.slow
def test_a_front_on_the_diagonal() -> None:
    exact = 1 / (1 + exp((x + y - t - Rational(3, 10)) / Rational(4, 100)))
    equation = u.diff(t) + u * (u.diff(x) + u.diff(y)) - laplacian_of(u) / 50
    conditions = [Dirichlet(u, exact, on=SIDES), Initial(u, exact.subs(t, 0))]
    problem = Problem(square(0.5), equation, conditions, exact={u: exact})
    result, error = solved(problem, 1e-4)
    assert error < 1e-4
    assert error / 2 < result.estimate


def test_knots_follow_what_is_sharp_in_one_direction() -> None:
    layer = exp(-(((y - Rational(1, 2)) * 20) ** 2))
    exact = (1 + t) * layer * sin(pi * x)
    source = exact.diff(t) - laplacian_of(exact) / 100
    conditions = [Dirichlet(u, exact, on=SIDES), Initial(u, exact.subs(t, 0))]
    equation = u.diff(t) - laplacian_of(u) / 100 - source
    result, error = solved(Problem(square(0.1), equation, conditions, exact={u: exact}), 1e-4)
    across, along = result.network.cells
    assert along > 2 * across
    assert error < 1e-4


# The step -----------------------------------------------------------------------------------


def some_step(problem: Problem, seed: int = 0) -> tuple[PlaneStep, np.ndarray]:
    found = plane_system(problem)
    axes = [
        Axis(SplineSpace(np.linspace(found.lower[k], found.upper[k], 9), 3, found.periodic[k]))
        for k in range(2)
    ]
    space = PlaneSpace(*axes)
    generator = np.random.default_rng(seed)
    shape = (*space.shape, found.unknowns)
    state = PlaneState(space, generator.normal(size=shape), generator.normal(size=shape))
    step = PlaneStep(found, state, RadauRule(3), 0.1, 0.05)
    return step, generator.normal(size=(3, found.unknowns, *space.shape))


@pytest.mark.parametrize("make", [heat, wave, periodic_transport])
def test_one_correction_solves_a_linear_problem(make) -> None:
    """Its coefficients do not change in time: the decoupled Newton step is exact."""
    step, stages = some_step(make())
    found = stages - step.correction(step.factorised(stages), step.residual(stages))
    before, after = step.residual(stages), step.residual(found)
    assert np.abs(after).max() < 1e-9 * np.abs(before).max()


@pytest.mark.parametrize("make", PROBLEMS)
def test_derivatives_of_the_residual_against_differences(make) -> None:
    """About equal stages the decoupled systems are the Jacobian itself."""
    step, stages = some_step(make())
    if make in (nonlinear_with_robin, system):
        stages = np.repeat(stages[:1], 3, axis=0)
    direction = np.random.default_rng(3).normal(size=stages.shape)
    h = 1e-6
    change = (step.residual(stages + h * direction) - step.residual(stages - h * direction)) / 2 / h
    found = step.correction(step.factorised(stages), change)
    np.testing.assert_allclose(found, direction, atol=2e-5)


def test_the_defect_falls_with_the_order_of_the_stages() -> None:
    problem = heat()
    found = plane_system(problem)
    axes = [Axis(SplineSpace(np.linspace(0, 1, 9), 7)) for _ in range(2)]
    space = PlaneSpace(*axes)
    start = np.sin(np.pi * space.x.points[:, None]) * np.sin(np.pi * space.y.points)
    values = space.interpolated(start[:, :, None])
    defects = []
    for length in (0.4, 0.2):
        state = PlaneState(space, values, np.zeros_like(values))
        step = PlaneStep(found, state, RadauRule(3), 0.0, length)
        stages = step.start_guess()
        stages = stages - step.correction(step.factorised(stages), step.residual(stages))
        defects.append(step.defect(stages, np.ones(1)))
    assert defects[0] / defects[1] > 2**3


def test_the_indicator_is_about_the_error_of_interpolation() -> None:
    for cells in (8, 16):
        axis = Axis(SplineSpace(np.linspace(0, 1, cells + 1), 5))
        c = axis.interpolated(np.sin(9 * axis.points)[:, None])
        nodes = axis.space.nodes(np.linspace(0, 1, 7))
        values = axis.space.values(c, axis.space.table(nodes, 0)[:, 0])[:, :, 0]
        error = np.abs(values - np.sin(9 * nodes)).max()
        assert error / 10 < axis.indicator(c).max() < 10 * error


# The network --------------------------------------------------------------------------------


def network() -> TensorSlabKAN:
    made = TensorSlabKAN(
        [0.0, 0.4, 1.0],
        [np.array([0, 0, 0, 0, 0.3, 1, 1, 1, 1.0]), np.array([0, 0, 0, 0, 2, 2, 2, 2.0])],
        [0, 0.2, 0.7, 1],
        degree=3,
        outputs=2,
    )
    generator = torch.Generator().manual_seed(0)
    c = torch.rand(made.output_coefficients.shape, generator=generator, dtype=torch.float64)
    return made.with_output_coefficients(c)


def test_the_boxes_of_the_network_are_its_cells() -> None:
    boxes = network().boxes
    assert len(boxes) == 2 * 2 * 1
    assert np.prod(boxes[:, 1] - boxes[:, 0], axis=1).sum() == pytest.approx(2.0)
    lower = {tuple(box[0]) for box in boxes}
    assert lower == {(a, 0.0, t) for a in (0.0, 0.3) for t in (0.0, 0.4)}


def test_jets_of_the_network_against_autograd() -> None:
    made = network()
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(9, 3, generator=generator, dtype=torch.float64) * torch.tensor([1, 2, 1])
    points.requires_grad_()
    layout = JetLayout.of(3, [(1, 1, 0), (2, 0, 0), (0, 0, 2), (0, 1, 1)])
    jets = made.jets(points, layout)
    for o in range(2):
        (first,) = torch.autograd.grad(jets[o, 0].sum(), points, create_graph=True)
        for axis in range(3):
            unit = tuple(int(i == axis) for i in range(3))
            found = jets[o, layout.index[unit]] if unit in layout.index else None
            if found is not None:
                torch.testing.assert_close(found, first[:, axis])
            (second,) = torch.autograd.grad(first[:, axis].sum(), points, retain_graph=True)
            for other in range(3):
                alpha = tuple(int(i == axis) + int(i == other) for i in range(3))
                if alpha in layout.index:
                    torch.testing.assert_close(jets[o, layout.index[alpha]], second[:, other])


def test_columns_and_gradient_of_the_network() -> None:
    made = network()
    points = torch.tensor([[0.1, 0.3, 0.2], [0.9, 1.7, 0.9]], dtype=torch.float64)
    layout = JetLayout.of(3, [(1, 0, 0)])
    prepared = made.prepare(points, layout)
    jets, pullback = made.linearize(prepared)
    expected = torch.einsum("snc,oc->osn", made.columns(prepared), made.output_coefficients)
    torch.testing.assert_close(jets, expected)
    adjoint = torch.ones_like(jets)
    (wanted,) = torch.autograd.grad(made.evaluate(prepared).sum(), made.coefficients)
    torch.testing.assert_close(pullback.gradient(adjoint), wanted.flatten())


def test_beyond_the_last_slab_there_is_no_number() -> None:
    values = network()(torch.tensor([[0.5, 0.5, 1.0], [0.5, 0.5, 1.1]], dtype=torch.float64))
    assert torch.isfinite(values[0]).all()
    assert torch.isnan(values[1]).all()


def test_bad_networks() -> None:
    knots = [np.arange(8.0), np.arange(8.0)]
    with pytest.raises(ValueError, match="increasing times"):
        TensorSlabKAN([0, 0], knots, [0, 1], degree=3)
    with pytest.raises(ValueError, match="two knot vectors of 8 entries"):
        TensorSlabKAN([0, 1], [np.arange(7.0), np.arange(8.0)], [0, 1], degree=3)


# Choice, files, outcomes ---------------------------------------------------------------------


def test_solve_takes_slabs_by_itself_and_saves_them(tmp_path) -> None:
    solution = kanpde.solve(heat(), tol=1e-4)
    assert isinstance(solution.network, TensorSlabKAN)
    assert "slabs" in solution.way
    solution.save(tmp_path / "heat.h5")
    again = kanpde.load(tmp_path / "heat.h5")
    place = {"x": 0.3, "y": 0.6, "t": 0.5}
    assert again(**place) == solution(**place)


def test_a_stopped_solve_keeps_what_it_has() -> None:
    class Interrupted(Control):
        @property
        def should_stop(self) -> bool:
            return len(self.history) >= 3

        @property
        def stop_outcome(self) -> Outcome:
            return Outcome.INTERRUPTED

    result = PlaneSlabs().solve(heat(), 1e-6, Interrupted())
    assert result.outcome is Outcome.INTERRUPTED
    assert result.estimate is None
    assert 0 < result.network.reached < 1
    assert "known up to t" in result.notes[0]


def test_too_few_cells_are_told() -> None:
    result, error = solved(wave(), 1e-9, max_intervals=8, degree=3)
    assert result.outcome is Outcome.TOLERANCE_NOT_REACHED
    assert error / 2 < result.estimate


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degree": 4}, "must be odd"),
        ({"degree": 17}, "must be odd"),
        ({"stages": 0}, "stages=0"),
        ({"intervals": 9, "max_intervals": 8}, "intervals=9"),
    ],
)
def test_bad_settings(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        PlaneSlabs(**settings)


def refused() -> dict[str, tuple[Problem, str]]:
    sides, start = Dirichlet(u, 0, on=SIDES), Initial(u, sin(pi * x) * sin(pi * y))
    biharmonic = u.diff(x, 4) + u.diff(y, 4)
    disk = Disk(x=0, y=0, radius=1) * TimeInterval(t=(0, 1))
    w = unknown("w", x, t)
    line = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    return {
        "fourth order": (
            Problem(
                square(1),
                u.diff(t) + biharmonic,
                [sides, Neumann(u, 0, on=SIDES), start],
            ),
            "higher order than 2",
        ),
        "disk": (
            Problem(
                disk,
                u.diff(t) - laplacian_of(u),
                [Dirichlet(u, 0, on="circle"), Initial(u, 1 - x**2 - y**2)],
            ),
            "one rectangle",
        ),
        "line": (
            Problem(
                line,
                w.diff(t) - w.diff(x, 2),
                [Dirichlet(w, 0, on=["left", "right"]), Initial(w, sin(pi * x))],
            ),
            "one rectangle",
        ),
    }


@pytest.mark.parametrize("name", ["fourth order", "disk", "line"])
def test_refusals_say_why(name) -> None:
    problem, message = refused()[name]
    assert not plane_suits(problem)
    with pytest.raises(ValueError, match=message):
        PlaneSlabs().solve(problem, 1e-4, Control())
