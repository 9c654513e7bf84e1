"""solve(problem): pick the way, run it, return a Solution."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from kanpde.control import Control, Record, parse_budget, parse_iterations, parse_memory
from kanpde.direct import Keep, solve_directly
from kanpde.geometry import Sampler, Sobol
from kanpde.networks import KAN, Network, SeparableKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.ranks import joined, launched
from kanpde.solution import Solution
from kanpde.solving import Choice, Way, choose
from kanpde.training import (
    Checkpoints,
    Request,
    Restart,
    Rule,
    Scale,
    Stage,
    Standing,
    Task,
    Training,
    attempts_for,
    default_network,
    default_plan,
    distilled,
    load_checkpoint,
    train_anew,
)

DEFAULT_TOLERANCE = 1e-10
SHARP, SHARP_IN_TIME = 1e-10, 1e-8
"""Tolerances of a field that a network is distilled from; one in time costs more."""
ROUGH = 1e-2
"""A field worse than this teaches nothing, and a fit worse than this has failed."""
DIRECT_SECONDS = 60.0
"""A direct way that takes longer is not worth it for a network that can be trained."""


def solve(
    problem: Problem,
    network: Network | Way | None = None,
    plan: Sequence[Stage[Any]] | None = None,
    *,
    tol: float = DEFAULT_TOLERANCE,
    budget: float | str | None = None,
    seed: int = 0,
    hard: bool | None = None,
    sampler: Sampler | Rule | None = None,
    weights: Mapping[str, float] | None = None,
    distil: bool | None = None,
    attempts: int | None = None,
    progress: Callable[[Record], None] | None = None,
    checkpoint: str | Path | Checkpoints | None = None,
    points: int | None = None,
    memory: float | str = "4GiB",
    device: str = "cpu",
    compiled: bool = False,
    threads: int = 1,
) -> Solution:
    """Solve a problem.

    Without a network a linear problem is solved by a :class:`Ladder`: one global KAN whose degree
    is raised, each step one least squares, until its own error estimate is below ``tol``; on boxes
    in one and two coordinates by :class:`Patches`, local KANs in a tree of boxes, where that does
    not get there or where source and coefficients are too sharp for one polynomial. An evolution in
    time over one interval of space is solved by :class:`Slabs`, linear or not, one over a rectangle
    by :class:`PlaneSlabs`. A nonlinear problem that is smooth, in up to two coordinates, with
    conditions all around, goes to the ladder and then to patches too, a system on a box to patches
    at once: each step is Newton's method then. Another one is trained: a KAN of moderate size with
    grid extension. With a network and a plan that network is trained by the plan; a KAN without a
    plan is distilled from the field of a direct way where there is one.

    Args:
        problem: what to solve.
        network: a network to train, or ``Ladder()``, ``Patches()``, ``Slabs()`` or ``PlaneSlabs()``
            to solve by that way alone.
        plan: stages of training; a default plan with grid extension if None.
        tol: for the estimated relative L2 error. A plan that is given runs to its end; the default
            one ends after a stage that reaches it.
        budget: seconds, or a text such as "60s", "5m" or "300 iterations"; no limit if None.
        seed: of points and of the start of an unseeded network.
        hard: build Dirichlet, initial and periodic conditions into a trained network; by default
            wherever they can be and it helps (off boxes on two pieces of the boundary at most),
            with False nowhere. With True those at corners of more than 90 degrees too, where the
            factor is not smooth.
        sampler: of the points that a network is trained on: ``Sobol()``, ``Halton()``,
            ``LatinHypercube()``, ``Uniform()``, ``Grid()``, or a quadrature rule, ``Gauss()`` or
            ``Fejer()``, whose weights enter the loss. By default half are Sobol points and half
            lie near the boundary.
        weights: of equations and conditions in the loss of a network that is trained, by name. By
            default equations have 1 and conditions 100. Each residual counts in its own unit, where
            the problem's numbers are far from one.
        distil: whether a KAN is fitted to the field of a direct way, and then to the equations,
            which is faster and surer than training it from scratch. By default that is done where
            there is such a way and no plan is given, and the KAN is trained if nothing comes of it.
        attempts: how often a network is trained at most, from other seeds, as long as the field is
            bad (an estimated error above 1 %); the best field is kept. By default 3 without a plan
            and 1 with one.
        progress: called with a :class:`Record` after every step.
        checkpoint: a file, or :class:`Checkpoints`, to be written after each stage, every minute
            and at the end; within a direct way after a slab or level at most every minute.
            :func:`resume` goes on from it to the same bits. Only the field that a network is
            distilled from starts anew then.
        points: inside the domain, for a network that is trained; by default a few for each
            parameter.
        memory: bytes, or a text such as "4GiB", for what training computes at the points: what is
            larger is made chunk by chunk, in any number of points.
        device: "cpu" or a torch device such as "cuda".
        compiled: record what a training evaluates again and again, and replay it: as CUDA graphs
            on a GPU, in loops compiled by torch's inductor on the CPU. The latter takes about ten
            seconds for each stage and a C++ compiler, and pays for long ones. What comes in chunks
            or is shared by processes is not recorded.
        threads: of the linear algebra on the CPU while solving. One is best for fields of up to
            a thousand parameters; more pay for large least-squares systems on an idle machine.

    Started by ``torchrun``, its processes share the points of a training and return the same
    field; a direct way runs in each of them. Rank 0 alone writes checkpoints.

    Returns:
        a :class:`Solution`; numerical failure is an outcome of it and not an exception. Ctrl-C ends
        the solve after the step it is in and returns the best field so far; a second Ctrl-C raises.

    Raises:
        ValueError: for a network of the wrong dimensions, a bad budget or tolerance, a way that
            cannot solve the problem, a weight of what is not in the loss, or a source that is not
            finite at a point.
        OSError: if a checkpoint cannot be written.
        LostRankError: if another process of the run dies.
    """
    control = _control(budget, progress)
    scale = Scale(points, parse_memory(memory), compiled)
    if not tol > 0:
        raise ValueError(f"tol={tol!r} must be positive.")
    _check_kinds(network, plan, hard)
    if attempts is not None and isinstance(network, Network):
        attempts_for(network, plan, attempts)
    if isinstance(network, Way):
        choice = Choice((network,), "It was asked for.")
    elif network is None and plan is None:
        choice = choose(problem)
    else:
        choice = Choice((), "A network or a plan was given.")
    of_training = {"sampler": sampler, "points": points, "weights": weights}
    of_training |= {"compiled": compiled or None}
    of_training = {name: value for name, value in of_training.items() if value is not None}
    _check_of_training(of_training, choice, distil)
    keeper = Checkpoints(checkpoint) if isinstance(checkpoint, (str, Path)) else checkpoint
    if of_training and distil is None:
        distil = False
    ways = _ways_to_distil(problem, network, plan, hard, distil)
    restart = None
    if choice.ways or ways is not None:
        how = {"tol": tol, "seed": seed, "device": device, "threads": threads}
        how |= {"distil": distil, "attempts": attempts, "points": points, "memory": scale.memory}
        restart = Restart(problem, network, how)
    with joined(device) as ranks, using_threads(threads), _interruptible(control):
        keeper = keeper if ranks.is_first else None
        if keeper is not None and restart is not None:
            restart.save(keeper.path)
        if choice.ways:
            keep = None if keeper is None or restart is None else Keep(keeper, restart)
            return solve_directly(
                problem, choice, tol, control, seed=seed, device=device, keep=keep
            )
        assert network is None or isinstance(network, Network)
        if network is None:
            network = default_network(problem)
        tried: tuple[str, ...] = ()
        if ways is not None:
            small = _distil(problem, network, ways, tol, control, seed=seed, device=device)
            good = small.outcome.is_success or control.should_stop or bool(distil)
            if ranks.first(good):
                return small
            tried = small.notes
        control.ranks = ranks
        count = attempts_for(network, plan, attempts)
        request = Request(
            network=network if count > 1 else None,
            is_given=plan is not None,
            seed=seed,
            hard=hard,
            attempts=count,
            tol=tol if plan is None else None,
            device=device,
            threads=threads,
            why=choice.why,
            sampler=sampler,
            scale=scale,
            weights=dict(weights or {}),
        )
        return train_anew(
            problem,
            request,
            _suggests(plan),
            control,
            keeper,
            network=network,
            notes=tried,
        )


def _suggests(
    plan: Sequence[Stage[Any]] | None,
) -> Callable[[Problem, Network], Sequence[Stage[Any]]]:
    """Return what gives the plan that was given, or else the default one."""
    return default_plan if plan is None else lambda problem, network: plan


def _ways_to_distil(
    problem: Problem, network: Any, plan: Any, hard: bool | None, distil: bool | None
) -> Choice | None:
    """Return the ways to a field that a network is to be fitted to, or None to train it.

    Raises:
        ValueError: if it is to be, and cannot be.
    """
    if distil is False:
        return None
    compact = isinstance(network, (KAN, SeparableKAN)) and plan is None and hard is None
    fixed = compact and network.seed is not None and network.has_range
    choice = choose(problem) if compact and not fixed else Choice((), "")
    if distil and not choice.ways:
        raise ValueError(
            f"distil=True needs a KAN whose start is not fixed, without plan and hard=..., and a "
            f"problem that is solved directly. {choice.why}".strip()
        )
    return choice if choice.ways else None


def _distil(
    problem: Problem,
    network: Network,
    choice: Choice,
    tol: float,
    control: Control,
    *,
    seed: int,
    device: str,
) -> Solution:
    """Solve directly, then fit a compact network to the field.

    The outcome is a success unless the direct way or the fit failed: what a network cannot hold is
    no failure, and the estimate says it.
    """
    sharp = SHARP_IN_TIME if problem.evolution is not None else SHARP
    with control.limited(DIRECT_SECONDS):
        goal = max(tol / 10, sharp)
        field = solve_directly(problem, choice, goal, control, seed=seed, device=device)
    if field.estimate is None or field.estimate > ROUGH or control.should_stop:
        note = f"No field to distil the network from was found: {field.outcome.value}"
        return replace(field, outcome=field.outcome, notes=(*field.notes, note))
    small = distilled(field, network, tol=tol, extensions=2, seed=seed, control=control)
    assert small.estimate is not None
    outcome = small.outcome
    if small.estimate <= tol:
        outcome = Outcome.SOLVED
    elif small.estimate <= ROUGH and not control.should_stop:
        outcome = Outcome.PLAN_FINISHED
    return replace(
        small,
        outcome=outcome,
        why=(
            f"{choice.why} The network that was asked for is fitted to that field, which is faster "
            "than training it from scratch; give a plan, or distil=False, for that."
        ),
    )


def resume(
    path: str | Path,
    *,
    problem: Problem | None = None,
    network: Network | None = None,
    plan: Sequence[Stage[Any]] | None = None,
    budget: float | str | None = None,
    progress: Callable[[Record], None] | None = None,
    device: str | None = None,
    every: float = Checkpoints.every,
) -> Solution:
    """Go on with a solve from its last checkpoint, to the same bits as if it had never stopped.

    That holds on the same machine and device, with the same versions and as many threads, which are
    set as they were. Further checkpoints replace this one. Trainings, ladders, patches and slabs go
    on after the last stage, level or slab that the file holds; only the field that a network is
    distilled from starts anew.

    Args:
        path: the file that ``solve(..., checkpoint=path)`` wrote.
        problem: the problem, where it holds a Python function, which no file can keep.
        network: the network, where it is a foreign module.
        plan: the plan, where it holds stages of your own.
        budget: from now on, as for :func:`solve`.
        progress: called with a :class:`Record` after every step.
        device: of the tensors from now on; by default where they were.
        every: seconds between two checkpoints within a stage or a direct way.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no checkpoint, or lacks what is to be given, or is one of levels or
            slabs of another version or of another problem than the one given.
    """

    def like(task: Task) -> Network:
        assert network is not None
        hard = None if task.hard else False
        seed, device = task.seed, task.device
        return Training.of(task.problem, network, seed=seed, hard=hard, device=device).network

    again = None if network is None else like
    found = load_checkpoint(path, problem=problem, network=again, plan=plan, device=device)
    if isinstance(found, Restart):
        keeper = Checkpoints(path, every=every)
        if found.standing is not None:
            return _go_on(found, found.standing, keeper, budget, progress)
        how = {"budget": budget, "progress": progress, "checkpoint": keeper, **found.settings}
        return solve(found.problem, found.network, **how)
    control = _control(budget, progress, found.history, found.seconds)
    request: Request = found.settings["request"]
    if device is not None:
        request = replace(request, device=device)
    with joined(request.device) as ranks, using_threads(request.threads), _interruptible(control):
        control.ranks = ranks
        where = replace(found.where, task=replace(found.where.task, ranks=ranks))
        return train_anew(
            found.where.task.problem,
            request,
            _suggests(found.plan if request.is_given else None),
            control,
            Checkpoints(path, every=every),
            network=network if request.network is None else request.network,
            found=replace(found, where=where),
        )


def _go_on(
    found: Restart,
    standing: Standing,
    keeper: Checkpoints,
    budget: float | str | None,
    progress: Callable[[Record], None] | None,
) -> Solution:
    """Go on with a solve by direct ways."""
    how = found.settings
    control = _control(budget, progress, found.history, found.seconds)
    with using_threads(how["threads"]), _interruptible(control):
        return solve_directly(
            found.problem,
            standing.choice,
            how["tol"],
            control,
            seed=how["seed"],
            device=how["device"],
            keep=Keep(keeper, found),
            standing=standing,
        )


def _control(
    budget: float | str | None,
    progress: Callable[[Record], None] | None,
    history: Sequence[Record] = (),
    before: float = 0.0,
) -> Control:
    return Control(
        parse_budget(budget),
        progress,
        iterations=parse_iterations(budget),
        history=history,
        before=before,
    )


def _check_kinds(network: Any, plan: Any, hard: bool | None) -> None:
    if not isinstance(network, (Network, Way, NoneType)):
        raise ValueError(
            f"network={network!r} is no network; give KAN([...]), another Network, "
            "Module(net, ...) around a torch module, Ladder(), Patches() or Slabs()."
        )
    stages = isinstance(plan, Sequence) and all(isinstance(s, Stage) for s in plan)
    if plan is not None and not stages:
        raise ValueError(
            f"plan={plan!r} is no plan; give a list of stages such as [LevenbergMarquardt()]."
        )
    if isinstance(network, Way) and (plan is not None or hard is not None):
        raise ValueError(
            "ladder, patches and slabs train nothing: they take neither a plan nor hard conditions."
        )


def _check_of_training(given: Mapping[str, Any], choice: Choice, distil: bool | None) -> None:
    """Refuse settings of a training where nothing is trained, or a sampler that is none."""
    sampler = given.get("sampler", Sobol())
    if not isinstance(sampler, (Sampler, Rule)):
        raise ValueError(
            f"sampler={sampler!r} is no sampler; write a value such as Sobol() or Gauss()."
        )
    if given and (choice.ways or distil):
        told = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise ValueError(
            f"{told} is for training; ladder, patches and slabs choose points and weights "
            "themselves, and a network is distilled on their fields. Give a network, such as "
            "KAN([2, 5, 1]), and leave distil=True away."
        )


@contextlib.contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Use so many threads inside, and as many as before afterwards."""
    if count < 1:
        raise ValueError(f"threads={count} must be at least 1.")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _interruptible(control: Control) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the solve gently; the second acts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def handle(signum: int, frame: Any) -> None:
        control.interrupt()
        if signum == signal.SIGINT or launched().size == 1:  # torchrun sends SIGTERM twice
            signal.signal(signum, previous[signal.Signals(signum)])

    for s in previous:
        signal.signal(s, handle)
    try:
        yield
    finally:
        for s, old in previous.items():
            signal.signal(s, old)
