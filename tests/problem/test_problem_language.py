"""What a problem knows of itself: linearity, derivatives, names; and the property test."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, cos, exp, pi, sin

from kanpde import (
    Condition,
    Dirichlet,
    Interval,
    Neumann,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    unknown,
)

x, y = coordinates("x y")
u, v = unknown("u", x, y), unknown("v", x, y)
w = unknown("w", x)
square = Rectangle(x=(0, 1), y=(0, 1))
line = Interval(x=(0, 1))
walls = Dirichlet(u, 0, on=square.boundary)
ends = Dirichlet(w, 0, on=line.boundary)


@pytest.mark.parametrize(
    ("expression", "linear"),
    [
        (w.diff(x, 2) + sin(x) * w.diff(x) - exp(x) * w + x, True),
        (w.diff(x, 2) + (w + 1) ** 2 - w**2, True),
        (w.diff(x, 2) + x * ((w + 1) ** 2 - w**2), True),
        (w.diff(x, 2) * (1 + x) ** 2 / 3, True),
        ((x * w).diff(x, 2), True),
        (w.diff(x, 2) + w**2, False),
        (w * w.diff(x), False),
        (w.diff(x, 2) + exp(w), False),
        (w.diff(x, 2) + 1 / (1 + w), False),
        (w.diff(x) ** 2 - 1, False),
    ],
)
def test_linearity(expression, linear) -> None:
    assert Problem(line, expression, ends).is_linear is linear


def test_hidden_linearity_of_third_degree() -> None:
    cubic = (w + 1) ** 3 - w**3 - 3 * w**2
    assert Problem(line, w.diff(x, 2) + cubic, ends).is_linear


def test_a_nonlinear_condition_makes_the_problem_nonlinear() -> None:
    radiation = Condition(w.diff(x) + w**4 - 1, on="right", name="radiation")
    assert not Problem(line, w.diff(x, 2), [Dirichlet(w, 0, on="left"), radiation]).is_linear


def test_derivatives_are_those_that_occur_by_order() -> None:
    problem = Problem(
        square,
        u.diff(x, 2, y) + u.diff(y) * u,
        [Neumann(u, 0, on="left"), Dirichlet(u, 0, on="right")],
    )
    assert problem.derivatives == ((0, 0), (1, 0), (0, 1), (2, 1))
    assert problem.order == 3
    assert problem.dimension == 2


def test_products_are_differentiated_before_the_derivatives_are_collected() -> None:
    problem = Problem(line, sympy.Derivative(x * w, x, x), ends)
    assert problem.derivatives == ((0,), (1,), (2,))


def test_residual_holds_every_part_once_and_the_source() -> None:
    (residual,) = Problem(line, {"e": 2 * w.diff(x, 2) - x * w + 5}, ends).equation_residuals
    assert [(p.unknown, p.order) for p in residual.parts] == [(0, (0,)), (0, (2,))]
    assert residual.partials == (-x, 2)
    assert residual.source == 5


def test_coordinates_whose_names_run_together_are_told_apart() -> None:
    a, b = coordinates("x xx")
    f = unknown("f", a, b)
    domain = Rectangle(x=(0, 1), xx=(0, 1))
    problem = Problem(domain, f.diff(b) - f.diff(a, 2), Dirichlet(f, 0, on=domain.boundary))
    assert {p.order for p in problem.equation_residuals[0].parts} == {(0, 1), (2, 0)}
    assert problem.equation_residuals[0].expression != 0


@pytest.mark.filterwarnings("ignore::kanpde.NotWellPosedWarning")
def test_unknowns_are_sorted_by_name() -> None:
    problem = Problem(square, [laplacian(v) - u, laplacian(u)], walls)
    assert problem.unknown_names == ("u", "v")


@pytest.mark.filterwarnings("ignore::kanpde.NotWellPosedWarning")
def test_equation_names() -> None:
    assert tuple(Problem(square, laplacian(u), walls).equations) == ("equation",)
    assert tuple(Problem(square, [laplacian(u)], walls).equations) == ("equation",)
    pair = Problem(square, [laplacian(u), laplacian(v)], walls)
    assert tuple(pair.equations) == ("equation 1", "equation 2")


def test_condition_names_are_unique_and_say_where() -> None:
    problem = Problem(
        square,
        laplacian(u),
        [
            Neumann(u, 0, on="left"),
            Condition(u.diff(y), on="left", name="neumann"),
            Dirichlet(u, 0, on=["bottom", "top"]),
            Dirichlet(u, 0, on="right", name="wall"),
        ],
    )
    assert problem.condition_names == (
        "neumann on left (1)",
        "neumann on left (2)",
        "dirichlet on bottom, top",
        "wall on right",
    )
    whole = Problem(square, laplacian(u), walls)
    assert whole.condition_names == ("dirichlet on the boundary",)


def test_latex_and_text() -> None:
    problem = Problem(square, {"p": laplacian(u) - 1}, walls, name="plate")
    text = problem._repr_latex_()
    assert text.startswith("$")
    assert r"\frac{\partial^{2}}{\partial x^{2}} u{\left(x,y \right)}" in text
    assert r"\text{on left, right, bottom, top}" in text
    assert "plate" in str(problem)
    assert problem.renamed("other").name == "other"
    assert problem.name == "plate"


# --- property: manufactured solutions -----------------------------------------------------------

POOL = (sin(pi * x), cos(2 * y), exp(x - y), x * y, x**3, sin(x + 2 * y), 1 / (2 + x))
COEFFICIENTS = (sympy.Integer(1), x, exp(y), 1 + x * y, cos(x), Rational(-7, 3))
ORDERS = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (3, 0))


def _derivative(expression, order):
    for coordinate, n in zip((x, y), order, strict=True):
        expression = expression.diff(coordinate, n) if n else expression
    return expression


@given(
    terms=st.lists(
        st.tuples(st.sampled_from(COEFFICIENTS), st.sampled_from(ORDERS)), min_size=1, max_size=3
    ),
    exact=st.lists(st.sampled_from(POOL), min_size=1, max_size=2, unique=True),
    scale=st.integers(-3, 3),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_manufactured_solutions_are_accepted_and_perturbed_ones_refused(
    terms, exact, scale
) -> None:
    solution = sum(exact) * sympy.Integer(10) ** scale

    def operator(f):
        return sum(c * _derivative(f, order) for c, order in terms) + 5 * f.diff(x)

    equation = operator(u) - operator(solution)
    if not equation.atoms(type(u)):
        return
    conditions = [Dirichlet(u, solution, on=square.boundary)]
    problem = Problem(square, equation, conditions, exact={u: solution})
    assert problem.is_linear
    assert {p.order for r in problem.equation_residuals for p in r.parts} <= set(ORDERS)
    # zero on the boundary, so that only the equation can tell
    bump = x * (1 - x) * y * (1 - y) * Rational(1, 1000) * sympy.Integer(10) ** scale
    with pytest.raises(ValueError, match='does not satisfy equation "equation"'):
        Problem(square, equation, conditions, exact={u: solution + bump})
