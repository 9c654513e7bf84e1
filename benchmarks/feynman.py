"""Feynman's formulas by data alone (V29): pykan's list of 120, 1000 values of each.

    python benchmarks/feynman.py [NUMBER ...] [--seed 0] [--seconds 20] [--json FILE]

Points are uniform in the ranges of the list (feynman.txt). Every formula is fitted by KANs of two
kinds: ladders (polynomials of all or of few variables at a time, by least squares) and sums of R
products of one edge for each variable (trained by Levenberg-Marquardt). They stand behind one
output edge that is a function with an inverse (the identity, a reciprocal, a root, an exponential,
...), times the powers by which the values vanish where a variable does; two variables that a first
fit knows as a sum or as a product of powers only are merged. Simple ones come first; 200 of the
1000 points are kept aside to choose by, and nothing is told but the values. The error is the root
mean square at 1000 fresh points relative to the spread.

The list is pykan's (MIT licence, github.com/KindXiaoming/pykan, kan/feynman.py), three of its
formulas corrected where its own functions differ.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
from sympy import Symbol, lambdify, sympify

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

LIST = Path(__file__).parent / "feynman.txt"
ENOUGH = 1e-8
GOAL = 1e-6
SIMPLER = 20.0
"""A field of one coordinate less may have so many times the error: the next one gains more."""
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Formula:
    """A formula of the list.

    Args:
        number: 1 to 120.
        name: of the list.
        text: the formula.
        variables: their names.
        ranges: lower and upper ends, (D, 2).
    """

    number: int
    name: str
    text: str
    variables: tuple[str, ...]
    ranges: np.ndarray

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the values at points (N, D), (N,)."""
        symbols = {n: Symbol(n) for n in self.variables}
        expression = sympify(self.text, locals=symbols)
        function = lambdify(list(symbols.values()), expression, "numpy")
        return np.broadcast_to(function(*points.T), len(points)).astype(np.float64)


@dataclass(frozen=True)
class Link:
    """An output edge with its inverse, and where it applies."""

    name: str
    forward: Function
    inverse: Function
    applies: Callable[[np.ndarray], bool] = lambda values: True


@dataclass(frozen=True)
class Row:
    """What came of a formula."""

    number: int
    name: str
    variables: int
    error: float
    link: str
    kind: str
    parameters: int
    seconds: float


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


def formulas() -> list[Formula]:
    found = []
    for line in LIST.read_text().splitlines():
        match = re.fullmatch(r"(\d+)\. (.+?) \[([^\]]*)\]: (.+); (\[.*\])", line)
        if match is None:
            continue
        variables = tuple(v.strip() for v in match[3].split(","))
        ranges = np.array(eval(match[5], {"pi": np.pi}), dtype=float)
        ranges = np.broadcast_to(ranges.reshape(-1, 2), (len(variables), 2))
        found.append(Formula(int(match[1]), match[2], match[4], variables, ranges))
    return found


def row_of(formula: Formula, seed: int, seconds: float) -> Row:
    """Fit a formula and measure the best of the fits."""
    start = time.process_time()
    rng = np.random.default_rng(seed)
    low, high = formula.ranges.T
    points, fresh = (rng.uniform(low, high, (1000, len(low))) for _ in range(2))
    values, truth = formula.values(points), formula.values(fresh)
    search = Search(points, values, seed, start + seconds)
    powers = vanishing(points, values, formula.ranges)
    if powers.any():
        search.plain(formula.ranges)
    for own in (powers, 0 * powers) if powers.any() else (powers,):
        if not search.is_over:
            search.run(own, formula.ranges)
    best = search.best
    assert best is not None
    error = relative(best(fresh), truth)
    spent = time.process_time() - start
    size = best.parameters
    return Row(
        formula.number, formula.name, len(low), error, best.link.name, best.kind, size, spent
    )


