"""Which edges and nodes of a KAN hardly matter, and the network without them.

The measure is relative to the other edges of the same node, so it does not change when a hidden
node is scaled and the edges that leave it are scaled back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kanpde.bases import BSpline, PeriodicSpline
from kanpde.networks import editing
from kanpde.networks.jets import JetLayout
from kanpde.networks.layer import KANLayer
from kanpde.networks.product import NodeRow


def edge_outputs(layer: KANLayer, z: Tensor) -> Tensor:
    """Return the values of every edge of a layer at its inputs z (inputs, N): (outputs, in, N)."""
    with torch.no_grad():
        table = layer.table(torch.tanh(z) if layer.squash else z, 0)[0]
        values = torch.einsum("ofi,fin->oin", layer.full(), table)
        layout = JetLayout.of(1, ())
        for edge in layer.snapped_edges():
            values[edge.output, edge.input] += edge(z[:, None], layout)[0]
        return values


def pruned(
    layers: Sequence[KANLayer],
    rows: Sequence[NodeRow],
    values: Sequence[Tensor],
    threshold: float,
) -> tuple[list[KANLayer], list[NodeRow]]:
    """Return the layers and rows without weak edges and unused hidden nodes.

    Args:
        layers: of the network.
        rows: its nodes, one row more than layers.
        values: what enters each layer, (inputs, N).
        threshold: relative size below which an edge goes, in [0, 1).

    Raises:
        ValueError: if the threshold is out of range.
    """
    if not 0 <= threshold < 1:
        raise ValueError(f"pruned: threshold={threshold} must be in [0, 1).")
    new_layers, new_rows = list(layers), list(rows)
    outputs = list(range(layers[-1].outputs))
    for depth in range(len(layers) - 1, -1, -1):
        layer = layers[depth]
        results = edge_outputs(layer, values[depth])[outputs]
        size, mean = results.std(-1), results.mean(-1)
        largest = size.amax(1, keepdim=True)
        keep = (size >= threshold * largest) & (size > 0)
        keep[torch.arange(len(outputs)), size.argmax(1)] = True
        nodes = list(range(layer.inputs)) if depth == 0 else keep.any(0).nonzero()[:, 0].tolist()
        gone = [
            (o, i) for k, o in enumerate(outputs) for i in range(layer.inputs) if not keep[k, i]
        ]
        made = editing.restricted(layer, outputs, nodes, without=gone)
        for k in range(len(outputs)):
            constant = float(mean[k][~keep[k]].sum())
            strongest = nodes.index(int(size[k].argmax()))
            _add_constant(made, k, strongest, constant)
        new_layers[depth] = made
        if depth:
            new_rows[depth], outputs = _kept_row(rows[depth], nodes)
    return new_layers, new_rows


def _kept_row(row: NodeRow, nodes: Sequence[int]) -> tuple[NodeRow, list[int]]:
    """Return the row of some nodes, and the sums that feed it."""
    starts = [row.sums + sum(row.arities[:m]) for m in range(len(row.arities))]
    products = [n - row.sums for n in nodes if n >= row.sums]
    sums = [n for n in nodes if n < row.sums]
    sources = [*sums]
    for m in products:
        sources += range(starts[m], starts[m] + row.arities[m])
    return NodeRow(len(sums), tuple(row.arities[m] for m in products)), sources


def _add_constant(layer: KANLayer, output: int, input: int, constant: float) -> None:
    """Add a constant to an edge, in place; a basis without constants leaves it away."""
    with torch.no_grad():
        formula = editing.formula_of(layer, (output, input))
        if formula is not None:
            formula.affine[3] += constant
            return
        assert layer.space is not None
        own = layer.coefficients[layer.space.blocks()[output, input]]
        basis = layer.all_grids().edges[output][input]
        if isinstance(basis, (BSpline, PeriodicSpline)):
            own[: basis.size] += constant
        elif basis is not None and basis.differentiation() is not None:
            own[0] += constant
