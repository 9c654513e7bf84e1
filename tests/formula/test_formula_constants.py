"""Exact constants, exact numbers for floats, time limits."""

from math import pi as float_pi
from time import monotonic

import numpy as np
import pytest
from sympy import Integer, Rational, Symbol, log, pi, simplify, sin, sqrt

from kanpde.formula.bounded import bounded
from kanpde.formula.constants import BASES, known_constants, relation, simplest_rational, snapped
from kanpde.formula.exact import exact_expression, exact_number


@pytest.mark.parametrize(
    "exact",
    [
        Integer(0),
        Rational(-22, 7),
        3 * pi / 4,
        -sqrt(2) / 3,
        pi**2,
        1 / pi,
        log(2) / 2,
        pi ** Rational(-1, 4),
        sqrt(Rational(17, 5)),
        log(Rational(7, 3)),
        Rational(123, 1000),
    ],
    ids=str,
)
def test_a_constant_is_recognised_at_the_digits_of_a_refit(exact):
    value = float(exact)
    for noise in (0.0, 3e-12, -3e-12):
        assert simplify(snapped(value + noise, 1e-11) - exact) == 0


def test_random_numbers_are_not_recognised():
    generator = np.random.default_rng(0)
    found = [snapped(v, 1e-10 * v) for v in generator.uniform(0.1, 10, 60)]
    assert sum(f is not None for f in found) <= 1  # chance hits are rare


def test_pi_is_not_22_over_7_and_few_digits_say_nothing():
    assert snapped(float_pi, 1e-10) == pi
    assert snapped(3.1416, 1e-2) is None


def test_numbers_of_the_problem_are_bases():
    x = Symbol("x", real=True)
    bases = [*BASES, *known_constants([sin(log(5) * x), x / sqrt(13)])]
    assert snapped(float(3 * log(5) / 2), 1e-10, bases) == 3 * log(5) / 2
    assert snapped(float(sqrt(13) / 7), 1e-10, bases) == sqrt(13) / 7


def test_relations_of_two_numbers():
    assert simplify(relation(1 + 3 * 2**0.5, 1e-10) - 1 - 3 * sqrt(2)) == 0
    assert relation(0.1234567890123, 1e-12) is None


def test_simplest_rational_is_simplest():
    for q in (Rational(3, 7), Rational(355, 113), Rational(5), Rational(1, 1000)):
        found = simplest_rational(float(q) * (1 - 1e-9), float(q) * (1 + 1e-9))
        assert found == q


def test_floats_of_a_problem_become_exact():
    x = Symbol("x", real=True)
    assert exact_expression(0.01 * x + 1.5) == x / 100 + Rational(3, 2)
    assert exact_number(-float_pi / 2) == -pi / 2
    assert exact_number(2**0.5) == sqrt(2)
    assert exact_number(1 / 3) == Rational(1, 3)
    with pytest.raises(ValueError, match="finite"):
        exact_number(float("nan"))


def test_a_computation_that_never_ends_is_stopped():
    def forever():
        while True:
            pass

    start = monotonic()
    assert bounded(forever, seconds=0.2) is None
    assert monotonic() - start < 2
