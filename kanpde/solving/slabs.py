"""Slabs: evolution problems in one space dimension, marched through time to a global tolerance.

The unknown is a KAN of product nodes in each slab of time: splines in x on knots that follow the
solution, times polynomials in t. It is found by implicit steps (Radau in time, Galerkin in space)
and Newton's method, as a classical method of lines with splines would; what is added is that it
solves more than once with falling local tolerances, and that the difference tells the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from kanpde.control import Control
from kanpde.networks import JetLayout, Network, SlabKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solving.slab_march import March, MarchSettings, march, taken_up
from kanpde.solving.slab_problem import system_of
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_system import System
from kanpde.solving.slab_time import RadauRule
from kanpde.solving.way import Way

SAFETY = 3.0
"""Factor on the error that the difference of two marches suggests."""
COARSE = 30.0
"""Local tolerance of the first march, relative to that of the second."""
LOOSEST = 1e-5
"""Local tolerance of the second march at most: far above round-off it costs little, and with
larger ones local errors do not tell much."""
FINEST = 1e-13
"""No march has a smaller local tolerance: round-off."""
MARCHES = 4
"""Marches at most, the coarse one included."""
ROUND_OFF = 1e-14
"""No estimate is smaller."""


@dataclass(frozen=True)
class Slabs(Way):
    """How an evolution problem in one space dimension is solved.

    A march keeps estimates of its *local* errors below a local tolerance. What they add up to
    depends on the problem: next to nothing if it damps errors, a thousandfold if it is unstable.
    So a coarse march is made first, with 30 times the tolerance and lower degrees, and then one
    with the tolerance asked for. Their difference is the error of the first; what it is for the
    second follows from the ratio of the sums of local errors, or from that of the tolerances if it
    is larger. If the estimate, three times that, is still above the tolerance, another march
    follows with a smaller local tolerance.

    Args:
        degree: of the splines; by default 7, 9 for tolerances up to 1e-9, 11 for equations of
            higher than second order in x.
        stages: Radau points of a slab, the degree in time; by default 6, 7 or 8 with the tolerance.
        intervals: cells in x at the start, and at least.
        max_intervals: cells in x at most.
        coarsen: every how many slabs knots are removed where they are not needed; 0 for never.
        verify: make another march with a tenth of the local tolerance at the end, and take the
            difference to it as the estimate: dearer, and independent of how errors scale.

    Raises:
        ValueError: for a degree below 3, no stage, too few intervals, or more intervals than the
            most.
    """

    degree: int | None = None
    stages: int | None = None
    intervals: int = 16
    max_intervals: int = 1000
    coarsen: int = 3
    verify: bool = False

    def __post_init__(self) -> None:
        if self.degree is not None and not 3 <= self.degree <= 15:
            raise ValueError(f"Slabs: degree={self.degree} must be from 3 to 15.")
        if self.stages is not None and not 1 <= self.stages <= 12:
            raise ValueError(f"Slabs: stages={self.stages} must be from 1 to 12.")
        if not 1 <= self.intervals <= self.max_intervals:
            raise ValueError(
                f"Slabs: intervals={self.intervals} must be from 1 to max_intervals="
                f"{self.max_intervals}."
            )
        if self.coarsen < 0:
            raise ValueError(f"Slabs: coarsen={self.coarsen} must not be negative.")

    def settings(self, system: System, tol: float, *, lower: int = 0) -> MarchSettings:
        """Return the numbers of a march at a local tolerance.

        Args:
            system: the problem.
            tol: local tolerance.
            lower: by how much the degree in t is lowered, and twice that in x, where possible.
        """
        degree = self.degree
        if degree is None:
            degree = 11 if system.space_order > 2 else 9 if tol <= 1e-9 else 7
        if degree < system.space_order + 1:
            raise ValueError(
                f"Slabs(degree={degree}) has too low a degree for derivatives of order "
                f"{system.space_order} in x; give {system.space_order + 1} or more."
            )
        stages = self.stages
        if stages is None:
            stages = 8 if tol <= 1e-9 else 7 if tol <= 1e-7 else 6
        degree = max(degree - 2 * lower, min(degree, system.space_order + 1, 3))
        stages = max(stages - lower, 1)
        least = 2 * degree + 2 if system.periodic else 1
        intervals = max(self.intervals, least)
        return MarchSettings(
            tol, degree, stages, intervals, max(self.max_intervals, intervals), self.coarsen
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
    ) -> SlabsResult:
        """March until the estimated relative L2 error is below ``tol``.

        Args:
            problem: an evolution in one space dimension, linear or not.
            tol: for the estimate of the relative L2 error in space and time.
            control: budget, stop request and history, which gets a record after every slab; it
                remembers the marches, and what it remembered before is gone on with.
            seed: without effect; nothing is drawn by chance.
            error: gives the true error for the history where it is known.
            device: of the field that is returned; the solve itself runs on the CPU.

        Returns:
            the best field, its estimate and the outcome. If the solve was ended within the first
            march, the field is known up to the time reached, and no number after it.

        Raises:
            ValueError: if slabs cannot solve the problem, or go on with marches of another version;
                the message says why.
        """
        run = _Run(self, system_of(problem), tol, control, error)
        result = run.solve()
        return replace(result, network=result.network.to(device))


@dataclass(frozen=True)
class SlabsResult:
    """The best field of slabs.

    Args:
        network: the field.
        estimate: of its relative L2 error, or None if there was nothing to compare it with.
        points: rows of the largest nonlinear system.
        outcome: why the solve ended.
        notes: what there is to say of the marches.
    """

    network: SlabKAN
    estimate: float | None
    points: int
    outcome: Outcome
    notes: tuple[str, ...]

    @property
    def way(self) -> str:
        """How the field was found, in words."""
        cells = self.network.cells
        return (
            f"slabs: {len(cells)} slabs in time, splines of degree {self.network.degree} on "
            f"{min(cells)} to {max(cells)} cells in x times polynomials of degree "
            f"{len(self.network.nodes) - 1} in t, by Newton's method"
        )


@dataclass(frozen=True)
class _Level:
    """One march as the next one sees it."""

    march: March
    network: SlabKAN

    @property
    def estimate(self) -> float | None:
        """Of the relative L2 error, if there was a march to compare it with."""
        return self.march.estimate


class _Run:
    """The marches of one solve; those that are remembered are not made again."""

    def __init__(
        self,
        slabs: Slabs,
        system: System,
        tol: float,
        control: Control,
        error: Callable[[Network], float | None],
    ) -> None:
        self._slabs, self._system, self._tol = slabs, system, tol
        self._control, self._error = control, error
        self._notes: list[str] = []
        self._marches: list[March] = control.memory or []
        self._used = 0

    def solve(self) -> SlabsResult:
        local = min(max(self._tol, FINEST), LOOSEST)
        coarse = self._march(COARSE * local, lower=1)
        if not self._complete(coarse):
            return self._ended(coarse, coarse.march.outcome)
        best = coarse
        for _ in range(MARCHES - 1):
            if self._control.should_stop and self._used == len(self._marches):
                return self._ended(best, self._control.stop_outcome)
            fine = self._march(local)
            if not self._complete(fine):
                return self._stopped(best, fine)
            fine = self._judged(fine, best)
            assert fine.estimate is not None
            better = best.estimate is None or fine.estimate <= best.estimate
            best = fine if better else best
            if fine.estimate < self._tol:
                break
            settled = not better or fine.march.outcome is not Outcome.SOLVED or local <= FINEST
            if settled:
                break
            local = max(local * min(0.1, 0.5 * self._tol / fine.estimate), 1e-3 * local, FINEST)
        if self._slabs.verify:
            return self._verified(best)
        return self._finished(best)

    def _march(self, tol: float, *, lower: int = 0) -> _Level:
        """March at a local tolerance, with a record after every slab.

        Raises:
            ValueError: if the march that is remembered had other settings.
        """
        settings = self._slabs.settings(self._system, tol, lower=lower)
        found = taken_up(self._marches, self._used, March(settings))
        self._used += 1

        def report(so_far: March) -> None:
            last = so_far.slabs[-1]
            self._control.record(
                f"slabs at {tol:.0e}",
                len(so_far.slabs),
                parameters=so_far.parameters,
                held_out=last.indicator,
            )
            self._control.remember(self._marches)

        if found.ahead is not None or not found.slabs:
            march(self._system, found, self._control, report)
        return _Level(found, network_of(found))

    def _judged(self, fine: _Level, coarse: _Level) -> _Level:
        """Return the finer level with its estimate, and record it if it had none."""
        if fine.estimate is not None:
            return fine
        gap = difference(fine, coarse.network)
        # A march that could not use up its tolerance, for want of fewer cells, is better than it.
        level = np.sqrt(fine.march.level * fine.march.settings.tol)
        levels = float(level) / coarse.march.settings.tol
        errors = fine.march.local_errors / max(coarse.march.local_errors, 1e-300)
        ratio = min(1.0, max(levels, errors))
        fine.march.estimate = min(1.0, max(SAFETY * gap * ratio, ROUND_OFF))
        return self._recorded(fine)

    def _recorded(self, level: _Level) -> _Level:
        true = self._control.off_the_clock(partial(self._error, level.network))
        self._control.record(
            f"slabs at {level.march.settings.tol:.0e}",
            len(level.march.slabs),
            parameters=level.network.parameter_count,
            held_out=level.march.level,
            estimate=level.estimate,
            error=true,
        )
        self._control.remember(self._marches)
        return level

    def _verified(self, best: _Level) -> SlabsResult:
        """March once more with a tenth of the tolerance; its field is returned."""
        finer = self._march(max(0.1 * best.march.settings.tol, FINEST))
        if not self._complete(finer):
            return self._stopped(best, finer)
        if finer.estimate is None:
            finer.march.estimate = max(difference(finer, best.network), ROUND_OFF)
            self._recorded(finer)
        return self._finished(finer)

    def _complete(self, level: _Level) -> bool:
        end, whole = self._system.end, self._system.end - self._system.start
        return bool(level.march.slabs) and level.march.reached >= end - 1e-9 * whole

    def _finished(self, level: _Level) -> SlabsResult:
        solved = level.estimate is not None and level.estimate < self._tol
        return self._ended(level, Outcome.SOLVED if solved else Outcome.TOLERANCE_NOT_REACHED)

    def _stopped(self, best: _Level, partial_level: _Level) -> SlabsResult:
        """End with the field that is complete, though a finer one was under way."""
        self._notes.append(
            f"A march with the local tolerance {partial_level.march.settings.tol:.1e} ended at "
            f"t = {partial_level.march.reached:.6g}; the field is that of the one before."
        )
        return self._ended(best, partial_level.march.outcome)

    def _ended(self, level: _Level, outcome: Outcome) -> SlabsResult:
        found = level.march
        if not self._complete(level):
            self._notes.append(
                f"The field is known up to t = {found.reached:.6g} of {self._system.end:.6g}; "
                "beyond it has no value."
            )
        self._notes.append(
            f"Largest local indicator {found.level:.1e} at local tolerance "
            f"{found.settings.tol:.1e}; {len(found.slabs)} slabs, {found.rejected} repetitions, "
            f"{found.newton_iterations} Newton corrections."
        )
        rows = max(s.space.size * found.settings.stages for s in found.slabs)
        return SlabsResult(
            level.network,
            level.estimate,
            rows * self._system.unknowns,
            outcome,
            tuple(self._notes),
        )


def network_of(found: March) -> SlabKAN:
    """Return the slabs of a march as a network."""
    network = SlabKAN(
        [*(s.start for s in found.slabs), found.reached],
        [s.space.knots for s in found.slabs],
        RadauRule(found.settings.stages).nodes,
        degree=found.settings.degree,
        outputs=found.slabs[0].coefficients.shape[2],
    )
    blocks = [s.space.expanded(s.coefficients).transpose(2, 1, 0) for s in found.slabs]
    flat = np.concatenate([b.reshape(len(b), -1) for b in blocks], axis=1)
    return network.with_output_coefficients(torch.as_tensor(flat))


def difference(level: _Level, other: SlabKAN) -> float:
    """Return the largest relative L2 difference of two fields over the unknowns.

    By Gauss points in the cells of the first field's slabs, so that fronts count by their measure.
    """
    layout = JetLayout.of(2, ())
    gap = size = np.zeros(len(level.network.coefficients))
    for slab in level.march.slabs:
        points, weights = _slab_points(slab.space, slab.start, slab.length)
        with torch.no_grad():
            a = level.network.jets(points, layout)[:, 0].numpy()
            b = other.jets(points, layout)[:, 0].numpy()
        gap = gap + (weights * (a - b) ** 2).sum(axis=1)
        size = size + (weights * a**2).sum(axis=1)
    return float(np.sqrt(gap / np.maximum(size, 1e-300)).max())


def _slab_points(
    space: SplineSpace, start: float, length: float
) -> tuple[torch.Tensor, np.ndarray]:
    """Return Gauss points (N, 2) and weights (N,) of a slab."""
    x, along = space.gauss(2)
    s, w = np.polynomial.legendre.leggauss(3)
    t = start + length * (s + 1) / 2
    points = np.stack(np.broadcast_arrays(x.ravel()[:, None], t), axis=-1).reshape(-1, 2)
    weights = (along.ravel()[:, None] * (length * w / 2)).ravel()
    return torch.as_tensor(points), weights
