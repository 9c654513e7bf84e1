"""Feynman's formulas by data alone (V29): pykan's list of 120, 1000 values of each.

    python benchmarks/feynman.py [NUMBER ...] [--seed 0] [--seconds 20] [--json FILE]

Points are uniform in the ranges of the list (feynman.txt). Every formula is fitted by KANs of two
kinds: ladders (polynomials of all or of few variables at a time, by least squares) and sums of R
products of one edge for each variable (trained by Levenberg-Marquardt). They stand behind one
output edge that is a function with an inverse (the identity, a reciprocal, a root, an exponential,
...), times the powers by which the values vanish where a variable does. Simple ones come first; 200
of the 1000 points are kept aside to choose by, and nothing is told but the values. The error is the
root mean square at 1000 fresh points relative to the spread.

The list is pykan's (MIT licence, github.com/KindXiaoming/pykan, kan/feynman.py), three of its
formulas corrected where its own functions differ.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
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
ENOUGH = 1e-9
GOAL = 1e-6
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
    best = (np.inf, np.inf, "-", "-", 0)
    for fit in fits(formula, points[:800], values[:800], seed):
        gap = relative(fit(points[800:]), values[800:])
        if gap < best[0]:
            best = (gap, relative(fit(fresh), truth), fit.link.name, fit.kind, fit.parameters)
        if best[0] < ENOUGH or time.process_time() - start > seconds:
            break
    spent = time.process_time() - start
    return Row(formula.number, formula.name, len(low), *best[1:], spent)


@dataclass(frozen=True)
class Fit:
    """A trained field behind its output edge, times powers of some variables."""

    field: Function
    link: Link
    powers: np.ndarray
    kept: np.ndarray
    kind: str
    parameters: int

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.link.inverse(self.field(points[:, self.kept])) * factor(points, self.powers)


def fits(formula: Formula, points: np.ndarray, values: np.ndarray, seed: int) -> Iterator[Fit]:
    """Yield fits, simple ones first."""
    dimension = points.shape[1]
    powers = vanishing(points, values, formula.ranges)
    every = np.arange(dimension)
    plain = [(powers, every), (0 * powers, every)] if powers.any() else [(powers, every)]
    kinds = ["ladder", *(f"{r} products" for r in (1, 2, 3, 4, 6, 8))]
    for kind in kinds:
        for own, kept in fewer(powers) + plain if kind == "ladder" else plain:
            rest = values / factor(points, own)
            for link in LINKS:
                if not link.applies(rest):
                    continue
                inner = link.forward(rest)
                for size in (0,) if kind == "ladder" else (12, 24):
                    made = fitted(formula.ranges[kept], points[:, kept], inner, (kind, size, seed))
                    if made is not None:
                        yield Fit(made[0], link, own, kept, kind, made[1])


def fewer(powers: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return choices of variables without some of those that powers take out, few ones first."""
    out = np.flatnonzero(powers)
    sets = [s for n in range(len(out), 0, -1) for s in combinations(out, n)]
    kept = [np.setdiff1d(np.arange(len(powers)), s) for s in sets]
    return [(powers, k) for k in kept if len(k)][:16]


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
    ranges: np.ndarray, points: np.ndarray, values: np.ndarray, how: tuple[str, int, int]
) -> tuple[Function, int] | None:
    """Return the trained field and its number of parameters, None if it has none to offer."""
    kind, size, seed = how
    names = [f"x{i}" for i in range(len(ranges))]
    space = coordinates(" ".join(names))
    space = space if isinstance(space, tuple) else (space,)
    u = unknown("u", *space)
    box = Box(**dict(zip(names, ranges, strict=True)))
    scale = float(np.sqrt(np.mean(values**2)))
    if not (np.isfinite(values).all() and scale > 0):
        return None
    problem = Problem(box, [], [Data(u, points, values / scale)])
    if kind == "ladder":
        solution = solve(problem, tol=1e-11, seed=seed)
    else:
        rank = int(kind.split()[0])
        if rank * size * len(names) > 500:
            return None
        around = 1.0 if values.min() > 0 else -1.0 if values.max() < 0 else 0.0
        network = SeparableKAN(rank, [Chebyshev(size - 1)] * len(names), around=around)
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
    parser.add_argument("--seconds", type=float, default=20, help="of the CPU for each formula")
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
