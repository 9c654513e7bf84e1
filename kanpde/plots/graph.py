"""The graph of a KAN: nodes in rows, and on every edge a small plot of its function.

After figure 0.1 of Liu et al., arXiv:2404.19756: the more an edge moves its node, the darker it is.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from kanpde.plots.figure import Figure
from kanpde.plots.style import BLACK, BLUE, SMALL

WEAK = 0.01
"""Edges of less importance are left out."""

MOST_IN_ROW = 36
"""So many insets fit side by side on one figure."""

MARGIN, INSET, GAP = 0.45, 0.62, 0.07
"""Inches: around the graph, the side of the largest inset, between insets."""

UNLIKE = 1.6
"""The largest insets are so many times as large as the smallest."""

WIDEST = 12.6
ROW = 2.1
"""Inches from one row of nodes to the next."""


@dataclass(frozen=True)
class Edge:
    """One univariate function of a network, sampled.

    Args:
        layer: 0 for the edges that start at the inputs.
        source, target: nodes of the rows ``layer`` and ``layer + 1``.
        x, y: the function's samples, each (M,).
        importance: from 0 to 1, relative to the strongest edge of the layer.
        label: the function in words, written beside its plot.
    """

    layer: int
    source: int
    target: int
    x: np.ndarray
    y: np.ndarray
    importance: float
    label: str = ""


def plot_graph(
    widths: Sequence[int],
    edges: Sequence[Edge],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    most: int = 60,
    products: Collection[int | tuple[int, int]] = (),
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw a network: inputs below, outputs above, each edge through a plot of its function.

    Weak edges fade and the weakest are left out; if there are more than ``most`` edges, or more
    than fit into a row, the weakest hidden nodes go first. The figure says what it leaves out.

    Args:
        widths: nodes in each row, inputs first.
        edges: of all layers.
        input_names: one for each node of the first row.
        output_names: one for each node of the last row.
        most: edges drawn.
        products: rows, or single nodes (row, node), that multiply instead of adding.
        title: above the graph.
        note: below the graph.

    Raises:
        ValueError: for an edge between nodes that the widths do not have, or a wrong number of
            names.
    """
    _check(widths, edges, input_names, output_names, most)
    kept = strongest_edges(widths, edges, most)
    rows = [sorted({*_nodes(kept, depth)}) for depth in range(len(widths))]
    rows[0], rows[-1] = list(range(widths[0])), list(range(widths[-1]))
    layers = [[e for e in kept if e.layer == depth] for depth in range(len(widths) - 1)]
    room = [(WIDEST - 2 * MARGIN) / max(len(layer), 1) - GAP for layer in layers]
    sides = [min(INSET, r, UNLIKE * min(room)) for r in room]
    row_widths = [len(e) * (side + GAP) for e, side in zip(layers, sides, strict=True)]
    width = max(4.2, max(row_widths) + 2 * MARGIN, 0.4 * max(map(len, rows)) + 2 * MARGIN)
    captions = _captions(widths, rows, edges, kept, note)
    foot = [line for c in captions for line in textwrap.wrap(c, int(width * 13))]
    head = textwrap.wrap(title, int(width * 11))
    below = 0.55 + 0.17 * len(foot)
    height = below + ROW * (len(widths) - 1) + 0.55 + 0.2 * len(head)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))  # data coordinates are inches
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(0, height))
    places = {
        (depth, node): (_even(i, len(row), width), below + ROW * depth)
        for depth, row in enumerate(rows)
        for i, node in enumerate(row)
    }
    for layer, side in zip(layers, sides, strict=True):
        _draw_layer(axes, layer, places, side, width)
    _draw_nodes(axes, places, products)
    for row, names, offset in ((0, input_names, -14), (len(widths) - 1, output_names, 14)):
        for node, name in enumerate(names):
            axes.annotate(name, places[row, node], xytext=(0, offset), fontsize=12,
                          textcoords="offset points", ha="center", va="center")  # fmt: skip
    axes.text(width / 2, height - 0.08, "\n".join(head), ha="center", va="top", fontsize=11)
    axes.text(width / 2, 0.08, "\n".join(foot), ha="center", va="bottom", fontsize=SMALL,
              color="#404040")  # fmt: skip
    return figure


