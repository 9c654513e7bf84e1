"""Compact networks from accurate fields: parameters, error and CPU seconds over seeds.

    python benchmarks/distil.py [--seeds 10] [NAME ...]

Each field is solved for directly, then distilled at several seeds; the worst seed counts. The last
row is Burgers' equation compressed to products of splines (no seed in it).
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from sympy import exp, pi, sin

import kanpde
from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    Initial,
    Interval,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    unknown,
)

x, y, t = coordinates("x y t")
u, ut = unknown("u", x, y), unknown("u", x, t)
square = Rectangle(x=(-1, 1), y=(-1, 1))


def manufactured(exact) -> Problem:
    equation = laplacian(u) - laplacian(exact, x, y)
    return Problem(square, equation, Dirichlet(u, exact, on=square.boundary), exact={u: exact})


def heat() -> Problem:
    return Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 1)),
        ut.diff(t) - ut.diff(x, 2) / pi**2,
        [Initial(ut, sin(pi * x)), Dirichlet(ut, 0, on=("left", "right"))],
        exact={ut: exp(-t) * sin(pi * x)},
    )


def burgers() -> Problem:
    return Problem(
        Interval(x=(-1, 1)) * TimeInterval(t=(0, 1)),
        ut.diff(t) + ut * ut.diff(x) - ut.diff(x, 2) / (100 * pi),
        [Initial(ut, -sin(pi * x)), Dirichlet(ut, 0, on=("left", "right"))],
    )


def kan(*widths, intervals):
    return KAN(list(widths), basis=BSpline(degree=7, intervals=intervals), activation=None)


WAVES = manufactured(sin(pi * x) * sin(pi * y))
CASES = {
    "sin sin, one product node": (WAVES, kan(2, (0, 1), 1, intervals=40)),
    "sin sin, [2, 2, 1]": (WAVES, kan(2, 2, 1, intervals=20)),
    "sin sin, [2, 5, 1]": (WAVES, kan(2, 5, 1, intervals=20)),
    "exp(sin(pi x) + y^2), [2, 1, 1]": (
        manufactured(exp(sin(pi * x) + y**2)),
        kan(2, 1, 1, intervals=20),
    ),
    "heat mode, one product node": (heat(), kan(2, (0, 1), 1, intervals=20)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of the names of cases (default: all)")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    chosen = [n for n in CASES if not options.names or any(p in n for p in options.names)]
    print(f"{'field, network':34} {'P':>5} {'worst error':>12} {'worst ratio':>12} {'CPU s':>6}")
    for name in chosen:
        problem, network = CASES[name]
        field = kanpde.solve(problem, tol=1e-11)
        errors, ratios, seconds = [], [], []
        for seed in range(options.seeds):
            start = time.process_time()
            small = field.distil(network, seed=seed)
            seconds.append(time.process_time() - start)
            errors.append(small.errors()["u"]["relative_l2"])
            ratios.append(small.estimate / errors[-1])
        worst = max(ratios, key=lambda r: max(r, 1 / r))
        print(
            f"{name:34} {small.parameters:5} {max(errors):12.1e} {worst:12.2f} "
            f"{median(seconds):6.2f}",
            flush=True,
        )
    if not options.names or any(p in "burgers" for p in options.names):
        field = kanpde.solve(burgers(), tol=1e-8)
        start = time.process_time()
        small = field.compress(1e-6)
        spent = time.process_time() - start
        name = f"Burgers 0.01/pi, rank {small.network.rank}"
        print(f"{name:34} {small.parameters:5} {small.estimate:12.1e} {'':12} {spent:6.2f}")


if __name__ == "__main__":
    main()
