"""A problem refuses what makes no sense, when it is made and with words that help."""

import numpy as np
import pytest
from sympy import Eq, Function, I, Integral, Symbol, exp, log, nan, oo, pi, sin, sqrt, zoo

from kanpde import (
    Condition,
    Dirichlet,
    Interval,
    Neumann,
    NotWellPosedWarning,
    Problem,
    Rectangle,
    Robin,
    coordinates,
    grad,
    laplacian,
    normal_derivative,
    unknown,
)
from kanpde.problem import NormalComponent, evaluate

x, y = coordinates("x y")
u = unknown("u", x, y)
v = unknown("v", x, y)
w = unknown("w", x)
square = Rectangle(x=(-1, 1), y=(-1, 1))
line = Interval(x=(-1, 1))
walls = Dirichlet(u, 0, on=square.boundary)
ends = Dirichlet(w, 0, on=line.boundary)
wave = sin(pi * x) * sin(pi * y)


def test_a_good_problem_is_accepted() -> None:
    problem = Problem(square, laplacian(u) + 2 * pi**2 * wave, walls, exact={u: wave})
    assert problem.unknowns == (u,)
    assert problem.conditions[0].on.names == ("left", "right", "bottom", "top")


# --- symbols ----------------------------------------------------------------------------------


def test_unknown_symbol() -> None:
    with pytest.raises(ValueError, match=r'equation "poisson" holds the symbol "k".*x, y'):
        Problem(square, {"poisson": laplacian(u) + Symbol("k")}, walls)


def test_unknown_symbol_in_a_condition() -> None:
    with pytest.raises(ValueError, match=r'condition "dirichlet on left" holds the symbol "k"'):
        Problem(square, laplacian(u), Dirichlet(u, Symbol("k"), on="left"))


def test_symbol_of_the_right_name_with_other_assumptions() -> None:
    with pytest.raises(ValueError, match="assumptions differ"):
        Problem(square, laplacian(u) + Symbol("x"), walls)


def test_wrong_dimension_of_an_unknown() -> None:
    with pytest.raises(ValueError, match=r"depends on 1 coordinates \(x\).*has 2 \(x, y\)"):
        Problem(square, w.diff(x, 2), Dirichlet(w, 0, on="left"))


def test_unknown_with_its_coordinates_in_another_order() -> None:
    swapped = unknown("u", y, x)
    with pytest.raises(ValueError, match="same order"):
        Problem(square, laplacian(swapped), Dirichlet(swapped, 0, on="left"))


def test_value_at_a_point_is_not_an_unknown() -> None:
    with pytest.raises(ValueError, match="depends on"):
        Problem(line, w.diff(x, 2) - w.subs(x, 0), ends)


def test_two_unknowns_that_print_the_same() -> None:
    other = Function("w")(x)
    with pytest.raises(ValueError, match="share a name"):
        Problem(line, [w.diff(x, 2), other - w], ends)


# --- conditions -------------------------------------------------------------------------------


def test_piece_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r'"upper" names no piece.*"left".*"top"'):
        Problem(square, laplacian(u), Dirichlet(u, 0, on="upper"))


def test_piece_of_another_domain() -> None:
    other = Rectangle(x=(0, 1), y=(0, 1))
    with pytest.raises(ValueError, match=r'is on "left", which is no piece'):
        Problem(square, laplacian(u), Dirichlet(u, 0, on=other.boundary["left"]))


def test_an_equal_domain_is_the_same_domain() -> None:
    again = Rectangle(x=(-1, 1), y=(-1, 1))
    assert Problem(square, laplacian(u), Dirichlet(u, 0, on=again.boundary["top"])).conditions


@pytest.mark.parametrize("place", [None, 3, Interval(x=(0, 1))])
def test_place_that_is_none(place) -> None:
    with pytest.raises(ValueError, match=r"write on=domain\.boundary"):
        Problem(line, w.diff(x, 2), Dirichlet(w, 0, on=place))


@pytest.mark.parametrize("on", [("left", "y=1"), ["left", "y=1"]])
def test_places_by_several_names_and_aliases(on) -> None:
    problem = Problem(square, laplacian(u), Dirichlet(u, 0, on=on))
    assert problem.conditions[0].on.names == ("left", "top")


