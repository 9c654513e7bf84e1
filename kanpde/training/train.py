"""From a problem and a network to a trained solution: units, hard conditions, the plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from kanpde.control import Control
from kanpde.geometry import Sampler
from kanpde.networks import (
    KAN,
    MLP,
    Constrained,
    Network,
    SeparableKAN,
    SoughtNumber,
    WithNumbers,
    bare,
)
from kanpde.networks.closing import Circle, circles
from kanpde.networks.hard import hard_conditions, in_units
from kanpde.outcome import Outcome
from kanpde.problem import Problem, Sizes, characteristic_sizes
from kanpde.solution import Solution
from kanpde.training.checkpoint import Checkpoint, Checkpoints
from kanpde.training.plan import Goal, PlanState, run_plan
from kanpde.training.rules import Rule
from kanpde.training.stage import MEMORY, Stage, Task
from kanpde.training.verify import estimated_error


@dataclass(frozen=True)
class Scale:
    """On how many points a network is trained, and with what.

    Args:
        points: inside the domain; by default a few for each parameter.
        memory: bytes for what is computed there.
        compiled: whether that is recorded and replayed.
    """

    points: int | None = None
    memory: float = MEMORY
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.points is not None and self.points < 1:
            raise ValueError(f"points={self.points} must be at least 1.")

    def of(self, task: Task) -> Task:
        """Return a task of this scale."""
        task = replace(task, memory=self.memory, compiled=self.compiled)
        if self.points is None:
            return task
        return replace(task, least_points=self.points, points_per_parameter=0.0)


@dataclass(frozen=True)
class Training:
    """A network that is ready to be trained for a problem.

    Args:
        task: the problem, its points and weights, and which conditions hold by construction.
        network: the start, with these conditions, units and unknown numbers around it.
    """

    task: Task
    network: Network

    @staticmethod
    def of(
        problem: Problem,
        network: Network,
        *,
        seed: int,
        hard: bool | None,
        device: str,
        sampler: Sampler | Rule | None = None,
        scale: Scale | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Training:
        """Prepare a network.

        Raises:
            ValueError: for a network of the wrong dimensions, if conditions are to be built in
                that cannot be, or are already, or for a weight of nothing in the loss.
        """
        _check_network(problem, network)
        if hard and isinstance(network, Constrained):
            raise ValueError(
                "hard=True, but the network is Constrained: its conditions are built in already. "
                "Leave hard away, or give the network inside."
            )
        made = isinstance(network, (Constrained, WithNumbers))
        builds = hard is not False and not made
        network, periodic, closed = _started(problem, network, seed, builds)
        conditions = None
        if builds:
            conditions = hard_conditions(problem, forced=bool(hard), trained=True, closed=closed)
        if hard and conditions is None and not periodic:
            raise ValueError(
                "hard=True, but the conditions of this problem cannot be built in: they must be "
                "Dirichlet conditions on planes, circles, ellipses or spheres, or initial values, "
                "that agree where pieces meet, or be periodic."
            )
        names = set(periodic)
        sizes = characteristic_sizes(problem)
        if conditions is not None:
            network = conditions.apply(network, problem, sizes.unknowns)
            names |= set(conditions.names)
        elif not made:
            network = in_units(network, problem, sizes.unknowns)
        if problem.parameters and not isinstance(network, WithNumbers):
            sought = [SoughtNumber(p.name, p.initial, *p.bounds) for p in problem.parameters]
            network = WithNumbers(network, sought)
        met = tuple(name for name in problem.condition_names if name in names)
        task = Task(problem, seed=seed, hard=met, device=device, sampler=sampler)
        task = task if scale is None else scale.of(task)
        task = replace(task, weights=_weights_in_units(task, sizes, weights or {}))
        return Training(task, network.to(device))


def _started(
    problem: Problem, network: Network, seed: int, builds: bool
) -> tuple[Network, tuple[str, ...], tuple[Circle, ...]]:
    """Return the network at its start, the periodic conditions that it meets, and in which circles.

    A network whose start is not fixed is made periodic where the problem is, if conditions are to
    be built in.
    """
    found = circles(problem) if builds else ()
    if isinstance(network, (KAN, MLP, SeparableKAN)):
        is_fixed = network.seed is not None and network.has_range
        network = network.prepared(problem.domain.lower, problem.domain.upper, seed)
        if found and not is_fixed and not isinstance(network, SeparableKAN):
            network = network.closed([c.axis for c in found])
    names = tuple(name for c in found for name in c.met_by(network))
    return network, names, tuple(c for c in found if c.met_by(network))


def train(
    start: PlanState,
    plan: Sequence[Stage[Any]],
    control: Control,
    *,
    tol: float | None = None,
    label: str = "",
    checkpoints: Checkpoints | None = None,
    settings: dict[str, Any] | None = None,
) -> Solution:
    """Run a plan from where it stands.

    Args:
        start: where it stands.
        plan: the stages.
        control: budget, stop request and history.
        tol: ends the plan after a stage whose field has an estimated error below it.
        label: put before the names of the stages in the history.
        checkpoints: where they are written, or None.
        settings: what they are to hold besides.

    Raises:
        ValueError: before the first step, if a stage cannot run.
        OSError: if a checkpoint cannot be written.
    """

    def keep(where: PlanState, is_turn: bool) -> None:
        mine = checkpoints is not None and control.ranks.is_first
        if checkpoints is None or not mine or not (is_turn or checkpoints.are_due):
            return
        history, seconds = tuple(control.history), control.seconds
        checkpoint = Checkpoint(tuple(plan), where, history, seconds, settings or {})
        control.off_the_clock(lambda: checkpoints.write(checkpoint))

    problem = start.task.problem
    seed = start.task.seed
    goal = None if tol is None else Goal(tol, lambda n: estimated_error(problem, n, seed))
    result = run_plan(
        plan,
        start.task,
        start.network,
        control,
        error=error_of(problem),
        start=start,
        goal=goal,
        label=label,
        keep=keep,
    )
    task = result.task
    kind = "hard" if task.hard else "soft"
    return Solution(
        problem,
        result.network,
        result.outcome,
        estimate=estimated_error(problem, result.network, task.seed),
        history=tuple(control.history),
        points=result.points,
        seconds=control.seconds,
        seed=task.seed,
        notes=result.notes,
        way=(
            f"{type(bare(result.network)).__name__} trained by {len(plan)} stages, "
            f"{kind} conditions"
        ),
        weights=result.weights,
    )


def error_of(problem: Problem) -> Callable[[Network], float | None]:
    """Return the function that measures a field's largest relative L2 error, where it is known."""
    if not problem.exact:
        return lambda network: None

    def measure(network: Network) -> float:
        errors = Solution(problem, network, Outcome.PLAN_FINISHED).errors()
        return max(e["relative_l2"] for e in errors.values())

    return measure


