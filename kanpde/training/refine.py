"""Stages that change the network's basis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kanpde.geometry import Chebyshev
from kanpde.networks import JetLayout, Network
from kanpde.problem import Problem
from kanpde.training import adaptive
from kanpde.training.placement import Placement
from kanpde.training.stage import SingleStep, StageState, Task


@dataclass(frozen=True)
class Refine(SingleStep):
    """Extend the grid; the function stays the same (grid extension).

    Give ``intervals`` for B-splines (a multiple of the present number) or ``degree`` for
    polynomials to refine every edge. The transfer is exact; the change that round-off makes is
    measured and noted.

    ``adaptive=True`` halves only those cells of those edges where that lowers the loss most, by
    the linearised residual (:mod:`kanpde.training.adaptive`): parameters go where the solution is
    hard. Train before, for the residual of an untrained network tells little.

    Args:
        intervals: of every edge.
        degree: of every edge.
        adaptive: choose the cells.
        fraction: of the gain that halving all cells would bring one by one, in (0, 1]; the fewest
            cells that hold this share are halved.
        most: at most so many new knots.

    Raises:
        ValueError: if not exactly one of ``intervals``, ``degree`` and ``adaptive`` is given, or
            a value is out of range.

    >>> Refine(adaptive=True, fraction=0.8).adaptive
    True
    """

    intervals: int | None = None
    degree: int | None = None
    adaptive: bool = False
    fraction: float = 0.5
    most: int | None = None

    name: ClassVar[str] = "refine"

    def __post_init__(self) -> None:
        given = (self.intervals is not None, self.degree is not None, self.adaptive)
        if sum(given) != 1:
            raise ValueError(
                "Refine needs one of intervals=... (B-splines), degree=... and adaptive=True."
            )
        if not 0 < self.fraction <= 1 or (self.most is not None and self.most < 1):
            raise ValueError(
                f"Refine: fraction={self.fraction} must be in (0, 1] and most={self.most} at least "
                "1, or None."
            )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the refined network, or raise ValueError if it has no such refinement.

        Where the cells are chosen, the refined network is not known yet: this one is returned.
        """
        if self.adaptive:
            adaptive.kan_of(network)
            return network
        how: dict[str, Any] = (
            {"intervals": self.intervals} if self.intervals else {"degree": self.degree}
        )
        refine = getattr(network, "refined", None)
        if refine is None:
            raise ValueError(f"{type(network).__name__} has no grid to refine.")
        return refine(**how)

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the refined network."""
        if not self.adaptive:
            finer = self.check(task.problem, network)
            return StageState(finer, note=_change(task, network, finer))
        found = adaptive.gains(task, network)
        knots = adaptive.marked(found, fraction=self.fraction, most=self.most)
        if not knots:
            return StageState(network, note="no knot lowers the loss")
        finer = network.inserted(knots)  # type: ignore[operator]
        count = sum(map(len, knots.values()))
        note = f"{count} knots on {len(knots)} edges; {_change(task, network, finer)}"
        return StageState(finer, note=note)


@dataclass(frozen=True)
class Regrid(SingleStep):
    """Move the grids of the hidden layers to where the hidden values are, and knots if wanted.

    The knots move, so the function changes; the edges are refitted with their derivatives, and the
    change of the value and of the derivatives is measured and noted.

    Args:
        margin: relative widening of the ranges.
        by: what the knots of spline edges follow within their range, in the first layer too:
            :class:`Quantiles`, :class:`Curvature` or :class:`Residual`; None leaves them where they
            are in it. The number of knots stays.

    >>> from kanpde.training import Curvature
    >>> Regrid(by=Curvature()).by
    Curvature(even=0.3)
    """

    margin: float = 0.05
    by: Placement | None = None

    name: ClassVar[str] = "regrid"

    def __post_init__(self) -> None:
        if self.by is not None and not isinstance(self.by, Placement):
            raise ValueError(
                f"Regrid(by={self.by!r}): write Quantiles(), Curvature() or Residual()."
            )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if it has no hidden grid."""
        if not hasattr(network, "regridded"):
            raise ValueError(f"{type(network).__name__} has no hidden grid to move.")
        return network

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the network on its new grids."""
        self.check(task.problem, network)
        x = _probe(task, network)
        knots = None if self.by is None else self.by.knots(task, network, x)
        moved = network.regridded(x, margin=self.margin, knots=knots)  # type: ignore[operator]
        return StageState(moved, note=_change(task, network, moved))


def _probe(task: Task, network: Network) -> Tensor:
    domain = task.problem.domain
    inside = domain.interior(1500, seed=task.seed, sampler=Chebyshev())
    on_boundary, _ = domain.boundary.sample(300, seed=task.seed)
    like = next(network.parameters()).detach()
    return torch.as_tensor(np.concatenate([inside, on_boundary])).to(like)


def _change(task: Task, old: Network, new: Network) -> str:
    """Return in words how much a network differs from another in value and derivatives."""
    layout = JetLayout.of(task.problem.dimension, task.problem.derivatives)
    x = _probe(task, old)
    with torch.no_grad():
        before, after = old.jets(x, layout), new.jets(x, layout)
    change = [
        float((after[:, s] - before[:, s]).norm() / before[:, s].norm().clamp_min(1e-300))
        for s in range(layout.size)
    ]
    return f"value changed by {change[0]:.1e}, derivatives by at most {max(change):.1e}"
