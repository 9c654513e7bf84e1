"""A formula drawn as a KAN graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sympy import Expr, Symbol

from kanpde.formula.template import values
from kanpde.networks.diagram import Diagram, Wire, Z
from kanpde.plots import Edge, plot_graph

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure

SAMPLES = 81
LABEL = 26
"""Longer functions have no label."""


def draw(
    formulas: Mapping[str, Expr],
    coordinates: Sequence[Symbol],
    points: np.ndarray,
    *,
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw formulas as one KAN graph; identities carry a value over a row.

    Args:
        formulas: by the name of the unknown.
        coordinates: the inputs.
        points: of the domain (N, D), for the ranges of the edges.
        title: above the graph.
        note: below the graph.
    """
    diagram = Diagram.of(list(formulas.values()), coordinates)
    at = values(diagram.values, coordinates, points.T)
    rows: list[list[int | tuple[int, int, int]]] = [[] for _ in range(max(diagram.depths) + 1)]
    for node, depth in enumerate(diagram.depths):
        rows[depth].append(node)
    edges: list[Edge] = []
    for target, wires in enumerate(diagram.wires):
        for number, wire in enumerate(wires):
            edges += _chain(diagram, rows, at, target, number, wire)
    last = len(rows) - 1
    products = {
        (depth, rows[depth].index(node))
        for node, depth in enumerate(diagram.depths)
        if diagram.products[node]
    }
    assert len(rows[last]) == len(formulas)
    return plot_graph(
        [len(r) for r in rows],
        edges,
        input_names=[str(c) for c in coordinates],
        output_names=list(formulas),
        products=products,
        title=title,
        note=note,
    )


def _chain(
    diagram: Diagram,
    rows: list[list[int | tuple[int, int, int]]],
    at: np.ndarray,
    target: int,
    number: int,
    wire: Wire,
) -> list[Edge]:
    """Return the edges of a wire: its function, then identities up to the target's row."""
    depth, goal = diagram.depths[wire.source], diagram.depths[target]
    source = rows[depth].index(wire.source)
    x = np.linspace(at[wire.source].min(), at[wire.source].max(), SAMPLES)
    function, made = wire.function, []
    while depth < goal:
        if depth + 1 == goal:
            place = rows[goal].index(target)
        else:
            rows[depth + 1].append((target, number, depth + 1))
            place = len(rows[depth + 1]) - 1
        y = values([function], [Z], [x])[0]
        text = str(function)
        label = text if len(text) <= LABEL and function != Z else ""
        made.append(Edge(depth, source, place, x, y, 1.0, label))
        finite = y[np.isfinite(y)]
        x = np.linspace(finite.min(), finite.max(), SAMPLES) if finite.size else x
        function, source, depth = Z, place, depth + 1
    return made
