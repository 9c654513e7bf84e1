"""A march through time over a rectangle: lengths of slabs adaptive, knots added where wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from kanpde.control import Control
from kanpde.outcome import Outcome
from kanpde.solving.plane_space import Axis, PlaneSpace
from kanpde.solving.plane_step import PlaneLinearised, PlaneState, PlaneStep
from kanpde.solving.plane_system import PlaneSystem
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_time import RadauRule

SHORTEST = 1e-10
"""A slab shorter than this part of the whole time means that the march has failed."""
FIRST = 1e-2
"""The length of the first slab, relative to the whole time."""
ATTEMPTS = 60
"""Refinements and repetitions of one slab."""
ITERATIONS = 12
"""Corrections of Newton's method at most."""
CONTRACTION = 0.3
"""A correction that falls by less than this factor gets new derivatives."""
COLLOCATION = 40.0
"""Error of collocation over that of the best splines, roughly: it is of two orders less."""
REPEAT = 4.0
"""Times the local tolerance: where the splines are off by more the slab is repeated on finer ones;
by less, only the next one gets them."""


MARGIN = 3.0
"""By so much the splines are finer than needed at first, and wherever cells are halved."""


@dataclass(frozen=True)
class PlaneSettings:
    """The numbers of one march.

    Args:
        tol: local tolerance.
        degrees: of the splines; of several the one that the initial fields need least work with.
        stages: Radau points of a slab.
        intervals: cells along each axis at the start.
        max_intervals: cells along an axis at most.
    """

    tol: float
    degrees: tuple[int, ...]
    stages: int
    intervals: int
    max_intervals: int


@dataclass(frozen=True, eq=False)
class PlaneSlab:
    """An accepted slab.

    Args:
        start, length: in time.
        space: the splines.
        coefficients: at the start and the stages, (stages + 1, unknowns, nx, ny).
        local_error: of space and time together, relative.
    """

    start: float
    length: float
    space: PlaneSpace
    coefficients: np.ndarray
    local_error: float


@dataclass(eq=False)
class PlaneAttempt:
    """What is tried next.

    Args:
        state: at the start of the slab.
        time, length: of the slab.
        sizes: of the unknowns, the largest so far, (unknowns,).
        previous: slab, for a guess; None before the first.
        linearised: the last factorised systems, if there are some.
    """

    state: PlaneState
    time: float
    length: float
    sizes: np.ndarray
    previous: PlaneSlab | None = None
    linearised: PlaneLinearised | None = None


@dataclass
class PlaneMarch:
    """The slabs of a march so far, and how it ended.

    Args:
        settings: of the march.
        slabs: accepted ones.
        outcome: why it ended; SOLVED if it reached the end within its local tolerance.
        rejected: slabs that were repeated.
        newton_iterations: corrections in all.
        factorisations: sparse factorisations in all, times eigenvalues.
        ahead: the next slab, by which a march that was ended goes on; None after the last one.
        estimate: of the relative L2 error of its field, once there is one.
    """

    settings: PlaneSettings
    slabs: list[PlaneSlab] = field(default_factory=list)
    outcome: Outcome = Outcome.TOLERANCE_NOT_REACHED
    rejected: int = 0
    newton_iterations: int = 0
    factorisations: int = 0
    ahead: PlaneAttempt | None = None
    estimate: float | None = None

    @property
    def reached(self) -> float:
        """The time up to which there are slabs."""
        return self.slabs[-1].start + self.slabs[-1].length

    @property
    def space(self) -> PlaneSpace:
        """The finest space."""
        return self.slabs[-1].space

    @property
    def local_errors(self) -> float:
        """The sum of the local errors of all slabs."""
        return sum(s.local_error for s in self.slabs)

    @property
    def parameters(self) -> int:
        """The number of coefficients found."""
        return sum(s.coefficients[1:].size for s in self.slabs)