def test_condition_that_is_none() -> None:
    with pytest.raises(ValueError, match="Condition objects such as Dirichlet"):
        Problem(square, laplacian(u), [u])


def test_condition_that_holds_no_unknown() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        Problem(square, laplacian(u), Condition(x - 1, on="left"))


def test_condition_that_is_a_vector() -> None:
    with pytest.raises(ValueError, match="one scalar expression"):
        Condition(grad(u), on="left")


def test_no_condition_warns() -> None:
    with pytest.warns(NotWellPosedWarning, match="not unique") as caught:
        Problem(square, laplacian(u) + 1)
    assert caught[0].filename == __file__


def test_fitting_a_function_needs_no_condition() -> None:
    assert Problem(square, u - wave, exact={u: wave}).order == 0


def test_two_values_on_the_same_face_are_refused() -> None:
    with pytest.raises(ValueError, match="left"):
        Problem(
            line,
            w.diff(x, 2),
            [Dirichlet(w, 0, on="left"), Dirichlet(w, 1, on="left"), Dirichlet(w, 0, on="right")],
        )


# --- equations --------------------------------------------------------------------------------


def test_no_equation() -> None:
    with pytest.raises(ValueError, match="at least one equation"):
        Problem(square, [], walls)


def test_no_unknown() -> None:
    with pytest.raises(ValueError, match=r"has no unknown.*unknown\("):
        Problem(square, x + y)


def test_equation_without_unknown() -> None:
    with pytest.raises(ValueError, match='"second" holds no unknown'):
        Problem(square, {"first": laplacian(u), "second": x - 1}, walls)


def test_fewer_equations_than_unknowns() -> None:
    with pytest.raises(ValueError, match=r"2 unknowns \(u, v\) but only 1 equations"):
        Problem(square, laplacian(u) + v, walls)


def test_unknown_that_only_a_condition_holds() -> None:
    with pytest.raises(ValueError, match="2 unknowns"):
        Problem(square, laplacian(u), [walls, Dirichlet(v, 0, on="left")])


def test_normal_in_an_equation() -> None:
    with pytest.raises(ValueError, match=r"outward normal n_x.*belong into conditions"):
        Problem(square, laplacian(u) + normal_derivative(u), walls)


def test_normal_of_a_coordinate_the_domain_has_not() -> None:
    with pytest.raises(ValueError, match="outward normal n_y"):
        Problem(line, w.diff(x, 2), Condition(w - NormalComponent("y"), on="left"))


def test_vector_equation() -> None:
    with pytest.raises(ValueError, match=r'equation "e" must be one scalar expression'):
        Problem(square, {"e": grad(u)}, walls)


def test_derivative_in_no_coordinate() -> None:
    with pytest.raises(ValueError, match=r"holds the symbol|no coordinate"):
        Problem(line, unknown("u", x, y).diff(y), ends)


def test_integral_of_an_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="Integral"):
        Problem(line, w.diff(x, 2) - Integral(w, (x, -1, 1)), ends)


def test_derivative_at_a_point_is_refused() -> None:
    with pytest.raises(ValueError, match="Subs"):
        Problem(line, w.diff(x, 2) - w.diff(x).subs(x, 0), ends)


def test_equations_that_are_none() -> None:
    with pytest.raises(ValueError, match="equation"):
        Problem(line, 5, ends)


# --- sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [log(x - 2), sqrt(x), I, exp(1000 * x + 900)])
def test_source_that_is_not_finite(source) -> None:
    with pytest.raises(ValueError, match=r'equation "e" is (nan|inf|-inf) at x = .*finite'):
        Problem(line, {"e": w.diff(x, 2) + source}, ends)


@pytest.mark.parametrize("source", [zoo, oo, -oo])
def test_source_that_is_infinity_itself(source) -> None:
    with pytest.raises(ValueError, match='equation "e" is not finite'):
        Problem(line, {"e": w.diff(x, 2) + source}, ends)


def test_source_that_is_nan_swallows_the_equation() -> None:
    with pytest.raises(ValueError, match="nan"):
        Problem(line, {"e": w.diff(x, 2) + nan}, ends)


def test_coefficient_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="is nan at x = "):
        Problem(line, {"e": (sqrt(x) * w.diff(x)).diff(x) + 1}, ends)


