"""Problems of other groups whose solution is a formula, from solve() to certificate.

    python benchmarks/formula_suites.py [--only NAME ...] [--tol 1e-10] [--out FILE.json]

SSDE (arXiv:2405.14620): -u'' = f with u one of Nguyen's eight functions. HD-TLGP (AAAI 2024):
Poisson's equation and advection in two and three dimensions. FEX (arXiv:2206.10121): Poisson, a
nonlinear Schroedinger equation and a conservation law in d dimensions. The last set is of the same
kinds and in no list. Problems are given to the solver by source and boundary values only.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

from sympy import (
    Add,
    Expr,
    Integer,
    Rational,
    Symbol,
    cos,
    cosh,
    exp,
    lambdify,
    log,
    pi,
    simplify,
    sin,
    sqrt,
    tanh,
)

import kanpde
from kanpde import (
    Box,
    Dirichlet,
    Initial,
    Interval,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    time,
    unknown,
)

Made = tuple[Problem, Expr]


def ordinary(name: str, exact: Callable[[Symbol], Expr], low: float, high: float) -> Made:
    x = coordinates("x")
    u, line = unknown("u", x), Interval(x=(low, high))
    problem = Problem(
        line,
        equations={"poisson": u.diff(x, 2) - exact(x).diff(x, 2)},
        conditions=[Dirichlet(u, exact(x), on=line.boundary)],
        name=name,
    )
    return problem, exact(x)


def box(dimension: int, low: float, high: float) -> tuple[tuple[Symbol, ...], object]:
    names = [f"x{i + 1}" for i in range(dimension)]
    symbols = coordinates(" ".join(names))
    symbols = symbols if isinstance(symbols, tuple) else (symbols,)
    ranges = dict.fromkeys(names, (low, high))
    kind = {1: Interval, 2: Rectangle}.get(dimension, Box)
    return symbols, kind(**ranges)


def poisson(
    name: str, exact: Callable[..., Expr], dimension: int, low: float = 0.0, high: float = 1.0
) -> Made:
    symbols, domain = box(dimension, low, high)
    u, e = unknown("u", *symbols), exact(*symbols)
    source = Add(*(e.diff(s, 2) for s in symbols))
    problem = Problem(
        domain,
        equations={"poisson": laplacian(u) - source},
        conditions=[Dirichlet(u, e, on=domain.boundary)],
        name=name,
    )
    return problem, e


def schroedinger(name: str, dimension: int) -> Made:
    """-lap u + u^3 + V u = 0 with the potential V of u = exp(mean cos x_i) / 3."""
    symbols, domain = box(dimension, -1.0, 1.0)
    u = unknown("u", *symbols)
    e = exp(Add(*(cos(s) for s in symbols)) / dimension) / 3
    slope = Add(*(sin(s) ** 2 for s in symbols)) / dimension**2
    bend = Add(*(cos(s) for s in symbols)) / dimension
    potential = slope - bend - exp(2 * bend) / 9
    problem = Problem(
        domain,
        equations={"schroedinger": -laplacian(u) + u**3 + potential * u},
        conditions=[Dirichlet(u, e, on=domain.boundary)],
        name=name,
    )
    return problem, e


def advection(
    name: str,
    exact: Callable[..., Expr],
    speeds: tuple[Expr, ...],
    *,
    low: float = 0.0,
    high: float = 1.0,
    begin: float = 0.0,
) -> Made:
    """u_t + sum c_i u_{x_i} = 0 with values where it flows in and at the start."""
    symbols, domain = box(len(speeds), low, high)
    t = time("t")
    u, e = unknown("u", *symbols, t), exact(*symbols, t)
    equation = u.diff(t) + Add(*(c * u.diff(s) for c, s in zip(speeds, symbols, strict=True)))
    sides = (("left", "right"), ("bottom", "top"))
    inflow = tuple(pair[bool(c < 0)] for pair, c in zip(sides, speeds, strict=False))
    whole = domain * TimeInterval(t=(begin, begin + 1))
    problem = Problem(
        whole,
        equations={"advection": equation},
        conditions=[Initial(u, e), Dirichlet(u, e, on=inflow)],
        name=name,
    )
    return problem, e


def wave(*arguments: Symbol) -> Expr:
    *x, t = arguments
    return sin(t + pi / 4 * Add(*x))


def suites() -> dict[str, list[Callable[[], Made]]]:
    one = Integer(1)
    nguyen = [
        (lambda x: x**3 + x**2 + x, -1, 1),
        (lambda x: x**4 + x**3 + x**2 + x, -1, 1),
        (lambda x: x**5 + x**4 + x**3 + x**2 + x, -1, 1),
        (lambda x: x**6 + x**5 + x**4 + x**3 + x**2 + x, -1, 1),
        (lambda x: sin(x**2) * cos(x) - 1, -1, 1),
        (lambda x: sin(x) + sin(x + x**2), -1, 1),
        (lambda x: log(x + 1) + log(x**2 + 1), 0, 2),
        (lambda x: sqrt(x), 0.5, 4),
    ]
    return {
        "SSDE": [
            lambda i=i, f=f, a=a, b=b: ordinary(f"Nguyen {i + 1}", f, a, b)
            for i, (f, a, b) in enumerate(nguyen)
        ],
        "HD-TLGP": [
            lambda: poisson("Poisson 1", lambda x, y: sin(pi * x) * sin(pi * y), 2),
            lambda: poisson(
                "Poisson 2", lambda x, y, z: sin(pi * x) * sin(pi * y) * sin(pi * z), 3
            ),
            lambda: poisson("Poisson 3", lambda x, y: (1 - x**2 - y**2) / 4, 2),
            lambda: poisson("Poisson 4", lambda x, y, z: (1 - x**2 - y**2 - z**2) / 6, 3),
            lambda: advection("advection 1", lambda x, t: sin(x - t), (one,), begin=0.0),
            lambda: advection("advection 2", lambda x, t: exp(-((x - t) ** 2)), (one,)),
            lambda: advection("advection 3", lambda x, y, t: sin(x + y - 2 * t), (one, one)),
            lambda: advection("advection 4", lambda x, y, t: exp(-(x + y - 2 * t)), (one, one)),
        ],
        "FEX": [
            lambda: poisson("Poisson, d = 10", lambda *x: Add(*(s**2 for s in x)) / 2, 10, -1, 1),
            lambda: schroedinger("Schroedinger, d = 3", 3),
            lambda: advection(
                "conservation, d = 2", wave, (-4 / (2 * pi), -4 / (2 * pi)), low=-1.0
            ),
        ],
        "other": [
            lambda: ordinary("exp of sine", lambda x: exp(sin(3 * x)) + x, -1, 1),
            lambda: ordinary("cubic root", lambda x: (x + 1) ** Rational(1, 3), 0, 3),
            lambda: ordinary("chirp", lambda x: cos(2 * x**2) - x, -1, 1),
            lambda: ordinary("log of cosh", lambda x: log(cosh(3 * x)) / 2, -1, 1),
            lambda: poisson("front", lambda x, y: tanh(2 * x - y), 2),
            lambda: poisson("bell", lambda x, y: exp(-2 * x**2 - y**2), 2, -1, 1),
            lambda: poisson("sum", lambda x, y: log(1 + x) + y * sin(y), 2),
            lambda: poisson("distance", lambda x, y: sqrt(1 + x**2 + y**2), 2, -1, 1),
            lambda: poisson("three", lambda x, y, z: x * exp(y) * cos(z) + z**3, 3),
            lambda: schroedinger("Schroedinger, d = 2", 2),
        ],
    }


def row(make: Callable[[], Made], tol: float) -> dict:
    problem, exact = make()
    start = perf_counter()
    solution = kanpde.solve(problem, tol=tol, budget="60s")
    solved, busy = perf_counter(), process_time()
    formula = solution.formula()
    busy, found = process_time() - busy, perf_counter()
    same = False
    if formula.expressions:
        points = problem.domain.interior(100, seed=1)
        both = lambdify(problem.coordinates, [formula.expression, exact], ["scipy", "numpy"])
        a, b = both(*points.T)
        same = bool(abs(a - b).max() < 1e-9 and simplify(formula.expression - exact).is_number)
    return {
        "problem": problem.name,
        "solve_s": solved - start,
        "estimate": solution.estimate,
        "formula_s": found - solved,
        "formula_cpu_s": busy,
        "level": formula.certificate.level.name.lower(),
        "same": same,
        "formula": {str(u): str(e) for u, e in formula.expressions.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--tol", type=float, default=1e-10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for suite, problems in suites().items():
        own = []
        for make in problems:
            if options.only and make()[0].name not in options.only:
                continue
            found = {"suite": suite, **row(make, options.tol)}
            own.append(found)
            estimate = found["estimate"]
            print(
                f"{found['problem']:20s} solve {found['solve_s']:5.1f} s "
                f"({'-' if estimate is None else f'{estimate:.0e}'})  "
                f"formula {found['formula_cpu_s']:4.1f} s CPU  {found['level']:9s} "
                f"{str(found['formula'])[:110]}",
                flush=True,
            )
        exact = sum(r["level"] in ("proved", "certified") for r in own)
        if own:
            print(f"{suite}: exact {exact} of {len(own)}")
        rows += own
    total = [r for r in rows if r["suite"] != "other"]
    print(
        f"all suites: {sum(r['level'] in ('proved', 'certified') for r in total)} of {len(total)}"
    )
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
