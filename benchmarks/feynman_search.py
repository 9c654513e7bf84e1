"""Fields fitted to values alone, their structure chosen by values kept aside.

A field stands behind an output edge that has an inverse, times powers of variables, and sees
variables or sums and products of two of them (:class:`View`). Three kinds are tried: ladders,
quotients of two polynomials, and sums of products of one edge for each coordinate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, permutations
from math import comb

import numpy as np
from scipy.linalg import qr, solve_triangular

from kanpde import (
    Box,
    Chebyshev,
    Data,
    LevenbergMarquardt,
    Problem,
    SeparableKAN,
    coordinates,
    solve,
    unknown,
)

ENOUGH = 1e-9
"""Relative error at the points kept aside below which nothing more is tried."""
SIMPLER = 20.0
"""A field of one coordinate less may have so many times the error: the next one gains more."""
CLOSE = 1e-2
"""Error of a field whose slopes tell something."""
ASIDE = 0.2
"""Part of the points that is kept aside to choose by."""
MOST = 0.7
"""Coefficients of a quotient for each point that it is fitted to, at most."""
NEAR = 0.08
"""Distance within which an exponent is taken to be a multiple of one half."""

Function = Callable[[np.ndarray], np.ndarray]
Join = Callable[[np.ndarray, np.ndarray], np.ndarray]
Ranges = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Link:
    """An output edge with its inverse, and where it applies."""

    name: str
    forward: Function
    inverse: Function
    applies: Callable[[np.ndarray], bool] = lambda values: True


LINKS = (
    Link("u", lambda u: u, lambda v: v),
    Link("1/u", lambda u: 1 / u, lambda v: 1 / v, lambda u: _apart(u)),
    Link("sqrt(u)", np.square, lambda v: np.sqrt(np.maximum(v, 0)), lambda u: u.min() >= 0),
    Link("-sqrt(u)", np.square, lambda v: -np.sqrt(np.maximum(v, 0)), lambda u: u.max() <= 0),
    Link("1/sqrt(u)", lambda u: u**-2, lambda v: v**-0.5, lambda u: _apart(u) and u.min() > 0),
    Link("exp(u)", np.log, np.exp, lambda u: u.min() > 1e-12 * u.max()),
    Link(
        "asin(u)",
        np.sin,
        lambda v: np.arcsin(np.clip(v, -1, 1)),
        lambda u: np.abs(u).max() <= np.pi / 2,
    ),
    Link("tanh(u)", np.arctanh, np.tanh, lambda u: np.abs(u).max() < 1),
    Link(
        "acos(u)",
        np.cos,
        lambda v: np.arccos(np.clip(v, -1, 1)),
        lambda u: u.min() >= 0 and u.max() <= np.pi,
    ),
)
RECIPROCAL = ("1/u", "1/sqrt(u)")
"""Links that change nothing for a quotient."""


# Kinds of fields -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Ladder:
    """Polynomials of all or of few coordinates at a time, by least squares."""

    tol: float = 1e-9
    name = "ladder"

    def fitted(self, ranges: Ranges, points: np.ndarray, values: np.ndarray, seed: int) -> Made:
        """Return the field and its number of parameters."""
        return _solved(ranges, points, values, seed, self)


@dataclass(frozen=True)
class Products:
    """Sums of products of one edge for each coordinate, by Levenberg-Marquardt."""

    rank: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.rank} products"

    def fitted(self, ranges: Ranges, points: np.ndarray, values: np.ndarray, seed: int) -> Made:
        """Return the field and its number of parameters."""
        if self.rank * self.size * len(ranges) > 500:
            return None
        return _solved(ranges, points, values, seed, self)


@dataclass(frozen=True)
class Quotient:
    """Two polynomials of all coordinates, one over the other, or over the root of the other.

    P and Q with v Q = P, or v^2 Q = P, are the last singular vector; behind the root the
    polynomial P is then fitted to v times the root of Q.
    """

    above: int
    below: int
    root: bool = False

    @property
    def name(self) -> str:
        return f"quotient {self.above}/{'root ' if self.root else ''}{self.below}"

    def fitted(self, ranges: Ranges, points: np.ndarray, values: np.ndarray, seed: int) -> Made:
        """Return the field and its number of parameters, or None if there are too few points."""
        size = [comb(len(ranges) + d, d) for d in (self.above, self.below)]
        if sum(size) > MOST * len(points) or not np.isfinite(values).all():
            return None
        top, bottom = (_polynomials(points, ranges, d) for d in (self.above, self.below))
        power = 2 if self.root else 1
        p, q = _null(top, bottom, values**power)
        if self.root:
            p = np.linalg.lstsq(top, values * np.sqrt(np.abs(bottom @ q)), rcond=1e-13)[0]

        def field(x: np.ndarray) -> np.ndarray:
            over = _polynomials(x, ranges, self.below) @ q
            over = np.sqrt(np.abs(over)) if self.root else over
            return _polynomials(x, ranges, self.above) @ p / over

        return field, sum(size)


Kind = Ladder | Quotient | Products
_SMALL = ((1, 1), (2, 1), (2, 2), (3, 2), (4, 2), (3, 3), (4, 4), (6, 4), (5, 5), (6, 6), (8, 8))
DEGREES = (*_SMALL, (12, 12), (16, 16), (20, 20))
"""Of quotients, in the order in which they are tried."""
EVEN = ((2, 2), (4, 4), (6, 6), (8, 8), (12, 12), (16, 16))
"""Of quotients where many views are tried."""
Made = tuple[Function, int] | None


def _solved(
    ranges: Ranges, points: np.ndarray, values: np.ndarray, seed: int, kind: Ladder | Products
) -> Made:
    """Return a field that kanpde finds from data, and its number of parameters."""
    names = [f"x{i}" for i in range(len(ranges))]
    space = coordinates(" ".join(names))
    space = space if isinstance(space, tuple) else (space,)
    u = unknown("u", *space)
    box = Box(**dict(zip(names, ranges, strict=True)))
    scale = float(np.sqrt(np.mean(values**2)))
    if not (np.isfinite(values).all() and scale > 0):
        return None
    problem = Problem(box, [], [Data(u, points, values / scale)])
    if isinstance(kind, Ladder):
        solution = solve(problem, tol=kind.tol, seed=seed)
    else:
        around = 1.0 if values.min() > 0 else -1.0 if values.max() < 0 else 0.0
        bases = [Chebyshev(kind.size - 1)] * len(names)
        network = SeparableKAN(kind.rank, bases, around=around)
        plan = [LevenbergMarquardt(iterations=100, stall=1e-2)]
        solution = solve(problem, network, plan, seed=seed)
    return lambda p: scale * solution.at(p)[:, 0], solution.parameters


def _polynomials(points: np.ndarray, ranges: Ranges, degree: int) -> np.ndarray:
    """Return products of Chebyshev polynomials of total degree at most ``degree``, (N, C)."""
    lower, upper = np.array(ranges, dtype=float).T
    unit = (2 * points - lower - upper) / (upper - lower)
    table = np.polynomial.chebyshev.chebvander(unit, degree)
    blocks = [(degree, np.ones((len(points), 1)))]
    for axis in range(points.shape[1]):
        grown: dict[int, list[np.ndarray]] = {}
        for left, block in blocks:
            for k in range(left + 1):
                grown.setdefault(left - k, []).append(block * table[:, axis, k, None])
        blocks = [(left, np.hstack(parts)) for left, parts in grown.items()]
    return np.hstack([block for _, block in blocks])


def _null(top: np.ndarray, bottom: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and q of unit length together with ``top p - v bottom q`` least, by rows scaled."""
    rows = np.hstack([top, -v[:, None] * bottom]) / np.sqrt(1 + v**2 / np.mean(v**2))[:, None]
    scale = np.linalg.norm(rows, axis=0)
    r = qr(rows / scale, mode="r", check_finite=False)[0][: rows.shape[1]]
    floor = 1e-18 * np.abs(r).max()
    diagonal = np.diagonal(r).copy()
    np.fill_diagonal(r, np.where(np.abs(diagonal) < floor, floor, diagonal))
    x = np.ones(len(r))
    for _ in range(4):  # inverse iteration
        x = solve_triangular(r, solve_triangular(r, x, trans="T"))
        x /= np.linalg.norm(x)
    x /= scale
    return x[: top.shape[1]], x[top.shape[1] :]


