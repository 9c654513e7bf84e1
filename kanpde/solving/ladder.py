"""The ladder: one global KAN with fixed inner edges, its degree raised until the error is small.

Each step is one least squares for the output edges. On a smooth problem the error falls
exponentially with the degree, and the difference of two steps tells how far one has come. Written
as a KAN this is a spectral least-squares method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import comb

import torch
from torch import Tensor

from kanpde.collocation import Collocation, boundary_points, collocate, interior_points
from kanpde.control import Control
from kanpde.geometry import Chebyshev, Sobol
from kanpde.networks import (
    JetLayout,
    LinearKAN,
    Network,
    Nodes,
    ProductNodes,
    RidgeNodes,
    TensorKAN,
)
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solving.least_squares import solve_output_coefficients
from kanpde.solving.separable import separate

DEGREES = (6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 38, 44, 52, 60, 72, 86, 100)
SAFETY = 3.0
"""Factor on the residual-based part of the error estimate."""
ROUND_OFF = 4 * 2.2e-16
"""Times the degree squared: what second derivatives of a level cannot be told from."""
MOST_COLUMNS = 10_000
"""Columns of the largest least-squares system, about 1.2 GiB."""
MOST_DIRECT = 20_000_000
"""Coefficients of the largest field that is solved for directly."""
UNRESOLVED = 0.03
"""A relative residual above this bounds the estimate from below: the level resolves nothing yet."""


@dataclass(frozen=True)
class Ladder:
    """How a linear problem is solved by raising the degree of one global KAN.

    Args:
        degrees: the steps, increasing.
        oversampling: interior points for each coefficient of an unknown.
        patience: steps that may gain less than 2.5x before the ladder gives up.
    """

    degrees: tuple[int, ...] = DEGREES
    oversampling: float = 1.4
    patience: int = 2

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in pairwise(self.degrees))
        if not self.degrees or self.degrees[0] < 1 or not increasing:
            raise ValueError(f"Ladder: degrees must be positive and increase, got {self.degrees}.")

    def nodes(self, problem: Problem, degree: int) -> list[Nodes]:
        """Return the nodes of one step: ridge nodes in one and two coordinates, products beyond."""
        kind = RidgeNodes if problem.dimension <= 2 else ProductNodes
        return [kind(degree, problem.domain.lower, problem.domain.upper)]

    def collocate(
        self, problem: Problem, degree: int, columns: int, seed: int, device: str = "cpu"
    ) -> Collocation:
        """Return the points of one step.

        Half of the interior points are Sobol points, half cluster to the boundary; every condition
        gets at least max(8 K, P/2) points in proportion to its share of the boundary.
        """
        count = int(self.oversampling * columns) + 40
        total = max(8 * degree, columns // 2) + 12
        interior = interior_points(problem, count, seed)
        boundary = boundary_points(problem, total, seed, sampler=Chebyshev())
        return collocate(problem, interior, boundary, device=device)

    def solve(
        self,
        problem: Problem,
        tol: float,
        control: Control,
        *,
        seed: int = 0,
        error: Callable[[Network], float | None] = lambda network: None,
        device: str = "cpu",
    ) -> LadderResult:
        """Raise the degree until the estimated relative L2 error is below ``tol``.

        Args:
            problem: linear.
            tol: for the estimate of the relative L2 error.
            control: budget, stop request and history.
            seed: of the points.
            error: gives the true error for the history where it is known.
            device: of all tensors.

        Returns:
            the best field, its estimate and the outcome.

        Raises:
            ValueError: if not even the first degree can be held in memory.
        """
        held_out = _HeldOut(problem, seed, device)
        levels = _Levels(self, problem, seed, device)
        best: LadderResult | None = None
        previous: _Step | None = None
        idle = 0
        for degree in self.degrees:
            if not levels.fits(degree):
                if best is None:
                    raise ValueError(
                        f"{problem.name}: a ladder in {problem.dimension} coordinates is too large "
                        f"at its first degree {degree}; give a network to train, for example "
                        f"KAN([{problem.dimension}, {len(problem.unknowns)}])."
                    )
                break
            if best is not None:
                if control.should_stop:
                    return best.ended(control.stop_outcome)
                if previous and levels.seconds(degree, previous) > control.time_left:
                    return best.ended(Outcome.BUDGET)
            before = control.seconds
            network, factors, points = levels.solve(degree)
            step = held_out.step(network, factors, previous, degree)
            step.seconds = control.seconds - before
            control.record(
                "ladder",
                degree,
                parameters=network.parameter_count,
                held_out=step.residual,
                estimate=step.estimate if previous else None,
                error=control.off_the_clock(partial(error, network)),
            )
            gain = best.estimate / step.estimate if best else float("inf")
            if best is None or gain > 1:
                best = LadderResult(network, step.estimate, points, Outcome.TOLERANCE_NOT_REACHED)
            previous = step
            if step.estimate < tol:
                return best.ended(Outcome.SOLVED)
            idle = idle + 1 if gain < 2.5 and degree >= 12 else 0
            if idle >= self.patience:
                break
        assert best is not None
        return best


class _Levels:
    """Solves one level after the other: directly where the problem is separable."""

    def __init__(self, ladder: Ladder, problem: Problem, seed: int, device: str) -> None:
        self._ladder, self._problem = ladder, problem
        self._seed, self._device = seed, device
        self._separable = separate(problem) if problem.dimension > 2 else None

    def solve(self, degree: int) -> tuple[Network, list[float], int]:
        """Return the field of a degree, the row factors of its blocks and its number of rows."""
        problem = self._problem
        if self._separable is not None and degree > 1:
            direct = self._separable.solve(degree)
            if direct is not None:
                factors = [1.0] * (len(problem.equations) + len(problem.conditions))
                return direct.to(self._device), factors, direct.parameter_count
            self._separable = None  # not to be trusted: least squares from here on
        network = self._empty(degree)
        columns = network.parameter_count // network.outputs
        collocation = self._ladder.collocate(problem, degree, columns, self._seed, self._device)
        prepared = collocation.prepare(network)
        solved, factors = solve_output_coefficients(network, collocation, prepared)
        return solved, factors, collocation.point_count

    def fits(self, degree: int) -> bool:
        """Whether a level can be held in memory, counted before anything of it is made."""
        dimension, unknowns = self._problem.dimension, len(self._problem.unknowns)
        if self._separable is not None and degree > 1:
            return (degree + 1) ** dimension <= MOST_DIRECT
        return unknowns * comb(degree + dimension, dimension) <= MOST_COLUMNS

    def seconds(self, degree: int, previous: _Step) -> float:
        """Return how long a level will take, from what the one before took: cubic in its size."""
        if self._separable is not None:
            return 0.0
        return previous.seconds * (self._empty(degree).parameter_count / previous.parameters) ** 3

    def _empty(self, degree: int) -> LinearKAN:
        nodes = self._ladder.nodes(self._problem, degree)
        return LinearKAN(nodes, len(self._problem.unknowns)).to(self._device)


@dataclass
class _Step:
    """One level as the next one sees it."""

    values: Tensor
    residual: float
    parameters: int
    estimate: float
    seconds: float = 0.0


@dataclass(frozen=True)
class LadderResult:
    """The best field of a ladder.

    Args:
        network: the field.
        estimate: of its relative L2 error.
        points: rows of its least-squares system.
        outcome: why the ladder ended.
    """

    network: Network
    estimate: float
    points: int
    outcome: Outcome

    @property
    def way(self) -> str:
        """How the field was found, in words."""
        linear = self.network
        if isinstance(linear, TensorKAN):
            return (
                f"ladder: one KAN of product nodes of degree {linear.shape[0] - 1} along each "
                "axis, output edges by fast diagonalisation of the separable operator"
            )
        assert isinstance(linear, LinearKAN)
        kinds = " and ".join(
            f"{type(block).__name__} of degree {getattr(block, 'degree', '?')}"
            for block in linear.blocks()
        )
        return f"ladder: one KAN with fixed inner edges ({kinds}), output edges by least squares"

    def ended(self, outcome: Outcome) -> LadderResult:
        """Return the same field with another outcome."""
        return LadderResult(self.network, self.estimate, self.points, outcome)


class _HeldOut:
    r"""The error estimate of a ladder, from points that no step is solved on.

    With :math:`\delta` the relative change of the field from the step before and
    :math:`\kappa=\delta|u|/\rho'` the stability constant that its residual :math:`\rho'` reveals,
    the estimate is :math:`\min(\delta, 3\kappa\rho/|u|)`: the change bounds the error of the step
    *before*, the residual carries it over to this one. A relative residual above 3 % bounds it
    from below, for then nothing is resolved.
    """

    def __init__(self, problem: Problem, seed: int, device: str) -> None:
        domain = problem.domain
        interior = domain.interior(500, seed=seed + 77, sampler=Sobol())
        boundary = boundary_points(problem, 400, seed + 77, sampler=Sobol(), least=100)
        self._collocation = collocate(problem, interior, boundary, device=device)
        probe = domain.interior(1000, seed=seed + 55, sampler=Sobol())
        self._points = torch.as_tensor(probe).to(device)
        self._layout = JetLayout.of(problem.dimension, ())
        self._sources = [
            float(b.coefficients[0].square().mean().sqrt()) if b.coefficients else 0.0
            for b in self._collocation.blocks
        ]

    def step(
        self, network: Network, factors: list[float], previous: _Step | None, degree: int
    ) -> _Step:
        rms = self._collocation.rms(network)
        blocks = self._collocation.blocks
        weighted = sum(f * rms[b.name] for f, b in zip(factors, blocks, strict=True))
        with torch.no_grad():
            values = network.jets(self._points, self._layout)[:, 0]
        estimate = 1.0
        if previous is not None:
            size = max(float(values.norm()), 1e-300)
            change = float((values - previous.values).norm()) / size
            stability = change / max(previous.residual, 1e-300)
            estimate = min(change, SAFETY * stability * weighted, 1.0)
            estimate = max(estimate, ROUND_OFF * degree**2)
            field = float(values.square().mean().sqrt())
            for block, source in zip(blocks, self._sources, strict=True):
                scale = source if block.is_equation else max(source, field)
                relative = rms[block.name] / scale if scale > 0 else 0.0
                if relative > UNRESOLVED:
                    estimate = min(1.0, max(estimate, relative))
        return _Step(values, weighted, network.parameter_count, estimate)
