"""A function of one variable by its values and derivatives at points, twice: with its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from sympy import Symbol

from kanpde.formula.template import rms

ARGUMENT = Symbol("argument", real=True)
"""What an outer function is written in."""

FLOOR = 1e-12
"""A combination this small is zero whatever the noise."""

NOISE_FACTOR = 8.0
"""A combination is zero if it is below so many times its noise, and below ``REFUTED``."""

REFUTED = 1e-3
"""A combination above that is not zero even where the noise is larger."""


@dataclass(frozen=True)
class Sampled:
    """Values and derivatives of a function f of one variable.

    Args:
        x: where, (N,).
        jets: two draws of f, f', f'', ..., shape (2, K + 1, N).
        error: of the values, relative.
    """

    x: np.ndarray
    jets: np.ndarray
    error: float

    @property
    def highest(self) -> int:
        """The highest order of derivative."""
        return self.jets.shape[1] - 1

    @property
    def f(self) -> np.ndarray:
        """The values of the first draw, (N,)."""
        return self.jets[0, 0]

    def composed(self, g: Callable[[np.ndarray], list[np.ndarray]]) -> Sampled | None:
        """Return g(f), or None where it is not finite.

        Args:
            g: gives the outer function and its first four derivatives at the values.
        """
        draws = []
        for jet in self.jets:
            with np.errstate(all="ignore"):
                columns = [np.broadcast_to(c, jet[0].shape) for c in g(jet[0])]
                draws.append(_chain(columns, jet[: min(len(jet), 5)]))
        jets = np.array(draws)
        if np.iscomplexobj(jets) or not np.isfinite(jets).all() or np.abs(jets).max() > 1e120:
            return None
        return Sampled(self.x, jets, self.error)

    def times_power(self, m: int) -> Sampled:
        """Return the function x^m f."""
        powers, factor = [], 1.0
        for k in range(self.highest + 1):
            powers.append(factor * self.x ** float(m - k) if factor else 0 * self.x)
            factor *= m - k
        jets = [
            sum(comb(k, j) * powers[k - j] * self.jets[:, j] for j in range(k + 1))
            for k in range(self.highest + 1)
        ]
        return Sampled(self.x, np.stack(jets, axis=1), self.error)


def _chain(g: list[np.ndarray], f: np.ndarray) -> np.ndarray:
    """Return the derivatives of g(f) up to the fourth by Faa di Bruno's formula."""
    h = [g[0]]
    if len(f) > 1:
        h.append(g[1] * f[1])
    if len(f) > 2:
        h.append(g[2] * f[1] ** 2 + g[1] * f[2])
    if len(f) > 3:
        h.append(g[3] * f[1] ** 3 + 3 * g[2] * f[1] * f[2] + g[1] * f[3])
    if len(f) > 4:
        h.append(
            g[4] * f[1] ** 4
            + 6 * g[3] * f[1] ** 2 * f[2]
            + g[2] * (3 * f[2] ** 2 + 4 * f[1] * f[3])
            + g[1] * f[4]
        )
    return np.array(h)


def null_vector(columns: np.ndarray) -> np.ndarray | None:
    """Return weights w with sum_j w_j column_j = 0 up to the noise, as sparse as that allows.

    The smallest right singular vector of the normalised columns, if its residual is explained by
    the disagreement of the two draws; then the least contributing column is left out as long as
    that stays so. A column that is left out has weight zero.

    Args:
        columns: two draws of each, (m, 2, N).

    Returns:
        (m,), or None if the columns are independent.
    """
    # A column that vanishes altogether is a null vector by itself, and says nothing here.
    active = [j for j in range(len(columns)) if rms(columns[j, 0]) > 0]
    if len(active) < 2:
        return None
    fit = _smallest(columns, active)
    if fit is None:
        return None
    while len(active) > 2:
        for j in np.argsort(fit[1]):
            fewer = [a for i, a in enumerate(active) if i != j]
            found = _smallest(columns, fewer)
            if found is not None:
                active, fit = fewer, found
                break
        else:
            break
    whole = np.zeros(len(columns))
    whole[active] = fit[0]
    return whole


def _smallest(columns: np.ndarray, active: list[int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the null vector of some columns and the share of each, or None if there is none."""
    a = columns[active, 0].T
    if not np.isfinite(a).all():
        return None
    size = rms(a, axis=0) + 1e-300
    w = np.linalg.svd(a / size, full_matrices=False)[2][-1] / size
    shares = np.abs(w) * size
    largest = shares.max()
    residual = float(rms(a @ w)) / largest
    noise = float(rms((columns[active, 0] - columns[active, 1]).T @ w)) / largest
    if residual < max(NOISE_FACTOR * noise, FLOOR) and residual < REFUTED:
        return w, shares / largest
    return None
