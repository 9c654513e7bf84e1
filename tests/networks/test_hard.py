"""Dirichlet conditions built into a network."""

import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    Box,
    Condition,
    Dirichlet,
    IncompatibleWarning,
    Interval,
    Neumann,
    Problem,
    Rectangle,
    Robin,
    coordinates,
    laplacian,
    normal_derivative,
    unknown,
)
from kanpde.networks.hard import hard_conditions
from kanpde.problem import evaluate

x, y, z = coordinates("x y z")
u1, u2, u3 = unknown("u", x), unknown("u", x, y), unknown("u", x, y, z)
line = Interval(x=(-1, 2.5))
plate = Rectangle(x=(0, 2), y=(-1, 1))
brick = Box(x=(0, 1), y=(0, 2), z=(-1, 1))


def dirichlet(domain, u, values):
    order = 2 if len(values) > 1 or domain is not line else 1  # one end fits a first-order equation
    equation = laplacian(u) if order == 2 else u.diff(x)
    return Problem(domain, equation, [Dirichlet(u, g, on=on) for on, g in values.items()])


COMPATIBLE = {
    "line": dirichlet(line, u1, {"left": 3, "right": -2}),
    "line, one end": dirichlet(line, u1, {"right": x}),
    "plate, one formula": dirichlet(plate, u2, {("left", "right", "bottom", "top"): x * y}),
    "plate, a formula for each face": dirichlet(
        plate, u2, {"left": cos(y), "right": cos(y), "bottom": cos(1), "top": cos(1) + x * (2 - x)}
    ),
    "plate, two opposite faces": dirichlet(plate, u2, {"left": y**2, "right": exp(y)}),
    "plate, two adjacent faces": dirichlet(plate, u2, {"left": y**2, "top": 1 + sin(x)}),
    "plate, three faces": dirichlet(plate, u2, {"left": y, "right": y**3, "top": 1 + x * (2 - x)}),
    "brick": dirichlet(
        brick,
        u3,
        {
            "left": y * z,
            "right": y * z + sin(pi * y) * sin(pi * z),
            "front": x * (1 - x) * (1 - z**2),
            "back": 2 * z,
            "bottom": -y,
            "top": y + x * (1 - x) * y * (2 - y),
        },
    ),
}


def boundary_error(problem, network, names) -> float:
    worst = 0.0
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        if name not in names:
            continue
        points, _ = condition.on.sample(200, seed=9)
        wanted = evaluate(
            (problem.unknowns[0] - condition.expression).expand(), problem.coordinates, points
        )
        with torch.no_grad():
            found = network(torch.as_tensor(points)).numpy()[:, 0]
        worst = max(worst, float(np.max(np.abs(found - wanted))))
    return worst


@pytest.mark.parametrize("name", COMPATIBLE)
def test_lift_and_constrained_network_have_the_values(name) -> None:
    problem = COMPATIBLE[name]
    hard = hard_conditions(problem)
    assert hard is not None
    assert hard.names == problem.condition_names
    widths = [problem.dimension, 4, 1]
    inner = KAN(widths, lower=problem.domain.lower, upper=problem.domain.upper, seed=1)
    network = hard.apply(inner, problem)
    with torch.no_grad():
        middle = torch.as_tensor(problem.domain.interior(50))
        assert (
            float(
                (
                    network(middle)
                    - hard.apply(inner.with_vector(inner.vector() * 2), problem)(middle)
                )
                .abs()
                .min()
            )
            > 1e-6
        )  # the factor does not vanish inside
    assert boundary_error(problem, network, hard.names) < 3e-14


@pytest.mark.parametrize(
    "values",
    [
        {"left": 0, "top": 1},
        {"left": 0, "right": 0, "bottom": 0, "top": 1},
        {"left": y, "bottom": x},
    ],
)
def test_values_that_disagree_at_a_corner_cannot_be_built_in(values) -> None:
    with pytest.warns(IncompatibleWarning, match="disagree at"):
        problem = dirichlet(plate, u2, values)
    assert hard_conditions(problem) is None


def test_other_conditions_are_left_out() -> None:
    problem = Problem(
        plate,
        laplacian(u2),
        [
            Dirichlet(u2, y, on="left"),
            Neumann(u2, 0, on="right"),
            Robin(u2, 1, 0, on="top"),
            Condition(u2 * u2.diff(x), on="bottom"),
        ],
    )
    hard = hard_conditions(problem)
    assert hard is not None
    assert hard.names == ("dirichlet on left",)
    assert hard.factor[0].free_symbols == {x}


def test_nothing_to_build_in() -> None:
    problem = Problem(line, laplacian(u1) - u1, Neumann(u1, 0, on=line.boundary))
    assert hard_conditions(problem) is None


def test_two_unknowns_each_with_its_own_faces() -> None:
    v = unknown("v", x, y)
    problem = Problem(
        plate,
        [laplacian(u2) + v, laplacian(v) - u2],
        [Dirichlet(u2, 1, on="left"), Dirichlet(v, y, on=["bottom", "top"])],
    )
    hard = hard_conditions(problem)
    assert hard is not None
    network = hard.apply(KAN([2, 3, 2], seed=0), problem)
    with torch.no_grad():
        left = network(torch.as_tensor(plate.boundary["left"].sample(20)[0]))
        top = torch.as_tensor(plate.boundary["top"].sample(20)[0])
        assert float((left[:, 0] - 1).abs().max()) == 0
        assert float((left[:, 1]).abs().min()) > 0
        assert float((network(top)[:, 1] - top[:, 1]).abs().max()) < 1e-15


def test_values_at_ends_that_are_no_round_binary_numbers() -> None:
    domain = Interval(x=(0.1, 0.7))
    problem = dirichlet(domain, u1, {"left": exp(x), "right": x})
    hard = hard_conditions(problem)
    assert hard is not None
    network = hard.apply(KAN([1, 3, 1], lower=[0.1], upper=[0.7], seed=0), problem)
    assert boundary_error(problem, network, hard.names) < 1e-14


def test_values_that_hold_the_normal() -> None:
    problem = dirichlet(plate, u2, {"left": normal_derivative(x**2 + x, x, y)})
    hard = hard_conditions(problem)
    assert hard is None or hard.names == ("dirichlet on left",)


def test_a_value_that_is_finite_only_on_its_face_makes_a_finite_lift() -> None:
    problem = dirichlet(line, u1, {("left", "right"): 1 / x})
    hard = hard_conditions(problem)
    if hard is not None:
        inside = evaluate(hard.lift[0], (x,), np.linspace(-1, 2.5, 71)[:, None])
        assert np.isfinite(inside).all()
        assert np.abs(inside).max() < 10