def test_boundary_value_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match=r'condition "dirichlet on left" is nan at x = -1'):
        Problem(line, w.diff(x, 2), [Dirichlet(w, log(x), on="left")])


def test_source_of_a_nonlinear_equation_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="is nan at x = "):
        Problem(line, {"e": w.diff(x, 2) - w**3 + sqrt(x)}, ends)


# --- the exact solution -----------------------------------------------------------------------


def test_exact_that_does_not_satisfy_the_equation_shows_the_residual() -> None:
    with pytest.raises(ValueError, match=r'does not satisfy equation "e".*Residual: .*sin') as e:
        Problem(square, {"e": laplacian(u) + pi**2 * wave}, walls, exact={u: wave})
    assert " at x = " in str(e.value)


def test_exact_that_does_not_satisfy_the_condition() -> None:
    with pytest.raises(ValueError, match=r'does not satisfy condition "dirichlet on top"'):
        Problem(
            square,
            laplacian(u) + 2 * pi**2 * wave,
            [Dirichlet(u, 0, on=["left", "right", "bottom"]), Dirichlet(u, x, on="top")],
            exact={u: wave},
        )


def test_exact_with_the_wrong_sign_of_the_normal() -> None:
    exact = x**2
    good = [Dirichlet(w, 1, on="right"), Neumann(w, 2, on="left")]  # outward: -(2 x) at x = -1
    assert Problem(line, w.diff(x, 2) - 2, good, exact={w: exact}).exact == {w: exact}
    with pytest.raises(ValueError, match="neumann on left"):
        Problem(line, w.diff(x, 2) - 2, [good[0], Neumann(w, -2, on="left")], exact={w: exact})


def test_robin_is_the_normal_derivative_plus_a_u() -> None:
    exact = exp(x)
    good = [Robin(w, 3, 4 * exp(x), on="right"), Robin(w, 3, 2 * exp(x), on="left")]
    assert Problem(line, w.diff(x, 2) - w, good, exact={w: exact})
    with pytest.raises(ValueError, match="robin on left"):
        Problem(line, w.diff(x, 2) - w, Robin(w, 3, 4 * exp(x), on="left"), exact={w: exact})


@pytest.mark.parametrize(
    ("exact", "message"),
    [
        (wave, r"must be a dict \{u: expression\}"),
        ({}, "but the unknowns are u"),
        ({v: wave}, r"exact gives v\(x, y\) but the unknowns are u"),
        ({u: wave, v: 0}, "exact gives"),
        ({"u": wave}, "exact gives"),
        ({u: Symbol("k") * wave}, "holds k"),
        ({u: Symbol("x")}, "holds x"),
        ({u: u}, "holds an unknown"),
    ],
)
def test_exact_that_makes_no_sense(exact, message) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(square, laplacian(u) + 2 * pi**2 * wave, walls, exact=exact)


def test_exact_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="is nan"):
        Problem(line, w.diff(x) - 1 / x, Dirichlet(w, 0, on="right"), exact={w: log(x)})


def test_zero_is_an_exact_solution() -> None:
    assert Problem(square, laplacian(u), walls, exact={u: 0}).exact == {u: 0}


# --- small things -----------------------------------------------------------------------------


def test_equations_and_conditions_may_be_eq() -> None:
    problem = Problem(line, Eq(w.diff(x), sin(x)), Condition(Eq(w, x), on="left", name="value"))
    assert problem.equations == {"equation": w.diff(x) - sin(x)}
    assert problem.conditions[0].expression == w - x


def test_evaluate_broadcasts_constants_and_marks_complex_values() -> None:
    points = np.array([[-1.0], [4.0]])
    assert evaluate(x * 0 + 3, (x,), points).tolist() == [3.0, 3.0]
    values = evaluate(sqrt(x), (x,), points)
    assert np.isnan(values[0])
    assert values[1] == 2.0


def test_a_coordinate_named_like_a_normal() -> None:
    a, b = coordinates("x n_x")
    f = unknown("f", a, b)
    domain = Rectangle(x=(0, 1), n_x=(0, 1))
    assert Problem(domain, laplacian(f), [Neumann(f, 1, on="left"), Dirichlet(f, 0, on="right")])
