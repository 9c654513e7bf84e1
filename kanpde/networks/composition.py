r"""The chain rule of a row of sum nodes, :math:`y_o=\sum_i\varphi_{oi}(z_i)`, and its adjoint.

The edges come as Taylor coefficients :math:`t_k=\varphi_{oi}^{(k)}(z_i)/k!` (see
:mod:`kanpde.networks.tables`); Faa di Bruno's formula then reads
:math:`\partial^\alpha\varphi=\sum_k t_k f_{\alpha k}` with small factors f for each input alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout, evaluate_chain


class Composition:
    """The jets that enter the edges, with the factors of the chain rule.

    Args:
        inner: jets (inputs, S, N).
        layout: of the jets.
    """

    def __init__(self, inner: Tensor, layout: JetLayout) -> None:
        self.layout = layout
        self._parts = inner.unbind(1)
        self._factors = evaluate_chain(self._parts, layout.taylor_chain)

    def forward(self, edges: Sequence[Tensor]) -> Tensor:
        """Return the jets (outputs, S, N) for Taylor coefficients, each (inputs, outputs, N)."""
        parts = [edges[0].sum(0)]
        for row in self._factors[1:]:
            (k, factor), *others = row
            total = edges[k] * factor[:, None]
            for k, factor in others:
                total = torch.addcmul(total, edges[k], factor[:, None])
            parts.append(total.sum(0))
        return torch.stack(parts, dim=1)

    def moments(self, adjoint: Tensor, active: Sequence[int]) -> list[Tensor | None]:
        """Return the adjoints of the Taylor coefficients, each (inputs or 1, outputs, N).

        Args:
            adjoint: of the jets, (outputs, S, N).
            active: the parts that are not zero in it.
        """
        by_part = adjoint.unbind(1)
        moments: list[Tensor | None] = [None] * (self.layout.order + 1)
        for part in active:
            if part == 0:
                moments[0] = by_part[0][None]
            for k, factor in self._factors[part]:
                before, f = moments[k], factor[:, None]
                product = by_part[part] * f if before is None else None
                moments[k] = product if before is None else before.addcmul_(by_part[part], f)
        return moments

    def input_adjoint(
        self,
        adjoint: Tensor,
        active: Sequence[int],
        edges: Sequence[Tensor],
        moments: Sequence[Tensor | None],
    ) -> Tensor:
        """Return the adjoint of the inner jets, (inputs, S, N).

        Args:
            adjoint: of the jets, (outputs, S, N).
            active: the parts that are not zero in it.
            edges: Taylor coefficients, one order more than the jets have.
            moments: what :meth:`moments` returned for the adjoint.
        """
        by_part = adjoint.unbind(1)
        result = adjoint.new_zeros(len(edges[0]), *adjoint.shape[1:])
        places = result.unbind(1)
        value: Tensor | None = None
        for k, m in enumerate(moments):
            if m is None:
                continue
            if value is None:
                value = edges[k + 1] * m if k == 0 else (k + 1) * edges[k + 1] * m
            else:
                value = value.addcmul_(edges[k + 1], m, value=k + 1)
        if value is not None:
            torch.sum(value, 1, out=places[0])
        for part in active:
            back: dict[int, Tensor] = {}
            for inner_part, k, (c, monomial) in self.layout.taylor_slopes[part]:
                if k not in back:
                    back[k] = (edges[k] * by_part[part]).sum(1)
                term = back[k]
                for p in monomial[:-1]:
                    term = term * self._parts[p]
                if monomial:
                    places[inner_part].addcmul_(term, self._parts[monomial[-1]], value=c)
                else:
                    places[inner_part].add_(term, alpha=c)
        return result
