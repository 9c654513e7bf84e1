"""Run a plan: stage after stage, observed, stoppable, never losing the best field."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from kanpde.control import Control
from kanpde.networks import Network
from kanpde.outcome import Outcome
from kanpde.training.stage import SingleStep, Stage, StageState, Task

ERROR_EVERY = 5
"""The error against an exact solution is measured at every so many iterations."""
RUNAWAY = 1e8
"""A loss of so many times that at a stage's first step has run away, finite or not."""


@dataclass(frozen=True)
class PlanState:
    """Where a plan stands; with the plan and the seeds all that decides how it goes on.

    Args:
        task: of the stage that is next or under way.
        network: the field at the beginning of this stage.
        position: of this stage, from 0.
        state: of this stage, or None at its beginning.
        notes: of the stages before.
        records: how many of the history's records are of the stages before.
    """

    task: Task
    network: Network
    position: int = 0
    state: StageState | None = None
    notes: tuple[str, ...] = ()
    records: int = 0

    @property
    def field(self) -> Network:
        """The field so far."""
        return self.network if self.state is None else self.state.network


@dataclass(frozen=True)
class Goal:
    """When a field is good enough.

    Args:
        tol: for the estimated relative L2 error.
        estimate: gives it for a field, or None where there is none.
    """

    tol: float
    estimate: Callable[[Network], float | None]


@dataclass(frozen=True)
class PlanResult:
    """What came of a plan.

    Args:
        network: the field after the last step whose loss was finite.
        outcome: why it ended.
        points: rows of the last residual vector.
        notes: what the stages had to say, by position and name.
        task: what the last stage trained for.
        weights: of all equations and conditions that were trained, by name.
    """

    network: Network
    outcome: Outcome
    points: int
    notes: tuple[str, ...]
    task: Task
    weights: dict[str, float]


def run_plan(
    plan: Sequence[Stage[Any]],
    task: Task,
    network: Network,
    control: Control,
    *,
    error: Callable[[Network], float | None] = lambda network: None,
    start: PlanState | None = None,
    goal: Goal | None = None,
    label: str = "",
    keep: Callable[[PlanState, bool], None] = lambda where, is_turn: None,
) -> PlanResult:
    """Run the stages of a plan one after the other.

    Args:
        plan: the stages.
        task: problem, points and weights.
        network: the start.
        control: budget, stop request and history.
        error: gives the true error for the history where it is known.
        start: where to take the plan up, in the place of ``task`` and ``network``.
        goal: ends the plan after a stage that reaches it.
        label: put before the names of the stages in the history.
        keep: called with where the plan stands before each stage, after each step and at the end,
            and with whether it is one of the turns that must be kept: all but the steps.

    Raises:
        ValueError: before the first step, if a stage cannot run.

    Returns:
        the field and the outcome; a stop or a loss that runs away keeps the last good field.
    """
    where = start or PlanState(task, network, records=len(control.history))
    shape = where.network
    for stage in plan[where.position :]:
        shape = stage.check(where.task.problem, shape)
    while where.position < len(plan):
        if control.should_stop:
            keep(where, True)
            return _result(where, control.stop_outcome)
        if where.state is None:
            keep(where, True)
        stage = plan[where.position]
        name = f"{label}{where.position + 1} {stage.name}"
        ended = _run_stage(stage, name, where, control, error, goal, keep)
        if isinstance(ended, PlanResult):
            return ended
        where = ended
        if _is_reached(goal, control):
            where = replace(where, position=len(plan))
    keep(where, True)
    if _is_reached(goal, control):
        return _result(where, Outcome.SOLVED)
    return _result(where, control.stop_outcome if control.should_stop else Outcome.PLAN_FINISHED)


def _run_stage(
    stage: Stage[Any],
    label: str,
    where: PlanState,
    control: Control,
    error: Callable[[Network], float | None],
    goal: Goal | None,
    keep: Callable[[PlanState, bool], None],
) -> PlanState | PlanResult:
    """Return where the plan stands after a stage, or what came of it if it ends in this one."""
    task = where.task
    held_out = task.held_out(where.network)
    prepared = None
    good = where
    first = math.inf
    try:
        state = stage.init(task, where.network) if where.state is None else where.state
        while not state.done:
            if control.should_stop:
                keep(replace(where, state=state), True)
                break
            state = stage.step(task, state)
            if state.loss is not None:
                first = state.loss if math.isinf(first) else first
                if not state.loss <= RUNAWAY * first:
                    raise FloatingPointError(f"the loss became {state.loss:.1e}")
            good = replace(where, state=state)
            if prepared is None:
                prepared = held_out.prepare(state.network)
            rms = held_out.rms(state.network, prepared)
            measured = None
            if state.done or state.iteration % ERROR_EVERY == 0:
                measured = control.off_the_clock(partial(error, state.network))
            control.record(
                label,
                state.iteration,
                parameters=state.network.parameter_count,
                loss=state.loss,
                held_out=max(rms.values()),
                estimate=goal.estimate(state.network) if goal and _is_end(stage, state) else None,
                error=measured,
                damping=getattr(state, "damping", None),
            )
            keep(good, False)
    except (FloatingPointError, np.linalg.LinAlgError, torch.linalg.LinAlgError) as failure:
        notes = (*where.notes, f"{label}: {failure}")
        return _result(replace(good, notes=notes), Outcome.DIVERGED)
    notes = (*where.notes, f"{label}: {state.note}") if state.note else where.notes
    if not state.done:
        return _result(replace(where, state=state, notes=notes), control.stop_outcome)
    return PlanState(
        state.task or task, state.network, where.position + 1, None, notes, len(control.history)
    )


def _is_reached(goal: Goal | None, control: Control) -> bool:
    """Whether the field of the last record is good enough."""
    last = control.history[-1].estimate if control.history else None
    return goal is not None and last is not None and last <= goal.tol


def _is_end(stage: Stage[Any], state: StageState) -> bool:
    """Whether a stage that trains has come to its end."""
    return state.done and not isinstance(stage, SingleStep)


def _result(where: PlanState, outcome: Outcome) -> PlanResult:
    placed = where.task.collocate(where.field)
    weights = {block.name: block.weight for block in placed.blocks}
    return PlanResult(where.field, outcome, placed.point_count, where.notes, where.task, weights)