# What a field sees ---------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """Coordinates of a field: variables, and sums and products of powers of two of them."""

    maps: tuple[Function, ...]
    ranges: tuple[tuple[float, float], ...]

    @staticmethod
    def of(kept: Sequence[int], ranges: np.ndarray) -> View:
        """Return the view of some of the variables."""
        maps = tuple((lambda p, k=k: p[:, k]) for k in kept)
        return View(maps, tuple((float(a), float(b)) for a, b in ranges[list(kept)]))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.stack([m(points) for m in self.maps], axis=1)

    def merged(
        self, i: int, j: int, join: Join, points: np.ndarray, *, keep: bool = False
    ) -> View | None:
        """Return the view with one coordinate, as far as points reach, in the place of two.

        Args:
            i: a coordinate.
            j: another.
            join: maps arrays of both to the new one.
            points: (N, D).
            keep: whether the view keeps coordinate j besides.
        """
        one, other = self.maps[i], self.maps[j]
        marks = [(a, 0.0, b) if a < 0 < b else (a, b) for a, b in (self.ranges[i], self.ranges[j])]
        ends = join(*(g.ravel() for g in np.meshgrid(*marks)))
        if not np.isfinite(ends).all():
            return None
        left = [k for k in range(len(self.maps)) if k != i and (keep or k != j)]
        own = join(one(points), other(points))
        maps = (lambda p: join(one(p), other(p)), *(self.maps[k] for k in left))
        return View(maps, ((float(own.min()), float(own.max())), *(self.ranges[k] for k in left)))