def strongest_edges(widths: Sequence[int], edges: Sequence[Edge], most: int) -> list[Edge]:
    """Return the edges to draw: none weak, none dangling, at most ``most``.

    Args:
        widths: nodes in each row.
        edges: of all layers.
        most: how many there may be, and ``MOST_IN_ROW`` in each layer.
    """
    last = len(widths) - 1
    kept = _without_loose_ends([e for e in edges if e.importance >= WEAK], last)
    while _crowded(kept, most):
        strength = {
            (depth, node): min(
                max(e.importance for e in kept if (e.layer + 1, e.target) == (depth, node)),
                max(e.importance for e in kept if (e.layer, e.source) == (depth, node)),
            )
            for depth in range(1, last)
            for node in _nodes(kept, depth)
        }
        per_row = {d: sum(1 for row, _ in strength if row == d) for d in range(1, last)}
        spare = {key: s for key, s in strength.items() if per_row[key[0]] > 1}
        if not spare:
            kept.remove(min(kept, key=lambda e: e.importance))
            continue
        depth, node = min(spare, key=lambda key: (spare[key], key[1]))
        kept = [
            e
            for e in kept
            if (e.layer, e.source) != (depth, node) and (e.layer + 1, e.target) != (depth, node)
        ]
        kept = _without_loose_ends(kept, last)
    return kept


def _without_loose_ends(edges: list[Edge], last: int) -> list[Edge]:
    """Return the edges of which both ends go on to an input and to an output."""
    while True:
        fed = {(e.layer + 1, e.target) for e in edges}
        used = {(e.layer, e.source) for e in edges}
        tied = [
            e
            for e in edges
            if (e.layer == 0 or (e.layer, e.source) in fed)
            and (e.layer + 1 == last or (e.layer + 1, e.target) in used)
        ]
        if len(tied) == len(edges):
            return tied
        edges = tied


def _crowded(edges: Sequence[Edge], most: int) -> bool:
    layers = [e.layer for e in edges]
    return len(edges) > most or any(layers.count(d) > MOST_IN_ROW for d in set(layers))


def _draw_layer(
    axes: Axes,
    edges: Sequence[Edge],
    places: dict[tuple[int, int], tuple[float, float]],
    side: float,
    width: float,
) -> None:
    """Draw the edges of one layer through one evenly spaced row of insets."""
    order = sorted(
        edges, key=lambda e: (places[e.layer, e.source][0], places[e.layer + 1, e.target][0])
    )
    wires, frames, curves, wire_colours, curve_colours = [], [], [], [], []
    for i, edge in enumerate(order):
        start, end = places[edge.layer, edge.source], places[edge.layer + 1, edge.target]
        x, y = _even(i, len(order), width), (start[1] + end[1]) / 2
        half = side / 2
        wires += [[start, (x, y - half)], [(x, y + half), end]]
        frames.append([(x - half, y - half), (x + half, y - half),
                       (x + half, y + half), (x - half, y + half)])  # fmt: skip
        curves.append(_curve(edge, x, y, 0.84 * half))
        if edge.label:
            axes.annotate(edge.label, (x, y - half), xytext=(0, -7), fontsize=SMALL,
                          textcoords="offset points", ha="center", va="center", color=BLUE,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
                          zorder=4)  # fmt: skip
        alpha = 0.06 + 0.94 * float(np.tanh(2.0 * edge.importance) / np.tanh(2.0))
        wire_colours += [(0.0, 0.0, 0.0, 0.75 * alpha)] * 2
        curve_colours.append((BLUE, alpha))
    faint = [(0.0, 0.0, 0.0, 0.25 + 0.6 * c[1]) for c in curve_colours]
    axes.add_collection(LineCollection(wires, colors=wire_colours, linewidths=1.0, zorder=1))
    axes.add_collection(
        PolyCollection(frames, facecolors="white", edgecolors=faint, linewidths=0.7, zorder=2)
    )
    thick = 1.8 if side > 0.45 else 1.3
    axes.add_collection(LineCollection(curves, colors=curve_colours, linewidths=thick, zorder=3))


