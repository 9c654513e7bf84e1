"""Fields of many coordinates: a function of a sum of functions of one coordinate each.

No series on a grid is possible there; what is tested is the sum itself, through the middle c of a
box: g(u(x)) = sum_i g(u(c with x_i)) - (D - 1) g(u(c)) at random points x for a function g.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

import numpy as np
from sympy import Expr, Integer

from kanpde.formula.claims import claims
from kanpde.formula.exact import exact_number
from kanpde.formula.field import fields_of
from kanpde.formula.identify import COMPOSITIONS, Composition, identify
from kanpde.formula.inside import box_inside
from kanpde.formula.sampled import ARGUMENT
from kanpde.formula.search import Candidate, exact_texts, finished
from kanpde.formula.structure import Log
from kanpde.formula.template import Constants, Template, rms
from kanpde.problem import Problem

POINTS = 200
TOLERANCE = 100.0
"""The sum holds up to so many times the error of the field."""

Values = Callable[[np.ndarray], np.ndarray]
IDENTITY = Composition(ARGUMENT, ARGUMENT)


@dataclass(frozen=True)
class Scattered:
    """A field that is known at any points, without derivatives.

    Args:
        values: of points (N, D), giving (N,).
        lower: ends of the box, (D,).
        upper: the other ends, (D,).
        error: relative.
    """

    values: Values
    lower: np.ndarray
    upper: np.ndarray
    error: float

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return len(self.lower)

    def scattered(self, n: int, *, seed: int = 5) -> np.ndarray:
        """Return random points of the box, (D, n)."""
        unit = np.random.default_rng(seed).uniform(0.04, 0.96, (self.dimension, n))
        return self.lower[:, None] + unit * (self.upper - self.lower)[:, None]

    def derivative(self, order: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        """Return the values at points (D, N), twice; the order must be zero."""
        assert not any(order)
        return np.stack([self.values(points.T)] * 2)


def wide_candidates(
    problem: Problem, values: Values, error: float, log: Log, deadline: float
) -> Iterator[Candidate]:
    """Return formulas of a field of many coordinates.

    Args:
        problem: of one unknown.
        values: of the field at points (N, D), giving (N,).
        error: of the field, relative.
        log: is told what was found.
        deadline: on the clock of ``time.monotonic``.
    """
    lower, upper = box_inside(problem.domain)
    field = Scattered(values, lower, upper, max(error, 1e-14))
    (unknown,) = problem.unknowns
    plain = values(field.scattered(POINTS).T)
    for composition in (IDENTITY, *COMPOSITIONS):
        if monotonic() > deadline:
            log.add("the time is up")
            return
        if not composition.suits(plain):
            continue
        template = _sum(problem, field, composition, log)
        if template is None:
            continue
        pair = {unknown: template}
        candidate = finished(
            problem, claims(problem), exact_texts(problem), pair, {unknown: field}, log
        )
        if candidate is not None:
            yield candidate
            if candidate.is_final:
                return


def _sum(problem: Problem, field: Scattered, composition: Composition, log: Log) -> Template | None:
    """Return the template if the composed field is a sum, and its parts are known functions."""

    def composed(points: np.ndarray) -> np.ndarray:
        found = composition.derivatives(field.values(points))[0]
        return np.broadcast_to(found, (len(points),))

    middle = np.array([_nice(a, b) for a, b in zip(field.lower, field.upper, strict=True)])
    points = field.scattered(POINTS).T
    centre = float(composed(middle[None])[0])
    total = composed(points) + (len(middle) - 1) * centre
    for i, column in enumerate(points.T):
        total = total - composed(_on_line(middle, i, column))
    size = float(rms(composed(points) - centre)) or 1.0
    if not float(rms(total)) < max(TOLERANCE * field.error, 1e-12) * size:
        return None
    text = composition.outer.subs(ARGUMENT, problem.unknowns[0])
    log.add(f"{text} is a sum of functions of one coordinate each")
    constants, expression = Constants(), Integer(0)
    offset = -(len(middle) - 1) * centre
    for i, variable in enumerate(problem.coordinates):
        edge = fields_of(
            lambda t, i=i: composed(_on_line(middle, i, t[:, 0]))[:, None],  # type: ignore[misc]
            field.lower[i : i + 1],
            field.upper[i : i + 1],
            field.error,
        )[0]
        found = identify(edge.single(0), variable, limit=1)
        if not found:
            log.add(f"no function of {variable} was found")
            return None
        constants.values.update(found[0].constants)
        for term in found[0].expression.as_ordered_terms():
            if term in found[0].constants:
                offset += found[0].constants[term]
            else:
                expression += term
    whole: Expr = composition.inverse.subs(ARGUMENT, expression + constants.new(offset))
    return Template(whole, constants.of(whole), f"{text}: a sum over coordinates")


def _on_line(middle: np.ndarray, axis: int, places: np.ndarray) -> np.ndarray:
    points = np.tile(middle, (len(places), 1))
    points[:, axis] = places
    return points


def _nice(low: float, high: float) -> float:
    return 0.0 if low <= 0 <= high else float(exact_number((low + high) / 2))
