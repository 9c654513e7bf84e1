"""Whole solves by patches: error, estimate and seconds on problems with fronts, layers and waves.

    OMP_NUM_THREADS=1 python benchmarks/patches.py [NAME ...] [--tol 1e-6 1e-10] [--degree 16]

Errors are relative L2 against exact solutions on 10,000 independent points, seconds are those of
the whole solve on one thread, from the problem to the verified field. The last line counts how
often the verified estimate lies within [error / 2, 30 error].
"""

from __future__ import annotations

import argparse
from math import comb
from pathlib import Path

from sympy import Rational, cos, exp, pi, sin

from kanpde import (
    Dirichlet,
    Initial,
    Interval,
    Patches,
    Periodic,
    Problem,
    Rectangle,
    Solution,
    TimeInterval,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.problem_file import load_problem_file

FILES = (
    "poisson_peak",
    "poisson_front",
    "boundary_layer",
    "boundary_layer_thin",
    "convection_layer",
    "helmholtz_dirichlet",
    "helmholtz_k30",
    "jump_coefficient",
    "multiscale_1d",
    "poisson_2d_paper",
)
ROUND_OFF = 1e-12
"""Below this an error is not compared with its estimate: both are round-off."""

x, y, t = coordinates("x y t")


def omega_4() -> Problem:
    u, square = unknown("u", x, y), Rectangle(x=(-1, 1), y=(-1, 1))
    exact = sin(4 * pi * x) * sin(4 * pi * y)
    return Problem(
        square,
        laplacian(u) + 32 * pi**2 * exact,
        Dirichlet(u, 0, on=square.boundary),
        exact={u: exact},
    )


def variable_coefficient() -> Problem:
    u, square = unknown("u", x, y), Rectangle(x=(-1, 1), y=(-1, 1))
    exact = sin(2 * x + 1) * exp(y) + exp(-50 * (x - y) ** 2)

    def operator(v):
        return (1 + x**2) * laplacian(v, x, y) + 2 * x * v.diff(x)

    return Problem(
        square,
        operator(u) - operator(exact),
        Dirichlet(u, exact, on=square.boundary),
        exact={u: exact},
    )


def advection_80() -> Problem:
    """The JAX-PI case: periodic in space."""
    u, circle = unknown("u", x, t), Interval(x=(0, 2 * pi)) * TimeInterval(t=(0, 1))
    return Problem(
        circle,
        u.diff(t) + 80 * u.diff(x),
        [Initial(u, sin(x)), Periodic(u, x)],
        exact={u: sin(x - 80 * t)},
    )


def wave_4() -> Problem:
    u, strip = unknown("u", x, t), Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    exact = sin(pi * x) * cos(2 * pi * t) + sin(4 * pi * x) * cos(8 * pi * t) / 2
    conditions = [
        Dirichlet(u, 0, on=("left", "right")),
        Initial(u, exact.subs(t, 0)),
        Initial(u.diff(t), 0),
    ]
    return Problem(strip, u.diff(t, 2) - 4 * u.diff(x, 2), conditions, exact={u: exact})


def heat() -> Problem:
    u, strip = unknown("u", x, t), Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
    a = Rational(1, 10)
    exact = exp(-a * pi**2 * t) * sin(pi * x) + exp(-9 * a * pi**2 * t) * sin(3 * pi * x)
    conditions = [Dirichlet(u, 0, on=("left", "right")), Initial(u, exact.subs(t, 0))]
    return Problem(strip, u.diff(t) - a * u.diff(x, 2), conditions, exact={u: exact})


BUILT = (omega_4, variable_coefficient, advection_80, wave_4, heat)


def problems() -> dict[str, Problem]:
    folder = Path(__file__).parent.parent / "problems"
    found = {name: load_problem_file(folder / f"{name}.py").problem for name in FILES}
    return found | {build.__name__: build() for build in BUILT}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tol", type=float, nargs="+", default=[1e-10])
    parser.add_argument("--degree", type=int, default=16)
    options = parser.parse_args()
    print(f"{'problem':22} {'tol':>7} {'error':>8} {'estimate':>8} {'est/err':>8}", end=" ")
    print(f"{'boxes':>6} {'unknowns':>8} {'seconds':>8}  outcome")
    calibrated, counted = 0, 0
    for name, problem in problems().items():
        if options.names and name not in options.names:
            continue
        for tol in options.tol:
            solution = solve(problem, Patches(degree=options.degree), tol=tol)
            error = solution.errors()["u"]["relative_l2"]
            if error > ROUND_OFF:
                counted += 1
                calibrated += error / 2 <= solution.estimate <= 30 * error
            print(
                f"{name:22} {tol:7.0e} {error:8.1e} {solution.estimate:8.1e} "
                f"{solution.estimate / error:8.1f} {len(solution.network.boxes):6d} "
                f"{unknowns(solution):8d} {solution.seconds:8.2f}  {solution.outcome.name.lower()}",
                flush=True,
            )
    print(f"estimates within [error / 2, 30 error]: {calibrated} of {counted}")


def unknowns(solution: Solution) -> int:
    """Return the coefficients that elimination leaves to the sparse system."""
    network, dimension = solution.network, solution.problem.dimension
    tested = comb(network.degree - solution.problem.order + dimension, dimension)
    return len(network.boxes) * (comb(network.degree + dimension, dimension) - tested)


if __name__ == "__main__":
    main()
