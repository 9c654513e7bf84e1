"""Slabs over a rectangle: evolution problems in two space dimensions, marched through time.

The unknown is a KAN of product nodes in each slab of time: splines in x times splines in y times
polynomials in t, found by implicit steps (Radau in time, collocation in space) and Newton's method,
whose stages are decoupled. It is a method of lines, written as a KAN. Two marches with different
local tolerances tell the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.stats import qmc

from kanpde.control import Control
from kanpde.networks import JetLayout, Network, TensorSlabKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solving.plane_march import PlaneMarch, PlaneSettings, plane_march
from kanpde.solving.plane_system import PlaneSystem, plane_system
from kanpde.solving.slab_march import taken_up
from kanpde.solving.slab_time import RadauRule
from kanpde.solving.way import Way

SAFETY = 3.0
"""Factor on the error that the difference of two marches suggests."""
SHARE = 0.4
"""Local tolerance of the second march, relative to the tolerance asked for."""
COARSE = 10.0
"""Local tolerance of the first march, relative to that of the second."""
FINEST = 1e-11
"""No march has a smaller local tolerance."""
LOOSEST = 1e-3
"""Nor a larger one than this in the second march."""
MARCHES = 4
"""Marches at most, the coarse one included."""
ROUND_OFF = 1e-13
"""No estimate is smaller."""
MORE = 1.3
"""Every march begins with so many times the cells of the one before."""
DEGREES = (5, 7, 9, 11)
"""Of the splines, to choose from: odd, for collocation at Greville's points is better then."""
PROBES = 2**12
"""Points in space and time where two fields are compared."""


@dataclass(frozen=True)
class PlaneSlabs(Way):
    """How an evolution problem over a rectangle is solved.

    Args:
        degree: of the splines, odd; by default one from 5 to 11, that which the initial fields need
            least work with.
        stages: Radau points of a slab, the degree in time; by default 4, 5 or 6.
        intervals: cells along each axis at the start, and at least.
        max_intervals: cells along an axis at most; a step's cost grows with their third power.

    Raises:
        ValueError: for a degree that is below 3 or even, no stage, or more intervals than the most.
    """

    degree: int | None = None
    stages: int | None = None
    intervals: int = 8
    max_intervals: int = 160

    def __post_init__(self) -> None:
        if self.degree is not None and (self.degree not in range(3, 16) or self.degree % 2 == 0):
            raise ValueError(f"PlaneSlabs: degree={self.degree} must be odd, from 3 to 15.")
        if self.stages is not None and not 1 <= self.stages <= 10:
            raise ValueError(f"PlaneSlabs: stages={self.stages} must be from 1 to 10.")
        if not 1 <= self.intervals <= self.max_intervals:
            raise ValueError(
                f"PlaneSlabs: intervals={self.intervals} must be from 1 to max_intervals="
                f"{self.max_intervals}."
            )

    def settings(self, tol: float, march: int = 0) -> PlaneSettings:
        """Return the numbers of a march at a local tolerance.

        No two marches are alike, even where the first meets every tolerance, for else their
        difference would say nothing: the first has lower degrees, and each begins with more cells.

        Args:
            tol: local tolerance.
            march: how many marches came before.
        """
        stages = self.stages or (4 if tol >= 1e-6 else 5 if tol >= 1e-9 else 6)
        degrees: tuple[int, ...] = DEGREES if self.degree is None else (self.degree,)
        if march == 0:
            stages, degrees = max(stages - 1, 1), tuple(max(d - 2, 3) for d in degrees)
        intervals = int(np.ceil(self.intervals * MORE**march))
        return PlaneSettings(tol, degrees, stages, intervals, max(self.max_intervals, intervals))

    def solve(
        self,
        problem: Problem,
        tol: float,
        control: Control,
        *,
        seed: int = 0,
        error: Callable[[Network], float | None] = lambda network: None,
        device: str = "cpu",
    ) -> PlaneSlabsResult:
        """March until the estimated relative L2 error is below ``tol``.

        Args:
            problem: an evolution over a rectangle, linear or not.
            tol: for the estimate of the relative L2 error in space and time.
            control: budget, stop request and history, which gets a record after every slab; it
                remembers the marches, and what it remembered before is gone on with.
            seed: of the points where fields are compared.
            error: gives the true error for the history where it is known.
            device: of the field that is returned; the solve itself runs on the CPU.

        Returns:
            the best field, its estimate and the outcome. If the solve was ended within the first
            march, the field is known up to the time reached, and no number after it.

        Raises:
            ValueError: if slabs cannot solve the problem, or go on with marches of another version;
                the message says why.
        """
        result = _Run(self, plane_system(problem), tol, control, error, seed).solve()
        return replace(result, network=result.network.to(device))


