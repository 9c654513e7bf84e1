r"""The error estimate of a ladder, from points that no level is solved on.

With :math:`\delta` the relative change of the field from the level before and
:math:`\kappa=\delta/\rho'` the stability constant that its residual :math:`\rho'` reveals, the
estimate is :math:`\min(\delta, 3\bar\kappa\rho)`, with the geometric mean of the last two
constants, for a single level may be lucky: the change bounds the error of the level *before*,
the residual carries it over to this one. With one constant alone, and a residual that fell little,
the mean of both numbers is taken.
Three corrections keep it honest. Where the residual did not fall, two levels may agree because the
same functions are missing in both: the larger of the two numbers counts. Where the changes fall
slowly, by a factor q, all that are still to come count: the estimate is divided by 1 - q. And a
relative residual above 3 % bounds it from below, for then nothing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.collocation import Block, collocate
from kanpde.geometry import Sobol
from kanpde.networks import JetLayout, Network
from kanpde.problem import Problem, determined
from kanpde.solving.points import held_out_points
from kanpde.solving.traits import Traits

SAFETY = 3.0
"""Factor on the residual-based part of the estimate."""
ROUND_OFF = 2 * 2.2e-16
"""Times the degree: the least error that is ever claimed."""
UNRESOLVED = 0.03
"""A relative residual above this bounds the estimate from below: the level resolves nothing yet."""
FELL = 2.0
"""A residual that fell by less tells that the two fields may only share what is missing."""
WELL = 10.0
"""A residual that fell by more is trusted even where there is but one stability constant."""
SLOW = 0.3
"""Ratio of successive changes above which those to come are counted."""
SMALL = 1e-6
"""Of the largest unknown: what is smaller is measured by this."""
NOISE = 1e-9
"""Of coefficient times field: terms below are rounding, no residual is relative to them."""


@dataclass
class Step:
    """One level as the next one sees it.

    Args:
        values: the field at the probe points, (unknowns, N).
        residual: weighted root mean square on held-out points.
        change: relative change of the field from the level before; None for a first level.
        estimate: of the relative L2 error; 1 for a first level.
        size: number of coefficients.
        stability: ratio of the change to the residual before.
        seconds: that the level took.
    """

    values: Tensor
    residual: float
    change: float | None
    estimate: float
    size: int
    stability: float | None = None
    seconds: float = 0.0


class HeldOut:
    """Measures levels on points of its own."""

    def __init__(self, problem: Problem, traits: Traits, seed: int, device: str) -> None:
        points = held_out_points(problem, traits, seed + 77)
        self._collocation = collocate(
            problem,
            points.interior,
            points.boundary,
            device=device,
            collapse=problem.dimension > 3,
            gradient=False,
        )
        probe = problem.domain.interior(1000, seed=seed + 55, sampler=Sobol())
        self._points = torch.as_tensor(probe).to(device)
        known = [determined(problem, i, probe) for i in range(len(problem.unknowns))]
        self._known = torch.as_tensor(np.array(known)).to(self._points)
        self._layout = JetLayout.of(problem.dimension, ())

    def step(
        self, network: Network, factors: list[float], previous: Step | None, degree: int
    ) -> Step:
        """Measure a level.

        Args:
            network: its field.
            factors: of the blocks' rows in its least squares.
            previous: the level before, of the same family; None for a first level.
            degree: of the level.
        """
        with torch.no_grad():
            values = network.jets(self._points, self._layout)[:, 0] * self._known
            rms, relative = self._residuals(network, values)
        weighted = sum(f * r for f, r in zip(factors, rms, strict=True))
        size = network.parameter_count
        if previous is None:
            return Step(values, weighted, None, 1.0, size)
        change = relative_change(values, previous.values)
        stability = change / max(previous.residual, 1e-300)
        typical = (stability * (previous.stability or stability)) ** 0.5
        carried = SAFETY * typical * weighted
        if weighted * FELL > previous.residual:
            estimate = max(change, carried)
        elif previous.stability is None and weighted * WELL > previous.residual:
            estimate = min(change, (change * carried) ** 0.5)
        else:
            estimate = min(change, carried)
        ratio = change / previous.change if previous.change else 0.0
        if ratio > SLOW:
            estimate = estimate / (1 - min(ratio, 0.9))
        estimate = max(min(estimate, 1.0), ROUND_OFF * degree)
        if relative > UNRESOLVED:
            estimate = min(1.0, max(estimate, relative))
        return Step(values, weighted, change, estimate, size, stability)

    def _residuals(self, network: Network, values: Tensor) -> tuple[list[float], float]:
        """Return the root mean square of every block's residual and the largest relative one."""
        field = float(values.square().mean().sqrt())
        rms, largest = [], 0.0
        for block, prepared in zip(
            self._collocation.blocks, self._collocation.prepare(network), strict=True
        ):
            arguments = block.arguments(network.evaluate(prepared))
            rms.append(_rms(block.residual_of(arguments)))
            scale = _scale(block, arguments, field)
            largest = max(largest, rms[-1] / scale if scale > 0 else 0.0)
        return rms, largest


def relative_change(values: Tensor, before: Tensor) -> float:
    """Return the largest relative change of any unknown; values are (unknowns, N)."""
    size = torch.linalg.vector_norm(values, dim=1)
    size = torch.maximum(size, SMALL * size.max()).clamp_min(1e-300)
    return float((torch.linalg.vector_norm(values - before, dim=1) / size).max())


def _scale(block: Block, arguments: list[Tensor], field: float) -> float:
    """Return the size of a residual's source, or of its largest term where there is none."""
    source = _rms(block.residual_of([torch.zeros_like(a) for a in arguments]))
    if not block.is_equation:
        return max(source, field)
    if source > 0:
        return source
    partials = block.partials(arguments)
    return max(
        max(_rms(p * a), NOISE * field * _rms(p)) for p, a in zip(partials, arguments, strict=True)
    )


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())
