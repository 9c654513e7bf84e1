"""Train a network, and again from another start if nothing came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kanpde.control import Control
from kanpde.geometry import Sampler
from kanpde.networks import KAN, MLP, Network, SeparableKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solution import Solution
from kanpde.training.checkpoint import Checkpoint, Checkpoints
from kanpde.training.plan import PlanState
from kanpde.training.rules import Rule
from kanpde.training.stage import Stage
from kanpde.training.train import Scale, Training, train

BAD = 1e-2
"""A field with a larger estimated error, or a larger part of the first residual, is bad."""
STRIDE = 1000
"""Between the seeds of two attempts."""
USUAL = 3
"""Attempts where nothing is said."""


@dataclass(frozen=True)
class Request:
    """How a network is to be trained.

    Args:
        network: as it was given; None if there is to be but one attempt.
        is_given: whether the plan was, and runs to its end; else the network suggests one.
        seed: of points and start in the first attempt.
        hard: whether conditions are built in, or None for where they can be.
        attempts: at most so many.
        tol: ends a plan that was not given, or None.
        device: of the tensors.
        threads: of the linear algebra.
        why: the network is trained.
        sampler: of the points, or a quadrature rule, or None.
        scale: on how many points.
        weights: of equations and conditions, by name, that were given.
    """

    network: Network | None
    is_given: bool
    seed: int
    hard: bool | None
    attempts: int
    tol: float | None
    device: str
    threads: int
    why: str
    sampler: Sampler | Rule | None = None
    scale: Scale = field(default_factory=Scale)
    weights: Mapping[str, float] = field(default_factory=dict)


def attempts_for(network: Network, plan: Any, asked: int | None) -> int:
    """Return how many attempts there are at most.

    Raises:
        ValueError: for a number below one, or several of a network that always starts alike.
    """
    anew = isinstance(network, (KAN, MLP, SeparableKAN)) and network.seed is None
    if asked is None:
        return USUAL if plan is None and anew else 1
    if asked < 1 or (asked > 1 and not anew):
        raise ValueError(
            f"attempts={asked} must be at least 1, and 1 for a network that starts alike at every "
            "seed; leave the network's seed away."
        )
    return asked


def train_anew(
    problem: Problem,
    request: Request,
    suggest: Callable[[Problem, Network], Sequence[Stage[Any]]],
    control: Control,
    checkpoints: Checkpoints | None,
    *,
    network: Network | None,
    notes: tuple[str, ...] = (),
    found: Checkpoint | None = None,
) -> Solution:
    """Train a network, from other seeds too as long as the best field is bad.

    Args:
        problem: the problem.
        request: how.
        suggest: gives the plan for a problem and a prepared network.
        control: budget, stop request and history.
        checkpoints: where they are written, or None.
        network: as it was given; not needed for a single attempt that is taken up.
        notes: to begin with.
        found: a checkpoint to go on from.

    Raises:
        ValueError: before the first step, if a stage cannot run.
    """
    attempt, best, badness = 0, None, float("inf")
    plan: tuple[Stage[Any], ...] = ()
    start = None
    if found is not None:
        attempt, plan, start = found.settings["attempt"], found.plan, found.where
        best, badness = found.settings["best"]
    while True:
        if start is None:
            assert network is not None
            seed = request.seed + STRIDE * attempt
            ready = Training.of(
                problem,
                network,
                seed=seed,
                hard=request.hard,
                device=request.device,
                sampler=request.sampler,
                scale=request.scale,
                weights=request.weights,
            )
            task = replace(ready.task, ranks=control.ranks)
            plan = tuple(suggest(problem, ready.network))
            start = PlanState(task, ready.network, notes=notes, records=len(control.history))
        kept = None if best is None else replace(best, history=())
        now = train(
            start,
            plan,
            control,
            tol=request.tol,
            label="" if attempt == 0 else f"attempt {attempt + 1}: ",
            checkpoints=checkpoints,
            settings={"request": request, "attempt": attempt, "best": (kept, badness)},
        )
        bad, start, attempt = _badness(now), None, attempt + 1
        if best is None or bad < badness:
            best, badness = now, bad
        if not _is_bad(now, bad) or attempt >= request.attempts or control.should_stop:
            break
    return _told(best, badness, attempt, request, control)


def _badness(solution: Solution) -> float:
    """Return the estimated error, or else the part of the first held-out residual that is left."""
    if solution.estimate is not None:
        return solution.estimate
    attempt = [r.stage.partition(": ")[0] for r in solution.history if ": " in r.stage][-1:]
    own = attempt[0] if attempt else ""
    residuals = [r.held_out for r in solution.history if r.stage.startswith(own) and r.held_out]
    return residuals[-1] / residuals[0] if len(residuals) > 1 else 1.0


def _is_bad(solution: Solution, badness: float) -> bool:
    return solution.outcome is Outcome.DIVERGED or badness > BAD


def _told(
    best: Solution, badness: float, attempts: int, request: Request, control: Control
) -> Solution:
    """Return the best field with the history of all attempts, and say so if it is bad."""
    notes, outcome = best.notes, best.outcome
    if attempts > 1:
        notes = (*notes, f"The best of {attempts} attempts, the one with seed {best.seed}.")
    if control.should_stop:
        outcome = control.stop_outcome
    elif not request.is_given and outcome is Outcome.PLAN_FINISHED and badness > BAD:
        outcome = Outcome.TOLERANCE_NOT_REACHED
        notes = (
            *notes,
            f"The field is still bad after {attempts} attempts: an estimated error, or a part of "
            f"the first residual, of {badness:.1e}. Try more nodes or another layer, more "
            "intervals, hard=False, or a plan with Resample().",
        )
    return replace(
        best,
        outcome=outcome,
        notes=notes,
        history=tuple(control.history),
        seconds=control.seconds,
        why=request.why,
    )