@dataclass(frozen=True)
class PlaneSlabsResult:
    """The best field of slabs over a rectangle.

    Args:
        network: the field.
        estimate: of its relative L2 error, or None if there was nothing to compare it with.
        points: rows of the largest nonlinear system.
        outcome: why the solve ended.
        notes: what there is to say of the marches.
    """

    network: TensorSlabKAN
    estimate: float | None
    points: int
    outcome: Outcome
    notes: tuple[str, ...]

    @property
    def way(self) -> str:
        """How the field was found, in words."""
        across, along = self.network.cells
        return (
            f"slabs: {self.network.slabs} slabs in time, splines of degree {self.network.degree} "
            f"on {across} by {along} cells times polynomials of degree "
            f"{len(self.network.nodes) - 1} in t, by Newton's method"
        )


class _Run:
    """The marches of one solve; those that are remembered are not made again."""

    def __init__(
        self,
        slabs: PlaneSlabs,
        system: PlaneSystem,
        tol: float,
        control: Control,
        error: Callable[[Network], float | None],
        seed: int,
    ) -> None:
        self._slabs, self._system, self._tol = slabs, system, tol
        self._control, self._error = control, error
        draws = qmc.Sobol(3, rng=np.random.default_rng(seed)).random(PROBES)
        low = np.array([*system.lower, system.start])
        high = np.array([*system.upper, system.end])
        self._probes = torch.as_tensor(low + (high - low) * draws)
        self._notes: list[str] = []
        self._marches: list[PlaneMarch] = control.memory or []
        self._used = 0

    def solve(self) -> PlaneSlabsResult:
        local = min(max(SHARE * self._tol, FINEST), LOOSEST)
        best = self._march(COARSE * local)
        estimate: float | None = None
        if not self._complete(best):
            return self._ended(best, None, best.outcome)
        for _ in range(MARCHES - 1):
            if self._control.should_stop and self._used == len(self._marches):
                return self._ended(best, estimate, self._control.stop_outcome)
            fine = self._march(local)
            if not self._complete(fine):
                self._notes.append(
                    f"A march with the local tolerance {local:.1e} ended at t = "
                    f"{fine.reached:.6g}; the field is that of the one before."
                )
                return self._ended(best, estimate, fine.outcome)
            found = self._judged(fine, best)
            settled = estimate is not None and found > estimate
            if not settled:
                best, estimate = fine, found
            if found < self._tol or settled or local <= FINEST:
                break
            if fine.outcome is not Outcome.SOLVED:  # no finer march can be had
                break
            local = max(local * min(0.1, 0.5 * self._tol / found), 1e-2 * local, FINEST)
        assert estimate is not None
        reached = estimate < self._tol
        return self._ended(
            best, estimate, Outcome.SOLVED if reached else Outcome.TOLERANCE_NOT_REACHED
        )

    def _march(self, tol: float) -> PlaneMarch:
        """March at a local tolerance, with a record after every slab.

        Raises:
            ValueError: if the march that is remembered had other settings.
        """
        settings = self._slabs.settings(tol, self._used)
        found = taken_up(self._marches, self._used, PlaneMarch(settings))
        self._used += 1

        def report(so_far: PlaneMarch) -> None:
            self._control.record(
                f"slabs at {tol:.0e}",
                len(so_far.slabs),
                parameters=so_far.parameters,
                held_out=so_far.slabs[-1].local_error,
            )
            self._control.remember(self._marches)

        if found.ahead is not None or not found.slabs:
            plane_march(self._system, found, self._control, report)
        return found

    def _judged(self, fine: PlaneMarch, coarse: PlaneMarch) -> float:
        """Return the estimate of the finer march, and record it if it had none."""
        if fine.estimate is not None:
            return fine.estimate
        network = plane_network(fine)
        layout = JetLayout.of(3, ())
        with torch.no_grad():
            a = network.jets(self._probes, layout)[:, 0]
            b = plane_network(coarse).jets(self._probes, layout)[:, 0]
        size = torch.linalg.vector_norm(a, dim=1)
        size = torch.maximum(size, 1e-6 * size.max()).clamp_min(1e-300)
        gap = float((torch.linalg.vector_norm(a - b, dim=1) / size).max())
        tolerances = fine.settings.tol / coarse.settings.tol
        errors = fine.local_errors / max(coarse.local_errors, 1e-300)
        ratio = min(1.0, max(tolerances, errors, _mesh_ratio(fine, coarse)))
        fine.estimate = estimate = min(1.0, max(SAFETY * gap * ratio, ROUND_OFF))
        true = self._control.off_the_clock(partial(self._error, network))
        self._control.record(
            f"slabs at {fine.settings.tol:.0e}",
            len(fine.slabs),
            parameters=network.parameter_count,
            held_out=max(s.local_error for s in fine.slabs),
            estimate=estimate,
            error=true,
        )
        self._control.remember(self._marches)
        return estimate

    def _complete(self, found: PlaneMarch) -> bool:
        end, whole = self._system.end, self._system.end - self._system.start
        return bool(found.slabs) and found.reached >= end - 1e-9 * whole

    def _ended(
        self, found: PlaneMarch, estimate: float | None, outcome: Outcome
    ) -> PlaneSlabsResult:
        if not self._complete(found):
            self._notes.append(
                f"The field is known up to t = {found.reached:.6g} of {self._system.end:.6g}; "
                "beyond it has no value."
            )
        self._notes.append(
            f"Local tolerance {found.settings.tol:.1e}; {len(found.slabs)} slabs, "
            f"{found.rejected} repetitions, {found.newton_iterations} Newton corrections, "
            f"{found.factorisations} sparse factorisations."
        )
        rows = found.space.size * found.settings.stages * self._system.unknowns
        return PlaneSlabsResult(plane_network(found), estimate, rows, outcome, tuple(self._notes))


