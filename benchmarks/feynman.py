"""Feynman's formulas by data alone (V29): pykan's list of 120, 1000 values of each.

    python benchmarks/feynman.py [NUMBER ...] [--seeds 0 1 2] [--seconds 30] [--json FILE]
    python benchmarks/feynman.py --read FILE ...

Points are uniform in the ranges of the list (feynman.txt). feynman_search.py fits fields of three
kinds, simple ones first: ladders (polynomials of all or of few variables at a time), quotients of
two polynomials, and sums of products of one edge for each variable. They stand behind one output
edge that is a function with an inverse (the identity, a reciprocal, a root, an exponential, ...),
times powers of variables, which the logarithms of the values show; two variables that a fit knows
as a sum or as a product of powers only are merged. 200 of the 1000 points are kept aside to choose
by, one rule for all formulas, and nothing is told but the values; the field chosen is fitted anew
to all points. "Held out" is the error at the 200 points before that, "error" the root mean square
at 1000 fresh points relative to the spread. Of several seeds, which draw other points, rows show
the one with the median error.

The list is pykan's (MIT licence, github.com/KindXiaoming/pykan, kan/feynman.py), three of its
formulas corrected where its own functions differ.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from feynman_search import Search, relative
from sympy import Symbol, lambdify, sympify

LIST = Path(__file__).parent / "feynman.txt"
GOAL = 1e-6
POINTS = 1000


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
class Row:
    """What came of a formula."""

    number: int
    name: str
    seed: int
    variables: int
    error: float
    held_out: float
    link: str
    kind: str
    coordinates: int
    parameters: int
    seconds: float


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
    points, fresh = (rng.uniform(low, high, (POINTS, len(low))) for _ in range(2))
    values, truth = formula.values(points), formula.values(fresh)
    search = Search(points, values, formula.ranges, seed=seed, stop=start + seconds)
    search.run()
    best = search.finish()
    return Row(
        formula.number,
        formula.name,
        seed,
        len(low),
        relative(best(fresh), truth),
        best.gap,
        best.link.name,
        best.kind.name,
        len(best.view.maps),
        best.parameters,
        time.process_time() - start,
    )


def median(rows: list[Row]) -> Row:
    """Return the row with the median error."""
    return sorted(rows, key=lambda row: row.error)[len(rows) // 2]


def table(rows: list[Row]) -> str:
    """Return the table of the median rows of all formulas, and the count."""
    by_number: dict[int, list[Row]] = {}
    for row in rows:
        by_number.setdefault(row.number, []).append(row)
    chosen = [median(found) for _, found in sorted(by_number.items())]
    lines = [
        "| no | formula | variables | held out | error | link | kind | coordinates | parameters | "
        "CPU seconds |",
        "|" + "---|" * 10,
    ]
    lines += [line(row) for row in chosen]
    reached = sum(row.error < GOAL for row in chosen)
    return "\n".join([*lines, "", f"{reached} of {len(chosen)} below {GOAL:g}"])


def line(r: Row) -> str:
    return (
        f"| {r.number} | {r.name} | {r.variables} | {r.held_out:.1e} | {r.error:.1e} | {r.link} | "
        f"{r.kind} | {r.coordinates} | {r.parameters} | {r.seconds:.1f} |"
    )


def main() -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, help="of the list (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=30, help="of the CPU for each formula")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument(
        "--read", nargs="+", type=Path, help="make the table of rows written before"
    )
    options = parser.parse_args()
    if options.read:
        written = [row for path in options.read for row in json.loads(path.read_text())]
        print(table([Row(**row) for row in written]))
        return
    rows = []
    for formula in formulas():
        if options.numbers and formula.number not in options.numbers:
            continue
        for seed in options.seeds:
            rows.append(row_of(formula, seed, options.seconds))
            print(f"seed {seed} {line(rows[-1])}", flush=True)
            if options.json:
                options.json.write_text(json.dumps([asdict(r) for r in rows], indent=2) + "\n")
    print("\n" + table(rows))


if __name__ == "__main__":
    main()
