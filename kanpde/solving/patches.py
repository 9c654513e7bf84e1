r"""Patches: local KANs in the boxes of a k-d tree, refined where their expansions decay slowly.

For problems with fronts, layers, peaks, waves and singular corners, which one global polynomial
cannot resolve. In every box the equations eliminate most coefficients (:mod:`elimination`), what is
left is one sparse least squares for the jumps between boxes and the conditions (:mod:`interfaces`,
:mod:`assembly`). Boxes come first from the data, by interpolation only, then from the tails of the
field. A last solve with two degrees more on the same boxes verifies the field: its difference is
the error of the field before. What is not linear is solved by Newton's method
(:mod:`patch_newton`).

By another name these are hp spectral elements with a Trefftz-like elimination, close to the
hierarchical Poincare-Steklov scheme (Gillman and Martinsson, SIAM J. Sci. Comput. 36, 2014) and to
ultraSEM (Fortunato, Hale and Townsend, J. Comput. Phys. 436, 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from kanpde.control import Control
from kanpde.networks import Network, PatchKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solving.boxes import first_boxes, split
from kanpde.solving.elimination import LocalBasis
from kanpde.solving.forms import refusal
from kanpde.solving.indicators import resolve_data, wide_enough
from kanpde.solving.patch_level import SAFETY, PatchLevel
from kanpde.solving.patch_newton import PatchNewton, PatchSolver
from kanpde.solving.way import Way

DEGREES, DEGREES_OF_SYSTEMS = (16, 16, 10), (16, 12, 8)
"""Of the local KANs of one unknown and of several, in one, two and three coordinates."""
MOST_BOXES = (4000, 4000, 150)
"""At most, in one, two and three coordinates; 150 in space take about 5 GiB."""
REFINED = 0.02
"""Boxes whose tail exceeds this part of the largest are split."""
DATA = 10.0
"""Source and coefficients are resolved to this times the tolerance before the first solve."""
FINEST = 1e-13
"""Relative tails below this are not asked for: they are round-off."""
VERIFYING = 2
"""Degrees by which the verifying solve is richer."""
SLOWEST = 0.9
"""Largest fall of the tails that a geometric series is summed for."""
NEAR_FLOOR = 8.0
"""Up to so many times the round-off floor a change is taken as it is: tails there are noise."""
IDLE = 2
"""Levels that may gain less than 2x in the largest tail below ``FINE``: then it is round-off."""
UNRESOLVED = 20
"""The same above ``FINE``: a layer takes many levels to be found."""
FINE = 1e-8
ENOUGH = 0.1
"""Part of the tolerance that Newton's method may leave."""
LOST = 2
"""Levels on which Newton's method may fail one after the other: coarse boxes mislead it."""
ROUND_OFF = 2e-13
"""Of a field relative to its largest value: no estimate is below."""


@dataclass(frozen=True)
class Patches(Way):
    """How a problem on a box in one to three coordinates is solved by local KANs.

    One that is not linear is solved by Newton's method on every set of boxes, from the field of the
    one before; on the first from zero, with continuation in the data if need be.

    Args:
        degree: total degree of the local KANs; if None 16 for one unknown and 12 for several in the
            plane, 10 and 8 in space.
        most_boxes: boxes at which refinement ends, for their sparse system decides the memory; if
            None 4000, in space 150.
        newton: for problems that are not linear.

    Raises:
        ValueError: for a degree below 4 or no box.
    """

    degree: int | None = None
    most_boxes: int | None = None
    newton: PatchNewton = field(default_factory=PatchNewton)

    def __post_init__(self) -> None:
        low = self.degree is not None and self.degree < 4
        if low or (self.most_boxes is not None and self.most_boxes < 1):
            raise ValueError(
                f"Patches: degree={self.degree} must be at least 4 and most_boxes="
                f"{self.most_boxes} at least 1."
            )

    def solve(
        self,
        problem: Problem,
        tol: float,
        control: Control,
        *,
        seed: int = 0,
        error: Callable[[Network], float | None] = lambda network: None,
        device: str = "cpu",
    ) -> PatchesResult:
        """Refine boxes until the verified estimate of the relative L2 error is below ``tol``.

        Args:
            problem: on a box in one to three coordinates, as many equations as unknowns; a
                coordinate may be time.
            tol: for the estimate of the relative L2 error.
            control: budget, stop request and history; it remembers the boxes of the next level and
                the best field, and a refinement that it remembered before is gone on with.
            seed: taken for the interface's sake; nothing here is random.
            error: gives the true error for the history where it is known.
            device: of the network that is returned; the solve is on the CPU.

        Returns:
            the best field, its estimate and the outcome.

        Raises:
            ValueError: for a problem that patches cannot solve, with the reason.
        """
        reason = refusal(problem)
        if reason is not None:
            raise ValueError(f"{problem.name}: patches cannot solve it, for {reason}.")
        run = _Run(self, problem, tol, control, error)
        result = run.solve()
        return replace(result, network=result.network.to(device))


