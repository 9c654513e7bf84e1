"""One march through time at one local tolerance: slab after slab, knots and lengths adaptive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from kanpde.control import Control
from kanpde.outcome import Outcome
from kanpde.solving.slab_indicators import space_indicator, time_indicator
from kanpde.solving.slab_mesh import Mesh, moved
from kanpde.solving.slab_newton import Linearised, Newton, newton
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_step import SlabStep, State
from kanpde.solving.slab_system import System
from kanpde.solving.slab_time import RadauRule

SHORTEST = 1e-11
"""A slab shorter than this part of the whole time means that the march has failed."""

FIRST = 1e-2
"""The length of the first slab, relative to the whole time."""

START = 1e-6
"""In this first part of the time, data that do not fit together may cost accuracy."""

SHORT = 1e-9
"""There, a slab of this part of the time is accepted as it is."""

ATTEMPTS = 60
"""Refinements and repetitions of one slab."""


@dataclass(frozen=True)
class MarchSettings:
    """The numbers of one march.

    Args:
        tol: for the local indicators.
        degree: of the splines.
        stages: Radau points of a slab.
        intervals: cells at the start, and at least.
        max_intervals: cells at most.
        coarsen: accepted slabs between removals of knots; 0 for never.
    """

    tol: float
    degree: int
    stages: int
    intervals: int
    max_intervals: int
    coarsen: int = 3


@dataclass(frozen=True, eq=False)
class Slab:
    """An accepted slab.

    Args:
        start, length: in time.
        space: the splines.
        coefficients: at the start and at all stages, (size, stages + 1, unknowns).
        indicator: the largest of the local errors in x, over the cells, and in t.
        local_error: their root mean square over the cells, and that in t.
    """

    start: float
    length: float
    space: SplineSpace
    coefficients: np.ndarray
    indicator: float
    local_error: float


@dataclass(eq=False)
class Attempt:
    """What is tried next: the start of a slab, its mesh and its length.

    Args:
        mesh: of the slab.
        state: at its start.
        time, length: of the slab.
        sizes: of the unknowns, the largest so far, (unknowns,).
        previous: slab, for a guess; None if there is none on these knots.
        linearised: the last Jacobian, if there is one.
    """

    mesh: Mesh
    state: State
    time: float
    length: float
    sizes: np.ndarray
    previous: Slab | None = None
    linearised: Linearised | None = None


@dataclass
class March:
    """The slabs of a march so far, and how it ended.

    Args:
        settings: of the march.
        slabs: accepted ones.
        outcome: why it ended; SOLVED if it reached the end within its local tolerance.
        newton_iterations: corrections, those of rejected slabs too.
        rejected: slabs that were repeated.
        level: the largest indicator that was accepted.
        ahead: the next slab, by which a march that was ended goes on; None after the last one.
        estimate: of the relative L2 error of its field, once there is one.
    """

    settings: MarchSettings
    slabs: list[Slab] = field(default_factory=list)
    outcome: Outcome = Outcome.TOLERANCE_NOT_REACHED
    newton_iterations: int = 0
    rejected: int = 0
    level: float = 0.0
    ahead: Attempt | None = None
    estimate: float | None = None

    @property
    def reached(self) -> float:
        """The time up to which there are slabs."""
        last = self.slabs[-1]
        return last.start + last.length

    @property
    def local_errors(self) -> float:
        """The sum of the local errors of all slabs."""
        return sum(s.local_error for s in self.slabs)

    @property
    def parameters(self) -> int:
        """The number of coefficients found."""
        return sum(s.space.size * (s.coefficients.shape[1] - 1) for s in self.slabs) * (
            self.slabs[0].coefficients.shape[2] if self.slabs else 0
        )


class _Settled(Protocol):
    """A march of either kind."""

    settings: Any


M = TypeVar("M", bound=_Settled)


def taken_up(marches: list[M], place: int, fresh: M) -> M:
    """Return the march that a solve remembers at a place, or put a fresh one there.

    Raises:
        ValueError: if the march that is remembered had other settings.
    """
    if place == len(marches):
        marches.append(fresh)
    found = marches[place]
    if found.settings != fresh.settings:
        raise ValueError(
            f"slabs cannot go on with a march of another version of kanpde: it had "
            f"{found.settings}, and this one has {fresh.settings}; solve the problem anew."
        )
    return found


def march(
    system: System,
    result: March,
    control: Control,
    report: Callable[[March], None] = lambda march: None,
) -> None:
    """Solve an evolution problem to its end, from its start or from where a march was ended.

    Args:
        system: the problem.
        result: the march, with its settings and the slabs so far; it grows.
        control: its stop request is looked at after every slab.
        report: called after every accepted slab, when the march can be kept to go on later.
    """
    settings = result.settings
    rule = RadauRule(settings.stages)
    whole = system.end - system.start
    if result.ahead is None:
        mesh, state = _initial(system, settings)
        sizes = _sizes(state, np.zeros(system.unknowns))
        result.ahead = Attempt(mesh, state, system.start, FIRST * whole, sizes)
    attempt = result.ahead
    while attempt.time < system.end - 1e-13 * whole:
        if control.should_stop and result.slabs:
            result.outcome = control.stop_outcome
            return
        left = system.end - attempt.time
        if attempt.length > 0.999 * left:
            attempt.length = left
        elif attempt.length > 0.6 * left:
            attempt.length = left / 2
        accepted = _slab(system, rule, attempt, result)
        if accepted is None:
            result.outcome = Outcome.NOT_CONVERGED
            if not result.slabs:
                result.slabs.append(_initial_slab(attempt.state, rule, attempt.time, whole))
            result.ahead = None
            return
        attempt.sizes = _sizes(accepted, attempt.sizes)
        report(result)
    fine = result.level <= 1.001 * settings.tol
    result.outcome = Outcome.SOLVED if fine else Outcome.TOLERANCE_NOT_REACHED
    result.ahead = None


def _initial(system: System, settings: MarchSettings) -> tuple[Mesh, State]:
    """Project the initial fields, bisecting where they are not represented."""
    edges = np.linspace(system.lower, system.upper, settings.intervals + 1)
    mesh = Mesh.of(SplineSpace(edges, settings.degree, system.periodic))
    n = system.unknowns
    functions = [f for given in system.initial for f in given]
    places = [(u, k) for u, given in enumerate(system.initial) for k in range(len(given))]

    def both(points: np.ndarray) -> np.ndarray:
        shape = points.shape
        return np.stack([np.broadcast_to(f(points), shape) for f in functions], axis=-1)

    while True:
        space = mesh.space
        coefficients = space.projected(both)
        nodes = space.nodes(np.linspace(0.03, 0.97, 9))
        wanted = both(nodes)
        error = np.abs(space.values(coefficients, space.table(nodes, 0)[:, 0]) - wanted)
        scale = np.maximum(np.sqrt((wanted**2).mean(axis=(0, 1))), 1e-3 * np.abs(wanted).max())
        scale = np.where(scale > 0, scale, 1.0)
        weight = np.sqrt(space.widths * space.cells / space.length)
        indicator = (error / scale).max(axis=(1, 2)) * weight
        mesh = mesh.frozen(indicator, 0.3 * settings.tol)
        which = mesh.wanting(indicator, 0.3 * settings.tol)
        if not which.any() or space.cells + which.sum() > settings.max_intervals:
            break
        mesh = mesh.bisected(which, indicator)
    state = State(space, np.zeros((space.size, n)), np.zeros((space.size, n)))
    for column, (u, k) in enumerate(places):
        (state.rates if k else state.values)[:, u] = coefficients[:, column]
    return Mesh.of(space), state


def _initial_slab(state: State, rule: RadauRule, time: float, whole: float) -> Slab:
    """Return the initial fields as a slab of next to no length."""
    constant = np.repeat(state.values[:, None], rule.stages + 1, axis=1)
    return Slab(time, SHORTEST * whole, state.space, constant, np.inf, np.inf)


def _sizes(state: State, before: np.ndarray) -> np.ndarray:
    """Return the sizes of the unknowns: the largest root mean square so far."""
    now = np.maximum(state.space.rms(state.values), before)
    return np.where(now > 0, now, np.maximum(now.max(), 1e-300) if now.max() > 0 else 1.0)


def _slab(system: System, rule: RadauRule, attempt: Attempt, result: March) -> State | None:
    """Solve one slab, repeating it with other knots and lengths; advance the attempt.

    Returns:
        the state at its end, or None if no slab could be accepted.
    """
    settings, tol, sizes = result.settings, result.settings.tol, attempt.sizes
    whole = system.end - system.start
    for _ in range(ATTEMPTS):
        if attempt.length < SHORTEST * whole:
            return None
        step = SlabStep(
            system,
            attempt.state,
            rule,
            attempt.time,
            attempt.length,
            points=settings.degree // 2 + 2,
        )
        solved = _newton(step, attempt, sizes, tol)
        result.newton_iterations += solved.iterations
        if not solved.converged:
            result.rejected += 1
            attempt.length *= 0.3
            continue
        sizes = np.maximum(sizes, step.space.rms(solved.stages).max(axis=0))
        late = time_indicator(step, solved.stages, sizes)
        rough = space_indicator(step, solved.stages, sizes)
        mesh = attempt.mesh.frozen(rough, tol)
        which = mesh.wanting(rough, tol) if late < 1e3 * tol else np.zeros(len(rough), bool)
        room = settings.max_intervals - mesh.space.cells
        if which.sum() > room:
            which &= rough >= np.sort(rough)[::-1][max(room - 1, 0)]
            which &= room > 0
        start = attempt.time < system.start + START * whole
        if late > tol and not (start and attempt.length <= SHORT * whole):
            factor = 0.9 * (tol / late) ** (1 / (settings.stages + 1))
            attempt.length *= float(np.clip(factor, 0.2, 0.9))
        elif not which.any():
            return _accepted(step, solved, attempt, result, mesh, rough, late)
        result.rejected += 1
        if which.any():
            attempt.mesh = mesh.bisected(which, rough)
            attempt.state = attempt.state.on(attempt.mesh.space)
        else:
            attempt.mesh = mesh
    return None


def _newton(step: SlabStep, attempt: Attempt, sizes: np.ndarray, tol: float) -> Newton:
    """Solve the slab's system from the better of two guesses: a constant and an extrapolation."""
    m = step.rule.stages
    guess = np.repeat(step.state.values[:, None], m, axis=1)
    if attempt.previous is not None:
        old = attempt.previous
        places = 1 + step.rule.points * step.length / old.length
        weights = step.rule.values(places)
        far = np.einsum("jl,ilu->iju", weights, old.coefficients)
        if old.space is not step.space:
            far = old.space.transfer(far, step.space)
        with np.errstate(all="ignore"):
            better = np.linalg.norm(step.residual(far)) < np.linalg.norm(step.residual(guess))
        guess = far if better else guess
    kept = attempt.linearised
    factor = kept.factor_like(step) if kept is not None and kept.suits(step) else None
    solved = newton(step, guess, sizes, 1e-2 * tol, factor=factor)
    if solved.factor is None:
        attempt.linearised = None
    elif solved.place is not None:
        attempt.linearised = Linearised(
            step.state, attempt.time, step.length, solved.place, solved.factor
        )
    return solved


