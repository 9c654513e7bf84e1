"""Random tanh features with output weights by the same least squares, at equal time.

Gaussian-free directions and places as in random feature methods (extreme learning machines); the
best of three scales by TRUE error counts, and for it the time of that one solve: a generous
baseline. Nonlinear problems are solved by Newton's method from zero.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from kanpde import Outcome, Problem
from kanpde.collocation import boundary_points, collocate, interior_points
from kanpde.control import Control
from kanpde.geometry import Chebyshev
from kanpde.networks import JetLayout, LinearKAN, Nodes
from kanpde.solution import Solution
from kanpde.solving import solve_output_coefficients
from kanpde.solving.newton import Newton

FEATURES = (100, 200, 400, 800, 1600)
SCALES = (1.0, 3.0, 9.0)
GROWTH = 4.0
"""Of the time at least, with twice the features."""


class TanhNodes(Nodes):
    """Random ridge functions tanh(w.(x - c) + b) and a constant."""

    def __init__(self, count: int, scale: float, problem: Problem) -> None:
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


def random_features(problem: Problem, measure: Any, seconds: float) -> tuple[float, int] | None:
    """Return the best error and the number of the most features that take no longer.

    Args:
        problem: in up to three coordinates; None comes back for more.
        measure: maps a solution to its relative L2 error.
        seconds: the fewest features count even if they take longer.
    """
    if problem.dimension > 3:
        return None
    best: tuple[float, int] | None = None
    took = 0.0
    for count in FEATURES:
        errors = []
        if best is not None and GROWTH * took > seconds:
            return best
        for scale in SCALES:
            start = time.process_time()
            solved = _solved(problem, count, scale)
            took = time.process_time() - start
            if best is not None and took > seconds:
                return best
            error = measure(Solution(problem, solved, Outcome.PLAN_FINISHED))
            errors.append(error if np.isfinite(error) else np.inf)
        if best is None or min(errors) < best[0]:
            best = (min(errors), count)
    return best


def _solved(problem: Problem, count: int, scale: float) -> Any:
    network = LinearKAN([TanhNodes(count, scale, problem)], len(problem.unknowns))
    interior = interior_points(problem, 2 * count + 40, 0)
    boundary = boundary_points(problem, count, 0, sampler=Chebyshev(), least=20)
    collocation = collocate(problem, interior, boundary)
    if problem.is_linear:
        return solve_output_coefficients(network, collocation, collocation.prepare(network))[0]
    even = [block.points.new_ones(1) for block in collocation.blocks]
    return Newton().solve(network, collocation, even, Control(None, None), start=None)[0]
