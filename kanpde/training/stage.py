"""Stages: the steps of a plan that trains a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from kanpde.collocation import Collocation, boundary_points, collocate, interior_points
from kanpde.geometry import Chebyshev
from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.training.points import Drawn
from kanpde.training.teacher import fit_layout, imitation

S = TypeVar("S", bound="StageState")

CHUNK = 20_000
"""Interior points whose jets are held at once where only a gradient is needed."""


@dataclass(frozen=True)
class Task:
    """What is trained for: the problem, its points and the weights of its conditions.

    Args:
        problem: the problem.
        seed: of all points.
        hard: names of the conditions that hold by construction.
        condition_weight: weight of the other conditions in the loss; equations have weight 1.
        points_per_parameter: interior points for each parameter of the network.
        least_points: at least so many interior points.
        device: of all tensors.
        weights: of single equations and conditions, by name, in the place of the above.
        drawn: interior points that a stage has drawn or weighted, in the place of the usual ones.
        teacher: a field that is fitted, values and derivatives, in the place of the equations and
            conditions; see :mod:`kanpde.training.teacher`.
    """

    problem: Problem
    seed: int = 0
    hard: tuple[str, ...] = ()
    condition_weight: float = 100.0
    points_per_parameter: float = 4.0
    least_points: int = 1200
    device: str = "cpu"
    weights: tuple[tuple[str, float], ...] = ()
    drawn: Drawn | None = None
    teacher: Network | None = None

    def collocate(self, network: Network) -> Collocation:
        """Return training points for a network of this size: half of them near the boundary."""
        points, factors = self._interior(network)
        return self._placed(
            network, points, self._boundary(self.count(network), self.seed), factors
        )

    def chunks(self, network: Network, size: int = CHUNK) -> list[Collocation]:
        """Return the same points in parts of at most ``size`` interior points; their losses add up.

        The first part holds all conditions.
        """
        points, factors = self._interior(network)
        cuts = np.array_split(np.arange(len(points)), max(1, -(-len(points) // size)))
        found = []
        for number, cut in enumerate(cuts):
            boundary = {} if number else self._boundary(self.count(network), self.seed)
            own = None if factors is None else factors[cut]
            collocation = self._placed(network, points[cut], boundary, own)
            share = len(cut) / len(points)
            scaled = {b.name: b.weight * share for b in collocation.blocks if b.is_equation}
            if collocation.blocks:  # without equations there are conditions only, in the first part
                found.append(collocation.weighted(scaled))
        return found

    def held_out(self, network: Network) -> Collocation:
        """Return fresh points that no stage trains on, all counting alike."""
        count, seed = 1000, self.seed + 7919
        points = interior_points(self.problem, count, seed)
        return self._placed(network, points, self._boundary(count, seed), None)

    def count(self, network: Network) -> int:
        """Return the number of interior points for a network of this size."""
        return max(self.least_points, int(self.points_per_parameter * network.parameter_count))

    def interior(self, network: Network) -> np.ndarray:
        """Return the interior points for a network of this size, (N, D)."""
        return self._interior(network)[0]

    def _interior(self, network: Network) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the interior points (N, D) and the factors of the residual there, (N,) or None."""
        count = self.count(network)
        if self.drawn is None:
            return interior_points(self.problem, count, self.seed), None
        return self.drawn.at_least(count, self.problem, self.seed)

    def _boundary(self, count: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return points and normals of the conditions that are trained, by name."""
        points = boundary_points(self.problem, count // 4, seed, sampler=Chebyshev())
        left_out = self.hard if self.teacher is None else ()
        return {name: p for name, p in points.items() if name not in left_out}

    def _placed(
        self,
        network: Network,
        interior: np.ndarray,
        boundary: dict[str, tuple[np.ndarray, np.ndarray]],
        factors: np.ndarray | None,
    ) -> Collocation:
        dtype = next(network.parameters()).dtype
        if self.teacher is not None:
            place = np.concatenate([interior, *(p for p, _ in boundary.values())])
            layout = fit_layout(self.problem)
            return imitation(self.teacher, layout, place, device=self.device, dtype=dtype)
        collocation = collocate(
            self.problem,
            interior,
            boundary,
            device=self.device,
            dtype=dtype,
            collapse=network.collapses,
        )
        present = {block.name for block in collocation.blocks}
        own = {name: w for name, w in self.weights if name in present}
        collocation = collocation.weighted(
            {**dict.fromkeys(boundary, self.condition_weight), **own}
        )
        return collocation if factors is None else collocation.scaled(factors)


@dataclass(frozen=True)
class StageState:
    """Where a stage is; everything a next step needs.

    Args:
        network: the field so far.
        iteration: steps taken.
        loss: half the sum of squared scaled residuals, or None if the stage has none.
        done: whether the stage has come to its end.
        note: what the stage wants the reader to know.
        task: what the stages that follow train for, where this one changes it; else None.

    A pickled state leaves out what follows from the rest (:attr:`derived`); the next step finds it
    anew, to the same bits.
    """

    network: Network
    iteration: int = 0
    loss: float | None = None
    done: bool = False
    note: str = ""
    task: Task | None = None

    derived: ClassVar[frozenset[str]] = frozenset()
    """Fields with a default that a step can compute from the others and the task."""

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        for name in self.derived:
            kept[name] = type(self).__dataclass_fields__[name].default
        return kept


class Stage(ABC, Generic[S]):
    """One step of a plan: a value with ``init`` and ``step``, its state explicit."""

    name: ClassVar[str]

    def check(self, problem: Problem, network: Network) -> Network:
        """Return a network of the shape the stage would leave, at no cost.

        Raises:
            ValueError: if the stage cannot run on this problem and network.
        """
        return network

    @abstractmethod
    def init(self, task: Task, network: Network) -> S:
        """Return the state before the first step."""

    @abstractmethod
    def step(self, task: Task, state: S) -> S:
        """Return the state after one more step."""


class SingleStep(Stage[StageState]):
    """A stage that is over after one step."""

    def init(self, task: Task, network: Network) -> StageState:
        """Return the state before the step."""
        return StageState(network)

    @abstractmethod
    def apply(self, task: Task, network: Network) -> StageState:
        """Return the state after the step."""

    def step(self, task: Task, state: StageState) -> StageState:
        """Return the state after the step."""
        return replace(self.apply(task, state.network), iteration=1, done=True)