def plane_march(
    system: PlaneSystem,
    result: PlaneMarch,
    control: Control,
    report: Callable[[PlaneMarch], None] = lambda march: None,
) -> None:
    """Solve an evolution over a rectangle to its end, from its start or where a march was ended.

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
        state = _best_initial(system, settings)
        sizes = _sizes(state, np.zeros(system.unknowns))
        result.ahead = PlaneAttempt(state, system.start, FIRST * whole, sizes)
    ahead = result.ahead
    while ahead.time < system.end - 1e-12 * whole:
        if control.should_stop and result.slabs:
            result.outcome = control.stop_outcome
            return
        left = system.end - ahead.time
        if ahead.length > 0.999 * left:
            ahead.length = left
        elif ahead.length > 0.6 * left:
            ahead.length = left / 2
        if not _slab(system, rule, ahead, result):
            result.outcome = Outcome.NOT_CONVERGED
            if not result.slabs:
                result.slabs.append(_no_time(ahead.state, rule, ahead.time, whole))
            result.ahead = None
            return
        ahead.sizes = _sizes(ahead.state, ahead.sizes)
        report(result)
    fine = max(s.local_error for s in result.slabs) <= (2 * REPEAT + 1) * settings.tol
    result.outcome = Outcome.SOLVED if fine else Outcome.TOLERANCE_NOT_REACHED
    result.ahead = None


def _best_initial(system: PlaneSystem, settings: PlaneSettings) -> PlaneState:
    """Return the initial fields in splines of the cheapest degree.

    The work of a step is about that of dense elimination on a line of the grid as wide as a spline.
    """
    found = [_initial(system, settings, degree) for degree in settings.degrees]

    def work(state: PlaneState) -> tuple[bool, float]:
        fields = np.concatenate([state.values, state.rates], axis=2)
        relative = fields / np.maximum(state.space.rms(fields), 1e-300)
        coarse = MARGIN * _worst(state.space, relative) > settings.tol
        return coarse, state.space.x.space.degree * state.space.size**0.5

    return min(found, key=work)


def _initial(system: PlaneSystem, settings: PlaneSettings, degree: int) -> PlaneState:
    """Interpolate the initial fields, with knots where they need them."""
    least = 2 * degree + 2 if any(system.periodic) else 1
    intervals = max(settings.intervals, least)
    axes = [
        Axis(
            SplineSpace(
                np.linspace(system.lower[k], system.upper[k], intervals + 1),
                degree,
                system.periodic[k],
            )
        )
        for k in range(2)
    ]
    places = [(u, k) for u, given in enumerate(system.initial) for k in range(len(given))]
    while True:
        space = PlaneSpace(*axes)
        x, y = space.x.points[:, None], space.y.points[None]
        values = [system.initial[u][k](x, y) for u, k in places]
        coefficients = space.interpolated(np.stack(values, axis=-1))
        size = np.maximum(space.rms(coefficients), 1e-300)
        marks = _marks(space, MARGIN * coefficients / size, settings)
        if not any(m.any() for m in marks):
            break
        axes = [_finer(a, m, settings) for a, m in zip(axes, marks, strict=True)]
    shape = (*space.shape, system.unknowns)
    state = PlaneState(space, np.zeros(shape), np.zeros(shape))
    for column, (u, k) in enumerate(places):
        (state.rates if k else state.values)[:, :, u] = coefficients[:, :, column]
    return state


def _finer(axis: Axis, marked: np.ndarray, settings: PlaneSettings) -> Axis:
    """Return an axis with more cells where they are marked.

    If most cells of an even axis are, it gets a quarter more even ones: bisection would cost up to
    twice the cells that are needed.
    """
    space = axis.space
    if not marked.any():
        return axis
    even = np.ptp(space.widths) < 1e-9 * space.length
    if not even or marked.mean() < 0.5:
        return axis.bisected(marked)
    cells = min(int(np.ceil(1.25 * space.cells)), settings.max_intervals)
    breaks = np.linspace(space.breaks[0], space.breaks[-1], cells + 1)
    return Axis(SplineSpace(breaks, space.degree, space.periodic))


def _marks(
    space: PlaneSpace, relative: np.ndarray, settings: PlaneSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return which cells along x and y are too wide for fields (nx, ny, fields) of size one."""
    marks = []
    for axis, best in zip((space.x, space.y), space.indicators(relative), strict=True):
        error = COLLOCATION * best
        wanted = error.max(axis=1) > settings.tol
        room = settings.max_intervals - axis.space.cells
        if wanted.sum() > room:
            worst = np.argsort(error.max(axis=1))[::-1][: max(room, 0)]
            wanted &= np.isin(np.arange(len(wanted)), worst)
        marks.append(wanted)
    return marks[0], marks[1]


def _finer_space(
    space: PlaneSpace, relative: np.ndarray, settings: PlaneSettings
) -> PlaneSpace | None:
    """Return the space with cells halved where fields of size one need it, or None."""
    if not any(m.any() for m in _marks(space, relative, settings)):
        return None
    # Not one cell after the other: those that will be next are halved with them.
    marks = _marks(space, MARGIN * relative, settings)
    axes = (space.x, space.y)
    return PlaneSpace(*(a.bisected(m) if m.any() else a for a, m in zip(axes, marks, strict=True)))


def _worst(space: PlaneSpace, relative: np.ndarray) -> float:
    return COLLOCATION * max(float(error.max()) for error in space.indicators(relative))


def _no_time(state: PlaneState, rule: RadauRule, time: float, whole: float) -> PlaneSlab:
    """Return the initial fields as a slab of next to no length."""
    values = np.moveaxis(state.values, 2, 0)[None]
    constant = np.repeat(values, rule.stages + 1, axis=0)
    return PlaneSlab(time, SHORTEST * whole, state.space, constant, np.inf)


