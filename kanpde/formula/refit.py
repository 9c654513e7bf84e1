"""Refit the constants of templates: first on the field, then on equations and conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import Expr, Symbol, lambdify, nan, oo, zoo
from sympy.core.function import AppliedUndef

from kanpde.formula.bounded import bounded
from kanpde.formula.claims import AnyClaim, Claim, IntegralClaim, PointClaim, substituted
from kanpde.formula.field import Readable
from kanpde.problem import Problem
from kanpde.problem.symbols import NormalComponent

Residual = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A map from constants (P,) to residuals (N,) and their Jacobian (N, P)."""

CONDITION_WEIGHT = 3.0
COMPILE_SECONDS = 10.0


@dataclass(frozen=True)
class Fit:
    """Constants and how well they fit.

    Args:
        values: (P,).
        residual: the root of the sum of squares, each group of N rows over N.
        jacobian: (N, P), or None where the residual is not finite.
    """

    values: np.ndarray
    residual: float
    jacobian: np.ndarray | None

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviations of the constants by the residual that is left, (P,)."""
        if self.jacobian is None:
            return np.full(len(self.values), np.inf)
        information = self.jacobian.T @ self.jacobian
        covariance = np.linalg.pinv(information, hermitian=True) * (self.residual**2 + 1e-30)
        return np.sqrt(np.abs(np.diag(covariance)))

    def free_direction(self) -> np.ndarray | None:
        """Return a direction in which the constants are not determined, scaled, or None."""
        if self.jacobian is None or not len(self.values):
            return None
        size = np.sqrt((self.jacobian**2).sum(axis=0))
        if (size < 1e-13 * max(size.max(), 1e-300)).any():
            return (size < 1e-13 * max(size.max(), 1e-300)).astype(float)
        _, s, vt = np.linalg.svd(self.jacobian / size, full_matrices=False)
        return vt[-1] if s[-1] < 1e-9 * s[0] else None


def levenberg_marquardt(residual: Residual, start: np.ndarray, *, iterations: int = 120) -> Fit:
    """Minimise a sum of squares in a few constants, to rounding.

    Args:
        residual: residuals and Jacobian.
        start: (P,).
        iterations: at most.
    """
    c = np.array(start, dtype=np.float64)
    with np.errstate(all="ignore"):
        r, jacobian = residual(c)
        if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
            return Fit(c, float("inf"), None)
        damping = 1e-3
        for _ in range(iterations if len(c) else 0):
            size = np.sqrt((jacobian**2).sum(axis=0)) + 1e-300
            a = np.vstack([jacobian / size, np.sqrt(damping) * np.eye(len(c))])
            b = np.concatenate([r, np.zeros(len(c))])
            step = -np.linalg.lstsq(a, b, rcond=None)[0] / size
            trial, slope = residual(c + step)
            finite = np.isfinite(trial).all() and np.isfinite(slope).all()
            if finite and trial @ trial < r @ r:
                gain = 1 - (trial @ trial) / (r @ r)
                c, r, jacobian = c + step, trial, slope
                damping = max(damping / 8, 1e-15)
                if np.linalg.norm(step) < 1e-15 * np.linalg.norm(c):
                    break
                if gain < 1e-3 and r @ r < 1e-24:
                    break
            else:
                damping = 6 * max(damping, 1e-12)
                if damping > 1e10:
                    break
    return Fit(c, float(np.sqrt(r @ r)), jacobian)


@dataclass(frozen=True)
class _Rows:
    """Rows of a least-squares problem: an expression at points, minus values, times weights."""

    expression: Expr
    symbols: tuple[Symbol, ...]
    columns: tuple[np.ndarray, ...]
    values: np.ndarray
    weights: np.ndarray
    total: bool = False

    def _compiled(self, constants: Sequence[Symbol]) -> Callable[..., list] | None:
        """Return expression and derivatives by the constants as a function, None if singular."""
        both = [self.expression, *(self.expression.diff(c) for c in constants)]
        if any(e.has(zoo, nan, oo) for e in both):
            return None
        arguments = [*self.symbols, *constants]
        return lambdify(arguments, both, modules=["scipy", "numpy"], cse=True)

    def function(self, constants: Sequence[Symbol]) -> Residual:
        """Return the rows as a function of the constants."""
        size = len(self.weights)
        compiled = bounded(self._compiled, constants, seconds=COMPILE_SECONDS)
        if compiled is None:  # singular whatever the constants are, or too long to handle
            return lambda c: (np.full(size, np.nan), np.zeros((size, len(c))))

        def residual(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found = [_real(f, size) for f in compiled(*self.columns, *c)]
            r = self.weights * (found[0] - self.values)
            jacobian = np.stack([self.weights * f for f in found[1:]], axis=1)
            if self.total:
                return r.sum(keepdims=True), jacobian.sum(axis=0, keepdims=True)
            return r, jacobian

        if not constants:
            return lambda c: (self.weights * 0, np.zeros((size, 0)))
        return residual


def compiled_residual(
    expression: Expr,
    symbols: Sequence[Symbol],
    columns: Sequence[np.ndarray],
    values: np.ndarray,
    weights: np.ndarray,
    constants: Sequence[Symbol],
) -> Residual:
    """Return an expression at points, minus values, times weights, as a function of constants.

    Args:
        expression: of the symbols and constants.
        symbols: whose values are the columns.
        columns: (N,) each.
        values: (N,).
        weights: (N,).
        constants: the arguments of the residual.
    """
    return _Rows(expression, tuple(symbols), tuple(columns), values, weights).function(constants)


def _real(found: object, size: int) -> np.ndarray:
    array = np.broadcast_to(np.asarray(found), (size,))
    if np.iscomplexobj(array):
        return np.where(np.abs(array.imag) > 1e-9 * np.abs(array.real), np.nan, array.real)
    return array


def _together(rows: Sequence[_Rows], constants: Sequence[Symbol]) -> Residual:
    functions = [row.function(constants) for row in rows]

    def residual(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [f(c) for f in functions]
        return np.concatenate([r for r, _ in pairs]), np.vstack([j for _, j in pairs])

    return residual


def fit_field(
    templates: Mapping[AppliedUndef, Expr],
    fields: Mapping[AppliedUndef, Readable],
    coordinates: Sequence[Symbol],
    constants: Mapping[Symbol, float],
) -> Fit:
    """Fit constants to the values of the fields; the residual is relative to their sizes."""
    rows = []
    for unknown, expression in templates.items():
        field = fields[unknown]
        points = field.scattered(60 * field.dimension + 60, seed=11)
        values = field.derivative((0,) * field.dimension, points)[0]
        weight = 1 / (max(np.sqrt(np.mean(values**2)), 1e-300) * np.sqrt(len(values)))
        rows.append(
            _Rows(
                expression,
                tuple(coordinates),
                tuple(points),
                values,
                np.full(len(values), weight),
            )
        )
    residual = _together(rows, list(constants))
    return levenberg_marquardt(residual, np.array(list(constants.values())), iterations=60)


def fit_physics(
    problem: Problem,
    claimed: Sequence[AnyClaim],
    templates: Mapping[AppliedUndef, Expr],
    constants: Mapping[Symbol, float],
) -> Fit:
    """Fit constants to the equations and conditions of a problem, to rounding.

    The field is not used: its error does not matter once the template is right.
    """
    rows = list(_physics(problem, claimed, templates))
    if not rows:
        return Fit(np.array(list(constants.values())), 0.0, None)
    residual = _together(rows, list(constants))
    return levenberg_marquardt(residual, np.array(list(constants.values())))


def _physics(
    problem: Problem, claimed: Sequence[AnyClaim], templates: Mapping[AppliedUndef, Expr]
) -> list[_Rows]:
    generator = np.random.default_rng(1)
    interior = problem.domain.interior(80 * problem.dimension + 40, seed=17)
    rows = []
    for claim in claimed:
        if isinstance(claim, Claim):
            expression = claim.residual(templates)
            if not claim.place:
                symbols, columns = problem.coordinates, tuple(interior.T)
                weight = 1.0
            else:
                symbols = tuple(claim.ranges)
                columns = tuple(generator.uniform(a, b, 30) for a, b in claim.ranges.values())
                weight = CONDITION_WEIGHT
            size = len(columns[0]) if columns else 1
            values = np.zeros(size)
        else:
            expression = substituted(claim.expression, templates)
            symbols, columns = _with_normals(problem, claim)
            size, weight = len(claim.points), CONDITION_WEIGHT
            values = claim.values if isinstance(claim, PointClaim) else np.zeros(size)
        if expression == 0 and isinstance(claim, Claim):
            continue
        total = isinstance(claim, IntegralClaim)
        weights = np.full(size, weight / np.sqrt(size))
        if isinstance(claim, IntegralClaim):
            weights = claim.weights
            values = np.full(size, claim.value / claim.weights.sum())
        rows.append(_Rows(expression, symbols, columns, values, weights, total))
    return rows


def _with_normals(
    problem: Problem, claim: PointClaim | IntegralClaim
) -> tuple[tuple[Symbol, ...], tuple[np.ndarray, ...]]:
    symbols: tuple[Symbol, ...] = problem.coordinates
    columns = tuple(claim.points.T)
    if claim.normals is None:
        return symbols, columns
    normals = tuple(NormalComponent(c.name) for c in problem.coordinates)
    return (*symbols, *normals), (*columns, *claim.normals.T)
