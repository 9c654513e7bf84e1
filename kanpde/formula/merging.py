"""Pairs of coordinates that enter a field through one combination only: x + s y, or x y^q."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sympy import Expr, Rational, Symbol

from kanpde.formula.exact import exact_number
from kanpde.formula.field import Field
from kanpde.formula.sampled import null_vector
from kanpde.formula.template import Constants

POINTS = 400


@dataclass(frozen=True)
class Merging:
    """Two coordinates that act as one.

    Args:
        name: of the invariance.
        kept: the coordinate whose place the combination takes.
        dropped: the other one.
        axis: of the other one.
        place: where the other one is held while the function of the rest is found.
        combination: what the kept one is replaced by.
        constants: of the combination.
    """

    name: str
    kept: Symbol
    dropped: Symbol
    axis: int
    place: float
    combination: Expr
    constants: Constants


def mergings(field: Field, variables: Sequence[Symbol]) -> Iterator[Merging]:
    """Return the pairs of coordinates that a field depends on through one combination.

    Args:
        field: of three coordinates or more.
        variables: the coordinates.
    """
    points = field.scattered(POINTS)
    orders = np.eye(field.dimension, dtype=int)
    slopes = [field.derivative(tuple(order), points) for order in orders]
    for i, j in combinations(range(field.dimension), 2):
        x, y = variables[i], variables[j]
        place = _nice(float(field.lower[j]), float(field.upper[j]))
        w = null_vector(np.stack([slopes[i], slopes[j]]))
        if w is not None and w.all():
            constants = Constants()
            number = exact_number(place)
            combination = x - constants.new(w[0] / w[1]) * (y - number)
            yield Merging("translation", x, y, j, place, combination, constants)
            continue
        if field.lower[j] <= 0 <= field.upper[j]:
            continue
        w = null_vector(np.stack([points[i] * slopes[i], points[j] * slopes[j]]))
        if w is not None and w.all():
            power = Rational(round(-12 * w[0] / w[1]), 12)
            if abs(float(power) + w[0] / w[1]) > 1e-3:
                continue
            number = exact_number(place)
            combination = x * (y / number) ** power
            yield Merging("scaling", x, y, j, place, combination, Constants())


def _nice(low: float, high: float) -> float:
    """Return zero if it is inside, else the number of fewest digits near the middle."""
    if low - 0.02 * (high - low) <= 0 <= high + 0.02 * (high - low):
        return 0.0
    middle = (low + high) / 2
    for digits in range(1, 7):
        found = float(f"{middle:.{digits}g}")
        if abs(found - middle) < 0.4 * (high - low):
            return found
    return middle
