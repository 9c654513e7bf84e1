"""A formula as the layers of a KAN that equals it: every univariate function on an edge.

A node of the formula's graph (:mod:`kanpde.networks.diagram`) is a sum or product node. A value
that is needed some rows later is carried there by identities, one for all that need it. A sum
that only one node takes as it is, melts into that node: the factors of a product are sums.

The idea is KAN 2.0's "kanpiler" (Liu et al., arXiv:2408.10205, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sympy import Expr, Integer, Symbol

from kanpde.bases import Basis
from kanpde.bases.symbolic import Symbolic
from kanpde.networks.diagram import Diagram, Wire, Z
from kanpde.networks.grids import EdgeGrids
from kanpde.networks.layer import KANLayer, squashes
from kanpde.networks.product import NodeRow
from kanpde.networks.snapped import SnappedEdge


@dataclass(frozen=True)
class FormulaEdge:
    """An edge of a layer: a function of z from an input node to an output."""

    output: int
    input: int
    function: Expr


@dataclass(frozen=True)
class Graph:
    """What a KAN that equals formulas looks like.

    Args:
        rows: its nodes, inputs first.
        layers: the edges between them, one list a layer.
    """

    rows: tuple[NodeRow, ...]
    layers: tuple[tuple[FormulaEdge, ...], ...]

    @staticmethod
    def of(expressions: Sequence[Expr], coordinates: Sequence[Symbol]) -> Graph:
        """Return the graph of formulas of the coordinates.

        Raises:
            ValueError: for a symbol that is no coordinate, or a function of several variables that
                is no sum, product or power.
        """
        unknown = {s for e in expressions for s in e.free_symbols} - set(coordinates)
        if unknown:
            raise ValueError(
                f"the formula holds {', '.join(sorted(map(str, unknown)))}, which is none of the "
                f"coordinates {', '.join(map(str, coordinates))}."
            )
        return _Builder(expressions, coordinates).graph()

    def made(self, spare: Basis) -> list[KANLayer]:
        """Return layers whose only edges are these formulas.

        Args:
            spare: a basis for edges that the layers may get later.

        Raises:
            ValueError: for a function that no edge can be.
        """
        layers = []
        for depth, edges in enumerate(self.layers):
            inputs, outputs = self.rows[depth].size, self.rows[depth + 1].sources
            grids = EdgeGrids(((None,) * inputs,) * outputs, spare)
            squash = squashes(spare, depth)
            layer = KANLayer(inputs, outputs, spare, squash=squash, grids=grids)
            for e in edges:
                formula = Symbolic(e.function)
                layer.snapped.append(SnappedEdge(e.output, e.input, formula, (1, 0, 1, 0)))
            layers.append(layer)
        return layers


@dataclass(eq=False)
class _Node:
    """A node: the wires of its one sum, or of the sums that it multiplies."""

    sums: list[list[Wire]]
    depth: int = 0

    @property
    def multiplies(self) -> bool:
        return len(self.sums) > 1


@dataclass
class _Row:
    """The nodes of a row and the edges that enter each sum of each of them."""

    nodes: dict[int, int] = field(default_factory=dict)
    """The place of each node; identities that carry a value have the number of its node."""
    entering: dict[int, list[list[Wire]]] = field(default_factory=dict)


class _Builder:
    """Turns a diagram into rows and edges."""

    def __init__(self, expressions: Sequence[Expr], coordinates: Sequence[Symbol]) -> None:
        diagram = Diagram.of(expressions, coordinates)
        self.inputs = len(coordinates)
        self.nodes = [
            _Node([[w] for w in wires] if product else [list(wires)])
            for wires, product in zip(diagram.wires, diagram.products, strict=True)
        ]
        self.outputs = [len(self.nodes) - len(expressions) + k for k in range(len(expressions))]
        for node in self.nodes[self.inputs :]:
            node.sums = _merged(node.sums)
        self._sum_outputs(diagram)
        for node in self.nodes[self.inputs :]:
            node.sums = [self._melted(wires) for wires in node.sums]
        self._place()

    def graph(self) -> Graph:
        """Return the graph."""
        depth = max(self.nodes[n].depth for n in self.outputs)
        rows = [_Row() for _ in range(depth + 1)]
        rows[0].nodes = {n: n for n in range(self.inputs)}
        for n in self.outputs:
            self._enter(rows, n, depth)
        made, layers = [NodeRow(self.inputs)], []
        for before, row in pairwise(rows):
            wanted = self.outputs if row is rows[-1] else list(row.entering)
            sums = [n for n in wanted if len(row.entering[n]) == 1]
            products = [n for n in wanted if len(row.entering[n]) > 1]
            row.nodes = {n: k for k, n in enumerate([*sums, *products])}
            made.append(NodeRow(len(sums), tuple(len(row.entering[n]) for n in products)))
            sources = [wires for n in [*sums, *products] for wires in row.entering[n]]
            layers.append(
                tuple(
                    FormulaEdge(o, before.nodes[w.source], w.function)
                    for o, wires in enumerate(sources)
                    for w in wires
                )
            )
        return Graph(tuple(made), tuple(layers))

    def _sum_outputs(self, diagram: Diagram) -> None:
        """Make every output that is a product a sum of that product alone."""
        moved: dict[int, int] = {}
        for n in self.outputs:
            if self.nodes[n].multiplies:
                first = diagram.values.index(diagram.values[n])
                if first == n:
                    moved[n] = len(self.nodes)
                    self.nodes.append(self.nodes[n])
                self.nodes[n] = _Node([[Wire(moved.get(first, first), Z)]])

    def _melted(self, wires: list[Wire]) -> list[Wire]:
        """Return the wires of a sum, with those of sums that only it takes in their place."""
        found: list[Wire] = []
        for wire in wires:
            inner = self.nodes[wire.source]
            slope = wire.function.diff(Z)
            uses = sum(
                w.source == wire.source for node in self.nodes for ws in node.sums for w in ws
            )
            if wire.source < self.inputs or inner.multiplies or not slope.is_number or uses > 1:
                found.append(wire)
                continue
            (own,) = inner.sums
            constant = wire.function.subs(Z, 0)
            parts = [Wire(w.source, slope * w.function) for w in own]
            parts[0] = Wire(parts[0].source, parts[0].function + constant)
            found += parts
            inner.sums = [[]]
        return _joined_sum(found)

    def _place(self) -> None:
        """Give every node the row after those that enter it, outputs the last one."""
        outputs = [self.nodes[n] for n in self.outputs]
        inner = [node for node in self.nodes[self.inputs :] if node not in outputs]
        for node in [*inner, *outputs]:
            sources = [self.nodes[w.source].depth for wires in node.sums for w in wires]
            node.depth = 1 + max(sources, default=0)
        last = max(node.depth for node in outputs)
        for node in outputs:
            node.depth = last

    def _enter(self, rows: list[_Row], n: int, depth: int) -> None:
        """Have a node, or an identity that carries it, in a row."""
        if depth == 0 or n in rows[depth].entering:
            return
        node = self.nodes[n]
        rows[depth].entering[n] = [[Wire(n, Z)]] if depth > node.depth else node.sums
        for wires in rows[depth].entering[n]:
            for wire in wires:
                self._enter(rows, wire.source, depth - 1)


def _merged(sums: list[list[Wire]]) -> list[list[Wire]]:
    """Return the sums of a node with one wire from each source: in a sum, and in a product."""
    if len(sums) == 1:
        return [_joined_sum(sums[0])]
    factors: dict[int, Expr] = {}
    for (wire,) in sums:
        factors[wire.source] = factors.get(wire.source, Integer(1)) * wire.function
    return [[Wire(source, function)] for source, function in factors.items()]


def _joined_sum(wires: list[Wire]) -> list[Wire]:
    terms: dict[int, Expr] = {}
    for wire in wires:
        terms[wire.source] = terms.get(wire.source, Integer(0)) + wire.function
    return [Wire(source, function) for source, function in terms.items()]
