"""One level of a ladder: the points, the nodes, the solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kanpde.collocation import Collocation, collocate
from kanpde.control import Control
from kanpde.networks import HoleNodes, LinearKAN, Network
from kanpde.problem import Condition, Measured, Problem, determined
from kanpde.solving.families import Family
from kanpde.solving.least_squares import balanced_weights, least_squares, stacked
from kanpde.solving.newton import Newton
from kanpde.solving.points import level_points
from kanpde.solving.separable import SeparableProblem, separate
from kanpde.solving.traits import Traits

MOST_COLUMNS = 10_000
"""Columns of the largest least-squares system, about 1.2 GiB."""
MOST_DIRECT = 20_000_000
"""Coefficients of the largest field that is solved for directly."""
DIRECT_IN_PLANE = 28
"""Degree from which on fast diagonalisation is the better way in two coordinates."""


@dataclass(frozen=True)
class Level:
    """The field of one level.

    Args:
        network: the field.
        factors: of the rows of each block.
        rows: of its least squares.
        converged: whether Newton's method did; a linear level always does.
        direct: whether it cost next to nothing: no least squares.
        loose: relative error with which the least squares of a linear level find a random field
            again from its residuals: round-off, or about one if other fields have the same ones.
    """

    network: Network
    factors: list[float]
    rows: int
    converged: bool = True
    direct: bool = False
    loose: float = 0.0


class Levels:
    """Solves one level after the other: directly where the problem is separable.

    Args:
        problem: to be solved.
        traits: of the problem.
        oversampling: interior points for each function.
        newton: for nonlinear problems.
        seed: of the points.
        device: of all tensors.
    """

    def __init__(
        self,
        problem: Problem,
        traits: Traits,
        *,
        oversampling: float,
        newton: Newton,
        seed: int,
        device: str,
    ) -> None:
        self._problem, self._traits = problem, traits
        self._oversampling, self._newton = oversampling, newton
        self._seed, self._device = seed, device
        few = problem.dimension in (2, 3) and problem.is_linear and not problem.regions
        self._separable: SeparableProblem | None = separate(problem) if few else None
        self._factors = [1.0] * (len(problem.equations) + len(problem.conditions))

    def solve(self, family: Family, degree: int, control: Control, start: Network | None) -> Level:
        """Return the field of a degree; a nonlinear one is sought from ``start``."""
        if self._is_direct(degree):
            assert self._separable is not None
            direct = self._separable.solve(degree)
            if direct is not None:
                field = direct.to(self._device)
                return Level(field, self._factors, field.parameter_count, direct=True)
            self._separable = None  # not to be trusted: least squares from here on
        problem = self._problem
        network = LinearKAN(family.nodes(degree), len(problem.unknowns)).to(self._device)
        columns = network.parameter_count // network.outputs
        counts = family.counts(degree, columns, self._oversampling)
        points = level_points(problem, self._traits, counts, self._seed)
        collocation = collocate(
            problem,
            points.interior,
            points.boundary,
            device=self._device,
            collapse=network.collapses and problem.dimension > 3,
            gradient=False,
        )
        emphasis = [
            torch.as_tensor(points.emphasis).to(b.points) if b.is_equation else b.points.new_ones(1)
            for b in collocation.blocks
        ]
        if problem.is_linear:
            fit = _without_singular(problem, network)
            solved, self._factors, loose = _linear(network, collocation, emphasis, fit)
            return Level(solved, self._factors, collocation.point_count, loose=loose)
        solved, self._factors, converged = self._newton.solve(
            network, collocation, emphasis, control, start=start
        )
        return Level(solved, self._factors, collocation.point_count, converged)

    def take(self, level: Level, degree: int) -> None:
        """Note a level that was solved before; the next one is solved as if after it."""
        if not level.direct:
            self._factors = level.factors
            if self._is_direct(degree):
                self._separable = None

    def fits(self, family: Family, degree: int) -> bool:
        """Whether a level can be held in memory, counted before anything of it is made."""
        if self._is_direct(degree):
            return (degree + 1) ** self._problem.dimension <= MOST_DIRECT
        columns = self.columns(family, degree)
        if not self._problem.equations:  # fitted to data: fewer coefficients than those
            rows = sum(len(c.on.points) for c in self._problem.conditions if _is_data(c))
            return columns * self._oversampling <= rows
        return columns <= MOST_COLUMNS

    def seconds(self, family: Family, degree: int, size: int, seconds: float) -> float:
        """Return how long a level will take, cubic in its size, from the size and time of one."""
        if self._is_direct(degree):
            return 0.0
        return seconds * (self.columns(family, degree) / size) ** 3

    def columns(self, family: Family, degree: int) -> int:
        """Return the number of columns of a level's least squares."""
        return len(self._problem.unknowns) * family.size(degree)

    def _is_direct(self, degree: int) -> bool:
        least = 1 if self._problem.dimension > 2 else DIRECT_IN_PLANE
        return self._separable is not None and degree > least


def _without_singular(problem: Problem, network: LinearKAN) -> torch.Tensor | None:
    """Return which coefficients (U C,) may be used: an unknown has no pole where it is sought.

    None if all may: only where equations hold in parts are holes of one part inside another.
    """
    if not problem.regions:
        return None
    fit = []
    for unknown in range(len(problem.unknowns)):
        for block in network.blocks():
            inside = isinstance(block, HoleNodes) and bool(
                determined(problem, unknown, np.array([block.centre]))[0]
            )
            fit.append(torch.full((block.size,), not inside))
    return torch.cat(fit).to(next(network.parameters()).device)


def _is_data(condition: Condition) -> bool:
    return isinstance(condition.on, Measured)


def _linear(
    network: LinearKAN,
    collocation: Collocation,
    emphasis: list[torch.Tensor],
    fit: torch.Tensor | None = None,
) -> tuple[LinearKAN, list[float], float]:
    """Return the field of a linear problem, the factors of its rows, and how loose they hold it.

    Coefficients (U C,) for which ``fit`` is zero stay zero.
    """
    prepared = collocation.prepare(network)
    systems = collocation.linear_system(network, prepared)
    if fit is not None:
        systems = [(torch.where(fit, rows, 0.0), target) for rows, target in systems]
    factors = balanced_weights(systems, collocation)
    emphasised = [
        (rows * e[:, None], target * e) for (rows, target), e in zip(systems, emphasis, strict=True)
    ]
    matrix, target = stacked(emphasised, factors)
    other = _random_coefficients(matrix)
    both = least_squares(matrix, torch.stack([target, matrix @ other], dim=1))
    network.set_vector(both[:, 0])
    if not any(block.is_equation for block in collocation.blocks):
        return network, factors, 0.0
    with torch.no_grad():
        lost, whole = (
            network.evaluate_with(prepared[0], c.view(network.outputs, -1))[:, 0].norm()
            for c in (both[:, 1] - other, other)
        )
    return network, factors, float(lost / whole.clamp_min(1e-300))


def _random_coefficients(matrix: torch.Tensor) -> torch.Tensor:
    """Return coefficients whose columns count alike, so that high degrees have little of them."""
    length = torch.linalg.vector_norm(matrix, dim=0)
    drawn = torch.randn(len(length), generator=torch.Generator().manual_seed(0), dtype=length.dtype)
    return torch.where(length > 0, drawn.to(length) / length, 0.0)
