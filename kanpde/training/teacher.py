r"""Fit a network to a known field, values and derivatives: the residual is their difference.

For each unknown u and each derivative :math:`\partial^\alpha` that the problem has, of at most
second order, one block :math:`(\partial^\alpha N-\partial^\alpha u)/\sigma_\alpha`, with
:math:`\sigma` the largest root mean square of the derivatives of that order, or a part of what a
function of the size of u would have if the field is flat. A fit with derivatives is a fit in a
Sobolev norm: it leads from bad starts where one of values alone does not, and its field solves the
equation too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from kanpde.collocation import Block, Collocation
from kanpde.networks import JetLayout, Network
from kanpde.problem import Problem

HIGHEST = 2
"""Order of the derivatives that are fitted."""
FLAT = 0.1
"""Derivatives count as at least so large, times the size of the field by that of the domain."""


def fit_layout(problem: Problem) -> JetLayout:
    """Return the value and the derivatives that a fit takes into account."""
    low = [alpha for alpha in problem.derivatives if sum(alpha) <= HIGHEST]
    units = np.eye(problem.dimension, dtype=int)
    gradient = [tuple(int(i) for i in row) for row in units]
    return JetLayout.of(problem.dimension, [*low, *gradient])


def imitation(
    teacher: Network,
    layout: JetLayout,
    points: np.ndarray,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Collocation:
    """Return the residuals of a fit to a field.

    Args:
        teacher: the field.
        layout: of its derivatives that are fitted.
        points: where, shape (N, D).
        device: of the tensors.
        dtype: of the tensors.
    """
    like = next(teacher.parameters()).detach()
    with torch.no_grad():
        jets = teacher.jets(torch.as_tensor(points).to(like), layout)
    jets = jets.to(device=device, dtype=dtype)
    x = torch.as_tensor(points).to(device=device, dtype=dtype)
    rms = jets.square().mean(-1).sqrt().cpu().double().numpy()  # (unknowns, S)
    orders = np.array([sum(alpha) for alpha in layout.parts])
    span = float(np.ptp(points, axis=0).max()) / 2
    blocks = []
    for u in range(len(jets)):
        for part, alpha in enumerate(layout.parts):
            order = sum(alpha)
            least = FLAT * float(rms[u, 0]) / span**order
            size = max(float(rms[u, orders == order].max()), least) or 1.0
            name = f"{u} {alpha}"
            blocks.append(_block(name, x, layout, (u, part), jets[u, part], size**-2))
    return Collocation(tuple(blocks))


def _block(
    name: str,
    x: Tensor,
    layout: JetLayout,
    part: tuple[int, int],
    target: Tensor,
    weight: float,
) -> Block:
    ones = torch.ones_like(target)
    value: Callable[[Sequence[Tensor]], Tensor] = lambda arguments: arguments[0] - target  # noqa: E731
    partials: Callable[[Sequence[Tensor]], list[Tensor]] = lambda arguments: [ones]  # noqa: E731
    linear = (-target, (ones,))
    return Block(name, True, x, layout, (part,), value, partials, linear, weight)
