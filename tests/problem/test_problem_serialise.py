"""Expressions come back from their text, and a text from a stranger does nothing."""

import pytest
import sympy
from sympy import (
    Abs,
    Float,
    Max,
    Piecewise,
    Rational,
    Symbol,
    atan2,
    cos,
    erf,
    exp,
    log,
    oo,
    pi,
    sin,
    sqrt,
    srepr,
)

from kanpde import coordinates, normal_derivative, unknown
from kanpde.problem.serialise import expression_from_srepr

x, y = coordinates("x y")
u = unknown("u", x, y)

PLAIN = [
    sin(pi * x) * exp(-(y**2)),
    Rational(-3, 7) * x + 5,
    Float("0.1") * x,
    Float(1) / 3 * y,
    sqrt(2) * log(1 + x**2),
    Abs(x) + Max(x, y, 0),
    atan2(y, x) + erf(x) * cos(sympy.E),
    oo + 0 * x,
    sympy.I * x,
    sympy.besselj(0, x),
    sympy.GoldenRatio + sympy.EulerGamma,
    Symbol("q", positive=True) + Symbol("r"),
]


@pytest.mark.parametrize("expression", PLAIN, ids=str)
def test_round_trip(expression) -> None:
    assert expression_from_srepr(srepr(expression)) == expression


def test_floats_come_back_bit_for_bit() -> None:
    value = Float(0.1 + 0.2)
    assert float(expression_from_srepr(srepr(value * x)).coeff(x)) == 0.1 + 0.2


@pytest.mark.parametrize("expression", [u, u.diff(x, 2) + x * u.diff(x, y), u**2 + sin(u)], ids=str)
def test_round_trip_of_unknowns(expression) -> None:
    assert expression_from_srepr(srepr(expression)) == expression


def test_round_trip_of_a_piecewise() -> None:
    expression = Piecewise((x, x < y), (y**2, (x > 1) & (y >= 0)), (0, True))
    assert expression_from_srepr(srepr(expression)) == expression


def test_normals_come_back() -> None:
    read = expression_from_srepr(srepr(normal_derivative(x, x, y)))
    assert [s.name for s in read.free_symbols] == ["n_x"]


CALL = "__import__('pathlib').Path({path!r}).touch()"
SHAPES = {
    "bare": "{call}",
    "attribute": "Symbol('x').__class__",
    "subscript": "Symbol('x')[0]",
    "lambda": "lambda: 1",
    "comprehension": "[x for x in (1, 2)]",
    "builtin": "eval('1')",
    "module": "sympify('1')",
    "starred": "Add(*(1, 2))",
    "binary": "1 + 1",
    "text": '"{call}"',
    "add": 'Add("{call}")',
    "sin": 'sin("{call}")',
    "unknown class": "Popen('x')",
}
TRICKS = {
    "keyword": 'Lambda(signature=(Symbol("x"),), expr="{call}")',
    "tuple in Tuple": 'Tuple(("{call}",))',
    "tuple in Add": 'Add(("{call}",))',
    "tuple in Lambda": 'Lambda(Symbol("x"), ("{call}",))',
    "tuple in Integral": 'Integral((Symbol("x"), "{call}"))',
    "function of text": "Function('f')(\"{call}\")",
    "function of tuple": "Function('f')((\"{call}\",))",
    "set": 'FiniteSet(("{call}",))',
}


def test_numbers_that_never_end_are_refused() -> None:
    with pytest.raises(ValueError, match="may not occur"):
        expression_from_srepr("Pow(Integer(9), Pow(Integer(9), Integer(9)))")
    assert expression_from_srepr(srepr(sympy.sqrt(2) * x)) == sympy.sqrt(2) * x


def _refused(shape: str, tmp_path) -> None:
    marker = tmp_path / "executed"
    text = shape.replace("{call}", CALL.format(path=str(marker)))
    try:
        expression_from_srepr(text)
        outcome = "accepted"
    except ValueError:
        outcome = "refused"
    except Exception as error:
        outcome = f"refused by {type(error).__name__}"
    assert not marker.exists(), "the text was executed"
    assert outcome == "refused"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_foreign_text_is_refused(shape, tmp_path) -> None:
    _refused(shape, tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", TRICKS.values(), ids=TRICKS)
def test_hidden_text_is_refused_and_not_executed(shape, tmp_path) -> None:
    _refused(shape, tmp_path)


@pytest.mark.parametrize(
    "text", ["", "Add(", "x", "1", "'x'", "true", "sin()", "Symbol(1)", "Float('x')", "(" * 500]
)
def test_text_that_is_no_expression(text) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        expression_from_srepr(text)