@dataclass(frozen=True)
class Fit:
    """A fitted field behind its output edge, times powers of some variables.

    Args:
        gap: relative error at the points kept aside.
    """

    field: Function
    link: Link
    powers: np.ndarray
    view: View
    kind: Kind
    parameters: int
    gap: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.link.inverse(self.field(self.view(points))) * factor(points, self.powers)


# The search ----------------------------------------------------------------------------------


class Search:
    """The best fit so far, by the points kept aside."""

    def __init__(
        self, points: np.ndarray, values: np.ndarray, ranges: np.ndarray, *, seed: int, stop: float
    ) -> None:
        self._points, self._values, self._ranges = points, values, ranges
        self._seed, self._stop = seed, stop
        self._pause = stop
        self._used = len(points) - int(ASIDE * len(points))
        self.best: Fit | None = None

    @property
    def is_over(self) -> bool:
        return self.is_late or (self.best is not None and self.best.gap < ENOUGH)

    @property
    def is_late(self) -> bool:
        return self.best is not None and time.process_time() > self._pause

    def run(self) -> None:
        """Try all variables; without those that only factors depend on; merged ones; products."""
        every, nothing = tuple(range(len(self._ranges))), np.zeros(len(self._ranges))
        spread = vanishing(self._points, self._values, self._ranges)
        tried = [*reductions(self._points, self._values, self._ranges), (spread, every)]
        tried = [(p, k) for p, k in tried if p.any()]
        for powers, kept in (*tried, (nothing, every)):
            now = time.process_time()
            self._pause = now + (self._stop - now) / 2  # half of what is left
            if self.best is None or self.best.gap > ENOUGH:
                self.structured(powers, View.of(kept, self._ranges))
        self._pause = self._stop
        for kept in fewer(spread):
            self.fits(spread, View.of(kept, self._ranges), LINKS[:3])
        for rank in (1, 2, 3, 4, 6):
            if rank == 2:
                for powers, kept in tried:
                    self.sheared(powers, kept)
            for size in (12, 24):
                for link in LINKS:
                    if not self.is_over and self.best is not None:
                        self.attempt(self.best.powers, self.best.view, link, Products(rank, size))

    def sheared(self, powers: np.ndarray, kept: Sequence[int]) -> None:
        """Try one product in views with a sum or a product in the place of one coordinate."""
        views = [View.of(kept, self._ranges)]
        views += [View.of(k, self._ranges) for k in fewer(powers) if set(k) < set(kept)]
        for view in views:
            if not 2 <= len(view.maps) <= 3:
                continue
            for i, j in permutations(range(len(view.maps)), 2):
                for join in (partial(_power, 1), partial(_linear, 1), partial(_linear, -1)):
                    other = view.merged(i, j, join, self._points, keep=True)
                    if other is not None:
                        self.attempt(powers, other, LINKS[0], Products(1, 24))

    def finish(self) -> Fit:
        """Return the best fit made anew, of a finer kind if that is better, from all points."""
        best = self.best
        assert best is not None
        finer: list[Kind] = [best.kind, Ladder(1e-13)]
        if isinstance(best.kind, Quotient):
            finer += [Quotient(a, b, best.kind.root) for a, b in DEGREES if b > best.kind.below]
        used, count = self._used, len(self._points)
        fits = [self._fitted(best.powers, best.view, best.link, kind, used) for kind in finer]
        chosen = min((f for f in fits if f is not None), key=lambda f: f.gap)
        whole = self._fitted(best.powers, best.view, best.link, chosen.kind, count)
        return chosen if whole is None else replace(whole, gap=chosen.gap)

    def structured(self, powers: np.ndarray, view: View) -> None:
        """Try linear fields behind all links, then merge coordinates while that helps."""
        own = self.fits(powers, view, LINKS)
        while own is not None and not self.is_over:
            own = self.simpler(own)

    def simpler(self, own: Fit) -> Fit | None:
        """Return a fit with two coordinates merged: one that is much better, or the best."""
        best = None
        links = tuple(dict.fromkeys((own.link, *LINKS[:2])))
        for view in merges(own, self._points):
            fit = self.fits(own.powers, view, links, EVEN)
            if fit is not None and fit.gap < (1.0 if own.gap < CLOSE else 0.1) * own.gap:
                return fit
            if fit is not None and (best is None or fit.gap < best.gap):
                best = fit
        most = SIMPLER if own.gap < CLOSE else 1.0
        return best if best is not None and best.gap < most * own.gap else None

    def fits(
        self,
        powers: np.ndarray,
        view: View,
        links: Sequence[Link],
        degrees: Sequence[tuple[int, int]] | None = None,
    ) -> Fit | None:
        """Try ladders and quotients behind links, in one coordinate behind all; return the best.

        Args:
            powers: of the variables that are factors, (D,).
            view: what the fields see.
            links: the output edges.
            degrees: of the quotients; all, and those with a root, if None.
        """
        links = LINKS if len(view.maps) == 1 else links
        made = [self.attempt(powers, view, link, Ladder()) for link in links]
        ranked = sorted((f for f in made if f is not None), key=lambda f: f.gap)
        linked = [f.link for f in ranked if f.link.name not in RECIPROCAL][:3]
        for above, below in degrees or DEGREES:
            for link in linked:
                ranked.append(self.attempt(powers, view, link, Quotient(above, below)))
            if LINKS[0] in linked and degrees is None:
                ranked.append(self.attempt(powers, view, LINKS[0], Quotient(above, below, True)))
        return min((f for f in ranked if f is not None), key=lambda f: f.gap, default=None)

    def attempt(self, powers: np.ndarray, view: View, link: Link, kind: Kind) -> Fit | None:
        """Fit a field, keep it if it is clearly the best, and return it."""
        fit = None if self.is_over else self._fitted(powers, view, link, kind, self._used)
        if fit is not None and (self.best is None or fit.gap < 0.7 * self.best.gap):
            self.best = fit
        return fit

    def _fitted(
        self, powers: np.ndarray, view: View, link: Link, kind: Kind, used: int
    ) -> Fit | None:
        """Fit a field to the first so many points; the gap is that at the points kept aside."""
        rest = self._values / factor(self._points, powers)
        if not np.isfinite(rest).all() or not link.applies(rest):
            return None
        place = view(self._points)
        made = kind.fitted(view.ranges, place[:used], link.forward(rest[:used]), self._seed)
        if made is None:
            return None
        fit = Fit(made[0], link, powers, view, kind, made[1], np.inf)
        aside = slice(self._used, None)
        return replace(fit, gap=relative(fit(self._points[aside]), self._values[aside]))


