"""Polynomial nodes: ridge nodes and product nodes with Chebyshev edges.

Both families of degree K span exactly the polynomials of total degree K in D coordinates, with as
many columns as there are such polynomials; product nodes also those of few coordinates at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from math import pi
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import Chebyshev
from kanpde.networks.jets import JetLayout
from kanpde.networks.nodes.block import Nodes


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
        interaction: the most coordinates that one product may hold; 1 makes sums of univariate
            functions, 2 adds all pairs (the order of an ANOVA expansion: Sobol, Math. Comput.
            Simul. 55, 2001), None holds any number.

    >>> [ProductNodes(4, [0] * 10, [1] * 10, interaction=q).size for q in (1, 2, None)]
    [41, 311, 1001]
    """

    centre: Tensor
    half_width: Tensor

    def __init__(
        self,
        degree: int,
        lower: Sequence[float],
        upper: Sequence[float],
        *,
        tensor: bool = False,
        interaction: int | None = None,
    ) -> None:
        super().__init__()
        lo, hi = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        self.dimension, self.degree, self.tensor = len(lo), degree, tensor
        self.interaction = interaction
        self.lower, self.upper = tuple(lo.tolist()), tuple(hi.tolist())
        self.register_buffer("centre", torch.as_tensor((lo + hi) / 2))
        self.register_buffer("half_width", torch.as_tensor((hi - lo) / 2))
        if tensor:
            powers = list(product(range(degree + 1), repeat=self.dimension))
        elif interaction is None or interaction >= self.dimension:
            powers = total_degree(degree, self.dimension)
        else:
            powers = _few_at_a_time(degree, self.dimension, interaction)
        self.powers = np.array(powers, dtype=np.int64)
        self.size = len(self.powers)
        # The factors of every product: coordinates with a positive degree come first.
        factors = max(int((self.powers > 0).sum(axis=1).max()), 1)
        self._axes = np.argsort(self.powers == 0, axis=1, kind="stable")[:, :factors]
        self._degrees = np.take_along_axis(self.powers, self._axes, axis=1)

    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all product functions, shape (S, N, size)."""
        s = ((x - self.centre) / self.half_width).T  # (D, N)
        highest = max(max(max(alpha) for alpha in layout.parts), 2 * (layout.laplacian is not None))
        table = Chebyshev(self.degree).evaluate(s, highest)  # (order + 1, K + 1, D, N)
        result = x.new_zeros(layout.size, len(x), self.size)
        for part, alpha in enumerate(layout.parts):
            self._add(result[part], table, np.array(alpha), 1.0)
        for axis, weight in enumerate(layout.laplacian or ()):
            self._add(result[-1], table, 2 * np.eye(self.dimension, dtype=int)[axis], weight)
        return result

    def _add(self, result: Tensor, table: Tensor, alpha: np.ndarray, weight: float) -> None:
        """Add a derivative of all functions to the result (N, size), in place."""
        kept = np.flatnonzero((self.powers[:, alpha > 0] > 0).all(axis=1))  # others vanish
        if not len(kept):
            return
        axes, degrees = self._axes[kept], self._degrees[kept]
        orders = alpha[axes]
        value = table[orders[:, 0], degrees[:, 0], axes[:, 0]]
        for slot in range(1, axes.shape[1]):
            value = value * table[orders[:, slot], degrees[:, slot], axes[:, slot]]
        scale = weight * float(torch.prod(self.half_width ** -self.half_width.new_tensor(alpha)))
        if len(kept) == self.size:
            result.add_(value.T, alpha=scale)
        else:
            result[:, kept] += (scale * value).T

    @property
    def collapses(self) -> bool:
        """Every derivative is in closed form."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "product",
            "degree": self.degree,
            "lower": list(self.lower),
            "upper": list(self.upper),
            "tensor": self.tensor,
            "interaction": self.interaction,
        }


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


def _few_at_a_time(degree: int, dimension: int, most: int) -> list[tuple[int, ...]]:
    """Return the exponents of total degree at most ``degree`` with at most ``most`` positive."""
    exponents = []
    for count in range(min(most, degree) + 1):
        positive = [p for p in total_degree(degree, count) if 0 not in p] if count else [()]
        for axes in combinations(range(dimension), count):
            for powers in positive:
                exponent = [0] * dimension
                for axis, power in zip(axes, powers, strict=True):
                    exponent[axis] = power
                exponents.append(tuple(exponent))
    return exponents
