"""Formulas from plain data: pykan's targets, Feynman's dimensionless equations, and others.

    python benchmarks/formula_data.py [--sets targets feynman other] [--noise 0 0.01]
        [--seeds 0] [--points 1000] [--only NAME ...] [--out FILE.json]

Every row: points drawn at random, values by the formula, noise relative to the spread of the
values; one call of solve() and one of formula(). "exact" is: equal to the truth to 1e-9 at 300
fresh points; "structure" is: the formula found becomes the truth when its numbers are refitted on
exact values.
"""

import argparse
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from scipy.optimize import least_squares
from sympy import (
    Dummy,
    Expr,
    Float,
    Integer,
    Symbol,
    asin,
    cos,
    exp,
    lambdify,
    log,
    pi,
    preorder_traversal,
    sin,
    sqrt,
    tanh,
)

import kanpde
from kanpde import Box, Data, Interval, Problem, Rectangle, coordinates, unknown

x, y, z, a, b, c = (Symbol(n, real=True) for n in ("x", "y", "z", "a", "b", "c"))
SIGNED, POSITIVE = (-1.0, 1.0), (0.0, 1.0)


@dataclass(frozen=True)
class Case:
    """A formula and the ranges of its variables."""

    name: str
    formula: Expr
    ranges: dict[Symbol, tuple[float, float]]


def case(name: str, formula: Expr, **ranges: tuple[float, float]) -> Case:
    return Case(name, formula, {Symbol(k, real=True): r for k, r in ranges.items()})


TARGETS = [
    case("exponential", exp(sin(pi * x) + y**2), x=SIGNED, y=SIGNED),
    case("product", x * y, x=SIGNED, y=SIGNED),
    case("gaussian", exp(-(x**2)), x=(-2, 2)),
    case("velocities", (x + y) / (1 + x * y), x=(0, 0.9), y=(0, 0.9)),
    case("norm", sqrt(x**2 + y**2), x=SIGNED, y=SIGNED),
    case("sines", sin(pi * x) * sin(pi * y), x=SIGNED, y=SIGNED),
    case("heat", exp(-y) * sin(pi * x), x=POSITIVE, y=POSITIVE),
]

_RANGE = (0.2, 1.2)
FEYNMAN = [
    case("I.6.2", exp(-(a**2) / (2 * b**2)) / sqrt(2 * pi * b**2), a=SIGNED, b=(0.5, 2)),
    case(
        "I.6.2b",
        exp(-((a - c) ** 2) / (2 * b**2)) / sqrt(2 * pi * b**2),
        a=SIGNED,
        c=SIGNED,
        b=(0.5, 2),
    ),
    case("I.12.11", 1 + a * sin(b), a=SIGNED, b=(0, 6.28)),
    case("I.13.12", a * (1 / b - 1), a=SIGNED, b=(0.5, 2)),
    case("I.15.3x", (1 - a) / sqrt(1 - b**2), a=SIGNED, b=(-0.8, 0.8)),
    case("I.16.6", (a + b) / (1 + a * b), a=(0, 0.9), b=(0, 0.9)),
    case("I.18.4", (1 + a * b) / (1 + a), a=POSITIVE, b=SIGNED),
    case("I.26.2", asin(a * sin(b)), a=(0, 0.9), b=(-1.5, 1.5)),
    case("I.27.6", 1 / (1 + a * b), a=POSITIVE, b=POSITIVE),
    case("I.29.16", sqrt(1 + a**2 - 2 * a * cos(b - c)), a=(0, 0.8), b=SIGNED, c=SIGNED),
    case("I.30.3", sin(a * b / 2) ** 2 / sin(b / 2) ** 2, a=(1, 3), b=(0.5, 2.5)),
    case("I.30.5", asin(a / b), a=(0, 1), b=(1.2, 3)),
    case("I.37.4", 1 + a + 2 * sqrt(a) * cos(b), a=(0.1, 1), b=(0, 6.28)),
    case("I.40.1", b * exp(-a), a=SIGNED, b=POSITIVE),
    case("I.44.4", b * log(a), a=(0.3, 3), b=POSITIVE),
    case("I.50.26", cos(a) + b * cos(a) ** 2, a=(0, 6.28), b=POSITIVE),
    case("II.2.42", (a - 1) * b, a=POSITIVE, b=POSITIVE),
    case("II.6.15a", c * sqrt(a**2 + b**2) / (4 * pi), a=_RANGE, b=_RANGE, c=POSITIVE),
    case("II.11.7", b * (1 + a * cos(c)), a=SIGNED, b=POSITIVE, c=(0, 6.28)),
    case("II.11.27", a * b / (1 - a * b / 3), a=POSITIVE, b=POSITIVE),
    case("II.35.18", b / (exp(a) + exp(-a)), a=SIGNED, b=POSITIVE),
    case("II.36.38", a + b * c, a=SIGNED, b=SIGNED, c=SIGNED),
    case("II.38.3", a / b, a=SIGNED, b=(0.5, 2)),
    case(
        "III.9.52", a * sin((b - c) / 2) ** 2 / ((b - c) / 2) ** 2, a=POSITIVE, b=(2, 5), c=SIGNED
    ),
    case("III.10.19", sqrt(1 + a**2 + b**2), a=SIGNED, b=SIGNED),
    case("III.17.37", b * (1 + a * cos(c)), a=POSITIVE, b=POSITIVE, c=(0, 3)),
    case(
        "I.9.18",
        a / ((b - 1) ** 2 + (c - x) ** 2 + (y - z) ** 2),
        a=POSITIVE,
        b=(2, 3),
        c=SIGNED,
        x=(2, 3),
        y=SIGNED,
        z=(2, 3),
    ),
]
"""The dimensionless forms of the KAN paper's table, each variable named a, b, c, ..."""