def merges(fit: Fit, points: np.ndarray) -> Iterator[View]:
    """Yield views in which a sum or a product stands for two coordinates, likely ones first.

    Where x_j u_j = k x_i u_i everywhere the field knows only x_i x_j^k, where u_j = k u_i only
    x_i + k x_j.
    """
    place = fit.view(points)
    slopes = []
    for i, (low, high) in enumerate(fit.view.ranges):
        step = np.zeros(place.shape[1])
        step[i] = 1e-4 * (high - low)
        slopes.append((fit.field(place + step) - fit.field(place - step)) / (2 * step[i]))
    found = []
    for i, j in permutations(range(len(slopes)), 2):
        pairs = (
            (slopes[i] * place[:, i], slopes[j] * place[:, j], (-3, -2, -1, 1, 2, 3), True),
            (slopes[i], slopes[j], (-1, 1), False),
        )
        for a, b, factors, is_product in pairs:
            for k in factors:
                if i > j and abs(k) == 1:
                    continue  # the same the other way round
                size = np.median(np.abs(b) + np.abs(k * a)) + 1e-300
                found.append((float(np.median(np.abs(b - k * a)) / size), i, j, k, is_product))
    for _, i, j, k, is_product in sorted(found)[:16]:
        view = fit.view.merged(i, j, partial(_power if is_product else _linear, k), points)
        if view is not None:
            yield view


