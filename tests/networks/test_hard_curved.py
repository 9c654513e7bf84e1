"""Dirichlet conditions built into networks off boxes, and the jets of expressions behind it."""

import numpy as np
import pytest
import torch
from sympy import Abs, Max, Piecewise, cos, exp, log, sin, sqrt

from kanpde import (
    KAN,
    Annulus,
    Ball,
    Box,
    BSpline,
    ClosedCurve,
    Dirichlet,
    Disk,
    Ellipse,
    HalfPlane,
    Initial,
    LevenbergMarquardt,
    Module,
    Neumann,
    Polygon,
    Problem,
    Rectangle,
    Star,
    TimeInterval,
    coordinates,
    laplacian,
    load,
    solve,
    staircase,
    time,
    unknown,
)
from kanpde.collocation import torch_function
from kanpde.networks import JetLayout
from kanpde.networks.expressions import ExpressionJets
from kanpde.networks.hard import hard_conditions
from kanpde.networks.implicit import equivalence, trimmed
from kanpde.problem import evaluate
from kanpde.training import Training

x, y, z = coordinates("x y z")
t = time("t")
u, v, w = unknown("u", x, y), unknown("v", x, y, z), unknown("w", x, y, t)
DISK = Disk(x=0.5, y=0, radius=1)
RING = Annulus(x=0, y=0, inner=0.3, outer=1)
HALF = Disk(x=0, y=0, radius=1) & HalfPlane(x=0, y=0, normal=(1, 0))
TRIANGLE = Polygon([(0, 0), (1, 0), (0.2, 1)])
HEXAGON = Polygon([(np.cos(a), np.sin(a)) for a in np.arange(6) * np.pi / 3])
L_SHAPE = Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])
PLATE = Rectangle(x=(-1, 1), y=(-1, 1)) - Disk(x=-0.4, y=0, radius=0.3)
PLATE = PLATE - Disk(x=0.5, y=0.2, radius=0.2)
FACES = ("bottom", "right", "top", "left")
HOLLOW = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1)) - Ball(x=0, y=0, z=0, radius=0.5)


def poisson(domain, *conditions):
    return Problem(domain, {"poisson": laplacian(u) + exp(x)}, conditions)


PROBLEMS = {
    "disk": poisson(DISK, Dirichlet(u, exp(x) * sin(y), on="circle")),
    "ellipse": poisson(
        ellipse := Ellipse(x=0.1, y=0.2, axes=(1, 0.4), angle=0.3),
        Dirichlet(u, 1, on=ellipse.boundary),
    ),
    "annulus": poisson(RING, Dirichlet(u, 0, on="outer"), Dirichlet(u, 1 + x, on="inner")),
    "half of a disk": poisson(HALF, Dirichlet(u, x * y, on=HALF.boundary)),
    "bean": poisson(
        bean := ClosedCurve(lambda s: (np.cos(s) + 0.3 * np.cos(2 * s), np.sin(s))),
        Dirichlet(u, sin(x), on=bean.boundary),
    ),
    "disk around a flower": poisson(
        Disk(x=0, y=0, radius=2) - Star(x=0, y=0, radius=lambda s: 1 + 0.2 * np.cos(3 * s)),
        Dirichlet(u, 0, on="circle"),
        Dirichlet(u, 1, on="curve"),
    ),
    "triangle": poisson(TRIANGLE, Dirichlet(u, x, on=TRIANGLE.boundary)),
    "plate with holes": poisson(
        PLATE,
        Dirichlet(u, x, on=("bottom", "top")),
        Dirichlet(u, -1 + (1 - y**2), on="left"),
        Dirichlet(u, 1, on="right"),
        Dirichlet(u, 2, on="circle 1"),
        Dirichlet(u, sin(x), on="circle 2"),
    ),
    "disk in time": Problem(
        DISK * TimeInterval(t=(0, 2)),
        {"heat": w.diff(t) - laplacian(w, x, y)},
        [Dirichlet(w, t + x, on="circle"), Initial(w, x)],
    ),
    "ball": Problem(
        Ball(x=0, y=0, z=1, radius=2), {"poisson": laplacian(v)}, Dirichlet(v, x * z, on="sphere")
    ),
    "hollow cube": Problem(
        HOLLOW,
        {"poisson": laplacian(v)},
        [
            Dirichlet(v, 1, on=[n for n in HOLLOW.boundary.names if n != "sphere"]),
            Dirichlet(v, x * y, on="sphere"),
        ],
    ),
}


