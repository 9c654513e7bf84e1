r"""Levenberg-Marquardt with the ratio rule, on the exact Jacobian.

A step solves :math:`(J^TJ+\lambda I)\,p=-J^Tr`. The damping is the *smallest* one whose actual
decrease of :math:`|r|^2` is still at least ``ratio`` times the predicted one: long steps that the
linear model just about supports. On residuals of networks this is worth orders of magnitude over
the textbook rule (arXiv:2607.02194).

A step p is bent by half the geodesic acceleration, the damped step for the second derivative of the
residual along p instead of the residual; it follows curved valleys (Transtrum and Sethna,
arXiv:1201.5885).

Steps are found by Cholesky factors of :math:`J^TJ+\lambda I`, or of :math:`JJ^T+\lambda I` with
fewer rows than parameters; when none of them lowers the loss any more, small networks go on by
orthogonal factors of J. A Jacobian that is too large, or shared by several processes, is never
formed as a whole; see :mod:`kanpde.training.system`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.solving.least_squares import RANK_CUT, solve_output_coefficients, thin_svd
from kanpde.training.damped import Damped, Factored, Normal, Orthogonal, Summed
from kanpde.training.least_squares import LeastSquares
from kanpde.training.stage import Stage, StageState, Task
from kanpde.training.subspace import Subspace, WithinSubspace, points_for
from kanpde.training.system import PROBE, InMemory, Residuals, System, WholeSystem

LOWER_BY = 4.0
"""Factor of the search towards smaller damping."""
ORTHOGONAL_UP_TO = 400
"""Of more parameters orthogonal factors, new ones for each damping, cost more than they bring."""


@dataclass(frozen=True)
class LevenbergMarquardtState(StageState):
    """State of :class:`LevenbergMarquardt`.

    Args:
        points: the residual as a function of the network.
        system: residual and Jacobian.
        damping: the last one.
        losses: of all iterations.
        orthogonal: whether steps are found by orthogonal factors by now.
    """

    points: Residuals | None = None
    system: System | None = None
    damping: float = 1e-3
    losses: tuple[float, ...] = ()
    orthogonal: bool = False

    derived = frozenset({"points", "system"})


@dataclass(frozen=True)
class LevenbergMarquardt(Stage[LevenbergMarquardtState]):
    """Train all parameters.

    With ``variable_projection`` the output edges of a linear problem are no unknowns: they are
    solved for at every trial step, and only the inner edges are searched for (Golub and Pereyra,
    Inverse Problems 19 (2003), with Kaufman's Jacobian). Fewer and dearer steps.

    Args:
        iterations: at most so many steps.
        ratio: least actual/predicted decrease of an accepted step.
        damping: of the first step.
        stall: the stage ends when the loss falls by less than this fraction per step, on average
            over ``patience`` steps.
        patience: see ``stall``.
        variable_projection: solve for the output edges at every step.
        subspace: that steps are sought in: ``Krylov(60)`` or ``Sketch(2000)``; by default the
            whole space where :math:`J` or :math:`J^TJ` fits into the memory, else a Krylov space.
        acceleration: bend the step along the residual's curvature where the correction is at most
            this part of it; 0 for straight steps, which those of ``variable_projection`` are.
    """

    iterations: int = 100
    ratio: float = 0.1
    damping: float = 1e-3
    stall: float = 1e-3
    patience: int = 8
    variable_projection: bool = False
    acceleration: float = 0.75
    subspace: Subspace | None = None

    name: ClassVar[str] = "levenberg-marquardt"

    def __post_init__(self) -> None:
        limits = {
            "iterations": self.iterations >= 1,
            "ratio": 0 < self.ratio < 1,
            "damping": self.damping > 0,
            "stall": 0 <= self.stall < 1,
            "patience": self.patience >= 1,
            "acceleration": self.acceleration >= 0,
        }
        for setting, within in limits.items():
            if not within:
                raise ValueError(
                    f"LevenbergMarquardt: {setting}={getattr(self, setting)} is out of range "
                    "(iterations and patience at least 1, 0 < ratio < 1, damping > 0, "
                    "0 <= stall < 1, acceleration >= 0)."
                )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if there is nothing to project on."""
        if self.variable_projection and not problem.is_linear:
            raise ValueError(
                f"LevenbergMarquardt: variable_projection needs a problem that is linear in the "
                f"unknowns, and {problem.name} is not; leave it away."
            )
        return network

    def init(self, task: Task, network: Network) -> LevenbergMarquardtState:
        """Draw the points and evaluate residual and Jacobian."""
        if self.variable_projection:
            self.check(task.problem, network)
            network = LeastSquares().apply(task, network).network
        state = self._linearised(task, LevenbergMarquardtState(network, damping=self.damping))
        assert state.system is not None
        loss = 0.5 * state.system.square
        return replace(state, loss=loss, losses=(loss,))

    def step(self, task: Task, state: LevenbergMarquardtState) -> LevenbergMarquardtState:
        """Find the smallest damping that the ratio allows, and take its step."""
        if state.system is None:
            state = self._linearised(task, state)
        assert state.points is not None
        assert state.system is not None
        iteration = state.iteration + 1
        damped = state.system.damped(orthogonal=state.orthogonal)
        found = _DampingSearch(self, state, damped).run()
        small = len(state.network.vector()) <= ORTHOGONAL_UP_TO
        if found is None and small and isinstance(damped, (Normal, Summed)):
            damped = state.system.damped(orthogonal=True)
            found = _DampingSearch(self, state, damped).run()
        if found is None:
            return replace(state, iteration=iteration, done=True, note="no step lowers the loss")
        damping, network = found
        system = self._about(state.points, network)
        losses = (*state.losses, 0.5 * system.square)
        done, note = iteration >= self.iterations, ""
        if len(losses) > self.patience:
            before = losses[-1 - self.patience]
            if losses[-1] > before * (1 - self.stall * self.patience):
                done, note = True, "stalled"
        return replace(
            state,
            network=network,
            iteration=iteration,
            loss=losses[-1],
            losses=losses,
            system=system,
            damping=damping,
            orthogonal=isinstance(damped, (Orthogonal, Factored)),
            done=done,
            note=note,
        )

    def _linearised(self, task: Task, state: LevenbergMarquardtState) -> LevenbergMarquardtState:
        """Return the state with points, residual and Jacobian of its network."""
        points = self._points(task, state.network)
        if self.variable_projection and not isinstance(points, InMemory):
            raise ValueError(
                "LevenbergMarquardt: variable_projection needs the whole Jacobian in one process "
                "and in memory; leave it away, or give fewer points or more memory."
            )
        return replace(state, points=points, system=self._about(points, state.network))

    def _points(self, task: Task, network: Network) -> Residuals:
        """Return the residual at a task's points, in the form that its size asks for."""
        if self.subspace is not None:
            return WithinSubspace.of(task, network, self.subspace)
        return points_for(task, network)

    def _about(self, points: Residuals, network: Network) -> System:
        """Return residual and Jacobian, that of the output edges projected out if asked."""
        system = points.about(network)
        if not self.variable_projection:
            return system
        assert isinstance(points, InMemory)
        assert isinstance(system, WholeSystem)
        systems = points.collocation.linear_system(network, points.prepared)
        pairs = zip(points.collocation.blocks, systems, strict=True)
        columns = torch.cat([block.scale * rows for block, (rows, _) in pairs])
        directions, size, _ = thin_svd(columns)
        kept = directions * (size > RANK_CUT * size[0])  # dependent ones become zero
        projected = system.jacobian - (system.jacobian @ kept) @ kept.T
        return WholeSystem(system.residual, projected)

    def moved(self, points: Residuals, network: Network) -> tuple[Network, Tensor]:
        """Return the field of a trial step and its residual, output edges solved for if asked."""
        if self.variable_projection:
            assert isinstance(points, InMemory)
            collocation = points.collocation
            factors = [block.weight**0.5 for block in collocation.blocks]
            prepared = list(points.prepared)
            network, _ = solve_output_coefficients(network, collocation, prepared, factors)
        return network, points.at(network)


class _DampingSearch:
    """Trial steps of one iteration; the matrix is formed once."""

    def __init__(
        self, stage: LevenbergMarquardt, state: LevenbergMarquardtState, damped: Damped
    ) -> None:
        assert state.points is not None
        assert state.system is not None
        self._stage, self._damped = stage, damped
        self._points, self._system = state.points, state.system
        self._before = state.damping
        self._trial = state.network.copied()
        self._start = state.network.vector()
        self._gradient, self._right = state.system.gradient.double(), state.system.right
        self._square = state.system.square

    def run(self) -> tuple[float, Network] | None:
        """Return (damping, new field), or None if no damping lowers the loss; to be called once."""
        found = self._search()
        if found is None:
            return None
        damping, vector = found
        self._trial.set_vector(vector)
        return damping, self._trial

    def _search(self) -> tuple[float, Tensor] | None:
        """Return (damping, new parameters), or None if no damping lowers the loss."""
        floor = self._damped.floor
        damping = max(self._before / 3, floor)
        best = self._try(damping)
        if best is not None:
            for _ in range(6):
                lower = max(damping / LOWER_BY, floor)
                found = self._try(lower) if lower < damping else None
                if found is None:
                    break
                damping, best = lower, found
            return damping, best
        factor = 2.0
        for _ in range(30):
            damping *= factor
            factor = min(1.3 * factor, 10.0)
            best = self._try(damping)
            if best is not None:
                return damping, best
        return None

    def _try(self, damping: float) -> Tensor | None:
        """Return the new parameters if the step's decrease is at least the ratio."""
        step_for = self._damped.factored(damping)
        step = step_for(self._right).double()
        predicted = damping * (step @ step) - self._gradient @ step
        bends = self._system.bends and not self._stage.variable_projection
        if bends and self._stage.acceleration > 0:
            bend = 0.5 * step_for(self._curvature(step)).double()
            slight = 2 * bend.norm() <= self._stage.acceleration * step.norm()
            step = torch.where(slight, step + bend, step)
        moved, square = self._moved(step)
        # what is decided on goes to the host together: a GPU is waited for once a trial
        after, promised = torch.stack([square, predicted]).tolist()
        if not math.isfinite(after) or after >= self._square:
            return None
        enough = self._square - after >= self._stage.ratio * max(promised, 1e-300)
        return moved if enough else None

    def _curvature(self, step: Tensor) -> Tensor:
        """Return the second derivative of the residual along a step, as the step's solver takes."""
        self._trial.set_vector(self._start + PROBE * step)
        return self._system.curvature(self._points.at(self._trial), step)

    def _moved(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return the parameters after a step and the square of the residual there."""
        self._trial.set_vector(self._start + step)
        moved, rows = self._stage.moved(self._points, self._trial)
        return moved.vector(), self._points.square(rows)
