r"""Quasi-Newton stages: the curvature is learned from how the gradient changes.

Both search along :math:`-Hg` for a step that fulfils the strong Wolfe conditions.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.training.descent import NOTHING, Descent, DescentState, common, require
from kanpde.training.line_search import Trial, strong_wolfe
from kanpde.training.objective import Objective

Q = TypeVar("Q", bound=DescentState)

MOST_PARAMETERS = 5000
"""Of :class:`SSBroyden`: its matrix would have more than 25 million entries."""
STALLED = 1e-3
"""A stage ends when ten of its steps lower the loss by less than this part."""


class QuasiNewton(Descent[Q]):
    """A stage that moves along a direction as far as the strong Wolfe conditions allow."""

    def _iterate(self, objective: Objective, state: Q) -> Q:
        direction = self._direction(state)
        slope = float(direction @ state.gradient)
        if not slope < 0 or not math.isfinite(slope):
            return self._failed(state)

        def evaluate(step: float) -> Trial:
            vector = state.vector + step * direction
            loss, gradient = objective(vector)
            return Trial(step, loss, float(gradient @ direction), (vector, gradient))

        assert state.loss is not None
        start = Trial(0.0, state.loss, slope, (state.vector, state.gradient))
        first = 1.0 if self._informed(state) else min(1.0, 1 / float(state.gradient.norm()))
        trial = strong_wolfe(evaluate, start, first)
        if trial is None:
            return self._failed(state)
        vector, gradient = trial.data
        change, bend = vector - state.vector, gradient - state.gradient
        updated = self._learn(state, change, bend, trial.step)
        moved = replace(updated, vector=vector, gradient=gradient, loss=trial.value)
        before = state.losses[-10] if len(state.losses) >= 10 else math.inf
        if trial.value > (1 - STALLED) * before:
            return replace(moved, done=True, note="stalled")
        return moved

    def _failed(self, state: Q) -> Q:
        """Forget what was learned, or end if nothing was."""
        if self._informed(state):
            return self._forgotten(state)
        return replace(state, done=True, note="no step lowers the loss")

    @abstractmethod
    def _direction(self, state: Q) -> Tensor:
        """Return the direction of the step (P,)."""

    @abstractmethod
    def _informed(self, state: Q) -> bool:
        """Whether the direction holds more than the gradient."""

    @abstractmethod
    def _forgotten(self, state: Q) -> Q:
        """Return the state with the gradient alone."""

    @abstractmethod
    def _learn(self, state: Q, change: Tensor, bend: Tensor, step: float) -> Q:
        """Return the state that knows of a change of the vector and that of the gradient (P,)."""


@dataclass(frozen=True)
class LBFGSState(DescentState):
    """State of :class:`LBFGS`.

    Args:
        changes, bends: the last changes of vector and gradient, (K, P), oldest first.
    """

    changes: Tensor = NOTHING
    bends: Tensor = NOTHING


@dataclass(frozen=True)
class LBFGS(QuasiNewton[LBFGSState]):
    """Limited-memory BFGS (Liu and Nocedal, Math. Programming 45 (1989)) with strong Wolfe steps.

    Args:
        iterations: at most so many; each takes one or two evaluations of the gradient.
        memory: pairs of changes that are kept.
        stride: iterations of one step of the stage.

    >>> LBFGS(iterations=200).memory
    50
    """

    iterations: int = 2000
    memory: int = 50
    stride: int = 20

    name: ClassVar[str] = "l-bfgs"

    def __post_init__(self) -> None:
        require(
            "LBFGS",
            {
                "iterations": (self.iterations, self.iterations >= 1, "at least 1"),
                "memory": (self.memory, self.memory >= 1, "at least 1"),
                "stride": (self.stride, self.stride >= 1, "at least 1"),
            },
        )

    def _start(self, basic: DescentState) -> LBFGSState:
        none = basic.vector.new_empty(0, len(basic.vector))
        return LBFGSState(**common(basic), changes=none, bends=none)

    def _direction(self, state: LBFGSState) -> Tensor:
        """Return -H g by the two-loop recursion (Nocedal and Wright, algorithm 7.4)."""
        direction = -state.gradient
        pairs = list(zip(state.changes, state.bends, strict=True))
        products = [float(s @ y) for s, y in pairs]
        weights = []
        for (s, y), product in zip(pairs[::-1], products[::-1], strict=True):
            weight = float(s @ direction) / product
            direction = direction - weight * y
            weights.append(weight)
        if pairs:
            y = pairs[-1][1]
            direction = direction * (products[-1] / float(y @ y))
        for (s, y), product, weight in zip(pairs, products, weights[::-1], strict=True):
            direction = direction + (weight - float(y @ direction) / product) * s
        return direction

    def _informed(self, state: LBFGSState) -> bool:
        return len(state.changes) > 0

    def _forgotten(self, state: LBFGSState) -> LBFGSState:
        return replace(state, changes=state.changes[:0], bends=state.bends[:0])

    def _learn(self, state: LBFGSState, change: Tensor, bend: Tensor, step: float) -> LBFGSState:
        if not _curves(change, bend):
            return state
        return replace(
            state,
            changes=torch.cat([state.changes, change[None]])[-self.memory :],
            bends=torch.cat([state.bends, bend[None]])[-self.memory :],
        )


@dataclass(frozen=True)
class SSBroydenState(DescentState):
    """State of :class:`SSBroyden`.

    Args:
        inverse: the approximate inverse Hessian (P, P); empty before the first step.
    """

    inverse: Tensor = NOTHING


@dataclass(frozen=True)
class SSBroyden(QuasiNewton[SSBroydenState]):
    r"""Self-scaled Broyden method: a dense inverse Hessian, scaled as the steps ask for.

    With s and y the changes of vector and gradient,

    .. math:: H_+ = \frac1\tau\Big(H-\frac{Hyy^TH}{y^THy}+\varphi\,(y^THy)\,vv^T\Big)+\frac{ss^T}
        {y^Ts},\qquad v=\frac{s}{y^Ts}-\frac{Hy}{y^THy}

    and :math:`\varphi`, :math:`\tau` after Al-Baali (SIAM J. Numer. Anal. 1998), as used for
    physics-informed networks by Urbán, Stefanou and Pons (J. Comput. Phys. 2025, arXiv:2405.04230).
    :math:`\varphi=1`, :math:`\tau=1` is BFGS. Memory and work per iteration grow as P squared.

    Args:
        iterations: at most so many; each takes one or two evaluations of the gradient.
        stride: iterations of one step of the stage.

    Raises:
        ValueError: (before the first step) for a network of more than 5000 parameters.

    >>> SSBroyden(iterations=200).stride
    20
    """

    iterations: int = 2000
    stride: int = 20

    name: ClassVar[str] = "ss-broyden"

    def __post_init__(self) -> None:
        require(
            "SSBroyden",
            {
                "iterations": (self.iterations, self.iterations >= 1, "at least 1"),
                "stride": (self.stride, self.stride >= 1, "at least 1"),
            },
        )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if it is too large."""
        if network.parameter_count > MOST_PARAMETERS:
            raise ValueError(
                f"SSBroyden holds a dense matrix and takes at most {MOST_PARAMETERS} parameters; "
                f"the network has {network.parameter_count}. Use LBFGS() or SOAP()."
            )
        return network

    def _start(self, basic: DescentState) -> SSBroydenState:
        return SSBroydenState(**common(basic), inverse=basic.vector.new_empty(0, 0))

    def _direction(self, state: SSBroydenState) -> Tensor:
        return -state.inverse @ state.gradient if self._informed(state) else -state.gradient

    def _informed(self, state: SSBroydenState) -> bool:
        return state.inverse.numel() > 0

    def _forgotten(self, state: SSBroydenState) -> SSBroydenState:
        return replace(state, inverse=state.inverse.new_empty(0, 0))

    def _learn(
        self, state: SSBroydenState, change: Tensor, bend: Tensor, step: float
    ) -> SSBroydenState:
        if not _curves(change, bend):
            return state
        fresh = not self._informed(state)
        inverse = torch.eye(len(change)).to(change) if fresh else state.inverse
        updated = updated_inverse(inverse, change, bend, state.gradient, step, first=fresh)
        return replace(state, inverse=updated)


