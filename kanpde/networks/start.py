r"""The random start of a KAN: value and Laplacian of order one for every basis, depth and width.

Every edge starts as a random cubic :math:`\sum_k w_k a_k T_k`, a normal, with the higher terms
smaller the deeper the network, for each layer multiplies the slopes of those before. The cubics are
fitted in the H2 norm, so a basis that cannot hold them (a Fourier series a straight line) starts
as the smooth function next to them. Hidden nodes are scaled to [-1, 1], outputs to a value or a
Laplacian of order one, whichever limits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.polynomial import Chebyshev
from torch import Tensor

from kanpde.bases import Basis, BSpline
from kanpde.networks.jets import JetLayout, coordinate_jet
from kanpde.networks.layer import KANLayer
from kanpde.networks.product import NodeRow

INSIDE = 512
"""Points that the size of an output is measured at; more of them tell the ranges of the nodes."""
MARGIN = 1.05
"""Room that hidden values get: the largest of them may lie between the points."""
COARSE = 16
"""Splines of more cells are fitted on some of them."""
VALUE, LAPLACIAN = 0.7, 4.0
"""The root mean square of an output's value and Laplacian is at most this; one of them is it."""


def draw(layers: Sequence[KANLayer], rows: Sequence[NodeRow], seed: int) -> None:
    """Overwrite the coefficients of layers by a random start, in place.

    Args:
        layers: of the network; their edges share the basis of the layer.
        rows: its nodes, one row more than layers.
        seed: of the draw.
    """
    generator = np.random.default_rng(seed)
    first, last = layers[0], layers[-1]
    half = (first.upper - first.lower) / 2
    cube = torch.as_tensor(_probe(generator, first.inputs)).to(half)
    x = (first.lower + half * (cube + 1)).to(first.coefficients)
    # the Laplacian in coordinates scaled to [-1, 1]
    layout = JetLayout.of(first.inputs, [], tuple((half**2).tolist()))
    bend = 1 / max(len(layers) - 1, 1)
    with torch.no_grad():
        jet = coordinate_jet(x, layout)
        for row, layer in zip(rows[1:], layers, strict=True):
            _draw_edges(layer, generator, bend)
            jet = layer(jet, layout)
            size = _output_size(jet) if layer is last else MARGIN * jet[:, 0].abs().amax(1)
            size = size.clamp_min(1e-12)[:, None, None]
            if layer.space is None:
                layer.coefficients /= size
            else:
                layer.set_full(layer.full() / size)
            jet = row.combine(jet / size, layout)


def _probe(generator: np.random.Generator, dimension: int) -> np.ndarray:
    """Return points of [-1, 1]^D: INSIDE even ones, some crowded at the faces, some corners."""
    even = generator.uniform(-1, 1, (INSIDE, dimension))
    crowded = np.cos(np.pi * generator.uniform(size=(INSIDE // 2, dimension)))
    corners = generator.choice([-1.0, 1.0], size=(64, dimension))
    return np.concatenate([even, crowded, corners])


def _draw_edges(layer: KANLayer, generator: np.random.Generator, bend: float) -> None:
    """Give the edges random cubics, in place, their curved parts scaled by ``bend``."""
    amplitudes = generator.normal(size=(3, layer.outputs, layer.inputs))
    weights = np.array([1.0, 0.5 * bend, 0.25 * bend]) / np.sqrt(layer.inputs)
    if layer.grids is None:
        smooth = np.einsum("k,koi,kf->ofi", weights, amplitudes, _cubics(layer.basis))
        full = torch.zeros_like(layer.coefficients)
        full[:, : layer.basis.size] = torch.as_tensor(smooth)
        layer.coefficients.copy_(full)
        return
    full = torch.zeros_like(layer.full())
    for i, basis in enumerate(layer.bases):
        functions = _waves(basis) if i in layer.grids.closed else _cubics(basis)
        smooth = np.einsum("k,ko,kf->of", weights, amplitudes[:, :, i], functions)
        full[:, : basis.size, i] = torch.as_tensor(smooth)
    layer.set_full(full)


def _cubics(basis: Basis) -> np.ndarray:
    """Return the coefficients of T_1, T_2 and T_3 in a basis, (3, size), as well as it can."""
    cubics = [Chebyshev.basis(k) for k in (1, 2, 3)]
    coarse = _coarse(basis) if isinstance(basis, BSpline) else basis
    fits = np.array([coarse.fit(c, derivatives=(c.deriv(1), c.deriv(2))) for c in cubics])
    return fits if coarse == basis else fits @ coarse.transfer(basis).T


def _waves(basis: Basis) -> np.ndarray:
    """Return the coefficients of the first three waves of period 2 in a basis, (3, size)."""
    pi = np.pi
    waves = [
        lambda s, k=k, a=a: np.sin(k * pi * s + a) for k, a in ((1, 0.0), (1, pi / 2), (2, 0.0))
    ]
    return np.array([basis.fit(wave) for wave in waves])


def _coarse(basis: BSpline) -> BSpline:
    """Return splines on few of the knots: they hold cubics as well, and are fitted at once."""
    step = -(-basis.intervals // COARSE)
    if step == 1:
        return basis
    breaks = basis.breakpoints()
    return BSpline(basis.degree, knots=(*breaks[:-1:step].tolist(), 1.0))


def _output_size(jet: Tensor) -> Tensor:
    """Return what to divide outputs by, (outputs,), from their jets (outputs, S, N)."""
    rms = jet[:, :, :INSIDE].square().mean(-1).sqrt()
    return torch.maximum(rms[:, 0] / VALUE, rms[:, -1] / LAPLACIAN)
