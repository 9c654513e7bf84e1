r"""Points where the residual is large, and factors that keep steep places from ruling the loss.

Residual-based adaptive distribution: points are drawn with the density

.. math:: p(x)\propto\frac{|r(x)|^k}{\overline{|r|^k}}+c

(Wu et al., Comput. Methods Appl. Mech. Engrg. 403 (2023) 115671, eq. (2)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from kanpde.collocation import collocate
from kanpde.geometry import Sobol
from kanpde.networks import JetLayout, Network
from kanpde.training.descent import require
from kanpde.training.points import Drawn
from kanpde.training.stage import SingleStep, StageState, Task


@dataclass(frozen=True)
class Resample(SingleStep):
    r"""Draw the interior points anew, more of them where the residual is large.

    The stages after this one train on the new points. A stage of training on fixed points makes
    the residual small there and lets it grow where no point is, at a front above all.

    Args:
        power: k of the density; 0 spreads the points evenly.
        floor: c of the density.
        pool: for each point to draw so many are tried.
        steep: s of the factor :math:`1/(1+s\,|\nabla u|/\mathrm{rms}\,|\nabla u|)` of the residual,
            frozen until points are drawn again: in a steep front the residual is large for a small
            error (arXiv:2511.22819). 0 for none.

    Raises:
        ValueError: for a setting out of range.

    >>> Resample(power=2.0).floor
    1.0
    """

    power: float = 1.0
    floor: float = 1.0
    pool: int = 8
    steep: float = 0.0

    name: ClassVar[str] = "resample"

    def __post_init__(self) -> None:
        require(
            "Resample",
            {
                "power": (self.power, self.power >= 0, "at least 0"),
                "floor": (self.floor, self.floor > 0, "positive"),
                "pool": (self.pool, self.pool >= 1, "at least 1"),
                "steep": (self.steep, self.steep >= 0, "at least 0"),
            },
        )

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the network as it is, and the task with the new points."""
        problem = task.problem
        draws = 1 + (0 if task.drawn is None else task.drawn.draws)
        seed = task.seed + 104_729 * draws
        count = task.count(network)
        tried = problem.domain.interior(self.pool * count, seed=seed, sampler=Sobol())
        size = np.sqrt(squared_residual(task, network, tried)) ** self.power
        mean = size.mean()
        density = self.floor + (size / mean if mean > 0 else 0.0)
        # a draw without replacement: Efraimidis and Spirakis, Inf. Process. Lett. 97 (2006)
        keys = np.log(np.random.default_rng(seed).uniform(size=len(tried))) / density
        chosen = np.sort(np.argpartition(-keys, count - 1)[:count])
        drawn = Drawn(tried[chosen], draws=draws)
        if self.steep:
            slope = steepness(task, network, drawn.points)
            drawn = drawn.with_factor("steep", 1 / (1 + self.steep * slope))
        share = float((size[chosen] ** 2).mean() / max((size**2).mean(), 1e-300))
        note = f"mean square of the residual at the points is {share:.1f} times that everywhere"
        return StageState(network, note=note if self.power else "", task=replace(task, drawn=drawn))


def squared_residual(task: Task, network: Network, points: np.ndarray) -> np.ndarray:
    """Return the weighted sum of squares of the equations' residuals at points (N, D), (N,)."""
    like = next(network.parameters())
    collocation = collocate(
        task.problem,
        points,
        {},
        device=like.device,
        dtype=like.dtype,
        collapse=network.collapses,
    )
    weights = dict(task.weights)
    total = np.zeros(len(points))
    with torch.no_grad():
        prepared = collocation.prepare(network)
        for block, own in zip(collocation.blocks, prepared, strict=True):
            arguments = block.arguments(network.evaluate(own), network.numbers)
            values = block.value(arguments).cpu().double().numpy()
            square = weights.get(block.name, 1.0) * values**2
            total += np.nan_to_num(square, nan=0.0, posinf=0.0)
    return total


def steepness(task: Task, network: Network, points: np.ndarray) -> np.ndarray:
    """Return the length of the gradient relative to its root mean square at points (N, D), (N,).

    Coordinates are measured in widths of the domain; of several unknowns the squares are averaged.
    """
    dimension = task.problem.dimension
    layout = JetLayout.of(dimension, [tuple(row) for row in np.eye(dimension, dtype=int).tolist()])
    like = next(network.parameters()).detach()
    width = torch.as_tensor(task.problem.domain.upper - task.problem.domain.lower).to(like)
    parts = [layout.index[tuple(row)] for row in np.eye(dimension, dtype=int).tolist()]
    with torch.no_grad():
        jets = network.jets(torch.as_tensor(points).to(like), layout)
    squares: Tensor = ((jets[:, parts] * width[:, None]) ** 2).sum(1)  # (U, N)
    relative = squares / squares.mean(1, keepdim=True).clamp_min(1e-300)
    return relative.mean(0).sqrt().cpu().double().numpy()
