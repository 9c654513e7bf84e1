"""The edges of a network as sampled functions, for its graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial.chebyshev import chebval

from kanpde.networks import KAN, LinearKAN, Network, ProductNodes, RidgeNodes, SeparableKAN, bare
from kanpde.networks.layer import KANLayer
from kanpde.networks.pruning import edge_outputs
from kanpde.networks.tensor import TensorKAN
from kanpde.plots import Edge

SAMPLES = 81
MOST_EDGES = 36
"""Inner edges of product nodes that a graph shows."""


class Graph(NamedTuple):
    """Widths and edges of a network, rows of product nodes, and what is not shown."""

    widths: tuple[int, ...]
    edges: list[Edge]
    products: tuple[int, ...] = ()
    note: str = ""


def network_edges(network: Network, points: np.ndarray) -> Graph | None:
    """Return widths and sampled edges of a network, or None if it is no network of edges.

    Every edge is sampled over the range of its values at the points; its importance is the
    standard deviation of its output there, relative to the largest of its layer. Of a
    constrained network the inner one is shown; of product nodes the strongest.

    Args:
        network: any network.
        points: of the domain, shape (N, D).
    """
    network = bare(network)
    if isinstance(network, KAN):
        return _kan(network, points)
    if isinstance(network, SeparableKAN):
        return _separable(network, points)
    if isinstance(network, TensorKAN):
        powers = np.indices(network.shape).reshape(network.dimension, -1).T
        coefficients = _numpy(network.coefficients).reshape(network.outputs, -1)
        return _products(powers, coefficients, network.centre, network.half_width, points)
    return _linear(network, points) if isinstance(network, LinearKAN) else None


def _linear(network: LinearKAN, points: np.ndarray) -> Graph | None:
    """Return the graph of the first block that is made of edges; a note counts the other nodes."""
    start = 0
    for block in network.blocks():
        own = network.coefficients.detach()[:, start : start + block.size]
        start += block.size
        if isinstance(block, RidgeNodes):
            graph = _ridge(block, own, points)
        elif isinstance(block, ProductNodes):
            graph = _products(block.powers, _numpy(own), block.centre, block.half_width, points)
        else:
            continue
        others = network.coefficients.shape[1] - block.size
        kinds = " and ".join(
            type(other).__name__ for other in network.blocks() if other is not block
        )
        more = f"{others} nodes of other kinds ({kinds}) are not shown." if others else ""
        return graph._replace(note=" ".join(n for n in (graph.note, more) if n))
    return None


def _kan(network: KAN, points: np.ndarray) -> Graph:
    like = next(network.parameters()).detach()
    hidden = network.hidden_values(torch.as_tensor(points).to(like))
    edges: list[Edge] = []
    widths: list[int] = [network.dimension]
    products: list[int] = []
    rows = zip(network.layers, hidden, network.rows[1:], strict=True)
    for layer, values, row in rows:
        assert isinstance(layer, KANLayer)
        depth = len(widths) - 1
        low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
        z = low + (high - low) * torch.linspace(0, 1, SAMPLES).to(like)
        x, y = _numpy(z), _outputs(layer, z)
        importance = _relative(_outputs(layer, values).std(axis=-1))
        edges += [
            Edge(depth, i, o, x[i], y[o, i], float(importance[o, i]))
            for i in range(layer.inputs)
            for o in range(layer.outputs)
        ]
        widths.append(row.sources)
        if row.arities:  # a row of its own, in which the factors meet
            targets = [*range(row.sums), *np.repeat(np.arange(len(row.arities)), row.arities)]
            targets[row.sums :] = [row.sums + int(t) for t in targets[row.sums :]]
            line = np.array([-1.0, 1.0])
            edges += [Edge(depth + 1, i, t, line, line, 1.0) for i, t in enumerate(targets)]
            widths.append(row.size)
            products.append(len(widths) - 1)
    return Graph(tuple(widths), edges, tuple(products))


def _outputs(layer: KANLayer, z: torch.Tensor) -> np.ndarray:
    """Return every edge's values at its inputs z (inputs, N): (outputs, inputs, N)."""
    return _numpy(edge_outputs(layer, z))


