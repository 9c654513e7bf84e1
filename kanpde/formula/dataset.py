"""Plain data as something to read a formula from: series fitted on boxes, with their error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.polynomial import chebyshev
from sympy.core.function import AppliedUndef

from kanpde.formula.field import LEAST_ERROR, Field
from kanpde.formula.template import rms
from kanpde.problem import Measured, Problem

COLUMNS_PER_POINT = 0.45
"""At most so many coefficients for each point that is fitted."""

MOST_COLUMNS = 700
LEAST_POINTS = 12
MOST_COORDINATES = 6
DEGREES = (*range(9), 10, 12, 15, 18, 22, 26, 30, 36, 42, 50, 60)
"""Total degrees that are tried."""


@dataclass(frozen=True)
class Dataset:
    """Values of one unknown at points.

    Args:
        points: (N, D).
        values: (N,).
        noise: standard deviations (N,), or None where they are not known.
    """

    points: np.ndarray
    values: np.ndarray
    noise: np.ndarray | None = None

    @property
    def weights(self) -> np.ndarray:
        """One over the noise, of mean square one, (N,)."""
        if self.noise is None:
            return np.ones(len(self.values))
        return 1 / self.noise / rms(1 / self.noise)

    def inside(self, lower: np.ndarray, upper: np.ndarray) -> Dataset:
        """Return the part of it in a box."""
        kept = ((self.points >= lower) & (self.points <= upper)).all(axis=1)
        noise = None if self.noise is None else self.noise[kept]
        return Dataset(self.points[kept], self.values[kept], noise)


def datasets(problem: Problem) -> dict[AppliedUndef, Dataset] | None:
    """Return the data of each unknown of a problem that is nothing but data, or None."""
    if problem.equations:
        return None
    found: dict[AppliedUndef, list[Measured]] = {u: [] for u in problem.unknowns}
    for condition in problem.conditions:
        if not isinstance(condition.on, Measured) or condition.expression not in found:
            return None
        found[condition.expression].append(condition.on)
    if not all(found.values()):
        return None
    return {u: _joined(parts) for u, parts in found.items()}


def _joined(parts: list[Measured]) -> Dataset:
    noise = None
    if all(p.noise is not None for p in parts):
        noise = np.concatenate([p.noise for p in parts])
    points = np.concatenate([p.points for p in parts])
    return Dataset(points, np.concatenate([p.values for p in parts]), noise)


def fitted_field(data: Dataset) -> Field | None:
    """Return the Chebyshev series that predicts held-out data best, or None for too few data.

    The degree grows as long as every fifth point, left out, is predicted better.

    Args:
        data: of up to four coordinates.
    """
    if len(data.values) < LEAST_POINTS or data.points.shape[1] > MOST_COORDINATES:
        return None
    lower, upper = data.points.min(axis=0), data.points.max(axis=0)
    if (upper <= lower).any():
        return None
    unit = 2 * (data.points - lower) / (upper - lower) - 1
    trials = [_isotropic(data, unit), _anisotropic(data, unit)]
    found = [t for t in trials if t is not None]
    if not found:
        return None
    best, powers = min(found, key=lambda t: t[0])
    c = _solved(design(unit, powers), data.values, data.weights)
    series = np.zeros([max(2, k + 1) for k in powers.max(axis=0)])
    series[tuple(powers.T)] = c
    error = max(best, LEAST_ERROR)
    level = error * np.abs(series).max() / np.sqrt(len(powers))
    noise = np.zeros_like(series)
    noise[tuple(powers.T)] = level * np.random.default_rng(1).normal(size=len(powers))
    return Field(np.stack([series, series + noise]), lower, upper, error)


def _isotropic(data: Dataset, unit: np.ndarray) -> tuple[float, np.ndarray] | None:
    """Return the error and the powers of the best total degree."""
    best: tuple[float, np.ndarray] | None = None
    for degree in DEGREES:
        powers = _powers(degree, unit.shape[1])
        error = _held_out(data, unit, powers)
        if error is None or (best is not None and error > 30 * best[0]):
            break
        if best is None or error < best[0]:
            best = error, powers
    return best


def _anisotropic(data: Dataset, unit: np.ndarray) -> tuple[float, np.ndarray] | None:
    """Return the error and the powers of the best degrees along each axis, raised one by one."""
    if unit.shape[1] == 1:
        return None
    places = [1] * unit.shape[1]
    best: tuple[float, np.ndarray] | None = None
    while max(places) < len(DEGREES) - 1:
        trials = []
        for axis in range(len(places)):
            raised = [p + (i == axis) for i, p in enumerate(places)]
            powers = np.array(list(product(*(range(DEGREES[p] + 1) for p in raised))))
            error = _held_out(data, unit, powers)
            if error is not None:
                trials.append((error, raised, powers))
        if not trials:
            break
        error, places, powers = min(trials, key=lambda t: t[0])
        if best is None or error < best[0]:
            best = error, powers
        elif error > 30 * best[0]:
            break
    return best


def _held_out(data: Dataset, unit: np.ndarray, powers: np.ndarray) -> float | None:
    """Return the relative error at every fifth point, left out; None for too many columns."""
    held = np.arange(len(data.values)) % 5 == 2
    if len(powers) > min(MOST_COLUMNS, COLUMNS_PER_POINT * (~held).sum()):
        return None
    a = design(unit, powers)
    c = _solved(a[~held], data.values[~held], data.weights[~held])
    return float(rms((data.values - a @ c)[held])) / (float(rms(data.values)) or 1.0)


def fields_on_boxes(data: Dataset) -> Iterator[Field]:
    """Return series on the whole, then on halves and corners, where a kink or pole is left out."""
    lower, upper = data.points.min(axis=0), data.points.max(axis=0)
    whole = fitted_field(data)
    if whole is not None:
        yield whole
    widths = upper - lower
    found = []
    for share in (0.5, 0.35):
        for corner in product((0.0, 1.0), repeat=len(lower)):
            low = lower + np.array(corner) * (1 - share) * widths
            field = fitted_field(data.inside(low, low + share * widths))
            if field is not None:
                found.append(field)
    yield from sorted(found, key=lambda f: f.error)[:2]


def design(unit: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return products of Chebyshev polynomials at points of [-1, 1]^D, (N, M).

    Args:
        unit: (N, D).
        powers: degrees of each product, (M, D).
    """
    a = np.ones((len(unit), len(powers)))
    for i, column in enumerate(unit.T):
        a *= chebyshev.chebvander(column, int(powers[:, i].max()))[:, powers[:, i]]
    return a


def _powers(degree: int, dimension: int) -> np.ndarray:
    every = product(range(degree + 1), repeat=dimension)
    return np.array([p for p in every if sum(p) <= degree])


def _solved(a: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(a * weights[:, None], values * weights, rcond=1e-13)[0]
