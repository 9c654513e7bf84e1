"""The graph of a KAN as SVG: nodes in rows, every edge through a plot of its function."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from kanpde.plots import Edge, strongest_edges

MOST = 60
"""Edges drawn."""

WIDTH, ROW, INSET, MARGIN = 1000.0, 190.0, 62.0, 40.0
"""Units of the drawing: its width, from row to row, the largest inset, around the graph."""


def graph_svg(
    widths: Sequence[int],
    edges: Sequence[Edge],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    products: Collection[int] = (),
) -> tuple[str, list[Edge], str]:
    """Return the drawing, the edges in it and a sentence on what it leaves out.

    Edge k of the list is the element with ``data-edge="k"``. Inputs are at the bottom.

    Args:
        widths: nodes in each row, inputs first.
        edges: of all layers.
        input_names: of the first row.
        output_names: of the last row.
        products: rows whose nodes multiply.
    """
    kept = strongest_edges(widths, edges, MOST)
    rows = [
        sorted(
            {e.target for e in kept if e.layer + 1 == d} | {e.source for e in kept if e.layer == d}
        )
        for d in range(len(widths))
    ]
    rows[0], rows[-1] = list(range(widths[0])), list(range(widths[-1]))
    height = ROW * (len(widths) - 1) + 100
    places = {
        (d, node): (_even(i, len(row)), height - 50 - ROW * d)
        for d, row in enumerate(rows)
        for i, node in enumerate(row)
    }
    drawn: list[Edge] = []
    wires, insets = [], []
    for depth in range(len(widths) - 1):
        layer = sorted(
            (e for e in kept if e.layer == depth),
            key=lambda e: (places[e.layer, e.source][0], places[e.layer + 1, e.target][0]),
        )
        side = min(INSET, (WIDTH - 2 * MARGIN) / max(len(layer), 1) - 5)
        for i, edge in enumerate(layer):
            start, end = places[depth, edge.source], places[depth + 1, edge.target]
            x, y = _even(i, len(layer)), (start[1] + end[1]) / 2
            shade = 0.15 + 0.85 * float(np.tanh(2 * edge.importance) / np.tanh(2))
            number, half = len(drawn), side / 2
            drawn.append(edge)
            wires.append(
                f'<path class="wire" data-wire="{number}" style="opacity:{shade:.2f}" '
                f'd="M{start[0]:.1f} {start[1]:.1f}L{x:.1f} {y + half:.1f}'
                f'M{x:.1f} {y - half:.1f}L{end[0]:.1f} {end[1]:.1f}"/>'
            )
            title = html.escape(_title(edge, input_names, output_names, len(widths) - 1))
            insets.append(
                f'<g class="edge" data-edge="{number}" tabindex="0" role="button" '
                f'aria-label="{title}"><title>{title}</title>'
                f'<rect x="{x - half:.1f}" y="{y - half:.1f}" width="{side:.1f}" '
                f'height="{side:.1f}" rx="4"/>'
                f'<polyline style="opacity:{shade:.2f}" points="{_curve(edge, x, y, 0.8 * half)}"/>'
                "</g>"
            )
    nodes = []
    for (depth, node), (x, y) in places.items():
        multiply = depth in products
        nodes.append(f'<circle class="node" cx="{x:.1f}" cy="{y:.1f}" r="{9 if multiply else 6}"/>')
        if multiply:
            nodes.append(f'<text class="sign" x="{x:.1f}" y="{y + 5:.1f}">×</text>')
        names = {0: input_names, len(widths) - 1: output_names}.get(depth)
        if names is not None:
            below = 26 if depth == 0 else -16
            nodes.append(f'<text x="{x:.1f}" y="{y + below:.1f}">{html.escape(names[node])}</text>')
    svg = (
        f'<svg id="graph" class="graph" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="group" '
        'aria-label="graph of the network">' + "".join([*wires, *nodes, *insets]) + "</svg>"
    )
    left = len(edges) - len(kept)
    note = f"{left} of {len(edges)} edges are left out, the weakest." if left else ""
    return svg, drawn, note


def edge_data(
    edge: Edge, input_names: Sequence[str], output_names: Sequence[str], last: int
) -> dict[str, Any]:
    """Return an edge as the script of the page reads it.

    Args:
        edge: any.
        input_names: of the first row.
        output_names: of the last row.
        last: the number of the last row.
    """
    finite = np.isfinite(edge.x) & np.isfinite(edge.y)
    return {
        "title": _title(edge, input_names, output_names, last),
        "x": [float(f"{v:.5g}") for v in edge.x[finite]],
        "y": [float(f"{v:.5g}") for v in edge.y[finite]],
        "importance": round(float(edge.importance), 4),
    }


def _title(edge: Edge, inputs: Sequence[str], outputs: Sequence[str], last: int) -> str:
    start = inputs[edge.source] if edge.layer == 0 else f"node {edge.layer}.{edge.source + 1}"
    end = (
        outputs[edge.target]
        if edge.layer + 1 == last
        else f"node {edge.layer + 1}.{edge.target + 1}"
    )
    return f"{start} to {end}"


def _curve(edge: Edge, x: float, y: float, half: float) -> str:
    """Return an edge's samples scaled into the inset around (x, y)."""
    finite = np.isfinite(edge.x) & np.isfinite(edge.y)
    points = np.stack([edge.x[finite], edge.y[finite]], axis=1)
    if not len(points):
        return ""
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    flat = size <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
    unit = np.where(flat, 0.0, 2 * (points - low) / np.where(flat, 1.0, size) - 1)
    return " ".join(f"{x + half * a:.1f},{y - half * b:.1f}" for a, b in unit)


def _even(i: int, count: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * (i + 0.5) / count
