"""What is special to the symbolic basis: reading formulas safely and without loss."""

import math

import numpy as np
import pytest
import sympy
import torch

from kanpde.bases import Symbolic, basis_from_dict

x, y = sympy.symbols("x y")


@pytest.mark.parametrize(
    "formula",
    [
        sympy.sin(x) ** 2 / 3 + sympy.exp(-x),
        sympy.sqrt(y + 2) * sympy.pi,
        sympy.Float(0.1) * y + sympy.Rational(1, 3),
        sympy.Abs(x) + sympy.log(x + 3) - sympy.E,
        2**x + x ** sympy.Rational(-1, 3),
        sympy.erf(x) + sympy.atan(x) / sympy.cosh(x),
        -x,
    ],
    ids=str,
)
def test_expression_string_and_srepr_give_the_same_basis(formula):
    basis = Symbolic(formula)
    assert Symbolic(basis.expression) == basis
    assert Symbolic(sympy.srepr(formula)) == basis
    assert basis_from_dict(basis.to_dict()) == basis
    symbol = formula.free_symbols.pop()
    s = np.array([0.1, 0.6, 0.9])
    expected = [float(formula.subs(symbol, sympy.Float(float(v), 30))) for v in s]
    np.testing.assert_allclose(basis.evaluate(torch.from_numpy(s), 0)[0, 0], expected, rtol=1e-14)


def test_numbers_survive_to_the_last_bit():
    number = 0.1 + 0.2
    basis = Symbolic(number * x)
    assert Symbolic(basis.expression).evaluate(torch.ones((), dtype=torch.float64), 0) == number


def test_derivative_beyond_the_prepared_ones():
    s = torch.tensor(0.3, dtype=torch.float64)
    table = Symbolic("sin(x)", scale=2.0).evaluate(s, 9)
    assert math.isclose(table[9, 0].item(), 2**9 * math.cos(0.6), rel_tol=1e-13)


def test_derivatives_of_abs_hold_almost_everywhere():
    table = Symbolic("Abs(x)").evaluate(torch.tensor([-2.0, 3.0]), 2)
    assert table[:, 0].tolist() == [[2.0, 3.0], [-1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("basis", "slope"),
    [
        (Symbolic("x"), 1.0),
        (Symbolic("2*x + 1", scale=0.5, shift=-0.5), 1.0),
        (Symbolic("x + 0.1", scale=-4.0, shift=-0.1), -4.0),
    ],
)
def test_identity_where_affine(basis, slope):
    np.testing.assert_allclose(basis.identity(), [1 / slope], rtol=1e-15)


@pytest.mark.parametrize("text", ["x + 1", "x**2", "3", "0*x", "sin(x)"])
def test_identity_refused(text):
    with pytest.raises(ValueError, match="does not contain the identity"):
        Symbolic(text).identity()


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "open('f')",
        "sin(x, evaluate=False)",
        "x if x else 1",
        "x < 1",
        "x @ x",
        "~x",
        "'x'",
        "True",
        "1j*x",
        "gamma(x)",
        "sin(x, x)",
        "f(x)",
        "9**9**9**9",
        "Symbol(x)",
        "Float([1])",
    ],
)
def test_only_formulas_are_read(text):
    with pytest.raises(ValueError, match="Symbolic"):
        Symbolic(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sin(x", "cannot read"),
        ("", "cannot read"),
        (3, "must be a sympy expression or a string, got 3"),
        (x + y, "one symbol, got x, y"),
        (sympy.gamma(x), "gamma is not among the functions"),
        (sympy.I * x, "neither a finite real number"),
        (sympy.sqrt(-2) + x, "neither a finite real number"),
        (sympy.log(-1) + x, "neither a finite real number"),
        ("1/0", "neither a finite real number"),
        ("1e999*x", "neither a finite real number"),
        (sympy.Piecewise((x, x > 0), (0, True)), "Piecewise"),
        (sympy.Integral(x, (x, 0, x)), "nor built of the known functions"),
    ],
)
def test_bad_expressions(given, message):
    with pytest.raises(ValueError, match=message):
        Symbolic(given)
