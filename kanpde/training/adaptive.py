r"""Where more knots pay: for every cell of every edge what the loss would gain by a knot in it.

A knot in the middle of a cell adds one function v to its edge. With the residual r and the Jacobian
J of the present parameters, the linearised loss falls by

.. math:: \eta_v = \frac{(P J_v \cdot r)^2}{2\,|P J_v|^2}

when the coefficient of v is free and all present ones follow; P projects out the columns of J, so
the choice of v among the functions that the knot adds does not matter. Knots go to the cells of
largest gain until they hold a share of the sum of all gains (Dörfler, SIAM J. Numer. Anal. 33
(1996), bulk marking).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from torch import Tensor

from kanpde.bases import Basis, BSpline
from kanpde.networks import KAN, Network, WithNumbers, bare
from kanpde.networks.layer import KANLayer
from kanpde.training.stage import Task

Edge = tuple[int, int, int]
"""Layer, output and input of an edge."""
NARROWEST = 1e-6
"""Cells narrower than this, on [-1, 1], are not halved."""
DEPENDENT = 1e-10
"""A column that is known to this relative accuracy from the others is one of them."""


@dataclass(frozen=True)
class Gain:
    """What a knot would bring.

    Args:
        edge: layer, output and input.
        knot: the middle of a cell, in (-1, 1).
        decrease: of the loss, by the linearised residual.
    """

    edge: Edge
    knot: float
    decrease: float


def kan_of(network: Network) -> KAN:
    """Return the KAN that a network is, or holds.

    Raises:
        ValueError: if it is another network, or has no edge that is a spline.
    """
    inner = bare(network)
    if not isinstance(inner, KAN):
        raise ValueError(f"{type(inner).__name__} has no edges whose knots can be chosen.")
    if not any(_spline_edges(inner)):
        raise ValueError("this KAN has no edge that is a B-spline, and so no knots to insert.")
    return inner


def gains(task: Task, network: Network) -> list[Gain]:
    """Return what a knot in the middle of each cell of each spline edge would bring.

    Raises:
        ValueError: if the network holds no KAN with splines.
    """
    knots = {
        edge: _middles(basis) for edge, basis in _spline_edges(kan_of(network)) if _middles(basis)
    }
    if not knots:
        return []
    fine: Network = network.inserted(knots)  # type: ignore[operator]
    collocation = task.collocate(fine)
    residual, coarse = collocation.jacobian(network, collocation.prepare(network))
    _, jacobian = collocation.jacobian(fine, collocation.prepare(fine))
    places = _places(fine)
    bases = dict(_spline_edges(kan_of(network)))
    found, columns = [], []
    for edge, points in knots.items():
        old = bases[edge]
        new = old.inserted(points)
        block = _numpy(jacobian[places[edge]])[: new.size]
        for knot in points:
            candidate = old.inserted([knot])
            weights = candidate.transfer(new)[:, _added(candidate, knot)]
            columns.append(weights @ block)
            found.append((edge, knot))
    decreases = _decreases(_numpy(coarse), np.array(columns), _numpy(residual))
    return [Gain(*where, float(d)) for where, d in zip(found, decreases, strict=True)]


def marked(
    found: Sequence[Gain], *, fraction: float, most: int | None
) -> dict[Edge, tuple[float, ...]]:
    """Return the knots of the fewest gains that make up a share of their sum.

    Args:
        found: the gains.
        fraction: the share, in (0, 1].
        most: at most so many knots.

    >>> some = [Gain((0, 0, 0), 0.5, 8.0), Gain((0, 0, 1), -0.5, 1.0), Gain((0, 0, 0), 0.0, 3.0)]
    >>> marked(some, fraction=0.5, most=None), marked(some, fraction=0.9, most=None)
    ({(0, 0, 0): (0.5,)}, {(0, 0, 0): (0.0, 0.5)})
    """
    ordered = sorted((g for g in found if g.decrease > 0), key=lambda g: -g.decrease)[:most]
    total = sum(g.decrease for g in found)
    chosen: dict[Edge, list[float]] = {}
    reached = 0.0
    for gain in ordered:
        if reached >= fraction * total:
            break
        chosen.setdefault(gain.edge, []).append(gain.knot)
        reached += gain.decrease
    return {edge: tuple(sorted(knots)) for edge, knots in chosen.items()}


def _decreases(coarse: np.ndarray, columns: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return the gains of columns (K, rows) beside the present Jacobian (P, rows)."""
    q, r, _ = scipy.linalg.qr(coarse.T, mode="economic", pivoting=True, check_finite=False)
    size = np.abs(np.diag(r))
    q = q[:, : int((size > DEPENDENT * size.max(initial=0.0)).sum())]
    across = columns - (columns @ q) @ q.T
    across -= (across @ q) @ q.T  # once more: what is left may be small
    square = (across**2).sum(1)
    free = square > DEPENDENT**2 * (columns**2).sum(1)
    return np.where(free, 0.5 * (across @ residual) ** 2 / np.where(free, square, 1.0), 0.0)


def _added(basis: BSpline, knot: float) -> int:
    """Return a function that the basis has for its knot only: the one centred there."""
    place = int(np.argmin(np.abs(basis.extended_knots() - knot)))
    return min(max(place - (basis.degree + 1) // 2, 0), basis.size - 1)


def _middles(basis: BSpline) -> list[float]:
    breaks = basis.breakpoints()
    wide = np.diff(breaks) > NARROWEST
    return (0.5 * (breaks[1:] + breaks[:-1])[wide]).tolist()


def _spline_edges(network: KAN) -> Iterator[tuple[Edge, BSpline]]:
    layer: KANLayer
    for depth, layer in enumerate(network.layers):  # type: ignore[assignment]
        rows: tuple[tuple[Basis | None, ...], ...] = layer.all_grids().edges
        for output, row in enumerate(rows):
            for input, basis in enumerate(row):
                if isinstance(basis, BSpline):
                    yield (depth, output, input), basis


def _places(network: Network) -> dict[Edge, slice]:
    """Return where the parameters of edges with grids of their own are in the vector of all."""
    places = {}
    start = len(network.sought) if isinstance(network, WithNumbers) else 0
    layer: KANLayer
    for depth, layer in enumerate(kan_of(network).layers):  # type: ignore[assignment]
        blocks = {} if layer.space is None else layer.space.blocks()
        for (output, input), own in blocks.items():
            places[depth, output, input] = slice(start + own.start, start + own.stop)
        start += sum(p.numel() for p in layer.parameters())
    return places


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()