def _curve(edge: Edge, x: float, y: float, half: float) -> np.ndarray:
    """Return an edge's samples (M, 2) scaled into the inset around (x, y)."""
    finite = np.isfinite(edge.x) & np.isfinite(edge.y)
    points = np.stack([edge.x[finite], edge.y[finite]], axis=1).astype(np.float64)
    if not len(points):
        return np.empty((0, 2))
    low, high = points.min(0), points.max(0)
    size = high - low
    flat = size <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
    unit = np.where(flat, 0.0, 2 * (points - low) / np.where(flat, 1.0, size) - 1)
    return np.array([x, y]) + half * unit


def _draw_nodes(
    axes: Axes,
    places: dict[tuple[int, int], tuple[float, float]],
    products: Collection[int | tuple[int, int]],
) -> None:
    for multiply in (False, True):
        spots = [
            at
            for (depth, node), at in places.items()
            if (depth in products or (depth, node) in products) == multiply
        ]
        if not spots:
            continue
        x, y = zip(*spots, strict=True)
        if multiply:
            axes.plot(x, y, "o", color=BLACK, markerfacecolor="white", markersize=12, zorder=4)
            axes.plot(x, y, "x", color=BLACK, markersize=6, markeredgewidth=1.5, zorder=5)
        else:
            axes.plot(x, y, "o", color=BLACK, markersize=7, zorder=4)


def _captions(
    widths: Sequence[int],
    rows: Sequence[Sequence[int]],
    edges: Sequence[Edge],
    kept: Sequence[Edge],
    note: str,
) -> list[str]:
    """Return what the figure says below the graph: the note, and what it leaves out."""
    captions = [note] if note else []
    if len(kept) < len(edges):
        left = len(edges) - len(kept)
        text = f"{left} of {len(edges)} edges left out (the weakest)"
        hidden = sum(widths[1:-1])
        shown = sum(len(row) for row in rows[1:-1])
        drawn = {(e.layer + 1, e.target) for e in edges if e.layer + 1 < len(widths) - 1}
        if shown < len(drawn):
            text += f"; {shown} of {hidden} hidden nodes drawn"
        captions.append(text + ".")
    return captions


def _nodes(edges: Sequence[Edge], depth: int) -> set[int]:
    """Return the nodes of a row that an edge touches."""
    below = {e.target for e in edges if e.layer + 1 == depth}
    return below | {e.source for e in edges if e.layer == depth}


def _even(i: int, count: int, width: float) -> float:
    """Return the place of one of ``count`` evenly spaced things."""
    return MARGIN + (width - 2 * MARGIN) * (i + 0.5) / count


def _check(
    widths: Sequence[int],
    edges: Sequence[Edge],
    input_names: Sequence[str],
    output_names: Sequence[str],
    most: int,
) -> None:
    if len(widths) < 2 or min(widths) < 1 or most < 1:
        raise ValueError(
            f"a graph needs at least two positive widths and most >= 1; got {list(widths)} and "
            f"most={most}."
        )
    if (len(input_names), len(output_names)) != (widths[0], widths[-1]):
        raise ValueError(
            f"widths {list(widths)} need {widths[0]} input names and {widths[-1]} output names; "
            f"got {len(input_names)} and {len(output_names)}."
        )
    for e in edges:
        inside = 0 <= e.layer < len(widths) - 1
        if not inside or not (
            0 <= e.source < widths[e.layer] and 0 <= e.target < widths[e.layer + 1]
        ):
            raise ValueError(
                f"the edge {e.source} -> {e.target} of layer {e.layer} joins no nodes of a network "
                f"with the widths {list(widths)}."
            )