def _accepted(
    step: SlabStep,
    solved: Newton,
    attempt: Attempt,
    result: March,
    mesh: Mesh,
    rough: np.ndarray,
    late: float,
) -> State:
    """Append the slab and set the attempt to the next one."""
    settings, tol = result.settings, result.settings.tol
    both = step.with_start(solved.stages)
    indicator = max(float(rough.max()), late)
    local_error = float(np.sqrt(np.mean(rough**2))) + late
    slab = Slab(attempt.time, step.length, step.space, both, indicator, local_error)
    result.slabs.append(slab)
    result.level = max(result.level, indicator)
    state = step.end(solved.stages)
    attempt.time += step.length
    growth = 0.85 * (tol / max(late, 1e-300)) ** (1 / (settings.stages + 1))
    if growth > 1.2 or growth < 1:  # keep the length, and so the Jacobian, otherwise
        attempt.length = step.length * float(np.clip(growth, 0.5, 2.5))
    attempt.previous, attempt.mesh, attempt.state = slab, mesh.at_rest(), state
    if settings.coarsen and len(result.slabs) % settings.coarsen == 0:
        _coarsen(attempt, rough, tol, settings.intervals)
    return state


def _coarsen(attempt: Attempt, rough: np.ndarray, tol: float, least: int) -> None:
    """Remove knots that are not needed, if the projection costs next to nothing."""
    mesh = attempt.mesh.coarsened(rough, tol, least)
    if mesh is None:
        return
    state, error = moved(attempt.state, mesh.space)
    sizes = np.maximum(attempt.state.space.rms(attempt.state.values), 1e-300)
    if (error <= 0.05 * tol * sizes).all():
        attempt.mesh, attempt.state, attempt.previous = mesh, state, None
