"""Whole solves: error, own estimate, seconds and parameters, beside random tanh features.

    python benchmarks/solves.py [NAME ...] [--tol 1e-12]

Every problem file in ``problems`` that needs no training is solved by default from its first level
to its last, on one thread. "levels" says for how many levels with a true error between 1e-14 and
0.5 the estimate was within [error / 2, 30 error]. Beside it the most random tanh features (Gaussian
directions, output weights by the same least squares) whose solve takes no longer: the best of three
scales by TRUE error, so a generous baseline; linear problems in one to three coordinates only.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import kanpde
from kanpde.collocation import boundary_points, collocate, interior_points
from kanpde.geometry import Chebyshev
from kanpde.networks import JetLayout, LinearKAN, Nodes
from kanpde.problem_file import load_problem_file
from kanpde.solution import Solution
from kanpde.solving import solve_output_coefficients, suits

PROBLEMS = Path(__file__).parent.parent / "problems"
FEATURES = (100, 200, 400, 800, 1600)
SCALES = (1.0, 3.0, 9.0)


class TanhNodes(Nodes):
    """Random ridge functions tanh(w.(x - c) + b) and a constant."""

    def __init__(self, count: int, scale: float, problem: Any) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        lower, upper = problem.domain.lower, problem.domain.upper
        half = (upper - lower) / 2
        self.dimension, self.size = len(lower), count + 1
        weights = rng.uniform(-scale, scale, (self.dimension, count)) / half[:, None]
        places = (lower + upper) / 2 + half * rng.uniform(-1, 1, (count, self.dimension))
        self.weights = torch.as_tensor(weights)
        self.bias = torch.as_tensor(-(places * weights.T).sum(1))

    def columns(self, x: torch.Tensor, layout: JetLayout) -> torch.Tensor:
        """Return the jets of all functions at points x (N, D), shape (S, N, size)."""
        t = torch.tanh(x @ self.weights + self.bias)
        polynomial = np.polynomial.Polynomial([0.0, 1.0])  # of the k-th derivative, in t
        tables = []
        for _ in range(layout.order + 1):
            tables.append(sum(c * t**i for i, c in enumerate(polynomial.coef)))
            polynomial = polynomial.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
        result = x.new_zeros(layout.size, len(x), self.size)
        for part, alpha in enumerate(layout.parts):
            factor = torch.prod(self.weights ** torch.tensor(alpha)[:, None], dim=0)
            result[part, :, :-1] = tables[sum(alpha)] * factor
        result[0, :, -1] = 1.0
        return result

    def to_dict(self) -> dict[str, Any]:
        """Random features are not saved."""
        raise NotImplementedError


def random_features(problem: Any, seconds: float) -> tuple[float, int] | None:
    """Return the best error of the most features that take no longer than the seconds given."""
    best: tuple[float, int] | None = None
    for count in FEATURES:
        errors = []
        for scale in SCALES:
            start = time.perf_counter()
            network = LinearKAN([TanhNodes(count, scale, problem)], len(problem.unknowns))
            interior = interior_points(problem, 2 * count + 40, 0)
            boundary = boundary_points(problem, count, 0, sampler=Chebyshev(), least=20)
            collocation = collocate(problem, interior, boundary)
            solved, _ = solve_output_coefficients(
                network, collocation, collocation.prepare(network)
            )
            if best is not None and time.perf_counter() - start > seconds:
                return best
            field = Solution(problem, solved, kanpde.Outcome.PLAN_FINISHED)
            errors.append(max(e["relative_l2"] for e in field.errors().values()))
        best = (min(errors), count)
    return best


def within(solution: Solution) -> tuple[int, int]:
    """Return how many levels were judged well, and how many could be judged."""
    judged = [
        (r.estimate, r.error)
        for r in solution.history
        if r.estimate is not None and r.error is not None and 1e-14 < r.error < 0.5
    ]
    return sum(error / 2 <= estimate <= 30 * error for estimate, error in judged), len(judged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--tol", type=float, default=1e-12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| problem | error | estimate | est/err | levels | s | parameters | random tanh |")
    print("|---|---|---|---|---|---|---|---|")
    good = total = 0
    for path in sorted(PROBLEMS.glob("*.py")):
        loaded = load_problem_file(path)
        problem = loaded.problem
        chosen = path.stem in arguments.names if arguments.names else loaded.network is None
        if not chosen or not suits(problem):
            continue
        solution = kanpde.solve(problem, tol=arguments.tol, budget=60)
        error = ratio = levels = beside = "-"
        if problem.exact:
            value = max(e["relative_l2"] for e in solution.errors().values())
            error, ratio = f"{value:.1e}", f"{solution.estimate / value:.1f}"
            hits, count = within(solution)
            good, total = good + hits, total + count
            levels = f"{hits}/{count}"
            if problem.is_linear and problem.dimension <= 3:
                found = random_features(problem, solution.seconds)
                beside = f"{found[0]:.1e} ({found[1]})" if found else "-"
        mark = "" if solution.outcome.is_success else " (tolerance not reached)"
        print(
            f"| {path.stem}{mark} | {error} | {solution.estimate:.1e} | {ratio} | {levels} | "
            f"{solution.seconds:.2f} | {solution.parameters} | {beside} |",
            flush=True,
        )
    if total:
        print(f"\nlevels with an estimate within [error / 2, 30 error]: {good} of {total}")


if __name__ == "__main__":
    main()
