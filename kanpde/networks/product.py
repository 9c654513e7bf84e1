r"""Rows of sum and product nodes (KAN 2.0, Liu et al., arXiv:2408.10205, section 2).

A product node multiplies the values of ``arity`` sums, each fed by edges of its own:
:math:`\prod_{m}\sum_i\varphi_{mi}(x_i)`. On jets that is Leibniz' rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout, multiply, multiply_adjoint

Width = int | tuple[int, int | Sequence[int]]


@dataclass(frozen=True)
class NodeRow:
    """The nodes of one row: sums first, then products.

    Args:
        sums: number of sum nodes.
        arities: for each product node how many sums it multiplies, at least 2.
    """

    sums: int
    arities: tuple[int, ...] = ()

    @staticmethod
    def of(width: Width) -> NodeRow:
        """Return the row that a width describes.

        ``5`` is five sum nodes, ``(3, 2)`` three sum nodes and two products of two,
        ``(3, [2, 4])`` three sum nodes, a product of two and one of four.

        Raises:
            ValueError: for anything else, an empty row or an arity below 2.

        >>> NodeRow.of((3, 2)).sources
        7
        """
        if isinstance(width, int):
            row = NodeRow(width)
        else:
            try:
                sums, products = width
            except (TypeError, ValueError):
                raise ValueError(
                    f"the width {width!r} is no number of nodes; write 5, or (3, 2) for three sum "
                    "and two product nodes."
                ) from None
            arities = (2,) * products if isinstance(products, int) else tuple(products)
            row = NodeRow(int(sums), tuple(int(a) for a in arities))
        if row.sums < 0 or row.size < 1 or any(a < 2 for a in row.arities):
            raise ValueError(
                f"the width {width!r} needs all positive numbers of nodes, and products of at "
                "least two."
            )
        return row

    @property
    def size(self) -> int:
        """The number of nodes."""
        return self.sums + len(self.arities)

    @property
    def sources(self) -> int:
        """The number of sums that the layer before has to give."""
        return self.sums + sum(self.arities)

    @property
    def owners(self) -> list[int]:
        """The node that each of the sums goes to."""
        products = [self.sums + m for m, arity in enumerate(self.arities) for _ in range(arity)]
        return [*range(self.sums), *products]

    @property
    def width(self) -> int | list[int | list[int]]:
        """The width as JSON-able data; :meth:`of` takes it back."""
        return [self.sums, list(self.arities)] if self.arities else self.sums

    def combine(self, sources: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of the nodes (size, S, N) from those of their sources."""
        if not self.arities:
            return sources
        nodes, start = [sources[: self.sums]], self.sums
        for arity in self.arities:
            product = sources[start]
            for m in range(1, arity):
                product = multiply(product, sources[start + m], layout)
            nodes.append(product[None])
            start += arity
        return torch.cat(nodes)

    def combine_adjoint(self, adjoint: Tensor, sources: Tensor, layout: JetLayout) -> Tensor:
        """Return the adjoint of the sources from that of the nodes (size, S, N)."""
        if not self.arities:
            return adjoint
        back, start = [adjoint[: self.sums]], self.sums
        for node, arity in enumerate(self.arities, start=self.sums):
            for m in range(arity):
                others = [start + k for k in range(arity) if k != m]
                rest = sources[others[0]]
                for k in others[1:]:
                    rest = multiply(rest, sources[k], layout)
                back.append(multiply_adjoint(adjoint[node], rest, layout)[None])
            start += arity
        return torch.cat(back)
