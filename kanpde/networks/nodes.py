"""Hidden nodes with fixed inner edges: ridge nodes and product nodes with Chebyshev edges.

A :class:`LinearKAN` puts learned output edges on them. Both families of degree K span exactly the
polynomials of total degree K in D coordinates, with as many columns as there are such polynomials.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from math import pi
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Chebyshev
from kanpde.networks.jets import JetLayout


class Nodes(nn.Module, ABC):
    """A block of functions that carry output coefficients."""

    dimension: int
    size: int

    @abstractmethod
    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions at points x (N, D), shape (S, N, size)."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description from which :func:`nodes_from_dict` makes an equal one."""


class RidgeNodes(Nodes):
    r"""Chebyshev edges on fixed directions: :math:`T_k(v_j\cdot(x-c)/R)`, :math:`j\le k\le K`.

    Direction j carries only the degrees from j on: K + 1 directions with all degrees would span
    the same polynomials with half of the columns redundant. The angles follow the van der Corput
    sequence, so that every leading set of directions is spread evenly.

    Args:
        degree: K.
        lower, upper: bounding box of the domain, D = 1 or 2.

    Raises:
        ValueError: for more than two coordinates; use :class:`ProductNodes`.
    """

    directions: Tensor
    centre: Tensor
    bias: Tensor

    def __init__(self, degree: int, lower: Sequence[float], upper: Sequence[float]) -> None:
        super().__init__()
        lo, hi = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        self.dimension, self.degree = len(lo), degree
        if self.dimension > 2:
            raise ValueError(
                f"RidgeNodes are for one or two coordinates, got {self.dimension}; use "
                "ProductNodes."
            )
        if self.dimension == 1:
            vectors = np.array([[2.0 / (hi[0] - lo[0])]])
        else:
            angles = pi * np.array([_van_der_corput(j) for j in range(degree + 1)]) + 0.1
            radius = float(np.linalg.norm(hi - lo)) / 2
            vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) / radius
        self.lower, self.upper = tuple(lo.tolist()), tuple(hi.tolist())
        self.register_buffer("directions", torch.as_tensor(vectors))
        self.register_buffer("centre", torch.as_tensor((lo + hi) / 2))
        node, k = np.array(
            [(j, k) for j in range(len(vectors)) for k in range(j, degree + 1)], dtype=np.int64
        ).T
        self.node, self.power = node, k
        self.size = len(node)

    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all ridge functions, shape (S, N, size)."""
        s = (x - self.centre) @ self.directions.T  # (N, H)
        table = Chebyshev(self.degree).evaluate(s, layout.order)  # (order + 1, K + 1, N, H)
        parts = []
        for alpha in layout.parts:
            factor = torch.prod(self.directions ** self.directions.new_tensor(alpha), dim=1)
            parts.append((table[sum(alpha)] * factor)[self.power, :, self.node].T)
        return torch.stack(parts)

    def edge_coefficients(self, coefficients: Tensor) -> Tensor:
        """Return the Chebyshev coefficients of each direction's output edge, (H, K + 1)."""
        full = coefficients.new_zeros(len(self.directions), self.degree + 1)
        full[self.node, self.power] = coefficients
        return full

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "ridge",
            "degree": self.degree,
            "lower": list(self.lower),
            "upper": list(self.upper),
        }


class ProductNodes(Nodes):
    r"""Product nodes of Chebyshev edges: :math:`\prod_i T_{k_i}(x_i)` with :math:`\sum_i k_i\le K`.

    Args:
        degree: K.
        lower, upper: box that is mapped to :math:`[-1, 1]^D`.
        tensor: take all :math:`k_i\le K` instead of a total degree K.
    """

    centre: Tensor
    half_width: Tensor

    def __init__(
        self, degree: int, lower: Sequence[float], upper: Sequence[float], *, tensor: bool = False
    ) -> None:
        super().__init__()
        lo, hi = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        self.dimension, self.degree, self.tensor = len(lo), degree, tensor
        self.lower, self.upper = tuple(lo.tolist()), tuple(hi.tolist())
        self.register_buffer("centre", torch.as_tensor((lo + hi) / 2))
        self.register_buffer("half_width", torch.as_tensor((hi - lo) / 2))
        if tensor:
            powers = list(product(range(degree + 1), repeat=self.dimension))
        else:
            powers = total_degree(degree, self.dimension)
        self.powers = np.array(powers, dtype=np.int64)
        self.size = len(self.powers)

    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all product functions, shape (S, N, size)."""
        s = ((x - self.centre) / self.half_width).T  # (D, N)
        highest = max(max(alpha) for alpha in layout.parts)
        table = Chebyshev(self.degree).evaluate(s, highest)  # (order + 1, K + 1, D, N)
        parts = []
        for alpha in layout.parts:
            part: Tensor | None = None
            for axis, n in enumerate(alpha):
                factor = (table[n, :, axis] * self.half_width[axis] ** -n).T[
                    :, self.powers[:, axis]
                ]
                part = factor if part is None else part * factor
            assert part is not None
            parts.append(part)
        return torch.stack(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "product",
            "degree": self.degree,
            "lower": list(self.lower),
            "upper": list(self.upper),
            "tensor": self.tensor,
        }


def nodes_from_dict(data: dict[str, Any]) -> Nodes:
    """Return the nodes that ``to_dict`` described.

    Raises:
        ValueError: for an unknown kind.
    """
    if data.get("kind") == "ridge":
        return RidgeNodes(data["degree"], data["lower"], data["upper"])
    if data.get("kind") == "product":
        return ProductNodes(data["degree"], data["lower"], data["upper"], tensor=data["tensor"])
    raise ValueError(f"nodes of kind {data.get('kind')!r} are unknown; known are ridge, product.")


def _van_der_corput(j: int) -> float:
    value, base = 0.0, 0.5
    while j:
        value += base * (j & 1)
        j >>= 1
        base /= 2
    return value


def total_degree(degree: int, dimension: int) -> list[tuple[int, ...]]:
    """Return all exponents of total degree at most ``degree``, by degree."""
    if dimension == 1:
        return [(k,) for k in range(degree + 1)]
    exponents = [
        (k, *rest) for k in range(degree + 1) for rest in total_degree(degree - k, dimension - 1)
    ]
    return sorted(exponents, key=lambda e: (sum(e), tuple(-k for k in e)))