def _weights_in_units(
    task: Task, sizes: Sizes, given: Mapping[str, float]
) -> tuple[tuple[str, float], ...]:
    """Return the weights that were given and those of what is measured in other units than one.

    Raises:
        ValueError: for a weight that is not positive, or of what is not in the loss.
    """
    usual = dict.fromkeys(task.problem.equations, 1.0)
    usual |= dict.fromkeys(task.problem.condition_names, task.condition_weight)
    for name, weight in given.items():
        if name in task.hard:
            raise ValueError(
                f"weights: {name!r} is built into the network and is no part of the loss; leave "
                "its weight away, or write hard=False."
            )
        if name not in usual:
            raise ValueError(
                f"weights: there is no equation or condition {name!r}; there are "
                f"{', '.join(map(repr, usual))}."
            )
        if not isinstance(weight, Real) or not 0 < weight < math.inf:
            raise ValueError(f"weights: {name!r} has {weight!r}, which must be a positive number.")
    sized = {name: sizes.residuals.get(name, 1.0) for name in usual}
    return tuple(
        (name, given.get(name, usual[name]) / size**2)
        for name, size in sized.items()
        if name not in task.hard and (name in given or size != 1)
    )


def _check_network(problem: Problem, network: Network) -> None:
    wanted = (problem.dimension, len(problem.unknowns))
    if (network.dimension, network.outputs) != wanted:
        raise ValueError(
            f"the network maps {network.dimension} coordinates to {network.outputs} outputs, but "
            f"{problem.name} has {wanted[0]} coordinates and {wanted[1]} unknowns; for a KAN write "
            f"KAN([{wanted[0]}, ..., {wanted[1]}])."
        )
