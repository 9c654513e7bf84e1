"""Stages that change what counts in the loss: weights of conditions, and of times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.training.descent import require
from kanpde.training.points import Drawn
from kanpde.training.resample import squared_residual
from kanpde.training.stage import SingleStep, StageState, Task


@dataclass(frozen=True)
class Rebalance(SingleStep):
    r"""Move the weights of equations and conditions towards equal shares of the loss.

    .. math:: w_i\leftarrow w_i\Big(\frac{\overline{w_jL_j}}{w_iL_i}\Big)^p

    with :math:`L_i` the mean square of residual i; the weights of the equations then keep their
    mean. They are constant during a stage of training, so second-order steps stay what they are.

    Args:
        power: p, in (0, 1]; 1 makes the shares equal at once.
        most: a weight changes by at most this factor.

    Raises:
        ValueError: for a setting out of range.

    >>> Rebalance().power
    0.5
    """

    power: float = 0.5
    most: float = 100.0

    name: ClassVar[str] = "rebalance"

    def __post_init__(self) -> None:
        require(
            "Rebalance",
            {
                "power": (self.power, 0 < self.power <= 1, "in (0, 1]"),
                "most": (self.most, self.most > 1, "above 1"),
            },
        )

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the network as it is, and the task with the new weights."""
        collocation = task.collocate(network)
        rms = collocation.rms(network)
        blocks = collocation.blocks
        shares = np.array([b.weight * rms[b.name] ** 2 for b in blocks])
        if len(blocks) < 2 or not shares.min() > 0:
            return StageState(network, note="nothing to balance")
        change = (shares.mean() / shares) ** self.power
        change = np.clip(change, 1 / self.most, self.most)
        old = np.array([b.weight for b in blocks])
        equations = np.array([b.is_equation for b in blocks])
        new = old * change
        new *= old[equations].mean() / new[equations].mean()
        own = {b.name: float(w) for b, w in zip(blocks, new, strict=True)}
        note = ", ".join(f"{name} {weight:.2g}" for name, weight in own.items())
        weights = tuple({**dict(task.weights), **own}.items())
        return StageState(network, note=f"weights: {note}", task=replace(task, weights=weights))


@dataclass(frozen=True)
class Causal(SingleStep):
    r"""Let early times count more: of an evolution the past must be right before the future can.

    Time is cut into slabs with mean squared residuals :math:`L_k`; in slab m the residual has the
    weight

    .. math:: w_m=\exp\Big(-\epsilon\,\frac{\sum_{k<m}L_k}{\sum_kL_k}\Big)

    (after Wang, Sankaran and Perdikaris, Comput. Methods Appl. Mech. Engrg. 421 (2024) 116813,
    who do not divide). So the last slab counts nearly :math:`e^{-\epsilon}` of the first.

    Args:
        strength: :math:`\epsilon`; 0 makes all times count alike again.
        slabs: of time.

    Raises:
        ValueError: for a setting out of range, or a problem without time.

    >>> [Causal(s).strength for s in (5.0, 2.0, 0.0)]
    [5.0, 2.0, 0.0]
    """

    strength: float = 5.0
    slabs: int = 20

    name: ClassVar[str] = "causal"

    def __post_init__(self) -> None:
        require(
            "Causal",
            {
                "strength": (self.strength, self.strength >= 0, "at least 0"),
                "slabs": (self.slabs, self.slabs >= 2, "at least 2"),
            },
        )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if the problem has no time."""
        if getattr(problem.domain, "time", None) is None:
            raise ValueError(f"Causal: {problem.name} has no time; leave this stage out.")
        return network

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the network as it is, and the task with factors at its points."""
        self.check(task.problem, network)
        points = task.interior(network)
        drawn = task.drawn or Drawn(points)
        if len(drawn.points) < len(points):  # the network has grown since they were drawn
            drawn = Drawn(points, draws=drawn.draws)
        if self.strength == 0:
            return StageState(network, task=replace(task, drawn=drawn.with_factor("causal", None)))
        lower, upper = task.problem.domain.lower[-1], task.problem.domain.upper[-1]
        square = squared_residual(task, network, points)
        part = (points[:, -1] - lower) / (upper - lower)
        slab = np.clip((self.slabs * part).astype(int), 0, self.slabs - 1)
        count = np.maximum(np.bincount(slab, minlength=self.slabs), 1)
        means = np.bincount(slab, weights=square, minlength=self.slabs) / count
        before = np.concatenate([[0.0], np.cumsum(means)[:-1]]) / max(means.sum(), 1e-300)
        factor = np.exp(-0.5 * self.strength * before)[slab]
        return StageState(network, task=replace(task, drawn=drawn.with_factor("causal", factor)))
