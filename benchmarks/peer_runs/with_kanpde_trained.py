"""kanpde's trained KANs, as docs/training.md has them: Levenberg-Marquardt and grid extension.

The networks and plans are the first rows of the table there; for the plate with holes, which is not
in it, a KAN of the same kind. The error is looked at after steps of training.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from cases import Case
from with_kanpde import PROBLEMS, version

from kanpde import KAN, BSpline, Chebyshev, rounds, staircase
from kanpde.problem_file import load_problem_file
from kanpde.training import Training

__all__ = ["solve", "version"]


def spline(widths: list[int], intervals: int = 5) -> KAN:
    """Return a KAN of splines of degree 7."""
    return KAN(widths, basis=BSpline(degree=7, intervals=intervals), activation=None)


PLANS = {
    "poisson_2d": lambda: (spline([2, 5, 1]), staircase(5, 10, 20, iterations=50)),
    "poisson_four_holes": lambda: (spline([2, 8, 8, 1]), staircase(5, 10, iterations=80)),
    "helmholtz_1_4": lambda: (spline([2, 6, 6, 1]), staircase(5, 10, iterations=80)),
    "burgers_1d": lambda: (
        KAN([2, 5, 5, 5, 5, 5, 1], basis=Chebyshev(4), activation=None),
        rounds(24),
    ),
}
WIDTHS = {
    "poisson_2d": "[2, 5, 1], splines",
    "poisson_four_holes": "[2, 8, 8, 1], splines",
    "helmholtz_1_4": "[2, 6, 6, 1], splines",
    "burgers_1d": "[2, 5, 5, 5, 5, 5, 1], Chebyshev 4",
}


def solve(name: str, case: Case, start: Any, arrays: dict[str, np.ndarray]) -> None:
    """Run one case."""
    torch.set_num_threads(1)
    run = start()
    problem = replace(load_problem_file(PROBLEMS / f"{name}.py").problem, exact=None)
    network, plan = PLANS[name]()
    training = Training.of(problem, network, seed=0, hard=None, device="cpu")
    task, network = training.task, training.network
    run.tell(setup=f"KAN {WIDTHS[name]}, Levenberg-Marquardt, float64")
    count = 0
    for stage in plan:
        state = stage.init(task, network)
        while not state.done:
            state = stage.step(task, state)
            count += 1
            run.maybe(lambda points, n=state.network: _predict(n, points), count)
        network, task = state.network, state.task or task
    run.record(lambda points: _predict(network, points), count, parameters=network.parameter_count)


def _predict(network: Any, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.as_tensor(points))[:, 0].numpy()
