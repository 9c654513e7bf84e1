r"""Edges that are formulas: :math:`y = c\,f(a x + b) + d` with a fixed f and trained a, b, c, d.

Source: KAN, arXiv:2404.19756, section 2.5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.bases.symbolic import Symbolic
from kanpde.networks.jets import JetLayout, compose, through


class SnappedEdge(nn.Module):
    """One edge of a layer that is a formula.

    Args:
        output, input: the nodes it joins.
        function: f, any formula that :class:`Symbolic` reads.
        affine: the start of (a, b, c, d).

    Raises:
        ValueError: if the formula cannot be read or affine is not four numbers.
    """

    def __init__(
        self, output: int, input: int, function: Symbolic, affine: Sequence[float]
    ) -> None:
        super().__init__()
        self.output, self.input, self.function = output, input, function
        values = torch.tensor([float(a) for a in affine], dtype=torch.float64)
        if values.shape != (4,) or not bool(torch.isfinite(values).all()):
            raise ValueError(f"affine={affine!r} must be four finite numbers (a, b, c, d).")
        self.affine = nn.Parameter(values)

    def moved(self, output: int, input: int) -> SnappedEdge:
        """Return the same formula between other nodes."""
        edge = SnappedEdge(output, input, self.function, self.affine.detach().tolist())
        return edge.to(self.affine)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without (a, b, c, d)."""
        return {"output": self.output, "input": self.input, "function": self.function.to_dict()}

    def forward(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jet of the edge (S, N) from the jets of all inputs (inputs, S, N)."""
        return self._run(x, layout, 0)[0]

    def linearize(self, x: Tensor, layout: JetLayout) -> tuple[Tensor, SnappedCache]:
        """Return the jet of the edge (S, N) and what the backward pass needs."""
        jet, inner, table, composed = self._run(x, layout, 1)
        return jet, (x[self.input], inner, table, composed)

    def rows(
        self, adjoint: Tensor, cache: SnappedCache, layout: JetLayout
    ) -> tuple[Tensor, Tensor]:
        """Return each point's derivative by (a, b, c, d), (4, N), and by the input jet, (S, N).

        Args:
            adjoint: of the output jet, (S, N).
            cache: of :meth:`linearize`.
            layout: of the jets.
        """
        x, inner, table, composed = cache
        a, _, c, _ = self.affine.detach()
        back = through((c * adjoint)[None], table[:, 0], inner, layout)[0]
        rows = torch.stack([(back * x).sum(0), back[0], (adjoint * composed).sum(0), adjoint[0]])
        return rows, a * back

    def _run(
        self, x: Tensor, layout: JetLayout, extra: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a, b, c, d = self.affine
        shift = torch.zeros_like(x[self.input])
        shift[0] = 1.0
        inner = (a * x[self.input] + b * shift)[None]
        table = self.function.evaluate(inner[:, 0], layout.order + extra)
        composed = compose(table, inner, layout)[0, 0]
        return c * composed + d * shift, inner, table, composed


SnappedCache = tuple[Tensor, Tensor, Tensor, Tensor]
