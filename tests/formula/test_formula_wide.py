"""Fields of many coordinates are read where a function of them is a sum over coordinates."""

import numpy as np
import pytest
from sympy import Add, cos, exp, lambdify, sin

from kanpde import Box, Condition, Dirichlet, Problem, coordinates, laplacian, unknown, unknowns
from kanpde.formula import Level, find_formula
from kanpde.formula.wide import Scattered

X = coordinates("a b c d e")
BOX = Box(**{s.name: (-1, 1) for s in X})


class Known:
    """A solution whose field is a given formula."""

    def __init__(self, problem, formula, error=1e-12):
        self.problem, self.estimate = problem, error
        self._function = lambdify(X, formula, "numpy")

    def at(self, points):
        return np.asarray(self._function(*points.T))[:, None]


def problem_of(formula):
    u = unknown("u", *X)
    source = Add(*(formula.diff(s, 2) for s in X))
    return Problem(
        BOX,
        equations=laplacian(u) - source,
        conditions=[Dirichlet(u, formula, on=BOX.boundary)],
    )


@pytest.mark.parametrize(
    "formula",
    [
        Add(*(s**2 for s in X)) / 2,
        exp(Add(*(cos(s) for s in X)) / 5) / 3,
        1 / (8 + Add(*X) + sin(X[0])),
    ],
    ids=str,
)
def test_sums_over_five_coordinates_are_proved(formula):
    found = find_formula(Known(problem_of(formula), formula))
    assert found.is_proved, "\n".join(found.report)
    points = dict(zip(X, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True))
    assert abs(float((found.expression - formula).subs(points))) < 1e-14


def test_other_fields_of_five_coordinates_have_no_formula():
    formula = X[0] * X[1] + sin(X[2] * X[3]) + X[4]
    found = find_formula(Known(problem_of(formula), formula))
    assert found.certificate.level is Level.NONE
    assert not found.expressions


def test_several_fields_of_many_coordinates_are_refused():
    u, v = unknowns("u v", *X)
    problem = Problem(
        BOX,
        equations={"first": laplacian(u) - v, "second": laplacian(v)},
        conditions=[Dirichlet(u, 0, on=BOX.boundary), Condition(v, on=BOX.boundary)],
    )
    found = find_formula(Known(problem, X[0]))
    assert "several fields" in found.certificate.text


def test_scattered_values_are_those_of_the_field():
    field = Scattered(lambda x: x.sum(axis=1), -np.ones(5), np.ones(5), 1e-12)
    points = field.scattered(20)
    assert points.shape == (5, 20)
    assert np.allclose(field.derivative((0,) * 5, points)[0], points.sum(axis=0))