def _sizes(state: PlaneState, before: np.ndarray) -> np.ndarray:
    """Return the sizes of the unknowns: the largest root mean square so far."""
    now = np.maximum(state.space.rms(state.values), before)
    return np.where(now > 0, now, max(float(now.max()), 1e-300))


def _slab(system: PlaneSystem, rule: RadauRule, ahead: PlaneAttempt, result: PlaneMarch) -> bool:
    """Solve one slab, repeating it with more knots and other lengths; False if it cannot be."""
    settings, whole, sizes = result.settings, system.end - system.start, ahead.sizes
    for _ in range(ATTEMPTS):
        if ahead.length < SHORTEST * whole:
            return False
        step = PlaneStep(system, ahead.state, rule, ahead.time, ahead.length)
        stages = _newton(step, ahead, result, sizes)
        if stages is None:
            result.rejected += 1
            ahead.length *= 0.3
            ahead.linearised = None
            continue
        sizes = np.maximum(sizes, _stage_sizes(step, stages))
        late = step.defect(stages, sizes)
        if late > settings.tol:
            result.rejected += 1
            shrink = 0.9 * (settings.tol / late) ** (1 / (rule.stages + 1))
            ahead.length *= float(np.clip(shrink, 0.2, 0.9))
            continue
        relative = np.moveaxis(stages[-1], 0, 2) / sizes
        finer = _finer_space(step.space, relative, settings)
        if finer is not None and _worst(step.space, relative) > REPEAT * settings.tol:
            result.rejected += 1
            ahead.state = ahead.state.on(finer)
            continue
        rough = _worst(step.space, relative)
        both = step.with_start(stages)
        slab = PlaneSlab(ahead.time, step.length, step.space, both, rough + late)
        result.slabs.append(slab)
        ahead.time += step.length
        growth = 0.85 * (settings.tol / max(late, 1e-300)) ** (1 / (rule.stages + 1))
        if growth > 1.2 or growth < 1:
            ahead.length = step.length * float(np.clip(growth, 0.5, 2.5))
        state = step.end(stages)
        ahead.state = state if finer is None else state.on(finer)
        ahead.previous = slab
        return True
    return False


def _newton(
    step: PlaneStep, ahead: PlaneAttempt, result: PlaneMarch, sizes: np.ndarray
) -> np.ndarray | None:
    """Return the coefficients at the stages, or None if the iteration does not converge."""
    tol = 1e-2 * result.settings.tol
    stages = _guess(step, ahead)
    kept = ahead.linearised if ahead.linearised and ahead.linearised.suits(step) else None
    factors = None if kept is None else kept.factors_like(step)
    fresh, last = factors is None, np.inf
    for iteration in range(1, ITERATIONS + 1):
        with np.errstate(all="ignore"):
            residual = step.residual(stages)
            if not np.isfinite(residual).all():
                return None
            if factors is None:
                try:
                    factors = step.factorised(stages)
                except RuntimeError:  # singular
                    return None
                kept = PlaneLinearised(step.state, ahead.time, step.length, stages, factors)
                result.factorisations += len(factors.systems)
                fresh = True
            correction = step.correction(factors, residual)
        stages = np.ascontiguousarray(stages - correction)
        result.newton_iterations += 1
        change = float((_stage_sizes(step, correction) / sizes).max())
        if not np.isfinite(change):
            return None
        rate = change / last
        if change <= tol or (rate < 0.9 and rate / (1 - rate) * change <= tol):
            ahead.linearised = kept
            return stages
        if iteration > 4 and rate > 2:
            return None
        if iteration > 1 and rate > CONTRACTION and not (fresh and rate < 0.9):
            factors = None
        last = change
    return None


def _guess(step: PlaneStep, ahead: PlaneAttempt) -> np.ndarray:
    """Return the better of two guesses: the start, and the last slab continued."""
    guess = step.start_guess()
    old = ahead.previous
    if old is None:
        return guess
    weights = step.rule.values(1 + step.rule.points * step.length / old.length)
    far = np.tensordot(weights, old.coefficients, axes=1)
    if old.space is not step.space:
        moved = old.space.transfer(far.transpose(2, 3, 0, 1), step.space)
        far = moved.transpose(2, 3, 0, 1)
    with np.errstate(all="ignore"):
        better = np.linalg.norm(step.residual(far)) < np.linalg.norm(step.residual(guess))
    return np.ascontiguousarray(far if better else guess)


def _stage_sizes(step: PlaneStep, stages: np.ndarray) -> np.ndarray:
    """Return the largest root mean square over the stages, (unknowns,)."""
    return step.space.rms(stages.transpose(2, 3, 0, 1)).max(axis=0)
