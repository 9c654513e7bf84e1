r"""Edges with grids of their own: parameters where an edge needs them, one table for all.

The edges that leave one input are tabulated on one grid, the union of theirs. An edge with fewer
knots than that is the same function there, :math:`c=Tw` with T from knot insertion, so it may keep
its few parameters w while a layer is evaluated as if all edges had the same basis. An edge that
is absent has no parameters at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Basis, BSpline, PeriodicSpline, basis_from_dict


@dataclass(frozen=True)
class EdgeGrids:
    """The basis of every edge of a layer.

    Args:
        edges: ``edges[output][input]``, None where there is no edge.
        spare: a basis for inputs without any edge; needed only where all edges are formulas.
        closed: inputs in which all edges are periodic; these have no base function.

    Raises:
        ValueError: if an input's edges are neither B-splines of one degree nor all of one basis.
    """

    edges: tuple[tuple[Basis | None, ...], ...]
    spare: Basis | None = field(default=None, compare=False)
    closed: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.spare is None and not any(basis for row in self.edges for basis in row):
            raise ValueError("a layer without an edge of functions needs a spare basis.")
        open_ = [[b for i, b in enumerate(r) if i not in self.closed] for r in self.edges]
        present = [_plain(b) for row in open_ for b in row if b is not None]
        splines = all(isinstance(b, BSpline) for b in present)
        degrees = {b.degree for b in present if isinstance(b, BSpline)}
        if (splines and len(degrees) > 1) or (not splines and len(set(present)) > 1):
            raise ValueError(
                "the edges of a layer must be B-splines of one degree, or all of one basis; got "
                f"{sorted(map(repr, set(present)))}."
            )

    @staticmethod
    def shared(bases: Sequence[Basis], outputs: int) -> EdgeGrids:
        """Return the grids of a layer whose edges all use the basis of their input."""
        return EdgeGrids(tuple(tuple(bases) for _ in range(outputs)))

    @property
    def some(self) -> Basis:
        """A basis of the layer: the first edge's, or the spare one."""
        found = next((b for row in self.edges for b in row if b is not None), self.spare)
        assert found is not None
        return _plain(found)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """For each input the basis that contains those of all its edges."""
        some = self.some
        found = []
        for column in zip(*self.edges, strict=True):
            present = [b for b in column if b is not None] or [some]
            found.append(_union(present))
        return tuple(found)

    def order(self, input: int) -> float:
        """Return up to which order the derivatives of an input's periodic edges are periodic."""
        own = [row[input] for row in self.edges]
        return min((b.degree - 1 for b in own if isinstance(b, PeriodicSpline)), default=inf)

    def changed(
        self, edges: dict[tuple[int, int], Basis | None], closed: tuple[int, ...] = ()
    ) -> EdgeGrids:
        """Return the grids with other bases at some (output, input), and more closed inputs."""
        return EdgeGrids(
            tuple(
                tuple(edges.get((o, i), basis) for i, basis in enumerate(row))
                for o, row in enumerate(self.edges)
            ),
            self.some,
            tuple(sorted({*self.closed, *closed})),
        )

    def restricted(self, outputs: Sequence[int], inputs: Sequence[int]) -> EdgeGrids:
        """Return the grids of some outputs and inputs."""
        kept = tuple(tuple(self.edges[o][i] for i in inputs) for o in outputs)
        closed = tuple(k for k, i in enumerate(inputs) if i in self.closed)
        return EdgeGrids(kept, self.some, closed)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; each basis is written once."""
        kinds = list(dict.fromkeys(b for row in self.edges for b in row if b is not None))
        kinds = kinds or [self.some]
        index = {basis: k for k, basis in enumerate(kinds)}
        numbers = [[None if b is None else index[b] for b in row] for row in self.edges]
        found: dict[str, Any] = {"bases": [b.to_dict() for b in kinds], "edges": numbers}
        return {**found, "closed": list(self.closed)} if self.closed else found

    @staticmethod
    def from_dict(data: dict[str, Any]) -> EdgeGrids:
        """Return the grids that :meth:`to_dict` described."""
        kinds = [basis_from_dict(b) for b in data["bases"]]
        return EdgeGrids(
            tuple(tuple(None if k is None else kinds[k] for k in row) for row in data["edges"]),
            kinds[0],
            tuple(data.get("closed", ())),
        )


def _plain(basis: Basis) -> Basis:
    """Return the splines of which periodic ones are combinations, else the basis itself."""
    return basis.spline if isinstance(basis, PeriodicSpline) else basis


def _union(periodic_or_not: Sequence[Basis]) -> Basis:
    """Return the smallest basis that contains all of these; it need not be periodic."""
    bases = [_plain(b) for b in periodic_or_not]
    first = bases[0]
    if all(b == first for b in bases) or not isinstance(first, BSpline):
        return first
    finest = max(bases, key=lambda b: b.size)
    if all(b.nested_in(finest) for b in bases):
        return finest
    breaks = np.concatenate([b.breakpoints() for b in bases if isinstance(b, BSpline)])
    breaks = np.unique(breaks)
    apart = np.append(True, np.diff(breaks) > 1e-13)
    return BSpline(first.degree, knots=tuple(breaks[apart].tolist()))


class EdgeSpace(nn.Module):
    """The map from the parameters of edges with grids of their own to full coefficients.

    The parameters are one vector: edges of the same basis and input grid follow each other, each
    with the coefficients of its own functions, the base function last.

    Args:
        grids: of the layer.
        base: whether every edge has a base function.
    """

    def __init__(self, grids: EdgeGrids, *, base: bool) -> None:
        super().__init__()
        self.outputs, self.inputs = len(grids.edges), len(grids.edges[0])
        unions = grids.bases
        self.functions = max(b.size for b in unions) + base
        groups: dict[tuple[Basis, Basis, bool], list[tuple[int, int]]] = {}
        for o, i in product(range(self.outputs), range(self.inputs)):
            own = grids.edges[o][i]
            if own is not None:
                groups.setdefault((own, unions[i], i in grids.closed), []).append((o, i))
        self._members: list[tuple[list[int], list[int]]] = []
        self._starts: list[int] = [0]
        for g, ((own, union, closed), edges) in enumerate(groups.items()):
            more = base and not closed
            matrix = np.zeros((self.functions, own.size + more))
            matrix[: union.size, : own.size] = own.transfer(union)
            if more:
                matrix[-1, -1] = 1.0
            self.register_buffer(f"transfer{g}", torch.as_tensor(matrix), persistent=False)
            self._members.append(([o for o, _ in edges], [i for _, i in edges]))
            self._starts.append(self._starts[-1] + len(edges) * matrix.shape[1])
        self.size = self._starts[-1]

    def expand(self, parameters: Tensor) -> Tensor:
        """Return the full coefficients (outputs, F, inputs) from the parameters (P,)."""
        full = parameters.new_zeros(self.outputs, self.inputs, self.functions)
        for g, (o, i) in enumerate(self._members):
            transfer = self._transfer(g)
            own = parameters[self._starts[g] : self._starts[g + 1]].view(len(o), -1)
            full[o, i] = own @ transfer.T
        return full.transpose(1, 2)

    def reduce(self, full: Tensor) -> Tensor:
        """Return the transpose of :meth:`expand`: (P, ...) from (outputs, F, inputs, ...)."""
        blocks = []
        by_edge = full.transpose(1, 2).flatten(3) if full.ndim > 3 else full.transpose(1, 2)
        for g, (o, i) in enumerate(self._members):
            members = by_edge[o, i]  # (edges, F, ...)
            transfer = self._transfer(g).to(full)
            own = members @ transfer if members.ndim == 2 else transfer.T @ members
            blocks.append(own.reshape(len(o) * transfer.shape[1], *full.shape[3:]))
        return torch.cat(blocks) if blocks else full.new_zeros(0, *full.shape[3:])

    def project(self, full: Tensor) -> Tensor:
        """Return the parameters (P,) of full coefficients that :meth:`expand` can give."""
        parameters = full.new_empty(self.size)
        by_edge = full.transpose(1, 2)
        for g, (o, i) in enumerate(self._members):
            transfer = self._transfer(g).to(full)
            own = torch.linalg.lstsq(transfer, by_edge[o, i].T, driver="gels").solution.T
            parameters[self._starts[g] : self._starts[g + 1]] = own.reshape(-1)
        return parameters

    def blocks(self) -> dict[tuple[int, int], slice]:
        """Return where the parameters of each edge (output, input) are."""
        found = {}
        for g, (outputs, inputs) in enumerate(self._members):
            width = self._transfer(g).shape[1]
            for k, edge in enumerate(zip(outputs, inputs, strict=True)):
                start = self._starts[g] + k * width
                found[edge] = slice(start, start + width)
        return found

    def functions_of(self, edge: tuple[int, int], table: Tensor) -> Tensor:
        """Return the functions (K, ...) of one edge (output, input) from its input's (F, ...)."""
        for g, (outputs, inputs) in enumerate(self._members):
            if edge in zip(outputs, inputs, strict=True):
                return torch.tensordot(self._transfer(g).to(table), table, dims=([0], [0]))
        raise ValueError(f"there is no edge to {edge[0]} from {edge[1]}.")

    def _transfer(self, group: int) -> Tensor:
        return getattr(self, f"transfer{group}")