def _mesh_ratio(fine: PlaneMarch, coarse: PlaneMarch) -> float:
    """Return what the errors in space of two marches of one degree p are to each other, at least.

    Collocation of second derivatives is of order p - 1.
    """
    a, b = fine.space, coarse.space
    degree = a.x.space.degree
    if degree != b.x.space.degree:
        return 0.0
    cells = ((a.x.space.cells, b.x.space.cells), (a.y.space.cells, b.y.space.cells))
    return max(min(before / now, 1.0) ** (degree - 1) for now, before in cells)


def plane_network(found: PlaneMarch) -> TensorSlabKAN:
    """Return the slabs of a march as a network, all on the finest knots."""
    finest = found.space
    axes = (finest.x.space, finest.y.space)
    degree = axes[0].degree
    network = TensorSlabKAN(
        [*(s.start for s in found.slabs), found.reached],
        [space.knots for space in axes],
        RadauRule(found.settings.stages).nodes,
        degree=degree,
        outputs=found.slabs[0].coefficients.shape[1],
    )
    blocks = []
    for slab in found.slabs:
        fields = slab.coefficients.transpose(2, 3, 0, 1)
        fields = slab.space.transfer(fields, finest)
        fields = np.swapaxes(axes[1].expanded(np.swapaxes(axes[0].expanded(fields), 0, 1)), 0, 1)
        blocks.append(fields.transpose(3, 2, 0, 1))  # (unknowns, nodes, nx, ny)
    flat = np.stack(blocks, axis=1)
    return network.with_output_coefficients(torch.as_tensor(flat.reshape(len(flat), -1).copy()))
