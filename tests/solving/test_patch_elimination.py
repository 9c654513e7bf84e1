"""The parts of patches, each against an independent computation."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from sympy import Abs, Heaviside, Max, Piecewise, cos, exp, pi, sin

from kanpde import (
    Condition,
    Dirichlet,
    Interval,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    unknown,
)
from kanpde.networks import PatchKAN
from kanpde.networks.jets import JetLayout
from kanpde.problem import evaluate
from kanpde.solving.assembly import solve_rows
from kanpde.solving.boxes import first_boxes, on_face, shared_faces, split
from kanpde.solving.elimination import Eliminator, LocalBasis
from kanpde.solving.forms import Forms
from kanpde.solving.indicators import Tails, data_are_smooth, resolve_data
from kanpde.solving.interfaces import Interfaces, Rows

x, y = coordinates("x y")
u = unknown("u", x, y)
unit = Rectangle(x=(0, 1), y=(0, 1))


def problem(operator, exact) -> Problem:
    return Problem(
        unit, operator(u) - operator(exact), Dirichlet(u, exact, on=unit.boundary), exact={u: exact}
    )


def smooth() -> Problem:
    return problem(lambda f: laplacian(f, x, y) + 3 * f, sin(3 * x + y) * cos(2 * y))


def variable() -> Problem:
    return problem(
        lambda f: (
            (1 + x) * f.diff(x, 2) + x * f.diff(x, y) + (2 + y) * f.diff(y, 2) - y * f.diff(x)
        ),
        exp(x) * cos(2 * y),
    )


def random_tree(seed: int, rounds: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    boxes = first_boxes(unit.ranges, ((0.3,), ()))
    for _ in range(rounds):
        boxes = split(boxes, rng.random((len(boxes), 2)) < 0.4)
    return boxes


# Boxes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_split_boxes_cover_the_domain_once(seed) -> None:
    boxes = random_tree(seed)
    assert np.prod(boxes[:, 1] - boxes[:, 0], axis=1).sum() == pytest.approx(1, abs=1e-14)
    points = np.random.default_rng(9).random((200, 2))[:, None]
    inside = ((boxes[:, 0] < points) & (points < boxes[:, 1])).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()


def test_halvings_are_counted() -> None:
    boxes = split(np.array([[[0.0, 0.0], [1.0, 1.0]]]), np.array([[2, 1]]))
    assert len(boxes) == 8
    np.testing.assert_array_equal(boxes[:, 1] - boxes[:, 0], np.tile([0.25, 0.5], (8, 1)))


@pytest.mark.parametrize("seed", range(3))
def test_shared_faces_against_every_pair(seed) -> None:
    boxes = random_tree(seed)
    for faces in shared_faces(boxes):
        axis, other = faces.axis, 1 - faces.axis
        wanted = set()
        for i, j in product(range(len(boxes)), repeat=2):
            low = max(boxes[i, 0, other], boxes[j, 0, other])
            high = min(boxes[i, 1, other], boxes[j, 1, other])
            if boxes[i, 1, axis] == boxes[j, 0, axis] and low < high:
                wanted.add((i, j, low, high))
        ends = (faces.lower[:, 0], faces.upper[:, 0])
        found = set(zip(faces.below, faces.above, *ends, strict=True))
        assert found == wanted
        assert len(faces.below) == len(wanted)


def test_boxes_on_a_face() -> None:
    boxes = random_tree(1)
    top = boxes[on_face(boxes, 1, 1, 1.0)]
    assert (top[:, 1, 0] - top[:, 0, 0]).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("coefficient", "places"),
    [
        (Piecewise((1, x < 0.25), (2, x < 0.5), (3, True)), ((0.25, 0.5), ())),
        (Abs(2 * y - 1) + 1, ((), (0.5,))),
        (Heaviside(x - 0.75) + Max(y, 0.125), ((0.75,), (0.125,))),
        (Piecewise((1, x < y), (2, True)), ((), ())),  # no straight cut
        (Piecewise((1, x < 3), (2, True)), ((), ())),  # outside
    ],
)
def test_kinks_are_found(coefficient, places) -> None:
    kinked = Problem(unit, coefficient * laplacian(u) - 1, Dirichlet(u, 0, on=unit.boundary))
    assert Forms.of(kinked).cuts == places


# Elimination -------------------------------------------------------------------------------------


def residual_at(forms, boxes, coefficients, degree, points) -> np.ndarray:
    """Return the residual of a field in boxes, by the jets of a network."""
    network = PatchKAN(boxes, degree)
    network = network.with_output_coefficients(torch.as_tensor(coefficients).reshape(1, -1))
    layout = JetLayout.of(2, forms.equation.orders)
    with torch.no_grad():
        jets = network.jets(torch.as_tensor(points), layout)[0].numpy()
    parts = jets[[layout.index[a] for a in forms.equation.orders]]
    applied = (forms.equation.coefficients_at(points) * parts).sum(axis=0)
    return applied + forms.equation.source_at(points)


@pytest.mark.parametrize("make", [smooth, variable])
def test_local_fields_satisfy_the_equation_up_to_the_highest_degrees(make) -> None:
    forms, basis = Forms.of(make()), LocalBasis(14, 2)
    boxes = random_tree(0, rounds=2)
    local = Eliminator(forms, basis).eliminate(boxes)
    points = basis.in_boxes(boxes).reshape(-1, 2)
    scale = np.abs(forms.equation.source_at(points)).max()
    free = np.random.default_rng(1).standard_normal((len(boxes), local.free_count))
    for z in (0 * free, free):
        residual = residual_at(forms, boxes, local.coefficients(z), 14, points)
        tested = basis.tests[: basis.tested_count(2)]
        assert np.abs(residual.reshape(len(boxes), -1) @ tested.T).max() < 1e-9 * scale


def test_free_directions_are_orthonormal_and_as_many_as_expected() -> None:
    for degree in (6, 11):
        local = Eliminator(Forms.of(variable()), LocalBasis(degree, 2)).eliminate(
            random_tree(0, rounds=1)
        )
        assert local.free_count == 2 * degree + 1
        gram = local.free.transpose(0, 2, 1) @ local.free
        np.testing.assert_allclose(
            gram, np.eye(2 * degree + 1)[None].repeat(len(gram), 0), atol=1e-13
        )


@pytest.mark.parametrize("order", [1, 2, 4])
def test_derivatives_of_free_directions_have_no_round_off(order) -> None:
    """Highest coefficients of 1e-16 would be 1e-12 in u_xx, 1e-8 in u_xxxx, in all boxes alike."""
    v = unknown("v", x)
    line = Interval(x=(0, 1))
    basis, boxes = LocalBasis(18, 1), split(first_boxes(line.ranges, ((),)), np.ones((2, 1)))
    enough = [Condition(v.diff(x, k), on=line.boundary["left"]) for k in range(order)]
    forms = Forms.of(Problem(line, v.diff(x, order), enough))
    free = Eliminator(forms, basis).eliminate(boxes).free[0]
    assert free.shape[1] == order
    assert np.abs(basis.table(basis.points, (order,)) @ free).max() < 1e-15


def test_boxes_of_one_shape_share_a_factorisation() -> None:
    boxes = split(first_boxes(unit.ranges, ((), ())), np.ones((4, 2), dtype=bool))
    constant = Eliminator(Forms.of(smooth()), LocalBasis(8, 2)).eliminate(boxes)
    assert len(constant.free) == 1
    one_by_one = Eliminator(Forms.of(variable()), LocalBasis(8, 2)).eliminate(boxes)
    assert len(one_by_one.free) == len(boxes)


def test_the_moments_are_those_of_orthonormal_polynomials() -> None:
    basis = LocalBasis(5, 2)
    values = basis.tests / basis.weights
    np.testing.assert_allclose((values * basis.weights) @ values.T, np.eye(basis.size), atol=1e-13)


# The global system -------------------------------------------------------------------------------


def test_sparse_least_squares_against_a_dense_one() -> None:
    rng = np.random.default_rng(5)
    rows = [
        Rows(
            np.array([[0, 1], [1, 2]]), rng.standard_normal((2, 7, 6)), rng.standard_normal((2, 7))
        ),
        Rows(np.array([[0], [2]]), rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4))),
    ]
    dense, target = [], []
    for group in rows:
        for boxes, matrix, right in zip(group.boxes, group.matrix, group.target, strict=True):
            block = np.zeros((len(right), 9))
            for k, b in enumerate(boxes):
                block[:, 3 * b : 3 * b + 3] = matrix[:, 3 * k : 3 * k + 3]
            dense.append(block)
            target.append(right)
    a, b = np.concatenate(dense), np.concatenate(target)
    system = solve_rows(rows, 3, 3)
    wanted, *_ = np.linalg.lstsq(a, b)
    np.testing.assert_allclose(system.solution.ravel(), wanted, atol=1e-13)
    assert system.row_count == len(b)
    assert system.rms == pytest.approx(np.linalg.norm(a @ wanted - b) / np.sqrt(len(b)))
    assert system.is_determined


def error_on(p: Problem, boxes: np.ndarray, degree: int) -> float:
    """Return the L2 error of a solve on given boxes."""
    forms, basis, fine = Forms.of(p), LocalBasis(degree, 2), LocalBasis(20, 2)
    local = Eliminator(forms, basis).eliminate(boxes)
    rows = Interfaces(forms, basis, boxes, local).rows()
    system = solve_rows(rows, len(boxes), local.free_count)
    points = fine.in_boxes(boxes)
    exact = evaluate(p.exact[u], (x, y), points.reshape(-1, 2)).reshape(points.shape[:2])
    found = local.coefficients(system.solution) @ basis.table(fine.points, (0, 0)).T
    volumes = np.prod(boxes[:, 1] - boxes[:, 0], axis=1)
    return float(np.sqrt(volumes @ ((found - exact) ** 2 @ fine.weights)))


@pytest.mark.parametrize("degree", [4, 6])
@pytest.mark.parametrize("make", [smooth, variable])
def test_the_order_of_convergence_is_the_degree_plus_one(make, degree) -> None:
    boxes = first_boxes(unit.ranges, ((), ()))
    errors = []
    for _ in range(3):
        errors.append(error_on(make(), boxes, degree))
        boxes = split(boxes, np.ones((len(boxes), 2), dtype=bool))
    for coarse, fine in pairwise(errors):
        assert degree + 0.2 < np.log2(coarse / fine) < degree + 1.2


def test_raising_the_degree_converges_exponentially_on_unequal_boxes() -> None:
    errors = [error_on(variable(), random_tree(4), degree) for degree in (4, 6, 8)]
    assert errors[0] > 30 * errors[1] > 900 * errors[2]
    assert errors[2] < 1e-10


def test_conditions_that_do_not_determine_the_field_show_in_the_pivots() -> None:
    boxes = first_boxes(unit.ranges, ((), ()))
    half = Problem(unit, laplacian(u) - 1, Dirichlet(u, 0, on="left"))
    for p, determined in ((smooth(), True), (half, False)):
        forms, basis = Forms.of(p), LocalBasis(8, 2)
        local = Eliminator(forms, basis).eliminate(boxes)
        rows = Interfaces(forms, basis, boxes, local).rows()
        assert solve_rows(rows, len(boxes), local.free_count).is_determined is determined


# Indicators --------------------------------------------------------------------------------------


def test_tails_name_the_slow_direction() -> None:
    basis = LocalBasis(8, 2)
    coefficients = np.zeros((3, basis.size))
    place = {tuple(p): i for i, p in enumerate(basis.powers.tolist())}
    coefficients[0, place[8, 0]] = 1.0
    coefficients[1, place[1, 7]] = 1.0
    coefficients[2, place[4, 4]] = 1.0
    tails = Tails.of(coefficients, basis.powers, 8)
    np.testing.assert_array_equal(tails.slow_axes(), [[True, False], [False, True], [True, True]])
    np.testing.assert_array_equal(tails.whole, [1, 1, 1])


def test_data_are_resolved_before_anything_is_solved() -> None:
    sharp = Problem(
        unit, laplacian(u) + exp(-500 * (x - 0.4) ** 2), Dirichlet(u, 0, on=unit.boundary)
    )
    equations = Forms.of(sharp).equations
    boxes = resolve_data(
        equations, LocalBasis(12, 2), first_boxes(unit.ranges, ((), ())), 1e-8, 1000
    )
    widths = boxes[:, 1] - boxes[:, 0]
    assert widths[:, 0].min() <= 0.125
    assert widths[:, 1].min() == 0.5


@pytest.mark.parametrize(
    ("source", "is_smooth"), [(sin(pi * x) * exp(y), True), (sin(30 * x), False)]
)
def test_data_are_called_smooth_where_twenty_points_resolve_them(source, is_smooth) -> None:
    forms = Forms.of(Problem(unit, laplacian(u) + source, Dirichlet(u, 0, on=unit.boundary)))
    assert data_are_smooth(forms.equations, np.array([[0.0, 0.0], [1.0, 1.0]])) is is_smooth