POLYNOMIAL = ("bean", "disk around a flower")


def constrained(problem, forced=False):
    hard = hard_conditions(problem, forced=forced)
    assert hard is not None
    assert hard.names == problem.condition_names
    widths = [problem.dimension, 3, 1]
    inner = KAN(widths, lower=problem.domain.lower, upper=problem.domain.upper, seed=1)
    return hard, hard.apply(inner, problem)


def boundary_error(problem, network) -> float:
    worst = 0.0
    for condition in problem.conditions:
        points, _ = condition.on.sample(200, seed=9)
        value = problem.unknowns[0] - condition.expression
        wanted = evaluate(value.expand(), problem.coordinates, points)
        with torch.no_grad():
            found = network(torch.as_tensor(points)).numpy()[:, 0]
        worst = max(worst, float(np.max(np.abs(found - wanted))))
    return worst


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_field_has_the_values_whatever_the_parameters(name) -> None:
    problem = PROBLEMS[name]
    hard, network = constrained(problem)
    assert boundary_error(problem, network) < (1e-11 if name in POLYNOMIAL else 1e-13)
    inside = evaluate(hard.factor[0], problem.coordinates, problem.domain.interior(500, seed=8))
    assert inside.min() > 0
    assert 0.3 < inside.max() < 1.5


@pytest.mark.parametrize("domain", [HEXAGON, L_SHAPE])
def test_corners_of_more_than_90_degrees_are_built_in_on_demand_only(domain) -> None:
    problem = poisson(domain, Dirichlet(u, x, on=domain.boundary))
    assert hard_conditions(problem) is None
    hard, network = constrained(problem, forced=True)
    assert boundary_error(problem, network) < 1e-13
    # of first order in the corner, where a product would be of second order
    corner = np.array(domain.corners[3].point)
    towards = domain.interior(500, seed=1).mean(0) - corner
    near = corner + 1e-4 * (towards / np.linalg.norm(towards))
    assert evaluate(hard.factor[0], (x, y), near[None])[0] > 1e-5


def test_a_free_piece_stays_free() -> None:
    mixed = poisson(HALF, Dirichlet(u, 1, on="circle"), Neumann(u, 0, on="cut"))
    hard = hard_conditions(mixed)
    assert hard is not None
    assert hard.names == ("dirichlet on circle",)
    points, _ = HALF.boundary["cut"].sample(50)
    assert evaluate(hard.factor[0], (x, y), points).min() > 1e-3
    # the line of "cut" bounds the half disk, but that of one half of it runs on
    part = HALF.boundary.where(lambda x, y: (y > 0) & (x > -1e-9) & (x < 1e-9))
    assert hard_conditions(poisson(HALF, Dirichlet(u, 1, on=part))) is None
    forced = hard_conditions(poisson(HALF, Dirichlet(u, 1, on=part)), forced=True)
    assert forced is not None
    free = np.array([[0.0, -0.5], [0.0, -0.01], [-0.5, 0.5]])
    assert evaluate(forced.factor[0], (x, y), free).min() > 1e-3
    assert evaluate(forced.factor[0], (x, y), np.array([[0.0, 0.5]]))[0] == 0


def test_what_has_no_function_stays_soft() -> None:
    curve = Star(x=0, y=0, radius=lambda s: np.exp(0.3 * np.cos(3 * s)))  # no polynomial
    problem = poisson(curve, Dirichlet(u, 0, on=curve.boundary))
    assert hard_conditions(problem, forced=True) is None
    with pytest.raises(ValueError, match="planes, circles, ellipses or spheres"):
        solve(problem, KAN([2, 3, 1]), [LevenbergMarquardt(iterations=1)], hard=True)


def test_values_that_differ_from_side_to_side_of_a_triangle_have_no_smooth_lift() -> None:
    names = TRIANGLE.boundary.names
    values = [Dirichlet(u, g, on=n) for n, g in zip(names, (x * (1 - x), 0, 0), strict=True)]
    assert hard_conditions(poisson(TRIANGLE, *values)) is None


def test_the_exact_solution_is_not_given_away() -> None:
    exact = exp(x) * sin(y)
    circle = [Dirichlet(u, exact, on="circle")]
    known = Problem(DISK, laplacian(u) - laplacian(exact, x, y), circle, exact={u: exact})
    assert hard_conditions(known, trained=True) is None
    assert hard_conditions(known).lift == (exact,)
    square = Rectangle(x=(0, 1), y=(0, 1))
    sides = [Dirichlet(u, exact, on=square.boundary)]
    plate = Problem(square, laplacian(u) - laplacian(exact, x, y), sides, exact={u: exact})
    hard = hard_conditions(plate, trained=True)
    assert hard is not None
    assert hard.lift[0] != exact
    assert hard_conditions(plate).lift == (exact,)


