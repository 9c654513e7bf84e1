"""Changes of one KAN layer: finer, moved, other or fewer edges. Each returns a new layer."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from kanpde.bases import Basis, BSpline, Fourier, PeriodicSpline
from kanpde.networks.fitting import derivative_scales, solved
from kanpde.networks.grids import EdgeGrids
from kanpde.networks.layer import KANLayer, fitted
from kanpde.networks.snapped import SnappedEdge

Edge = tuple[int, int]
"""The output and the input node that an edge of a layer joins."""


def remade(
    layer: KANLayer, basis: Basis, grids: EdgeGrids | None, full: Tensor, *, squash: bool
) -> KANLayer:
    """Return a layer like another one with other bases and full coefficients.

    Args:
        layer: the other one; its range and formulas are kept.
        basis: of the layer.
        grids: of its edges, or None.
        full: coefficients (outputs, F, inputs), without those of the base function, which stay.
        squash: see :class:`KANLayer`.
    """
    made = _blank(layer, basis, grids, squash=squash)
    if layer.activation is not None:
        full = torch.cat([full, layer.full().detach()[:, -1:]], dim=1)
    made.set_full(full)
    return made


def blank(layer: KANLayer, grids: EdgeGrids | None) -> KANLayer:
    """Return a layer like another one on other grids, with zero coefficients.

    The range and the formulas are kept.
    """
    return _blank(layer, layer.basis, grids, squash=layer.squash)


def _blank(layer: KANLayer, basis: Basis, grids: EdgeGrids | None, *, squash: bool) -> KANLayer:
    made = KANLayer(
        layer.inputs, layer.outputs, basis, layer.activation, squash=squash, grids=grids
    ).to(layer.coefficients)
    made.lower, made.upper = layer.lower.clone(), layer.upper.clone()
    made.snapped = copy.deepcopy(layer.snapped)
    return made


def splines(layer: KANLayer) -> Tensor:
    """Return the full coefficients without those of the base function, (outputs, F, inputs)."""
    full = layer.full().detach()
    return full if layer.activation is None else full[:, :-1]


def refined(layer: KANLayer, **how: Any) -> KANLayer:
    """Return the same layer on finer bases; exact."""
    basis = layer.basis.refined(**how)
    if layer.grids is None:
        matrix = torch.as_tensor(layer.basis.transfer(basis)).to(layer.coefficients)
        full = torch.einsum("gf,ofi->ogi", matrix, splines(layer))
        return remade(layer, basis, None, full, squash=layer.squash)
    edges = {
        (o, i): own if own is None else _finer(own, how)
        for o, row in enumerate(layer.grids.edges)
        for i, own in enumerate(row)
    }
    return regridded_exactly(layer, basis, layer.grids.changed(edges))


def _finer(own: Basis, how: Mapping[str, Any]) -> Basis:
    """Return an edge's finer basis; waves beside polynomials get as many functions as these."""
    if isinstance(own, Fourier) and set(how) == {"degree"}:
        return own.refined(modes=max(own.modes, how["degree"] // 2))
    return own.refined(**how)


def inserted(layer: KANLayer, knots: Mapping[Edge, Sequence[float]]) -> KANLayer:
    """Return the same layer with more knots on some edges (output, input); exact.

    Raises:
        ValueError: if an edge has no knots, or a knot is none that can be inserted.
    """
    grids = layer.all_grids()
    edges: dict[Edge, Basis | None] = {}
    for (o, i), points in knots.items():
        own = grids.edges[o][i]
        if not isinstance(own, BSpline):
            raise ValueError(f"the edge from {i} to {o} is no spline; it is {own!r}.")
        edges[o, i] = own.inserted(points)
    return regridded_exactly(layer, layer.basis, grids.changed(edges))


def closed(layer: KANLayer, axes: Sequence[int]) -> KANLayer:
    """Return a layer of the same kind, all zero, whose edges from some inputs are periodic.

    Splines wrap around on even knots of as many cells; any other basis becomes Fourier series of
    about as many functions.

    Raises:
        ValueError: for an input that does not exist, or an edge that is a formula.
    """
    if not all(0 <= axis < layer.inputs for axis in axes):
        raise ValueError(
            f"periodic={list(axes)} must be columns of coordinates, from 0 to {layer.inputs - 1}."
        )
    if any(edge.input in axes for edge in layer.snapped):
        raise ValueError("an edge that is a formula cannot be made periodic.")
    grids = layer.all_grids()
    edges = {
        (o, i): None if own is None else _periodic(own)
        for o, row in enumerate(grids.edges)
        for i, own in enumerate(row)
        if i in axes
    }
    return blank(layer, grids.changed(edges, tuple(axes)))


def _periodic(own: Basis) -> Basis:
    if isinstance(own, (Fourier, PeriodicSpline)):
        return own if isinstance(own, PeriodicSpline) else Fourier(own.modes)
    if isinstance(own, BSpline):
        return PeriodicSpline(own.degree, own.intervals)
    return Fourier(max(1, own.size // 2))


def regridded_exactly(layer: KANLayer, basis: Basis, grids: EdgeGrids) -> KANLayer:
    """Return the same layer on grids that contain its own."""
    old = splines(layer)
    unions = grids.bases
    full = old.new_zeros(layer.outputs, max(b.size for b in unions), layer.inputs)
    for i, (coarse, fine) in enumerate(zip(layer.all_grids().bases, unions, strict=True)):
        matrix = torch.as_tensor(coarse.transfer(fine)).to(old)
        full[:, : fine.size, i] = old[:, : coarse.size, i] @ matrix.T
    return remade(layer, basis, grids, full, squash=layer.squash)


def moved(
    layer: KANLayer, lower: Tensor, upper: Tensor, edges: Mapping[Edge, Basis] | None = None
) -> KANLayer:
    """Return the layer on other input ranges (inputs,) and, if given, on other knots.

    Not exact: every edge is refitted on its new range to values and two derivatives, these scaled
    by what the basis resolves.

    Args:
        layer: one whose inputs are mapped affinely.
        lower: the new lower ends.
        upper: the new upper ends.
        edges: the new bases of edges (output, input); the others keep theirs.
    """
    grids = layer.all_grids().changed(dict(edges)) if edges else layer.grids
    new = layer.bases * layer.inputs if grids is None else grids.bases
    finest = max(new, key=lambda b: b.size)
    nodes = _nodes(new, like=lower)
    half = (upper - lower) / 2
    z = lower[:, None] + half[:, None] * (nodes + 1)
    coefficients = splines(layer)
    table = _edge_table(layer, z)[:, : coefficients.shape[1]]
    values = torch.einsum("kfim,ofi->koim", table, coefficients)
    by_s = values * torch.stack([half**k for k in range(3)])[:, None, :, None]
    full = fitted(new, by_s, nodes, scales=derivative_scales(finest, 2))
    made = remade(layer, layer.basis, grids, full, squash=False)
    made.lower, made.upper = lower.clone(), upper.clone()
    return made


def converted(
    layer: KANLayer, basis: Basis, lower: Tensor, upper: Tensor, *, squash: bool
) -> KANLayer:
    """Return the layer with its edges refitted on another basis over the ranges (inputs,).

    Least squares of values and two derivatives at points of the ranges, of least norm; the result
    is as good as the basis allows.
    """
    nodes = _nodes([basis], like=lower)
    middle, half = (lower + upper)[:, None] / 2, (upper - lower)[:, None] / 2
    z = middle + half * nodes
    made = KANLayer(layer.inputs, layer.outputs, basis, layer.activation, squash=squash).to(
        layer.coefficients
    )
    if layer.grids is not None and layer.grids.closed:
        made = closed(made, layer.grids.closed)
    if not squash:
        made.lower, made.upper = lower.clone(), upper.clone()
    count = max(b.size for b in made.bases)
    values = torch.einsum("kfim,ofi->koim", _edge_table(layer, z), layer.full().detach())
    new = _edge_table(made, z)
    # the base function keeps its coefficients; where the input is squashed now, it is another
    base = layer.full().detach()[:, splines(layer).shape[1] :]
    values = values - torch.einsum("kfim,ofi->koim", new[:, count:], base)
    scales = torch.stack([half**k * w for k, w in enumerate(derivative_scales(basis, 2))])
    rows = (new[:, :count] * scales[:, None]).permute(2, 0, 3, 1).flatten(1, 2)
    right = (values * scales[:, None]).permute(2, 0, 3, 1).flatten(1, 2)
    solution = torch.stack([solved(a, b) for a, b in zip(rows, right, strict=True)])
    full = torch.cat([solution.permute(2, 1, 0), base], dim=1)
    made.set_full(full)
    made.snapped = copy.deepcopy(layer.snapped)
    return made


def snapped(layer: KANLayer, edge: SnappedEdge) -> KANLayer:
    """Return the layer with an edge replaced by a formula."""
    everything = range(layer.outputs), range(layer.inputs)
    made = restricted(layer, *everything, without={(edge.output, edge.input)})
    made.snapped.append(edge.to(layer.coefficients))
    return made


def restricted(
    layer: KANLayer, outputs: Sequence[int], inputs: Sequence[int], *, without: Collection[Edge]
) -> KANLayer:
    """Return the part of a layer between some of its outputs and inputs, without some edges.

    Args:
        layer: the layer.
        outputs: those that are kept, in the new order.
        inputs: the same.
        without: edges (output, input) of the old layer that go too.
    """
    grids = layer.all_grids().changed(dict.fromkeys(without)).restricted(outputs, inputs)
    made = KANLayer(
        len(inputs), len(outputs), layer.basis, layer.activation, squash=layer.squash, grids=grids
    ).to(layer.coefficients)
    assert made.space is not None
    for (o, i), place in made.space.blocks().items():
        with torch.no_grad():
            made.coefficients[place] = layer.edge_coefficients(outputs[o], inputs[i])
    made.lower, made.upper = layer.lower[list(inputs)].clone(), layer.upper[list(inputs)].clone()
    for edge in layer.snapped_edges():
        old = (edge.output, edge.input)
        if old not in without and edge.output in outputs and edge.input in inputs:
            output, input = outputs.index(edge.output), inputs.index(edge.input)
            made.snapped.append(edge.moved(output, input))
    return made


def expanded(layer: KANLayer, lower: Tensor, upper: Tensor) -> KANLayer:
    """Return the layer with a zero edge wherever there is none.

    Args:
        layer: the layer.
        lower: ends of the ranges of its inputs (inputs,), for a layer without splines so far.
        upper: the same.
    """
    if layer.grids is None:
        return layer
    formulas = {(e.output, e.input) for e in layer.snapped_edges()}
    absent = [
        (o, i)
        for o, row in enumerate(layer.grids.edges)
        for i, basis in enumerate(row)
        if basis is None and (o, i) not in formulas
    ]
    made = blank(layer, layer.grids.changed(dict.fromkeys(absent, layer.basis)))
    assert layer.space is not None
    assert made.space is not None
    places = made.space.blocks()
    with torch.no_grad():
        for edge, old in layer.space.blocks().items():
            made.coefficients[places[edge]] = layer.coefficients[old]
    if not layer.space.blocks() and not layer.squash:
        made.lower, made.upper = lower.clone(), upper.clone()
    return made


def formula_of(layer: KANLayer, edge: Edge) -> SnappedEdge | None:
    """Return the formula of an edge (output, input), or None."""
    return next((e for e in layer.snapped_edges() if (e.output, e.input) == edge), None)


def _nodes(bases: Sequence[Basis], *, like: Tensor) -> Tensor:
    """Return points of [-1, 1] to fit on: Chebyshev points, and some in every cell."""
    size = max(b.size for b in bases)
    nodes = [torch.cos(torch.linspace(0, torch.pi, 8 * size, dtype=torch.float64))]
    for basis in dict.fromkeys(bases):
        if isinstance(basis, BSpline):
            breaks = torch.as_tensor(basis.breakpoints())
            places = (torch.arange(basis.degree + 2) + 0.5) / (basis.degree + 2)
            nodes.append((breaks[:-1, None] + breaks.diff()[:, None] * places).flatten())
    return torch.cat(nodes).to(like)


def _edge_table(layer: KANLayer, z: Tensor) -> Tensor:
    """Return values and two derivatives by z of a layer's functions, (3, F, inputs, M)."""
    with torch.no_grad():
        if not layer.squash:
            return layer.table(z, 2)
        t = torch.tanh(z)
        slope = 1 - t * t
        raw = layer.table(t, 2)
        return torch.stack([raw[0], raw[1] * slope, raw[2] * slope**2 - 2 * t * slope * raw[1]])