@dataclass(frozen=True)
class PatchesResult:
    """The best field of patches.

    Args:
        network: the field.
        estimate: of its relative L2 error.
        points: rows of its sparse least-squares system.
        outcome: why the refinement ended.
        unknowns: of that system.
        is_determined: whether equation and conditions determine the field; if not, it is one of
            many and the estimate is 1.
        notes: none.
    """

    network: PatchKAN
    estimate: float
    points: int
    outcome: Outcome
    unknowns: int
    is_determined: bool
    notes: tuple[str, ...] = ()

    @property
    def way(self) -> str:
        """How the field was found, in words."""
        return (
            f"patches: {len(self.network.boxes)} local KANs of degree {self.network.degree} in a "
            "k-d tree of boxes, by elimination and sparse least squares"
            + ("" if self.is_determined else "; the conditions do not determine the field")
        )


@dataclass(frozen=True, eq=False)
class Refinement:
    """Where a refinement stands, before a level is solved.

    Args:
        boxes: of the level, (B, 2, D).
        goal: for the tails.
        start: the field of the level before, or None.
        best: of the levels so far, or None.
        lowest: the smallest that the largest tail ever was.
        idle: levels since it was halved.
        verified: the last estimate by more degrees.
        lost: levels in a row on which Newton's method did not converge.
    """

    boxes: np.ndarray
    goal: float
    start: PatchKAN | None = None
    best: PatchesResult | None = None
    lowest: float = np.inf
    idle: int = 0
    verified: float = np.inf
    lost: int = 0