def _ridge(block: RidgeNodes, coefficients: torch.Tensor, points: np.ndarray) -> Graph:
    directions, centre = _numpy(block.directions), _numpy(block.centre)
    nodes, dimension = directions.shape
    low, high = np.array(block.lower), np.array(block.upper)
    moved = np.abs(directions) * points.std(axis=0)
    moved /= moved.max() or 1.0
    edges = []
    for i in range(dimension):
        x = np.linspace(low[i], high[i], 2)
        for j in range(nodes):
            y = directions[j, i] * (x - centre[i])
            edges.append(Edge(0, i, j, x, y, float(moved[j, i])))
    s = (points - centre) @ directions.T  # (N, H)
    x = np.linspace(s.min(0), s.max(0), SAMPLES)
    series = [_numpy(block.edge_coefficients(c)) for c in coefficients]  # each (H, K + 1)
    stds = np.array([[chebval(s[:, j], c[j]).std() for j in range(nodes)] for c in series])
    importance = _relative(stds)
    edges += [
        Edge(1, j, o, x[:, j], chebval(x[:, j], c[j]), float(importance[o, j]))
        for o, c in enumerate(series)
        for j in range(nodes)
    ]
    return Graph((dimension, nodes, len(series)), edges)


def _products(
    powers: np.ndarray,
    coefficients: np.ndarray,
    centre: torch.Tensor,
    half_width: torch.Tensor,
    points: np.ndarray,
) -> Graph:
    """Return the strongest products; powers (C, D), coefficients (outputs, C)."""
    dimension, middle, half = powers.shape[1], _numpy(centre), _numpy(half_width)
    size = np.linalg.norm(coefficients, axis=0) * (powers.sum(1) > 0)
    size *= 2.0 ** (-0.5 * (powers > 0).sum(1))  # the root mean square of the product
    order = np.argsort(-size, kind="stable")
    shown = order[: max(1, min(MOST_EDGES // dimension, int((size > 0).sum())))]
    s = (points - middle) / half  # (N, D)
    t = np.linspace(-1, 1, SAMPLES)
    values = np.ones((len(shown), len(points)))
    edges = []
    for j, c in enumerate(shown):
        for i, k in enumerate(powers[c]):
            if not k:  # a constant edge
                continue
            unit = np.eye(k + 1)[k]
            values[j] *= chebval(s[:, i], unit)
            edges.append(Edge(0, i, j, middle[i] + half[i] * t, chebval(t, unit), 1.0))
    importance = _relative(np.abs(coefficients[:, shown]) * values.std(axis=1))
    ends = np.stack([values.min(axis=1), values.max(axis=1)], axis=1)  # (shown, 2)
    for o, a in enumerate(coefficients):
        for j, c in enumerate(shown):
            edges.append(Edge(1, j, o, ends[j], a[c] * ends[j], float(importance[o, j])))
    note = f"The strongest {len(shown)} of {len(powers)} products are shown."
    return Graph((dimension, len(shown), len(coefficients)), edges, (1,), note)


def _separable(network: SeparableKAN, points: np.ndarray) -> Graph:
    """Return the strongest products, each with the edges that it multiplies."""
    dimension, outputs, rank = network.dimension, network.outputs, network.rank
    lower, upper = _numpy(network.lower), _numpy(network.upper)
    t = np.linspace(lower, upper, SAMPLES)  # (samples, D)
    lines = [_factor(network, i, t[:, i]) for i in range(dimension)]
    factors = [_factor(network, i, points[:, i]) for i in range(dimension)]
    values = np.prod(factors, axis=0).reshape(outputs * rank, -1)
    spread = values.std(axis=1)
    order = np.argsort(-spread, kind="stable")
    shown = order[: max(1, min(MOST_EDGES // dimension, int((spread > 0).sum())))]
    importance = _relative(spread[shown])
    edges = []
    for j, product in enumerate(shown):
        o, r = divmod(int(product), rank)
        strength = float(importance[j])
        edges += [Edge(0, i, j, t[:, i], lines[i][o, r], strength) for i in range(dimension)]
        ends = np.array([values[product].min(), values[product].max()])
        edges.append(Edge(1, j, o, ends, ends, strength))
    note = f"The strongest {len(shown)} of {len(values)} products are shown."
    return Graph((dimension, len(shown), outputs), edges, (1,), note)


def _factor(network: SeparableKAN, axis: int, x: np.ndarray) -> np.ndarray:
    """Return the edges of an axis at coordinates x (M,), shape (outputs, rank, M)."""
    low, high = network.lower[axis], network.upper[axis]
    s = 2 * (torch.as_tensor(x).to(low) - low) / (high - low) - 1
    with torch.no_grad():
        return _numpy(network.coefficients[axis] @ network.bases[axis].evaluate(s, 0)[0])


def _relative(importance: np.ndarray) -> np.ndarray:
    """Return the importance relative to the largest, zero where it is not finite."""
    finite = np.nan_to_num(importance, nan=0.0, posinf=0.0, neginf=0.0)
    largest = finite.max(initial=0.0)
    return finite / largest if largest > 0 else finite


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float64)
