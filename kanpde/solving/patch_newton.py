r"""One level of patches: a linear solve, or Newton's method with continuation.

A problem that is not linear is linearised about the last field and solved on the same boxes until
the change is small, damped by the residual in the boxes. Where that fails from the zero field, the
data are switched on step by step: with the load :math:`\lambda`, :math:`F(u)=(1-\lambda)F(0)` has
the zero field as its solution for :math:`\lambda=0` (natural continuation, Deuflhard, Newton
Methods for Nonlinear Problems, 2004, chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kanpde.control import Control
from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.solving.assembly import solve_rows
from kanpde.solving.elimination import Eliminator, LocalBasis, rates
from kanpde.solving.forms import CompiledProblem, Forms, Linearisation
from kanpde.solving.interfaces import Interfaces
from kanpde.solving.patch_level import PatchLevel

STAGNANT = 1e-6
"""A change below which a residual that falls no more is that of the level, not of the iteration."""
OF_LEVEL = 0.01
"""Part of a level's own error that Newton's method may leave."""
FIRST_CHANGE = 0.1
"""What stands for the change before the first one: convergence is superlinear from there on."""


@dataclass(frozen=True)
class PatchNewton:
    """How the nonlinear problem of one level of patches is solved.

    Args:
        iterations: the most linear solves for one level and load.
        halvings: of a step, before the iteration counts as not converged.
        smallest_step: of the load, before continuation counts as failed.

    Raises:
        ValueError: without an iteration, for fewer than no halvings, or a step not in (0, 1].
    """

    iterations: int = 12
    halvings: int = 6
    smallest_step: float = 1 / 32

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.halvings < 0 or not 0 < self.smallest_step <= 1:
            raise ValueError(
                f"{self} needs at least one iteration, halvings >= 0 and a step of the load in "
                "(0, 1]."
            )


class PatchSolver:
    """Solves one level after the other.

    Args:
        problem: to be solved.
        newton: for problems that are not linear.
    """

    def __init__(self, problem: Problem, newton: PatchNewton) -> None:
        self._problem, self._newton = problem, newton
        self._compiled = CompiledProblem.of(problem)
        self.forms = self._compiled.forms(Linearisation())
        self._eliminators: dict[int, Eliminator] = {}
        self._by_volume = self.forms.unknowns > 1 or not problem.is_linear

    def level(
        self,
        boxes: np.ndarray,
        basis: LocalBasis,
        control: Control,
        *,
        start: Network | None,
        enough: float,
    ) -> PatchLevel:
        """Return the field on some boxes.

        Args:
            boxes: (B, 2, D).
            basis: of every unknown in a box.
            control: a stop request ends an iteration.
            start: the field to linearise about first; without one continuation helps from zero.
            enough: relative change that Newton's method may always leave.
        """
        began = control.seconds
        if self._problem.is_linear:
            if basis.degree not in self._eliminators:
                self._eliminators[basis.degree] = Eliminator(self.forms, basis)
            level = self._linear(self.forms, self._eliminators[basis.degree], boxes, basis)
        else:
            level = self._iterate(boxes, basis, start, 1.0, enough, control)
            if not level.converged and start is None:
                level = self._continued(boxes, basis, enough, control)
        return replace(level, seconds=control.seconds - began)

    def _linear(
        self, forms: Forms, eliminator: Eliminator, boxes: np.ndarray, basis: LocalBasis
    ) -> PatchLevel:
        local = eliminator.eliminate(boxes)
        solved = solve_rows(
            Interfaces(forms, basis, boxes, local).rows(), len(boxes), local.free_count
        )
        coefficients = local.coefficients(solved.solution)
        shaped = coefficients.reshape(len(boxes), forms.unknowns, basis.size)
        return PatchLevel(boxes, basis, shaped, solved, by_volume=self._by_volume)

    def _iterate(
        self,
        boxes: np.ndarray,
        basis: LocalBasis,
        start: Network | None,
        load: float,
        enough: float,
        control: Control,
    ) -> PatchLevel:
        """Return the field of Newton's method for one load."""
        field, level = start, None
        before = FIRST_CHANGE
        for _ in range(self._newton.iterations):
            forms = self._compiled.forms(Linearisation(field, load))
            full = self._linear(forms, Eliminator(forms, basis), boxes, basis)
            if not np.isfinite(full.coefficients).all():
                break
            if level is None:
                change = 1.0 if field is None else full.distance_to(field)
                level, falls = full, True
            else:
                change = full.change_from(level)
                level, falls = self._damped(level, full, load)
            field = level.network()
            left = change * min(1.0, change / before)
            small = max(enough, OF_LEVEL * level.predicted)
            if left < small or (not falls and change < STAGNANT):
                return level
            if not falls or control.should_stop or not full.solved.is_determined:
                break
            before = change
        assert level is not None
        return replace(level, converged=False)

    def _continued(
        self, boxes: np.ndarray, basis: LocalBasis, enough: float, control: Control
    ) -> PatchLevel:
        """Return the field that is reached when the data are switched on step by step."""
        load, step = 0.0, 0.5
        reached: PatchLevel | None = None
        while True:
            following = min(load + step, 1.0)
            start = None if reached is None else reached.network()
            level = self._iterate(boxes, basis, start, following, enough, control)
            if level.converged:
                load, step, reached = following, 1.5 * step, level
                if load == 1:
                    return level
            else:
                step /= 2
            if step < self._newton.smallest_step or control.should_stop:
                return replace(reached or level, converged=False)

    def _damped(self, old: PatchLevel, full: PatchLevel, load: float) -> tuple[PatchLevel, bool]:
        """Return the first of a full step, half of it, ... that lets the residual fall."""
        before = self._size(old, load)
        for k in range(self._newton.halvings + 1):
            between = old.coefficients + 0.5**k * (full.coefficients - old.coefficients)
            trial = replace(full, coefficients=between)
            if self._size(trial, load) < before:
                return trial, True
        return old, False

    def _size(self, level: PatchLevel, load: float) -> float:
        """Return the root mean square of the equations' residuals in the boxes."""
        basis, boxes = level.basis, level.boxes
        points = basis.in_boxes(boxes).reshape(-1, basis.dimension)
        total = 0.0
        for equation in self._compiled.equations:
            jets = []
            for part in equation.residual.parts:
                values = (
                    level.coefficients[:, part.unknown] @ basis.table(basis.points, part.order).T
                )
                scale = np.prod(rates(boxes) ** np.array(part.order), axis=1)
                jets.append((scale[:, None] * values).ravel())
            found = equation.at_jets(points, np.stack(jets), load)
            squares = (found**2).reshape(len(boxes), -1) @ basis.weights
            total += float(level.shares @ squares)
        return float(np.sqrt(total)) if np.isfinite(total) else np.inf
