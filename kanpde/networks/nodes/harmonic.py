"""Harmonic nodes: real and imaginary parts of powers of z, the harmonic polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout
from kanpde.networks.nodes.block import Nodes
from kanpde.networks.nodes.complex_jets import complex_points, powers, real_columns_of, scaled


class HarmonicNodes(Nodes):
    r"""The harmonic polynomials :math:`\mathrm{Re},\mathrm{Im}\,((z-c)/R)^k,\ k\le K`.

    As polar products :math:`r^k\cos k\theta`, :math:`r^k\sin k\theta`. All solve Laplace's
    equation, and on a simply connected domain they are complete among its solutions, with
    2 K + 1 columns where all polynomials need (K + 1)(K + 2)/2 (I. Vekua, New Methods for Solving
    Elliptic Equations, 1967).

    Args:
        degree: K.
        lower, upper: bounding box of the domain; c is its centre and R half its diagonal.
    """

    dimension = 2

    def __init__(self, degree: int, lower: Sequence[float], upper: Sequence[float]) -> None:
        super().__init__()
        lo, hi = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        self.degree = degree
        self.lower, self.upper = tuple(lo.tolist()), tuple(hi.tolist())
        self.centre = complex(*((lo + hi) / 2))
        self.radius = float(np.linalg.norm(hi - lo)) / 2
        self.size = 2 * degree + 1

    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions at points x (N, 2), shape (S, N, size)."""
        z = complex_points(x, self.centre) / self.radius
        exponents = torch.arange(self.degree + 1, dtype=x.dtype, device=x.device)
        tables = scaled(powers(z, exponents, layout.order), 1 / self.radius)
        both = real_columns_of(tables, layout)
        return torch.cat([both[..., : self.degree + 1], both[..., self.degree + 2 :]], dim=-1)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "harmonic",
            "degree": self.degree,
            "lower": list(self.lower),
            "upper": list(self.upper),
        }
