r"""Newton's method for the output coefficients of a nonlinear problem.

The residual F linearised about a field :math:`u_0` is an equation for the next field,
:math:`F(u_0)+F'(u_0)(u-u_0)=0`, solved as a linear one: by least squares in the coefficients of
any nodes, not only those of :math:`u_0`. That is the method of Gauss and Newton, damped by halving
the step until the residual falls (Deuflhard, Newton Methods for Nonlinear Problems, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.control import Control
from kanpde.networks import LinearKAN, Network, Prepared
from kanpde.solving.estimate import relative_change
from kanpde.solving.least_squares import balanced_weights, stacked_least_squares

STAGNANT = 1e-5
"""A change below which a residual that falls no more is that of the level, not of the iteration."""


@dataclass(frozen=True)
class Newton:
    """How the nonlinear problem of one level is solved.

    Args:
        iterations: the most linear solves for one level.
        change: relative change of the field at which it ends; the next one would be about its
            square.
        halvings: of a step, before the level counts as not converged.
    """

    iterations: int = 20
    change: float = 1e-7
    halvings: int = 8

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.halvings < 0 or not self.change > 0:
            raise ValueError(
                f"{self} needs at least one iteration, halvings >= 0 and a positive change."
            )

    @torch.no_grad()
    def solve(
        self,
        network: LinearKAN,
        collocation: Collocation,
        emphasis: list[Tensor],
        control: Control,
        *,
        start: Network | None,
    ) -> tuple[LinearKAN, list[float], bool]:
        """Return the field of a level, the factors of its rows, and whether it converged.

        Args:
            network: its nodes; the coefficients play no part.
            collocation: the residuals.
            emphasis: factors of the rows of each block.
            control: a stop request ends the iteration.
            start: the field to linearise about first; zero if None.
        """
        prepared = collocation.prepare(network)
        if start is None:
            jets = [network.evaluate(points) * 0 for points in prepared]
        else:
            jets = [start.jets(b.points, b.layout) for b in collocation.blocks]
        factors: list[float] = []
        found: Tensor | None = None
        converged = False
        for _ in range(self.iterations):
            systems = collocation.linearised_system(network, prepared, jets)
            systems = [
                (rows * e[:, None], target * e)
                for (rows, target), e in zip(systems, emphasis, strict=True)
            ]
            if not all(bool(r.isfinite().all() and t.isfinite().all()) for r, t in systems):
                break
            factors = factors or balanced_weights(systems, collocation)
            target = stacked_least_squares(systems, factors).view(network.outputs, -1)
            size = _Size(collocation, emphasis, factors)
            trials = self._trials(found, target)
            found, jets, change, falls = self._damped(network, prepared, jets, trials, size)
            converged = change < self.change or (not falls and change < STAGNANT)
            if converged or not falls or control.should_stop:
                break
        if found is not None:
            network.set_vector(found.reshape(-1))
        return network, factors or [1.0] * len(prepared), converged

    def _trials(self, origin: Tensor | None, target: Tensor) -> list[Tensor]:
        """Return the coefficients to try: a full step, half of it, ...

        The field before a first step may be one of other nodes: there is no way between.
        """
        if origin is None:
            return [target]
        return [origin + 0.5**k * (target - origin) for k in range(self.halvings + 1)] + [origin]

    @staticmethod
    def _damped(
        network: LinearKAN,
        prepared: list[Prepared],
        jets: list[Tensor],
        trials: list[Tensor],
        size: _Size,
    ) -> tuple[Tensor, list[Tensor], float, bool]:
        """Return coefficients and jets, the change of a full step, whether the residual fell."""
        before, change = size(jets), 0.0
        for k, trial in enumerate(trials):
            found = [network.evaluate_with(points, trial) for points in prepared]
            if k == 0:
                change = relative_change(found[0][:, 0], jets[0][:, 0])
            if len(trials) == 1 or size(found) < before:
                return trial, found, change, True
        return trials[-1], found, change, False


@dataclass(frozen=True)
class _Size:
    """The weighted root of the sum of squared residuals."""

    collocation: Collocation
    emphasis: list[Tensor]
    factors: list[float]

    def __call__(self, jets: list[Tensor]) -> float:
        total = 0.0
        for block, e, factor, jet in zip(
            self.collocation.blocks, self.emphasis, self.factors, jets, strict=True
        ):
            total += factor**2 * float((e * block.residual(jet)).square().mean())
        return total**0.5 if total == total else float("inf")
