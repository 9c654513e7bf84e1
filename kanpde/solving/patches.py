r"""Patches: local KANs in the boxes of a k-d tree, refined where their expansions decay slowly.

For linear problems with fronts, layers, peaks and waves, which one global polynomial cannot
resolve. In every box the equation eliminates most coefficients (:mod:`elimination`), what is left
is one sparse least squares for the jumps between boxes and the conditions (:mod:`interfaces`,
:mod:`assembly`). Boxes come first from the data, by interpolation only, then from the tails of the
field. A last solve with two degrees more on the same boxes verifies the field: its difference is
the error of the field before.

By another name these are hp spectral elements with a Trefftz-like elimination, close to the
hierarchical Poincare-Steklov scheme (Gillman and Martinsson, SIAM J. Sci. Comput. 36, 2014) and to
ultraSEM (Fortunato, Hale and Townsend, J. Comput. Phys. 436, 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch

from kanpde.control import Control
from kanpde.networks import JetLayout, Network, PatchKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solving.assembly import Solved, solve_rows
from kanpde.solving.boxes import first_boxes, split
from kanpde.solving.elimination import Eliminator, LocalBasis
from kanpde.solving.forms import Forms, refusal
from kanpde.solving.indicators import Tails, resolve_data, wide_enough
from kanpde.solving.interfaces import Interfaces
from kanpde.solving.way import Way

REFINED = 0.02
"""Boxes whose tail exceeds this part of the largest are split."""
DATA = 10.0
"""Source and coefficients are resolved to this times the tolerance before the first solve."""
FINEST = 1e-13
"""Relative tails below this are not asked for: they are round-off."""
VERIFYING = 2
"""Degrees by which the verifying solve is richer."""
SAFETY = 3.0
"""Factor on the part of the estimate that the fall of the tails carries over."""
NEAR_FLOOR = 8.0
"""Up to so many times the round-off floor a change is taken as it is: tails there are noise."""
IDLE = 2
"""Levels that may gain less than 2x in the largest tail below ``FINE``: then it is round-off."""
UNRESOLVED = 20
"""The same above ``FINE``: a layer takes many levels to be found."""
FINE = 1e-8
ROUND_OFF = 2e-13
"""Of a field relative to its largest value: no estimate is below."""


@dataclass(frozen=True)
class Patches(Way):
    """How a linear problem on a box in one or two coordinates is solved by local KANs.

    Args:
        degree: total degree of the local KANs.
        most_boxes: boxes at which refinement ends; their sparse system decides the memory.

    Raises:
        ValueError: for a degree below 4 or no box.
    """

    degree: int = 16
    most_boxes: int = 4000

    def __post_init__(self) -> None:
        if self.degree < 4 or self.most_boxes < 1:
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
            problem: linear, one unknown, on a box in one or two coordinates; a coordinate may be
                time.
            tol: for the estimate of the relative L2 error.
            control: budget, stop request and history.
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


@dataclass(frozen=True)
class _Level:
    """One solve on one set of boxes."""

    boxes: np.ndarray
    basis: LocalBasis
    coefficients: np.ndarray
    tails: Tails
    solved: Solved
    seconds: float

    def norm_of(self, coefficients: np.ndarray) -> float:
        """Return the L2 norm over all boxes of local fields (B, M)."""
        plain = (0,) * self.basis.dimension
        values = coefficients @ self.basis.table(self.basis.points, plain).T
        volumes = np.prod(self.boxes[:, 1] - self.boxes[:, 0], axis=1)
        return float(np.sqrt(volumes @ (values**2 @ self.basis.weights)))

    @cached_property
    def norm(self) -> float:
        """The L2 norm of the field."""
        return self.norm_of(self.coefficients)

    @property
    def size(self) -> float:
        """The root mean square of the field."""
        volume = np.prod(self.boxes[:, 1] - self.boxes[:, 0], axis=1).sum()
        return max(self.norm / float(np.sqrt(volume)), 1e-300)

    @property
    def misfit(self) -> float:
        """What the rows leave over, relative to the field: no error is far below.

        Rows have the size of u. Conditions that contradict each other leave what no degree removes.
        """
        return self.solved.rms / (SAFETY * self.size)

    @property
    def predicted(self) -> float:
        """The relative L2 norm of the tails that a solve with two degrees more will have."""
        volumes = np.prod(self.boxes[:, 1] - self.boxes[:, 0], axis=1)
        last, before = (
            float(np.sqrt(volumes @ tail**2)) for tail in (self.tails.whole, self.tails.before)
        )
        return last * min(1.0, last / max(before, 1e-300)) / max(self.norm, 1e-300)

    def padded(self, basis: LocalBasis) -> np.ndarray:
        """Return the coefficients in a basis of a higher degree: exponents are sorted by degree."""
        place = {tuple(p): i for i, p in enumerate(basis.powers.tolist())}
        index = [place[tuple(p)] for p in self.basis.powers.tolist()]
        result = np.zeros((len(self.boxes), basis.size))
        result[:, index] = self.coefficients
        return result

    def change_from(self, coarse: _Level) -> float:
        """Return the relative L2 distance to a field of a lower degree on the same boxes."""
        difference = self.coefficients - coarse.padded(self.basis)
        return self.norm_of(difference) / max(self.norm, 1e-300)

    def network(self) -> PatchKAN:
        """Return the field."""
        network = PatchKAN(self.boxes, self.basis.degree)
        flat = torch.as_tensor(self.coefficients).reshape(1, -1)
        return network.with_output_coefficients(flat)


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
        self._forms = Forms.of(problem)
        self._domain = np.stack([problem.domain.lower, problem.domain.upper])
        self._basis = LocalBasis(settings.degree, problem.dimension)
        self._eliminators = {
            extra: Eliminator(
                self._forms.equation, LocalBasis(settings.degree + extra, problem.dimension)
            )
            for extra in (0, VERIFYING)
        }
        self._best: PatchesResult | None = None

    def solve(self) -> PatchesResult:
        control, tol = self._control, self._tol
        boxes = first_boxes(self._forms.domain.ranges, self._forms.cuts)
        goal, lowest, idle = max(tol, FINEST), np.inf, 0
        boxes = resolve_data(
            self._forms.equation, self._basis, boxes, DATA * goal, self._settings.most_boxes
        )
        previous: _Level | None = None
        verified = np.inf
        while True:
            level = self._level(boxes, 0)
            change = self._change(level, previous)
            self._keep(level, None if change is None else max(change, level.misfit))
            if not level.solved.is_determined:
                return self._undetermined()
            previous = level
            if control.should_stop:
                return self._ended(control.stop_outcome)
            largest = float(level.tails.whole.max()) / level.size
            idle = 0 if largest < lowest / 2 else idle + 1
            lowest = min(lowest, largest)
            refined = self._refined(level, goal)
            patience = IDLE if lowest < FINE else UNRESOLVED
            stuck = idle > patience or not self._may_go_on(refined, boxes)
            if SAFETY * level.predicted < goal or stuck:
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
                goal = max(goal * max(0.5 * tol / estimate, 1e-3), FINEST)
                refined = self._refined(level, goal)
                if not self._may_go_on(refined, boxes):
                    return self._ended(Outcome.TOLERANCE_NOT_REACHED)
            growth = (len(refined) / len(boxes)) ** 1.5
            if growth * level.seconds > control.time_left:
                return self._ended(Outcome.BUDGET)
            boxes = refined

    def _may_go_on(self, refined: np.ndarray, boxes: np.ndarray) -> bool:
        return len(boxes) < len(refined) <= self._settings.most_boxes

    def _level(self, boxes: np.ndarray, extra: int) -> _Level:
        before = self._control.seconds
        basis = LocalBasis(self._settings.degree + extra, self._basis.dimension)
        local = self._eliminators[extra].eliminate(boxes)
        rows = Interfaces(self._forms, basis, boxes, local).rows()
        solved = solve_rows(rows, len(boxes), local.free_count)
        coefficients = local.coefficients(solved.solution)
        tails = Tails.of(coefficients, basis.powers, basis.degree)
        seconds = self._control.seconds - before
        return _Level(boxes, basis, coefficients, tails, solved, seconds)

    def _change(self, level: _Level, previous: _Level | None) -> float | None:
        """Return the relative L2 change from the level before: the error of that one."""
        if previous is None:
            return None
        few = LocalBasis(max(level.basis.degree // 2 - 3, 2), level.basis.dimension)
        points = few.in_boxes(level.boxes)
        layout = JetLayout.of(level.basis.dimension, ())
        flat = torch.as_tensor(points.reshape(-1, level.basis.dimension))
        with torch.no_grad():
            old = previous.network().jets(flat, layout)[0, 0].numpy().reshape(points.shape[:2])
        new = level.coefficients @ level.basis.table(few.points, layout.parts[0]).T
        volumes = np.prod(level.boxes[:, 1] - level.boxes[:, 0], axis=1)
        change = np.sqrt(volumes @ ((new - old) ** 2 @ few.weights))
        return float(change) / max(level.norm, 1e-300)

    def _verify(self, level: _Level) -> tuple[float, bool]:
        """Solve with more degrees on the same boxes and keep that field.

        Returns:
            its estimate, and whether that is round-off, so that smaller boxes cannot help.
        """
        richer = self._level(level.boxes, VERIFYING)
        change = richer.change_from(level)
        fall = float(richer.tails.whole.max() / max(level.tails.whole.max(), 1e-300))
        largest = float(np.abs(richer.coefficients).sum(axis=1).max())
        if richer.solved.rms > ROUND_OFF * largest:  # rows that are all satisfied say nothing
            fall = max(fall, richer.solved.rms / level.solved.rms)
        floor = ROUND_OFF * largest / richer.size
        at_floor = change <= NEAR_FLOOR * floor
        carried = change if at_floor else change * min(1.0, SAFETY * fall)
        estimate = max(carried, floor, richer.misfit)
        self._keep(richer, estimate)
        return estimate, at_floor

    def _refined(self, level: _Level, goal: float) -> np.ndarray:
        """Return the boxes with those split whose tails are large."""
        tails, goal = level.tails, goal * level.size
        coarse = tails.whole >= max(REFINED * float(tails.whole.max()), goal)
        coarse &= wide_enough(level.boxes, self._domain)
        halvings = (tails.slow_axes() & coarse[:, None]).astype(int)
        far = tails.whole > goal * 2.0 ** (1.5 * level.basis.degree)
        halvings[far] *= 2
        return split(level.boxes, halvings)

    def _keep(self, level: _Level, estimate: float | None) -> None:
        """Record a level and keep its field if it is the best."""
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
        if self._best is None or known <= self._best.estimate:
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
