"""Nodes that belong to a hole: Laurent terms and the logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout
from kanpde.networks.nodes.block import Nodes
from kanpde.networks.nodes.complex_jets import (
    complex_points,
    logarithms,
    powers,
    real_columns,
    real_columns_of,
    scaled,
)
from kanpde.networks.nodes.polynomial import ProductNodes

CORE = 1e-3
"""Distance from the centre, relative to the radius, within which functions are constant: finite."""


class HoleNodes(Nodes):
    r"""Functions that are singular in a hole and smooth in the domain.

    With z measured from the hole's centre, real and imaginary parts of
    :math:`(\rho/z)^k(\bar z/R)^m(R/\rho)^{\min(k,m)}` for k = 1..poles and m = 0..conjugate, and
    :math:`\log(r/\rho)\,T_i(x)T_j(y)` for i + j <= conjugate. Together with all polynomials they
    are complete for every analytic solution on a ring (Almansi's expansion); ``conjugate = 0``
    leaves the logarithm and the Laurent terms, complete for Laplace's equation.

    Args:
        poles: largest k.
        conjugate: largest m.
        centre: of the hole.
        radius: :math:`\rho`, of the largest circle about the centre that fits into the hole.
        lower, upper: bounding box of the domain.
    """

    dimension = 2

    def __init__(
        self,
        poles: int,
        conjugate: int,
        *,
        centre: Sequence[float],
        radius: float,
        lower: Sequence[float],
        upper: Sequence[float],
    ) -> None:
        super().__init__()
        self.poles, self.conjugate = poles, conjugate
        self.centre = tuple(float(c) for c in centre)
        self.radius = float(radius)
        self.lower = tuple(float(v) for v in lower)
        self.upper = tuple(float(v) for v in upper)
        self.reach = max(
            abs(complex(a, b) - complex(*self.centre))
            for a in (self.lower[0], self.upper[0])
            for b in (self.lower[1], self.upper[1])
        )
        self.polynomials = ProductNodes(conjugate, self.lower, self.upper)
        self.size = 2 * poles * (conjugate + 1) + self.polynomials.size

    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions at points x (N, 2), shape (S, N, size)."""
        z, order = complex_points(x, complex(*self.centre)), layout.order
        k = torch.arange(1, self.poles + 1, dtype=x.dtype, device=x.device)
        m = torch.arange(self.conjugate + 1, dtype=x.dtype, device=x.device)
        near = z / self.radius
        near = torch.where(near.abs() < CORE, CORE, near)
        poles = scaled(powers(near, -k, order), 1 / self.radius)
        logarithm = scaled(logarithms(near, k.new_zeros(1), order), 1 / self.radius)
        log = real_columns_of(logarithm, layout)[..., :1]
        if self.conjugate == 0:
            return torch.cat([real_columns_of(poles, layout), log], dim=-1)
        bar = scaled(powers(z.conj() / self.reach, m, order), 1 / self.reach)
        pairs = torch.cartesian_prod(torch.arange(len(k)), torch.arange(len(m))).T.to(x.device)
        # The largest value on the ring from radius to reach becomes one.
        size = (self.reach / self.radius) ** torch.minimum(k[pairs[0]], m[pairs[1]])
        laurent = real_columns(poles, bar, pairs, layout) * torch.cat([size, size])
        polynomials = self.polynomials.columns(x, layout)
        products = torch.zeros_like(polynomials)
        for part, rule in enumerate(layout.leibniz):
            for c, i, j in rule:
                products[part] += c * log[i] * polynomials[j]
        return torch.cat([laurent, products], dim=-1)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "hole",
            "poles": self.poles,
            "conjugate": self.conjugate,
            "centre": list(self.centre),
            "radius": self.radius,
            "lower": list(self.lower),
            "upper": list(self.upper),
        }