# Powers of variables that are factors --------------------------------------------------------


def reductions(
    points: np.ndarray, values: np.ndarray, ranges: np.ndarray
) -> list[tuple[np.ndarray, tuple[int, ...]]]:
    """Return powers (D,) that may be factors, and the variables that the rest may depend on.

    The logarithm of the values is a polynomial plus multiples of the logarithms of variables:
    those that vanish somewhere, and those without which the polynomial does as well at points kept
    aside. Multiples are rounded to halves.
    """
    y = np.log(np.abs(values) + 1e-300)
    every = tuple(range(len(ranges)))
    touching = tuple(i for i in every if ranges[i, 0] <= 0 <= ranges[i, 1])
    powers = _halves(_exponents(points, y, ranges, every, touching)[0])
    taken = [i for i in touching if powers[i]]
    kept, logarithms = every, tuple(taken)
    gap = _exponents(points, y, ranges, kept, logarithms)[1]
    while len(kept) > 1:
        trials = []
        for i in kept:
            if i in touching and i not in taken:
                continue
            left = tuple(k for k in kept if k != i)
            terms = tuple(sorted({*logarithms, i}))
            trials.append((_exponents(points, y, ranges, left, terms)[1], left, terms))
        if not trials or min(trials)[0] > gap:
            break
        gap, kept, logarithms = min(trials)
    final = _halves(_exponents(points, y, ranges, kept, logarithms)[0])
    kept = tuple(i for i in every if i in kept or (i in logarithms and not final[i]))
    found = [(final, kept)]
    if powers.any() and (kept != every or not np.array_equal(powers, final)):
        found.append((powers, every))
    return [f for f in found if f[0].any()]


