"""What it brings to build conditions into a trained network, and to write a problem of first order.

    python benchmarks/conditions.py [NAME ...] [--seeds 5] [--iterations 15]

One thread; CPU seconds of whole solves. The same network, plan and seeds for every row of a
problem; the table gives the median, the least and the largest relative L2 error. References: exact
solutions; for the domains without one a ladder, whose estimate is printed, and slabs for
Allen-Cahn's equation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sympy import cos, exp, pi, sin

from kanpde import (
    KAN,
    MLP,
    Annulus,
    BSpline,
    Condition,
    Dirichlet,
    Disk,
    Initial,
    Interval,
    LevenbergMarquardt,
    Periodic,
    Polygon,
    Problem,
    Rectangle,
    Solution,
    TimeInterval,
    coordinates,
    laplacian,
    solve,
    staircase,
    unknown,
)
from kanpde import time as time_symbol
from kanpde.geometry import Domain
from kanpde.networks import Network
from kanpde.problem import evaluate
from kanpde.problem_file import load_problem_file
from kanpde.training import Stage

PROBLEMS = Path(__file__).parent.parent / "problems"
SOURCE = 8
x, y = coordinates("x y")
t = time_symbol("t")
u, w = unknown("u", x, y), unknown("w", x, t)


@dataclass(frozen=True)
class Case:
    """A problem, a network for so many outputs, its plan, and the rows that are compared."""

    problem: Callable[[], Problem]
    network: Callable[[int], Network]
    plan: Callable[[int], list[Stage]]
    rows: tuple[str, ...]


def spline(dimension: int, *hidden: int, cells: int = 4) -> Callable[[int], Network]:
    """Return what makes a KAN with so many outputs."""
    basis = BSpline(degree=5, intervals=cells)
    return lambda outputs: KAN([dimension, *hidden, outputs], basis=basis, activation=None)


def two_grids(cells: int) -> Callable[[int], list[Stage]]:
    """Return what makes a plan on two grids."""
    return lambda iterations: staircase(cells, 2 * cells, iterations=iterations)


def held_on(domain: Domain, *values: Condition) -> Callable[[], Problem]:
    """Return what makes a Poisson problem with values on pieces of the boundary of a domain."""
    conditions = values or (Dirichlet(u, 0, on=domain.boundary),)
    return lambda: Problem(domain, {"poisson": laplacian(u) + SOURCE * exp(x)}, conditions)


def four_holes() -> Domain:
    """Return a square with four round holes."""
    plate: Any = Rectangle(x=(-1, 1), y=(-1, 1))
    for a in (-0.5, 0.5):
        for b in (-0.5, 0.5):
            plate = plate - Disk(x=a, y=b, radius=0.2)
    return plate


def advection() -> Problem:
    """Return the advection of a wave round a circle three times."""
    circle = Interval(x=(0, 2 * np.pi)) * TimeInterval(t=(0, 1))
    conditions = [Periodic(w, x), Initial(w, sin(x))]
    return Problem(circle, w.diff(t) + 20 * w.diff(x), conditions, exact={w: sin(x - 20 * t)})


def allen_cahn() -> Problem:
    """Return Allen and Cahn's equation with periodic ends."""
    line = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))
    equation = w.diff(t) - w.diff(x, 2) / 10000 - 5 * w + 5 * w**3
    return Problem(line, equation, [Periodic(w, x), Initial(w, x**2 * cos(pi * x))])


def strip() -> Problem:
    """Return a Poisson problem that is periodic in one coordinate."""
    square = Rectangle(x=(0, 1), y=(0, 1))
    exact = sin(2 * pi * x) * sin(pi * y) + cos(4 * pi * x) * y * (1 - y)
    sides = Dirichlet(u, 0, on=("bottom", "top"))
    equation = laplacian(u) - laplacian(exact, x, y)
    return Problem(square, equation, [Periodic(u, x), sides], exact={u: exact})


RING = Annulus(x=0, y=0, inner=0.3, outer=1)
CORNERS = [(float(np.cos(a)), float(np.sin(a))) for a in np.arange(6) * np.pi / 3]
BUILT = ("built in", "in the loss")
ORDERS = ("as it is", "of first order")
CASES = {
    "disk": Case(held_on(Disk(x=0.2, y=0, radius=1)), spline(2, 6), two_grids(4), BUILT),
    "annulus": Case(
        held_on(RING, Dirichlet(u, 0, on="outer"), Dirichlet(u, 1 + x, on="inner")),
        spline(2, 6),
        two_grids(4),
        BUILT,
    ),
    "four holes": Case(held_on(four_holes()), spline(2, 6), two_grids(4), BUILT),
    "triangle": Case(
        held_on(Polygon([(0, 0), (1, 0), (0.2, 1)])), spline(2, 6), two_grids(4), BUILT
    ),
    "hexagon": Case(held_on(Polygon(CORNERS)), spline(2, 6), two_grids(4), BUILT),
    "advection": Case(advection, spline(2, 6, cells=8), two_grids(8), BUILT),
    "periodic poisson": Case(strip, spline(2, 6, cells=8), two_grids(8), BUILT),
    "allen-cahn": Case(allen_cahn, spline(2, 6, 6, cells=8), two_grids(8), BUILT),
    "beam, KAN": Case(
        lambda: load_problem_file(PROBLEMS / "euler_beam.py").problem,
        spline(1, 4, cells=5),
        lambda iterations: [LevenbergMarquardt(iterations=3 * iterations)],
        ORDERS,
    ),
    "beam, MLP": Case(
        lambda: load_problem_file(PROBLEMS / "euler_beam.py").problem,
        lambda outputs: MLP([1, 16, 16, outputs]),
        lambda iterations: [LevenbergMarquardt(iterations=3 * iterations)],
        ORDERS,
    ),
}


def solved(case: Case, problem: Problem, row: str, seed: int, iterations: int) -> Solution:
    """Return the solution of one row."""
    plan, outputs = case.plan(iterations), len(problem.unknowns)
    if row == "of first order":
        rewritten = problem.first_order()
        network = case.network(len(rewritten.problem.unknowns))
        return rewritten.back(solve(rewritten.problem, network, plan, seed=seed))
    hard = {"built in": True, "in the loss": False}.get(row)
    return solve(problem, case.network(outputs), plan, seed=seed, hard=hard)


def run(name: str, seeds: int, iterations: int) -> None:
    """Print the rows of one problem."""
    case = CASES[name]
    problem = case.problem()
    points = problem.domain.interior(3000, seed=77)
    unknown_name = problem.unknown_names[0]
    if problem.exact:
        reference = evaluate(problem.exact[problem.unknowns[0]], problem.coordinates, points)
        told = "exact"
    else:
        found = solve(problem, tol=1e-6, budget="120s")
        reference, told = found.fields(points)[unknown_name], f"estimated {found.estimate:.1e}"
    print(f"{name} (reference: {told})")
    for row in case.rows:
        errors, start = [], time.process_time()
        for seed in range(seeds):
            field = solved(case, problem, row, seed, iterations).fields(points)[unknown_name]
            errors.append(np.linalg.norm(field - reference) / np.linalg.norm(reference))
        seconds = (time.process_time() - start) / seeds
        spread = f"{np.median(errors):.1e} ({min(errors):.1e} to {max(errors):.1e})"
        print(f"  {row:15} {spread}, {seconds:.1f} CPU s each", flush=True)


def main() -> None:
    """Run the cases named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=15)
    options = parser.parse_args()
    for name in options.names:
        run(name, options.seeds, options.iterations)


if __name__ == "__main__":
    main()
