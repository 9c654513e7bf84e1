"""How honest the error estimates are: all problems with exact solutions at several tolerances.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py [NAME ...] [--tol 1e-3 1e-5 1e-7 1e-9]

Every problem file with an exact solution that needs no training is solved to each tolerance, and
``solution.estimate`` is set beside the true relative L2 error (the worst unknown). An estimate is
good within [error / 2, 30 error]. What the budget ends is shown and not counted; neither are errors
below 1e-12: there both are round-off, and the estimate is a floor on purpose.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import kanpde
from kanpde import Outcome
from kanpde.problem_file import load_problem_file
from kanpde.solving import choose

PROBLEMS = Path(__file__).parent.parent / "problems"
ROUND_OFF = 1e-12
BUDGET = 20
"""Seconds for one solve."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tol", type=float, nargs="+", default=[1e-3, 1e-5, 1e-7, 1e-9])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| problem | way | " + " | ".join(f"tol {tol:.0e}" for tol in options.tol) + " |")
    print("|" + "---|" * (2 + len(options.tol)))
    ratios: dict[str, list[float]] = {}
    for path in sorted(PROBLEMS.glob("*.py")):
        loaded = load_problem_file(path)
        problem = loaded.problem
        wanted = path.stem in options.names if options.names else loaded.network is None
        if not wanted or not problem.exact or not choose(problem).ways:
            continue
        cells, way = [], ""
        for tol in options.tol:
            solution = kanpde.solve(problem, tol=tol, budget=BUDGET)
            way = solution.way.split(":")[0]
            error = max(e["relative_l2"] for e in solution.errors().values())
            ratio = (solution.estimate or 1.0) / error
            mark = "" if solution.outcome.is_success else f" {solution.outcome.name}"
            cells.append(f"{error:.0e} x {ratio:.2g}{mark}")
            counts = solution.estimate is not None and solution.outcome is not Outcome.BUDGET
            if counts and error > ROUND_OFF:
                ratios.setdefault(way, []).append(ratio)
        print(f"| {path.stem} | {way} | " + " | ".join(cells) + " |", flush=True)
    print()
    for way, found in [*ratios.items(), ("all", [r for each in ratios.values() for r in each])]:
        values = np.array(found)
        good = ((values >= 0.5) & (values <= 30)).sum()
        print(
            f"{way}: {good} of {len(values)} within [1/2, 30] ({100 * good / len(values):.0f} %); "
            f"too small {(values < 0.5).sum()}, too large {(values > 30).sum()}; "
            f"median {np.median(values):.1f}, smallest {values.min():.2f}"
        )


if __name__ == "__main__":
    main()