def updated_inverse(
    inverse: Tensor, change: Tensor, bend: Tensor, gradient: Tensor, step: float, *, first: bool
) -> Tensor:
    """Return the inverse Hessian after a step; see :class:`SSBroyden`.

    Args:
        inverse: before (n, n), symmetric and positive definite.
        change: s, that of the vector (n,).
        bend: y, that of the gradient (n,); s and y have a positive product.
        gradient: before the step (n,).
        step: its length along -H g.
        first: whether the inverse is still the unit matrix: it is then scaled as a whole.
    """
    n = len(change)
    turned = inverse @ bend
    product, form = float(bend @ change), float(bend @ turned)
    h = form / product
    b = -step * float(change @ gradient) / product
    a = max(h * b - 1, 0.0)  # by Cauchy and Schwarz
    below = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    lowest = (below - 1) / a if a > 0 else -math.inf
    highest = 1 / below
    theta = max(lowest, min(highest, (1 - b) / b))
    sigma = 1 + theta * a
    if first:
        tau = h / sigma
    else:
        root = abs(sigma) ** (1 / (1 - n)) if n > 1 else 1.0
        scale = min(1.0, 1 / b)
        tau = min(scale * root, sigma) if theta <= 0 else scale * min(root, 1 / theta)
    phi = (1 - theta) / sigma
    v = change / product - turned / form
    inner = torch.addr(inverse, turned, turned, alpha=-1 / form)
    inner.addr_(v, v, alpha=phi * form)
    inner.div_(tau).addr_(change, change, alpha=1 / product)
    return 0.5 * (inner + inner.T)


def _curves(change: Tensor, bend: Tensor) -> bool:
    """Whether a pair of changes shows positive curvature beyond round-off."""
    least = 1e-15 * float(change.norm() * bend.norm())
    return float(change @ bend) > least
