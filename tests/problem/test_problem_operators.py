"""Operators: grad, div, laplacian, normal_derivative, and where they take the coordinates from."""

import pytest
from sympy import Derivative, Matrix, Symbol, exp, sin, sympify

from kanpde import coordinates, div, grad, laplacian, normal_derivative, unknown
from kanpde.problem import NormalComponent

x, y, z = coordinates("x y z")
u = unknown("u", x, y)
v = unknown("v", x, y)


def test_gradient_of_a_formula_and_of_an_unknown() -> None:
    assert grad(x**2 * y, x, y) == Matrix([2 * x * y, x**2])
    assert grad(u) == Matrix([u.diff(x), u.diff(y)])


def test_laplacian_of_a_formula_and_of_an_unknown() -> None:
    assert laplacian(sin(x) * y**3, x, y) == -sin(x) * y**3 + 6 * y * sin(x)
    assert laplacian(u) == u.diff(x, 2) + u.diff(y, 2)
    assert laplacian(u, y) == u.diff(y, 2)


def test_divergence_takes_lists_and_columns() -> None:
    assert div([x * y, y**2], x, y) == 3 * y
    assert div(grad(u)) == laplacian(u)
    assert div([u, v]) == u.diff(x) + v.diff(y)


def test_divergence_of_a_flux_with_a_coefficient_differentiates_the_coefficient() -> None:
    k = exp(x)
    difference = div(k * grad(u)) - (k * laplacian(u) + k * u.diff(x))
    assert difference.expand() == 0


def test_normal_derivative_uses_the_components_of_the_normal() -> None:
    expected = NormalComponent("x") * u.diff(x) + NormalComponent("y") * u.diff(y)
    assert normal_derivative(u) == expected
    assert normal_derivative(x**2, x, y) == 2 * x * NormalComponent("x")


def test_coordinates_come_from_products_of_unknowns_of_the_same_coordinates() -> None:
    assert laplacian(u * v).doit() == (u * v).diff(x, 2) + (u * v).diff(y, 2)
    assert grad(u + v).shape == (2, 1)


@pytest.mark.parametrize("operator", [grad, laplacian, normal_derivative])
def test_an_expression_without_unknown_needs_its_coordinates(operator) -> None:
    with pytest.raises(ValueError, match=rf"{operator.__name__}\(x\*y\).*no unknown.*x, y"):
        operator(x * y)


def test_unknowns_of_different_coordinates_need_the_coordinates() -> None:
    w = unknown("w", x)
    with pytest.raises(ValueError, match="different coordinates"):
        laplacian(u * w)
    assert laplacian(u * w, x) == (u * w).diff(x, 2)


def test_divergence_of_the_wrong_length_says_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"3 components but there are 2 coordinates"):
        div([x, y, 1], x, y)
    with pytest.raises(ValueError, match=r"1 components but there are 2 coordinates"):
        div([u])


def test_numbers_are_accepted() -> None:
    assert laplacian(3, x, y) == 0
    assert grad(1, x) == Matrix([0])
    assert normal_derivative(2, x) == sympify(0)


def test_coordinates_are_real_symbols() -> None:
    assert coordinates("t") == Symbol("t", real=True)
    assert coordinates("x, y") == (x, y)
    assert coordinates("x,y z") == (x, y, z)


@pytest.mark.parametrize(
    ("names", "message"), [("", "names nothing"), ("x x", "repeats"), ("2x", '"2x"')]
)
def test_bad_coordinate_names(names, message) -> None:
    with pytest.raises(ValueError, match=message):
        coordinates(names)


@pytest.mark.parametrize("arguments", [("u",), ("u", 1), ("u", "x"), ("u v", x)])
def test_bad_unknowns(arguments) -> None:
    with pytest.raises(ValueError, match="unknown\\("):
        unknown(*arguments)


def test_an_unknown_is_an_ordinary_function() -> None:
    assert isinstance(u.diff(x), Derivative)
    assert u.is_real
    assert u.func.__name__ == "u"
