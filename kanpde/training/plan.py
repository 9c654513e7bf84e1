"""Run a plan: stage after stage, observed, stoppable, never losing the best field."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kanpde.control import Control
from kanpde.networks import Network
from kanpde.outcome import Outcome
from kanpde.training.stage import Stage, Task

ERROR_EVERY = 5
"""The error against an exact solution is measured at every so many iterations."""


@dataclass(frozen=True)
class PlanResult:
    """What came of a plan.

    Args:
        network: the field after the last step whose loss was finite.
        outcome: why it ended.
        points: rows of the last residual vector.
        notes: what the stages had to say, by position and name.
    """

    network: Network
    outcome: Outcome
    points: int
    notes: tuple[str, ...]


def run_plan(
    plan: Sequence[Stage[Any]],
    task: Task,
    network: Network,
    control: Control,
    *,
    error: Callable[[Network], float | None] = lambda network: None,
) -> PlanResult:
    """Run the stages of a plan one after the other.

    Args:
        plan: the stages.
        task: problem, points and weights.
        network: the start.
        control: budget, stop request and history.
        error: gives the true error for the history where it is known.

    Raises:
        ValueError: before the first step, if a stage cannot run.

    Returns:
        the field and the outcome; a stop or a non-finite loss keeps the last good field.
    """
    shape = network
    for stage in plan:
        shape = stage.check(task.problem, shape)
    held_out = task.held_out(network)
    notes: list[str] = []
    for position, stage in enumerate(plan):
        if control.should_stop:
            return PlanResult(network, control.stop_outcome, _rows(task, network), tuple(notes))
        state = stage.init(task, network)
        prepared = None
        while not state.done and not control.should_stop:
            state = stage.step(task, state)
            if state.loss is not None and not math.isfinite(state.loss):
                return PlanResult(network, Outcome.DIVERGED, _rows(task, network), tuple(notes))
            if prepared is None:
                prepared = held_out.prepare(state.network)
            rms = held_out.rms(state.network, prepared)
            measured = None
            if state.done or state.iteration % ERROR_EVERY == 0:
                measured = control.off_the_clock(partial(error, state.network))
            control.record(
                f"{position + 1} {stage.name}",
                state.iteration,
                parameters=state.network.parameter_count,
                loss=state.loss,
                held_out=max(rms.values()),
                error=measured,
            )
        network = state.network
        if state.note:
            notes.append(f"{position + 1} {stage.name}: {state.note}")
    outcome = control.stop_outcome if control.should_stop else Outcome.PLAN_FINISHED
    return PlanResult(network, outcome, _rows(task, network), tuple(notes))


def _rows(task: Task, network: Network) -> int:
    return task.collocate(network).point_count
