"""Newton's method for the nonlinear system of one slab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kanpde.solving.slab_band import Factor, SingularMatrix
from kanpde.solving.slab_step import SlabStep, State

ITERATIONS = 14
CONTRACTION = 0.2
"""A correction that falls by less than this factor gets a new Jacobian."""


@dataclass(frozen=True, eq=False)
class Newton:
    """How a slab's iteration ended.

    Args:
        stages: the coefficients.
        converged: whether the corrections fell below the tolerance.
        iterations: corrections made.
        factor: of the last Jacobian.
        place: the coefficients that it was made at; None if it is the one that was given.
    """

    stages: np.ndarray
    converged: bool
    iterations: int
    factor: Factor | None
    place: np.ndarray | None


@dataclass(eq=False)
class Linearised:
    """The last Jacobian, which Newton's method may go on with in a slab of this length and space.

    Args:
        state: at the start of the slab that it was made in.
        time, length: of that slab.
        place: coefficients that it was made at.
        factor: of it; made again from the others where there is none, to the same bits.
    """

    state: State
    time: float
    length: float
    place: np.ndarray
    factor: Factor | None = None

    derived: ClassVar[frozenset[str]] = frozenset({"factor"})

    def suits(self, step: SlabStep) -> bool:
        """Whether it is one of the step's space and length."""
        return self.state.space is step.space and self.length == step.length

    def factor_like(self, step: SlabStep) -> Factor:
        """Return the factor, for a step of the same system and stages."""
        if self.factor is None:
            own = step.beginning(self.state, self.time, self.length)
            self.factor = own.jacobian(self.place)
        return self.factor


def newton(
    step: SlabStep,
    guess: np.ndarray,
    sizes: np.ndarray,
    tol: float,
    *,
    factor: Factor | None = None,
) -> Newton:
    """Solve a slab by Newton's method; the Jacobian is kept while corrections fall fast.

    Args:
        step: the slab.
        guess: coefficients to start from.
        sizes: of the unknowns, (unknowns,).
        tol: for the correction relative to the sizes.
        factor: of a Jacobian to begin with, that of another slab of this length and space.
    """
    stages, last, place = guess.copy(), None, None
    for iteration in range(1, ITERATIONS + 1):
        with np.errstate(all="ignore"):
            residual = step.residual(stages)
            try:
                if factor is None:
                    factor, place = step.jacobian(stages), stages
            except SingularMatrix:
                break
            correction = factor.solve(residual.ravel()).reshape(stages.shape)
            change = float((step.space.rms(correction).max(axis=0) / sizes).max())
        if not np.isfinite(change):
            break
        stages = stages - correction
        rate = np.inf if last is None else change / last
        if change <= tol or (rate < 0.9 and rate / (1 - rate) * change <= tol):
            return Newton(stages, True, iteration, factor, place)
        if iteration > 4 and rate > 2:
            break
        if last is not None and rate > CONTRACTION:
            factor = None
        last = change
    return Newton(stages, False, iteration, factor, place)