class _Run:
    """The refinement of one problem."""

    def __init__(
        self,
        settings: Patches,
        problem: Problem,
        tol: float,
        control: Control,
        error: Callable[[Network], float | None],
    ) -> None:
        self._settings, self._tol, self._control, self._error = settings, tol, control, error
        self._domain = np.stack([problem.domain.lower, problem.domain.upper])
        self._solver = PatchSolver(problem, settings.newton)
        self._forms = self._solver.forms
        degrees = DEGREES_OF_SYSTEMS if self._forms.unknowns > 1 else DEGREES
        place = problem.dimension - 1
        self._basis = LocalBasis(settings.degree or degrees[place], problem.dimension)
        self._most_boxes = settings.most_boxes or MOST_BOXES[place]
        self._best: PatchesResult | None = None

    def solve(self) -> PatchesResult:
        control, tol = self._control, self._tol
        at: Refinement = control.memory or self._first()
        boxes, goal, start, self._best = at.boxes, at.goal, at.start, at.best
        lowest, idle, verified, lost = at.lowest, at.idle, at.verified, at.lost
        while True:
            level = self._level(boxes, 0, start)
            known = None if start is None else max(level.distance_to(start), level.misfit)
            self._keep(level, known if level.converged else 1.0)
            if not level.solved.is_determined:
                return self._undetermined()
            lost = 0 if level.converged else lost + 1
            if lost > LOST:
                return self._ended(Outcome.NOT_CONVERGED)
            if control.should_stop and not level.converged:
                return self._ended(control.stop_outcome)
            start = level.network() if level.converged else None
            largest = float((level.tails.whole * level.weights).max())
            idle = 0 if largest < lowest / 2 else idle + 1
            lowest = min(lowest, largest)
            refined = self._refined(level, goal)
            patience = IDLE if lowest < FINE else UNRESOLVED
            resolved = len(refined) == len(boxes)
            stuck = idle > patience or len(refined) > self._most_boxes
            if (stuck or resolved) and not level.converged:  # finer boxes would not help Newton
                return self._ended(Outcome.NOT_CONVERGED)
            if level.converged and (SAFETY * level.predicted < goal or stuck or resolved):
                if control.should_stop:
                    return self._ended(control.stop_outcome)
                if 2 * level.seconds > control.time_left:
                    return self._ended(Outcome.BUDGET)
                estimate, at_floor = self._verify(level)
                if estimate < tol:
                    return self._ended(Outcome.SOLVED)
                if control.should_stop:
                    return self._ended(control.stop_outcome)
                if stuck or at_floor or estimate > verified / 2:
                    return self._ended(Outcome.TOLERANCE_NOT_REACHED)
                verified = estimate
                goal = min(goal * max(0.5 * tol / estimate, 1e-3), 0.5 * largest)
                goal = max(goal, FINEST)
                refined = self._refined(level, goal)
                if not self._may_go_on(refined, boxes):
                    return self._ended(Outcome.TOLERANCE_NOT_REACHED)
            growth = (len(refined) / len(boxes)) ** 1.5
            control.remember(
                Refinement(refined, goal, start, self._best, lowest, idle, verified, lost)
            )
            if control.should_stop:
                return self._ended(control.stop_outcome)
            if growth * level.seconds > control.time_left:
                return self._ended(Outcome.BUDGET)
            boxes = refined

    def _first(self) -> Refinement:
        """Return the start: boxes that resolve the data."""
        goal = max(self._tol, FINEST)
        boxes = first_boxes(self._forms.domain.ranges, self._forms.cuts)
        boxes = resolve_data(
            self._forms.equations, self._basis, boxes, DATA * goal, self._most_boxes
        )
        return Refinement(boxes, goal)

    def _may_go_on(self, refined: np.ndarray, boxes: np.ndarray) -> bool:
        return len(boxes) < len(refined) <= self._most_boxes

    def _level(self, boxes: np.ndarray, extra: int, start: Network | None) -> PatchLevel:
        basis = LocalBasis(self._basis.degree + extra, self._basis.dimension)
        enough = ENOUGH * self._tol
        return self._solver.level(boxes, basis, self._control, start=start, enough=enough)

    def _verify(self, level: PatchLevel) -> tuple[float, bool]:
        """Solve with more degrees on the same boxes and keep that field.

        Returns:
            its estimate, and whether that is round-off, so that smaller boxes cannot help.
        """
        richer = self._level(level.boxes, VERIFYING, level.network())
        change = richer.change_from(level)
        fall = float(richer.tails.whole.max() / max(level.tails.whole.max(), 1e-300))
        largest = float(np.abs(richer.coefficients).sum(axis=2).max())
        if richer.solved.rms > ROUND_OFF * largest:  # rows that are all satisfied say nothing
            fall = max(fall, richer.solved.rms / level.solved.rms)
        floor = ROUND_OFF * richer.largest
        at_floor = change <= NEAR_FLOOR * floor
        factor = min(1.0, SAFETY * fall)
        if fall > 0.5:  # algebraic: what all further degrees will change, a geometric series
            factor = SAFETY * min(fall, SLOWEST) / (1 - min(fall, SLOWEST))
        carried = change if at_floor else float(change * factor)
        estimate = max(carried, floor, richer.misfit) if richer.converged else 1.0
        self._keep(richer, estimate, verified=richer.converged)
        return estimate, at_floor

    def _refined(self, level: PatchLevel, goal: float) -> np.ndarray:
        """Return the boxes with those split whose tails are large."""
        tails, whole = level.tails, level.tails.whole * level.weights
        coarse = whole >= max(REFINED * float(whole.max()), goal)
        coarse &= wide_enough(level.boxes, self._domain)
        halvings = (tails.slow_axes() & coarse[:, None]).astype(int)
        far = whole > goal * 2.0 ** (1.5 * level.basis.degree)
        halvings[far] *= 2
        return split(level.boxes, halvings)

    def _keep(self, level: PatchLevel, estimate: float | None, *, verified: bool = False) -> None:
        """Record a level and keep its field if it is the best or what verified the last one."""
        network = level.network()
        self._control.record(
            "patches",
            len(level.boxes),
            parameters=network.parameter_count,
            loss=level.solved.rms**2 * level.solved.row_count / 2,
            estimate=estimate,
            error=self._control.off_the_clock(partial(self._error, network)),
        )
        known = 1.0 if estimate is None else min(estimate, 1.0)
        if verified or self._best is None or known <= self._best.estimate:
            self._best = PatchesResult(
                network,
                known,
                level.solved.row_count,
                Outcome.TOLERANCE_NOT_REACHED,
                level.solved.solution.size,
                level.solved.is_determined,
            )

    def _undetermined(self) -> PatchesResult:
        """Return the last level's field as one of many: nothing is known of its error."""
        assert self._best is not None
        return replace(self._best, estimate=1.0, is_determined=False)

    def _ended(self, outcome: Outcome) -> PatchesResult:
        assert self._best is not None
        return replace(self._best, outcome=outcome)
