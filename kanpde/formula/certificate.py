"""The certificate of a formula: each equation and condition, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from sympy import Expr, Float, integrate, simplify

from kanpde.formula.bounded import bounded
from kanpde.formula.claims import (
    AnyClaim,
    Claim,
    Formulas,
    IntegralClaim,
    PointClaim,
    claims,
    substituted,
)
from kanpde.formula.exact import exact_number
from kanpde.formula.trend import LEAST_POINTS, has_trend
from kanpde.formula.zero import Level, Verdict, vanishes
from kanpde.geometry import as_box
from kanpde.problem import Given, Problem, evaluate

SECONDS = 20.0
"""Time for all rewritings of a certificate."""

NUMERIC_LIMIT = 1e-10
"""A residual above that, relative to the terms of its claim, is no solution."""

LARGEST_MISFIT = 2.0
"""Standard deviations by which data may be missed."""

LARGEST_NOISE = 0.2
"""Of the spread of the data, where their noise is not known."""

INTEGRAL_SECONDS = 4.0
"""Time to integrate one formula."""

ROUNDING = 1e-11
"""What double precision may leave of a condition at points or of an integral, relative."""


@dataclass(frozen=True)
class Check:
    """What was found of one equation or condition.

    Args:
        name: of the equation or condition.
        level: what is known.
        largest: the largest residual found.
        how: in words.
        is_data: whether it is about measured values.
    """

    name: str
    level: Level
    largest: float
    how: str
    is_data: bool = False


@dataclass(frozen=True)
class Certificate:
    """What is known of a formula: the weakest of its checks.

    Args:
        level: NONE, FITTED (noisy data, but for noise), NUMERIC, CERTIFIED (40 digits at random
            points) or PROVED.
        checks: one for each equation and each piece of a condition.
        reason: why there is none, if there is none.
    """

    level: Level
    checks: tuple[Check, ...] = ()
    reason: str = ""

    @property
    def largest_residual(self) -> float:
        """The largest residual of all checks; zero of what is proved."""
        return max((c.largest for c in self.checks), default=float("nan"))

    @property
    def text(self) -> str:
        """The certificate in one sentence."""
        count = len(self.checks)
        if self.level is Level.PROVED:
            return f"proved: all {count} equations and conditions reduce to zero"
        if self.level is Level.CERTIFIED:
            proved = sum(c.level is Level.PROVED for c in self.checks)
            return (
                f"certified to 40 digits at random points, {proved} of {count} equations and "
                "conditions proved"
            )
        if self.level is Level.NUMERIC:
            return f"numeric: the largest residual is {self.largest_residual:.1e}"
        if self.level is Level.FITTED:
            fits = "; ".join(c.how for c in self.checks if c.level is Level.FITTED)
            return f"fitted: {fits}"
        return "none: " + (self.reason or "no closed form was found")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "level": self.level.name.lower(),
            "text": self.text,
            "reason": self.reason,
            "checks": [
                {"name": c.name, "level": c.level.name.lower(), "largest": c.largest, "how": c.how}
                for c in self.checks
            ],
        }


def certify(problem: Problem, formulas: Formulas, *, seconds: float = SECONDS) -> Certificate:
    """Return the certificate of formulas for the unknowns of a problem.

    Every equation and condition is checked with the formulas put in; nothing of how they were found
    is used. The refutation of one ends it. Numbers that the problem holds as floats count as the
    exact numbers they print as.

    Args:
        problem: what the formulas are to solve.
        formulas: an expression of the coordinates for each unknown.
        seconds: for all rewritings together; what is not proved by then is of a lower level.
    """
    deadline = monotonic() + seconds
    if any(e.atoms(Given) for e in _expressions(problem)):
        return Certificate(Level.NONE, reason="the problem holds a function that is no formula")
    checks = []
    for claim in claims(problem):
        check = _check(problem, claim, formulas, deadline)
        checks.append(check)
        if check.level is Level.NONE:
            reason = f'"{check.name}" does not hold ({check.how})'
            return Certificate(Level.NONE, tuple(checks), reason)
    level = min((c.level for c in checks), default=Level.NONE)
    if any(e.has(Float) for e in formulas.values()):  # whatever cancelled: a float is not exact
        level = min(level, Level.NUMERIC)
    return Certificate(level, tuple(checks))


def _is_exact_integral(problem: Problem, claim: IntegralClaim, expression: Expr) -> bool:
    """Return whether sympy integrates an expression over a box to the exact value."""
    box = None if claim.normals is not None else as_box(problem.domain)
    if box is None or not claim.whole or expression.has(Float):
        return False
    ends = [tuple(map(exact_number, r)) for r in box.ranges]
    limits = [(c, *r) for c, r in zip(problem.coordinates, ends, strict=True)]
    found = bounded(lambda: integrate(expression, *limits), seconds=INTEGRAL_SECONDS)
    if found is None:
        return False
    difference = bounded(lambda: simplify(found - exact_number(claim.value)), seconds=2.0)
    return bool(difference == 0)


def _expressions(problem: Problem) -> Sequence[Expr]:
    return [*problem.equations.values(), *(c.expression for c in problem.conditions)]


def _check(problem: Problem, claim: AnyClaim, formulas: Formulas, deadline: float) -> Check:
    if isinstance(claim, Claim):
        residual = claim.residual(formulas)
        verdict = vanishes(residual, claim.ranges, deadline)
        if verdict.level is Level.NUMERIC:
            verdict = _relative(verdict, _size(problem, claim, formulas))
    elif isinstance(claim, IntegralClaim):
        verdict = _integral(problem, claim, formulas)
    else:
        verdict = _at_points(problem, claim, formulas)
    is_data = isinstance(claim, PointClaim) and claim.is_measured
    return Check(claim.name, verdict.level, verdict.largest, verdict.how, is_data)


def _relative(verdict: Verdict, size: float) -> Verdict:
    if verdict.largest <= NUMERIC_LIMIT * max(size, 1e-300):
        return verdict
    how = f"refuted: it is {verdict.largest:.1e} where its terms are {size:.1e}"
    return Verdict(Level.NONE, verdict.largest, how)


def _size(problem: Problem, claim: Claim, formulas: Formulas) -> float:
    """Return the size of a claim's terms in the domain, of a condition's unknowns too."""
    points = problem.domain.interior(200, seed=3)
    largest = 1e-300
    terms = [
        substituted(term, formulas).subs(dict(claim.place))
        for term in claim.expression.as_ordered_terms()
    ]
    for found in [*terms, *(formulas.values() if claim.place else ())]:
        if not found.free_symbols <= set(problem.coordinates):
            continue
        values = np.abs(evaluate(found, problem.coordinates, points))
        largest = max(largest, float(np.nanmax(values, initial=0.0)))
    return largest


def _at_points(problem: Problem, claim: PointClaim, formulas: Formulas) -> Verdict:
    expression = substituted(claim.expression, formulas)
    found = evaluate(expression, problem.coordinates, claim.points, claim.normals)
    difference = np.abs(found - claim.values)
    if not np.isfinite(difference).all():
        return Verdict(Level.NONE, float("inf"), "not finite")
    largest = float(difference.max())
    size = float(max(np.abs(claim.values).max(), np.abs(found).max(), 1e-300))
    if claim.noise is not None:
        return _noisy(claim, found - claim.values, claim.noise, largest)
    if len(claim.points) == 1 and largest <= ROUNDING * max(size, 1.0):
        return Verdict(Level.PROVED, 0.0, "equal to the given number in double precision")
    if largest <= NUMERIC_LIMIT * max(size, 1.0):
        return Verdict(Level.NUMERIC, largest, "evaluated in double precision")
    spread = float(np.std(claim.values))
    if claim.is_measured and len(difference) >= LEAST_POINTS and spread > 0:
        return _noisy(claim, found - claim.values, None, largest)
    return Verdict(Level.NONE, largest, "evaluated in double precision")


def _noisy(
    claim: PointClaim, residual: np.ndarray, noise: np.ndarray | None, largest: float
) -> Verdict:
    """Judge residuals of data with noise: of its size if that is known, and without a trend."""
    if noise is not None:
        scaled = residual / noise
        misfit = float(np.sqrt(np.mean(scaled**2)))
        how, limit = f"misfit {misfit:.2f} standard deviations", LARGEST_MISFIT
    else:
        scaled = residual
        misfit = float(np.sqrt(np.mean(residual**2)) / np.std(claim.values))
        how, limit = f"misfit {misfit:.1e} of the spread of the data", LARGEST_NOISE
    if misfit > limit:
        return Verdict(Level.NONE, largest, how)
    if len(residual) < LEAST_POINTS:
        return Verdict(Level.FITTED, largest, f"{how}, too few points to look for a trend")
    if has_trend(claim.points, scaled):
        return Verdict(Level.NONE, largest, f"{how}, with a trend")
    return Verdict(Level.FITTED, largest, f"{how}, without a trend")


def _integral(problem: Problem, claim: IntegralClaim, formulas: Formulas) -> Verdict:
    expression = substituted(claim.expression, formulas)
    if _is_exact_integral(problem, claim, expression):
        return Verdict(Level.PROVED, 0.0, "by integration")
    found = evaluate(expression, problem.coordinates, claim.points, claim.normals)
    difference = abs(float(claim.weights @ found) - claim.value)
    size = float(claim.weights @ np.abs(found)) + abs(claim.value)
    if not np.isfinite(difference):
        return Verdict(Level.NONE, float("inf"), "not finite")
    if difference <= ROUNDING * max(size, 1.0):
        exact = not any(f.has(Float) for f in formulas.values())
        level = Level.CERTIFIED if exact else Level.NUMERIC
        return Verdict(level, difference, "by quadrature in double precision")
    level = Level.NUMERIC if difference <= NUMERIC_LIMIT * max(size, 1.0) else Level.NONE
    return Verdict(level, difference, "by quadrature in double precision")