@dataclass(frozen=True)
class View:
    """Coordinates of a field: variables, and sums and products of powers of two of them."""

    maps: tuple[Function, ...]
    ranges: tuple[tuple[float, float], ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.stack([m(points) for m in self.maps], axis=1)

    def merged(
        self, i: int, j: int, join: Callable[..., np.ndarray], points: np.ndarray
    ) -> View | None:
        """Return the view with one coordinate, as far as points reach, in the place of two."""
        one, other = self.maps[i], self.maps[j]
        marks = [(a, 0.0, b) if a < 0 < b else (a, b) for a, b in (self.ranges[i], self.ranges[j])]
        ends = join(*(g.ravel() for g in np.meshgrid(*marks)))
        if not np.isfinite(ends).all():
            return None
        left = [k for k in range(len(self.maps)) if k not in (i, j)]
        own = join(one(points), other(points))
        joined = (lambda p: join(one(p), other(p)), (float(own.min()), float(own.max())))
        maps = (joined[0], *(self.maps[k] for k in left))
        return View(maps, (joined[1], *(self.ranges[k] for k in left)))


@dataclass(frozen=True)
class Fit:
    """A trained field behind its output edge, times powers of some variables."""

    field: Function
    link: Link
    powers: np.ndarray
    view: View
    kind: str
    parameters: int
    gap: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.link.inverse(self.field(self.view(points))) * factor(points, self.powers)


class Search:
    """The best fit so far, by the points kept aside."""

    def __init__(self, points: np.ndarray, values: np.ndarray, seed: int, stop: float) -> None:
        self._points, self._values, self._seed, self._stop = points, values, seed, stop
        self.best: Fit | None = None

    @property
    def is_over(self) -> bool:
        return self.is_late or (self.best is not None and self.best.gap < ENOUGH)

    @property
    def is_late(self) -> bool:
        return self.best is not None and time.process_time() > self._stop

    def plain(self, ranges: np.ndarray) -> None:
        """Try a ladder of all variables behind every link, and forget them if none is enough."""
        maps = tuple((lambda p, k=k: p[:, k]) for k in range(len(ranges)))
        view = View(maps, tuple(map(tuple, ranges)))
        self.ladders(np.zeros(len(ranges)), view, LINKS)
        self.best = self.best if self.is_over else None

    def run(self, powers: np.ndarray, ranges: np.ndarray) -> None:
        """Try ladders, then ladders in fewer coordinates, then products."""
        views = []
        for kept in [np.arange(len(powers)), *fewer(powers)]:
            maps = tuple((lambda p, k=k: p[:, k]) for k in kept)
            views.append(View(maps, tuple(map(tuple, ranges[kept]))))
        gaps = {}
        for link in LINKS:
            fit = None if self.is_over else self.attempt(powers, views[0], link, None)
            gaps[link] = np.inf if fit is None else fit.gap
        links = sorted(LINKS, key=lambda link: gaps[link])[:3]
        for view in views[1:]:
            self.ladders(powers, view, links)
        own = self.best
        while own is not None and not self.is_over and np.array_equal(own.powers, powers):
            fits = (self.ladders(powers, view, links) for view in merges(own, self._points))
            own = next((f for f in fits if f is not None and f.gap < SIMPLER * own.gap), None)
        for rank in (1, 2, 3, 4, 6):
            for size in (12, 24):
                for link in links if rank > 2 else LINKS:
                    if not self.is_over and self.best is not None:
                        self.attempt(powers, self.best.view, link, (rank, size))

    def ladders(self, powers: np.ndarray, view: View, links: Sequence[Link]) -> Fit | None:
        """Try a ladder behind each link, in one coordinate behind all; return the best of them."""
        if self.is_over:
            return None
        tried = [
            self.attempt(powers, view, link, None)
            for link in (LINKS if len(view.maps) == 1 else links)
        ]
        return min((f for f in tried if f is not None), key=lambda f: f.gap, default=None)

    def attempt(
        self, powers: np.ndarray, view: View, link: Link, rank: tuple[int, int] | None
    ) -> Fit | None:
        """Fit a field, keep it if it is clearly the best, and return it."""
        rest = self._values / factor(self._points, powers)
        if self.is_late or not np.isfinite(rest).all() or not link.applies(rest):
            return None
        place = view(self._points)
        made = fitted(view.ranges, place[:800], link.forward(rest[:800]), rank, self._seed)
        if made is None:
            return None
        kind = "ladder" if rank is None else f"{rank[0]} products"
        fit = Fit(made[0], link, powers, view, kind, made[1], np.inf)
        gap = relative(fit(self._points[800:]), self._values[800:])
        if self.best is None or gap < 0.7 * self.best.gap:
            self.best = replace(fit, gap=gap)
        return replace(fit, gap=gap)


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
                size = np.linalg.norm(b) + np.linalg.norm(k * a)
                found.append((float(np.linalg.norm(b - k * a) / size), i, j, k, is_product))
    for _, i, j, k, is_product in sorted(found)[:8]:
        view = fit.view.merged(i, j, partial(power if is_product else linear, k), points)
        if view is not None:
            yield view


def power(k: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x * np.asarray(y, dtype=float) ** k


def linear(k: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x + k * np.asarray(y)


def fewer(powers: np.ndarray) -> list[np.ndarray]:
    """Return choices of variables without some of those that powers take out, few ones first."""
    out = np.flatnonzero(powers)
    sets = [s for n in range(len(out), 0, -1) for s in combinations(out, n)]
    kept = [np.setdiff1d(np.arange(len(powers)), s) for s in sets]
    return [k for k in kept if len(k)][:16]


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


def factor(points: np.ndarray, powers: np.ndarray) -> np.ndarray:
    return np.prod(points**powers, axis=1)


def fitted(
    ranges: Sequence[tuple[float, float]],
    points: np.ndarray,
    values: np.ndarray,
    rank: tuple[int, int] | None,
    seed: int,
) -> tuple[Function, int] | None:
    """Return a field and its number of parameters: a ladder, or (rank, size) products."""
    names = [f"x{i}" for i in range(len(ranges))]
    space = coordinates(" ".join(names))
    space = space if isinstance(space, tuple) else (space,)
    u = unknown("u", *space)
    box = Box(**dict(zip(names, ranges, strict=True)))
    scale = float(np.sqrt(np.mean(values**2)))
    if not (np.isfinite(values).all() and scale > 0):
        return None
    problem = Problem(box, [], [Data(u, points, values / scale)])
    if rank is None:
        solution = solve(problem, tol=1e-9, seed=seed)
    else:
        if rank[0] * rank[1] * len(names) > 500:
            return None
        around = 1.0 if values.min() > 0 else -1.0 if values.max() < 0 else 0.0
        network = SeparableKAN(rank[0], [Chebyshev(rank[1] - 1)] * len(names), around=around)
        plan = [LevenbergMarquardt(iterations=100, stall=1e-2)]
        solution = solve(problem, network, plan, seed=seed)
    return lambda p: scale * solution.at(p)[:, 0], solution.parameters


def relative(found: np.ndarray, truth: np.ndarray) -> float:
    gap = np.sqrt(np.mean((found - truth) ** 2)) / truth.std()
    return float(gap) if np.isfinite(gap) else np.inf


def _apart(u: np.ndarray) -> bool:
    """Whether values keep away from zero."""
    return float(np.abs(u).min()) > 1e-3 * float(np.abs(u).max())


def reached(rows: list[Row]) -> int:
    return sum(row.error < GOAL for row in rows)


def main() -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, help="of the list (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=12, help="of the CPU for each formula")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    options = parser.parse_args()
    print("| no | formula | variables | error | link | kind | parameters | CPU seconds |")
    print("|" + "---|" * 8)
    rows = []
    for formula in formulas():
        if options.numbers and formula.number not in options.numbers:
            continue
        r = row_of(formula, options.seed, options.seconds)
        rows.append(r)
        print(
            f"| {r.number} | {r.name} | {r.variables} | {r.error:.1e} | {r.link} | {r.kind} | "
            f"{r.parameters} | {r.seconds:.1f} |",
            flush=True,
        )
    print(f"\n{reached(rows)} of {len(rows)} below {GOAL:g}")
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