def test_a_trained_field_has_the_values_to_round_off_and_is_saved(tmp_path) -> None:
    problem = poisson(DISK, Dirichlet(u, x**2, on="circle"))
    reference = solve(problem, tol=1e-10)
    points = DISK.interior(500, seed=2)
    circle, _ = DISK.boundary.sample(300, seed=4)
    network = KAN([2, 6, 1], basis=BSpline(degree=5, intervals=4), activation=None)
    solution = solve(problem, network, staircase(4, 8, iterations=8))
    assert "hard conditions" in solution.way
    assert np.abs(solution.fields(circle)["u"] - circle[:, 0] ** 2).max() < 1e-14
    assert np.abs(solution.fields(points)["u"] - reference.fields(points)["u"]).max() < 1e-5
    again = load(solution.save(tmp_path / "disk.h5"))
    np.testing.assert_array_equal(again.fields(points)["u"], solution.fields(points)["u"])


EXPRESSIONS = {
    "quotient": (1 + x) * (1 - x**2 - y**2) / (3 - x**2 - 1 / (x**2 + y**2 + 2)),
    "functions": exp(sin(x * y)) + sqrt(2 + x * y) * cos(y) ** 3 - log(3 + x),
    "cases": Piecewise((x**2 * y, x > y), (exp(y), True)),
    "maximum": Max(x, y) * x**2,
    "absolute": Abs(x - 2) * y,
    "constant": 2 + 0 * x,
    "powers": (x + 2) ** 4 * (y + 2) ** -2 + 2**x,
    "join": equivalence([1 - x**2 - y**2, 2 + x, 3 - y], 2),
}
TRIMMED = {
    "segment": trimmed(L_SHAPE.boundary.pieces[2], (x, y)),
    "arc": trimmed(HALF.boundary["circle"].pieces[0], (x, y)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize(
    "layout",
    [JetLayout.of(2, [(4, 0), (1, 1), (0, 3)]), JetLayout.of(2, [], (1.0, 2.0))],
    ids=["fourth", "laplacian"],
)
def test_jets_of_expressions_are_their_derivatives(name, layout) -> None:
    expression = EXPRESSIONS[name]
    plain = expression.rewrite(Piecewise) if name in ("maximum", "absolute") else expression
    points = HALF.interior(40, seed=4)
    jet = ExpressionJets((x, y), torch.as_tensor(points), layout).of(expression).numpy()
    wanted = [plain.diff(x, a, y, b) for a, b in layout.parts]
    if layout.laplacian is not None:
        wanted.append(plain.diff(x, 2) + 2 * plain.diff(y, 2))
    for part, derivative in zip(jet, wanted, strict=True):
        values = evaluate(derivative, (x, y), points)
        np.testing.assert_allclose(part, values, atol=1e-10 * (1 + np.abs(values).max()))


@pytest.mark.parametrize("name", TRIMMED)
def test_jets_of_trimmed_functions_are_those_of_nested_autograd(name) -> None:
    layout = JetLayout.of(2, [(3, 0), (1, 1), (0, 2)])
    points = torch.as_tensor(HALF.interior(40, seed=4))
    jet = ExpressionJets((x, y), points, layout).of(TRIMMED[name])
    function = torch_function([x, y], [TRIMMED[name]])

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))

        def forward(self, p: torch.Tensor) -> torch.Tensor:
            return (self.one * function(p[:, 0], p[:, 1])[0])[:, None]

    wanted = Module(Plain(), 2, 1).jets(points, layout)[0].detach()
    torch.testing.assert_close(jet, wanted, rtol=1e-9, atol=1e-9)


def test_conditions_on_many_pieces_are_built_in_on_demand_only() -> None:
    """What joins them is steep: a loss began at 2e10 instead of 2e2."""
    problem, disk = PROBLEMS["plate with holes"], PROBLEMS["disk"]
    settings = {"seed": 0, "device": "cpu"}
    assert Training.of(problem, KAN([2, 3, 1]), hard=None, **settings).task.hard == ()
    built = Training.of(problem, KAN([2, 3, 1]), hard=True, **settings).task.hard
    assert set(built) == set(problem.condition_names)
    assert Training.of(disk, KAN([2, 3, 1]), hard=None, **settings).task.hard
