from xml.etree import ElementTree

import pytest
from sympy import Integral, Piecewise, Symbol, besselj, exp, pi, sin, sqrt

from kanpde import (
    Disk,
    Neumann,
    Problem,
    Rectangle,
    Robin,
    TimeInterval,
    coordinates,
    laplacian,
    time,
    unknown,
)
from kanpde.report.mathematics import condition, equation, gathered, mathml

x, y = coordinates("x y")
t = time("t")


def plain(text):
    """Return what is written, without the markup."""
    return "".join(ElementTree.fromstring(f"<math>{text}</math>").itertext())


@pytest.fixture(scope="module")
def problem():
    u = unknown("u", x, y)
    disk = Disk(radius=1, x=0, y=0)
    conditions = [Robin(u, 2, x, on=disk.boundary)]
    return Problem(disk, {"poisson": laplacian(u) + 4 * u + sin(pi * x) / 3}, conditions)


def test_terms_without_an_unknown_go_to_the_right(problem):
    text = equation(problem.equations["poisson"], problem)
    left, right = text.split("<mo>=</mo>")
    assert plain(left) in ("Δu+4u", "4u+Δu")
    assert "sin" in right
    assert "−" in right  # the sign has changed
    assert "sin" not in left


def test_a_laplacian_is_gathered_only_if_it_is_all_there(problem):
    u = problem.unknowns[0]
    assert str(gathered(3 * laplacian(u) + u, problem)) == "3*Δu + u(x, y)"
    lone = u.diff(x, 2) + 2 * u.diff(y, 2)
    assert gathered(lone, problem) == lone


def test_a_source_is_left_as_it_is_written(problem):
    u = problem.unknowns[0]
    source = (x + y) ** 3 / (x * (y + 2))
    assert source in gathered(laplacian(u) - source, problem).args or (
        -source in gathered(laplacian(u) - source, problem).args
    )


def test_a_normal_derivative_is_gathered(problem):
    assert plain(condition(problem.conditions[0], problem)) in ("2u+∂u∂n=x", "∂u∂n+2u=x")


def test_a_laplacian_in_time_is_one_in_space():
    u = unknown("u", x, y, t)
    domain = Rectangle(x=(0, 1), y=(0, 1)) * TimeInterval(t=(0, 1))
    from kanpde import Dirichlet, Initial

    problem = Problem(
        domain,
        {"heat": u.diff(t) - laplacian(u, x, y) / 7},
        [Initial(u, 0), Dirichlet(u, 0, on=("left", "right", "bottom", "top"))],
    )
    text = equation(problem.equations["heat"], problem)
    assert "Δ" in text
    assert plain(text).endswith("=0")


@pytest.mark.parametrize(
    "expression",
    [
        sqrt(x) / 3 + exp(-(x**2)) * sin(2 * y),
        besselj(1, x) * x**2,
        Piecewise((x, x < 1), (y, True)),
        Integral(x * y, (x, 0, 1)),
        Symbol("a_b") < 3,
        "no expression <at all>",
    ],
)
def test_what_comes_out_is_well_formed(expression):
    plain(mathml(expression))


def test_names_cannot_end_the_mathematics():
    text = mathml(Symbol("<script>alert(1)</script>") + 1)
    assert "<script" not in text
    assert plain(text) == "<script>alert(1)</script>+1"


def test_partial_derivatives_have_their_order_above_the_variable():
    u = unknown("u", x, y)
    text = mathml(u.diff(x, 2))
    assert text == (
        "<mfrac><mrow><msup><mo>∂</mo><mn>2</mn></msup><mi>u</mi></mrow>"
        "<mrow><mo>∂</mo><msup><mi>x</mi><mn>2</mn></msup></mrow></mfrac>"
    )


def test_a_negative_exponential_is_no_denominator():
    assert "mfrac" not in mathml(x * exp(-2 * y))


def test_neumann_on_a_box_names_the_normal():
    u = unknown("u", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    from kanpde import Dirichlet

    problem = Problem(
        square,
        {"p": laplacian(u)},
        [Neumann(u, 1, on="left"), Dirichlet(u, 0, on=("right", "bottom", "top"))],
    )
    assert plain(condition(problem.conditions[0], problem)) == "∂u∂n=1"
