"""Stages: the steps of a plan that trains a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from kanpde.collocation import (
    Collocation,
    boundary_points,
    collocate,
    fixed_points,
    interior_points,
)
from kanpde.geometry import Chebyshev, Sampler
from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.ranks import Ranks
from kanpde.training.chunk import Chunk, size_of
from kanpde.training.points import Conditions, Drawn, conditions_by
from kanpde.training.rules import Rule
from kanpde.training.teacher import fit_layout, imitation

S = TypeVar("S", bound="StageState")

CHUNK = 20_000
"""Interior points whose jets are held at once where only a gradient is needed."""
MEMORY = 4 * 2**30
"""Bytes for what is computed at points, where nothing is said."""
SHARE = 8
"""Part of the memory that the Jacobian of one chunk of points may take: 1/8. The others are for
its product, for jets, and for the points themselves."""
SHARDS = 8
"""Into which points are cut where they are shared or come in chunks; a power of two."""
LEAST_CHUNK = 256
"""Points of a chunk, however little memory there is."""


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
        compiled: whether evaluations of networks are recorded and replayed where stages make many
            at the same points; see :mod:`kanpde.training.replay`.
        weights: of single equations and conditions, by name, in the place of the above.
        drawn: interior points that a stage has drawn or weighted, in the place of the usual ones.
        sampler: of the points, or a quadrature rule whose weights enter the loss; by default half
            of the points are even and half near the boundary.
        memory: bytes for what is computed at points: a larger Jacobian is made chunk by chunk.
        ranks: the processes that share the points.
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
    compiled: bool = False
    weights: tuple[tuple[str, float], ...] = ()
    drawn: Drawn | None = None
    memory: float = MEMORY
    ranks: Ranks = field(default_factory=Ranks)
    teacher: Network | None = None
    sampler: Sampler | Rule | None = None

    def collocate(self, network: Network) -> Collocation:
        """Return training points for a network of this size."""
        points, factors, boundary = self._places(network)
        return self._placed(network, points, boundary, factors)

    def chunks(self, network: Network, size: int = CHUNK) -> list[Chunk]:
        """Return the same points in parts of at most so many interior points; losses add up."""
        places = self._places(network)
        chunks = self._cut(network, places, Ranks(), -(-len(places[0]) // size))
        return [chunk.keeping(network) for chunk in chunks]

    def shards(self, network: Network) -> list[list[Chunk]]:
        """Return this process's share of the same points, in shards of chunks; losses add up.

        There are :data:`SHARDS` in all, whatever the number of processes (or as many as those), and
        sums over each that are then added in pairs do not depend on it. What the network
        precomputes is kept where that takes no more than a chunk's Jacobian may.

        Raises:
            ValueError: if there are fewer points than processes.
        """
        places = self._places(network)
        number, count = len(places[0]), max(SHARDS, self.ranks.size)
        if number < count:
            raise ValueError(f"{number} points cannot be cut into {count} shards.")
        chunks = -(-number // (count * self.chunk(network)))
        mine = range(count)[self.ranks.share(count)]
        shards = [self._cut(network, places, Ranks(shard, count), chunks) for shard in mine]
        of_one = size_of(shards[0][0].ready(network))
        if of_one * sum(map(len, shards)) > self.memory / SHARE:
            return shards
        return [[chunk.keeping(network) for chunk in shard] for shard in shards]

    def _places(self, network: Network) -> tuple[np.ndarray, np.ndarray | None, Conditions]:
        """Return the interior points, their factors, and where the conditions are."""
        return *self._interior(network), self._boundary(self.count(network))

    def _cut(
        self,
        network: Network,
        places: tuple[np.ndarray, np.ndarray | None, Conditions],
        shard: Ranks,
        chunks: int,
    ) -> list[Chunk]:
        """Return one shard of the points of :meth:`_places` in chunks."""
        points, factors, whole = places
        mine = np.arange(len(points))[shard.share(len(points))]
        named = zip(self.problem.condition_names, self.problem.conditions, strict=True)
        joint = [name for name, condition in named if fixed_points(condition) is not None]
        found = []
        for number, cut in enumerate(np.array_split(mine, chunks)):
            boundary = whole.part(Ranks(shard.rank * chunks + number, shard.size * chunks), joint)
            own = None if factors is None else factors[cut]
            collocation = self._placed(network, points[cut], boundary, own)
            parts = {
                name: len(p) / len(whole.places[name][0])
                for name, (p, _) in boundary.places.items()
            }
            share = len(cut) / len(points)
            scaled = {
                b.name: b.weight * (share if b.is_equation else parts.get(b.name, share))
                for b in collocation.blocks
            }
            if collocation.blocks:  # without equations there are conditions only, in the first part
                found.append(Chunk(collocation.weighted(scaled)))
        return found

    def is_streamed(self, network: Network) -> bool:
        """Whether points come in chunks: they are shared, or the Jacobian is too large.

        Data alone are neither: every process fits all of them, and finds the same.
        """
        if not self.problem.equations:
            return False
        if self.ranks.size > 1:
            return True
        rows = 1.25 * self.count(network) * max(len(self.problem.equations), 1)
        return 2 * rows * self._bytes_of_a_row(network) > self.memory

    def chunk(self, network: Network) -> int:
        """Return how many interior points may be linearised at once."""
        of_a_point = max(len(self.problem.equations), 1) * self._bytes_of_a_row(network)
        return int(np.clip(self.memory / SHARE / of_a_point, LEAST_CHUNK, CHUNK))

    def _bytes_of_a_row(self, network: Network) -> int:
        parameter = next(network.parameters())
        return network.parameter_count * parameter.element_size()

    def held_out(self, network: Network) -> Collocation:
        """Return fresh points that no stage trains on, all counting alike."""
        count, seed = 1000, self.seed + 7919
        points = interior_points(self.problem, count, seed)
        return self._placed(network, points, self._even_boundary(count, seed, Chebyshev()), None)

    def count(self, network: Network) -> int:
        """Return the number of interior points for a network of this size."""
        return max(self.least_points, int(self.points_per_parameter * network.parameter_count))

    def interior(self, network: Network) -> np.ndarray:
        """Return the interior points for a network of this size, (N, D)."""
        return self._interior(network)[0]

    def _interior(self, network: Network) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the interior points (N, D) and the factors of the residual there, (N,) or None."""
        count = self.count(network)
        if self.drawn is not None:
            return self.drawn.at_least(count, self.problem, self.seed)
        if isinstance(self.sampler, Rule):
            points, weights = self.sampler.inside(self.problem.domain, count)
            return points, np.sqrt(weights / weights.mean())
        return interior_points(self.problem, count, self.seed, self.sampler), None

    def _boundary(self, count: int) -> Conditions:
        """Return points and normals of the conditions that are trained on."""
        if isinstance(self.sampler, Rule):
            return self._kept(conditions_by(self.sampler, self.problem, count // 4))
        return self._even_boundary(count, self.seed, self.sampler or Chebyshev())

    def _even_boundary(self, count: int, seed: int, sampler: Sampler) -> Conditions:
        points = boundary_points(self.problem, count // 4, seed, sampler=sampler)
        return self._kept(Conditions(points))

    def _kept(self, conditions: Conditions) -> Conditions:
        """Return the conditions that do not hold by construction."""
        return conditions.without(self.hard if self.teacher is None else ())

    def _placed(
        self,
        network: Network,
        interior: np.ndarray,
        conditions: Conditions,
        factors: np.ndarray | None,
    ) -> Collocation:
        dtype, boundary = next(network.parameters()).dtype, conditions.places
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
        ).scaled_conditions(conditions.factors)
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