OTHER = [
    case("wave", sin(3 * x - 2 * y), x=SIGNED, y=SIGNED),
    case("front", tanh(4 * (x - y / 2)), x=SIGNED, y=SIGNED),
    case("log of sum", log(1 + x**2 + exp(y)), x=SIGNED, y=SIGNED),
    case("damped", exp(-2 * x) * cos(5 * x), x=(0, 2)),
    case("power", 3 * x**1.5 / (1 + y), x=(0.1, 2), y=POSITIVE),
    case("ellipse", sqrt(1 - x**2 / 4 - y**2), x=(-0.9, 0.9), y=(-0.7, 0.7)),
    case("bell", exp(-(x**2) - 3 * y**2), x=SIGNED, y=SIGNED),
    case("sum", sin(2 * x) + log(y), x=SIGNED, y=(0.5, 2)),
    case("quotient", x / (x**2 + y**2), x=(0.5, 2), y=SIGNED),
    case("sine of product", sin(2 * x * y), x=SIGNED, y=SIGNED),
]
"""Not in any list: of the same kinds, to see that nothing is fitted to the lists."""

SETS = {"targets": TARGETS, "feynman": FEYNMAN, "other": OTHER}


def refits(found: Expr, one: Case) -> bool:
    """Return whether the formula is the truth for other values of its numbers."""
    skeleton, values = _with_symbols(found)
    points = _points(one, 400, 99)
    truth = _at(one.formula, one, points)
    function = lambdify([*one.ranges, *values], skeleton, ["scipy", "numpy"])

    def residual(p: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            r = np.real(function(*points.T, *p)) - truth + np.zeros(len(truth))
        return np.where(np.isfinite(r), r, 1e3)

    start = np.array(list(values.values()))
    if not len(start):
        return bool(np.abs(residual(start)).max() < 1e-8)
    fit = least_squares(residual, start, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    return bool(np.abs(fit.fun).max() < 1e-8 * max(1, np.abs(truth).max()))


def _with_symbols(found: Expr) -> tuple[Expr, dict[Symbol, float]]:
    """Replace floats and exact coefficients (not exponents) by symbols."""
    values: dict[Symbol, float] = {}

    def walk(e: Expr) -> Expr:
        if e.is_number and not isinstance(e, Integer):
            s = Dummy("p", real=True)
            values[s] = float(e)
            return s
        if e.is_Pow:
            return walk(e.base) ** (walk(e.exp) if e.exp.has(Float, *_symbols(e.exp)) else e.exp)
        return e.func(*map(walk, e.args)) if e.args else e

    return walk(found), values


def _symbols(e: Expr) -> list[Symbol]:
    return sorted(e.free_symbols, key=str) or [Dummy()]


def _points(one: Case, count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([generator.uniform(*r, count) for r in one.ranges.values()], axis=1)


def _at(formula: Expr, one: Case, points: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = lambdify(list(one.ranges), formula, ["scipy", "numpy"])(*points.T)
    return np.real(np.broadcast_to(np.asarray(found), (len(points),)))


def row(one: Case, noise: float, seed: int, count: int) -> dict:
    points = _points(one, count, seed)
    values = _at(one.formula, one, points)
    values = values + noise * values.std() * np.random.default_rng(seed + 7).normal(size=count)
    names = " ".join(s.name for s in one.ranges)
    own = coordinates(names)
    own = own if isinstance(own, tuple) else (own,)
    u = unknown("u", *own)
    ranges = {s.name: r for s, r in one.ranges.items()}
    domain = {1: Interval, 2: Rectangle}.get(len(own), Box)(**ranges)
    problem = Problem(domain, conditions=[Data(u, points, values)], name=one.name)
    start = perf_counter()
    solution = kanpde.solve(problem, budget="20s", seed=seed)
    solved, busy = perf_counter(), process_time()
    formula = solution.formula()
    busy, found = process_time() - busy, perf_counter()
    fresh = _points(one, 300, seed + 99)
    truth, error, structure, text = _at(one.formula, one, fresh), float("inf"), False, ""
    if formula.certificate.level.name != "NONE":
        text = str(formula.expression)
        error = float(np.sqrt(np.mean((_at(formula.expression, one, fresh) - truth) ** 2)))
        structure = error < 1e-9 or refits(formula.expression, one)
    return {
        "name": one.name,
        "noise": noise,
        "seed": seed,
        "solve_s": solved - start,
        "formula_s": found - solved,
        "formula_cpu_s": busy,
        "level": formula.certificate.level.name.lower(),
        "rmse": error,
        "exact": bool(error < 1e-9),
        "structure": bool(structure),
        "formula": text,
        "floats": sum(isinstance(e, Float) for e in preorder_traversal(formula.expression))
        if text
        else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["targets"])
    parser.add_argument("--noise", nargs="+", type=float, default=[0.0, 0.01])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for chosen in options.sets:
        for noise in options.noise:
            own = []
            for seed in options.seeds:
                for one in SETS[chosen]:
                    if options.only and one.name not in options.only:
                        continue
                    found = {"set": chosen, **row(one, noise, seed, options.points)}
                    own.append(found)
                    print(
                        f"{found['name']:16s} noise {noise:4g} seed {seed}  "
                        f"{found['formula_cpu_s']:4.1f} s CPU  {found['level']:8s} "
                        f"exact {found['exact']!s:5} structure {found['structure']!s:5} "
                        f"rmse {found['rmse']:.0e}  {found['formula'][:110]}",
                        flush=True,
                    )
            exact, right = (sum(r[k] for r in own) for k in ("exact", "structure"))
            print(
                f"{chosen}, noise {noise:g}: exact {exact}, right structure {right} of {len(own)}"
            )
            rows += own
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