def _exponents(
    points: np.ndarray,
    y: np.ndarray,
    ranges: np.ndarray,
    kept: Sequence[int],
    terms: Sequence[int],
) -> tuple[np.ndarray, float]:
    """Fit y by logarithms of some variables and a polynomial in others, whatever outliers do.

    Returns:
        the factors of the logarithms (D,), and the median error at points kept aside.
    """
    degree = 1
    while comb(len(kept) + degree + 1, degree + 1) < len(y) / 4 and degree < 8:
        degree += 1
    logarithms = np.log(np.abs(points[:, list(terms)]) + 1e-300)
    columns = np.hstack(
        [logarithms, _polynomials(points[:, list(kept)], ranges[list(kept)], degree)]
    )
    used = len(y) - int(ASIDE * len(y))
    weights = np.ones(used)
    for _ in range(8):
        a = columns[:used] * weights[:, None]
        c = np.linalg.lstsq(a, y[:used] * weights, rcond=1e-10)[0]
        off = np.abs(y[:used] - columns[:used] @ c)
        weights = 1 / np.sqrt(1 + (off / (1.5 * np.median(off) + 1e-12)) ** 2)
    exponents = np.zeros(points.shape[1])
    exponents[list(terms)] = c[: len(terms)]
    return exponents, float(np.median(np.abs(y[used:] - columns[used:] @ c)))


def _halves(exponents: np.ndarray) -> np.ndarray:
    """Return exponents rounded to whole numbers or, if they are nearer, halves; else zero."""
    whole, half = np.round(exponents), np.round(2 * exponents) / 2
    rounded = np.where(np.abs(exponents - half) <= NEAR / 4, half, 0.0)
    return np.where(np.abs(exponents - whole) <= NEAR, whole, rounded)


def vanishing(points: np.ndarray, values: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Return the powers (D,) of variables by which values vanish: their logarithms spread less."""
    powers = np.zeros(len(ranges))
    touching = np.flatnonzero((ranges[:, 0] <= 0) & (ranges[:, 1] >= 0))
    spread = np.std(np.log(np.abs(values) + 1e-300))
    while True:
        trials = []
        for i in touching[powers[touching] == 0]:
            for k in (1, 2, 3, 4):
                trial = powers.copy()
                trial[i] = k
                rest = np.log(np.abs(values / factor(points, trial)) + 1e-300)
                trials.append((np.std(rest), trial))
        if not trials or min(t[0] for t in trials) > 0.97 * spread:
            return powers
        spread, powers = min(trials, key=lambda t: t[0])


def fewer(powers: np.ndarray) -> list[tuple[int, ...]]:
    """Return choices of variables without some of those that powers take out, few ones first."""
    every, out = range(len(powers)), np.flatnonzero(powers)
    sets = [s for n in range(len(out), 0, -1) for s in combinations(out, n)]
    kept = [tuple(k for k in every if k not in s) for s in sets]
    return [k for k in kept if k][:16]


def factor(points: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return the product of the powers of the variables at points (N, D), (N,)."""
    return np.prod(points[:, powers != 0] ** powers[powers != 0], axis=1)


def relative(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the root mean square difference relative to the spread."""
    gap = np.sqrt(np.mean((found - truth) ** 2)) / truth.std()
    return float(gap) if np.isfinite(gap) else np.inf


def _power(k: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x * np.asarray(y, dtype=float) ** k


def _linear(k: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x + k * np.asarray(y)


def _apart(u: np.ndarray) -> bool:
    """Whether values keep away from zero."""
    return float(np.abs(u).min()) > 1e-7 * float(np.abs(u).max())
