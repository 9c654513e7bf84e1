"""B-splines on explicit knot vectors: local values, derivatives, exact knot insertion.

A knot vector t has n + p + 1 non-decreasing entries for n splines of degree p; spline i lives on
t[i] .. t[i + p + 1]. End knots may be repeated (clamped), continued, or periodic: what differs
between such bases is only their knot vector.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def local_splines(window: Tensor, s: Tensor, degree: int, order: int) -> Tensor:
    r"""Evaluate the degree + 1 splines that live on a point's cell, by Cox and de Boor.

    With :math:`A_i = N_{i,q-1} / (t_{i+q} - t_i)`,
    :math:`N_{i,q} = (s - t_i) A_i + (t_{i+q+1} - s) A_{i+1}` (de Boor, A Practical Guide to
    Splines, chapter IX, (14)) and :math:`N'_{i,q} = q (A_i - A_{i+1})` (chapter X, (8)).

    Args:
        window: the p knots up to the cell's left end and the p beyond, shape (2 p, \*batch).
        s: points, shape (\*batch).
        degree: p.
        order: highest derivative, 0 <= order <= p.

    Returns:
        derivatives 0..order of the splines, shape (order + 1, p + 1, \*batch).

    >>> window = torch.tensor([[0.0], [1.0]])
    >>> local_splines(window, torch.tensor([0.25]), 1, 1)[:, :, 0].tolist()
    [[0.75, 0.25], [-1.0, 1.0]]
    """
    table = (1 + 0 * s)[None, None]
    for q in range(1, degree + 1):
        left, right = window[degree - q : degree], window[degree : degree + q]
        ratio = table / (right - left)
        none = torch.zeros_like(ratio[:, :1])
        rising = torch.cat([none[:1], (s - left) * ratio[:1]], dim=1)
        falling = torch.cat([(right - s) * ratio[:1], none[:1]], dim=1)
        slopes = q * (torch.cat([none, ratio], dim=1) - torch.cat([ratio, none], dim=1))
        table = torch.cat([rising + falling, slopes])[: order + 1]
    return table


def insertion_blossoms(
    knots: np.ndarray, fine_knots: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return how coefficients on a finer knot vector follow from those on a coarser one.

    A coefficient on knots tau is the polar form (blossom) of the polynomial piece at tau_{j+1} ..
    tau_{j+p}: de Boor's recursion with another argument in each round. Any cell in the support of
    the finer spline may supply the piece; the one under its Greville point extrapolates least.

    Args:
        knots: coarse knot vector; the cells are knots[p] .. knots[-p - 1].
        fine_knots: a finer one over the same range, which holds all inner knots of the coarse one.
        degree: p.

    Returns:
        for each finer spline the first coarse one it depends on, (n_fine,), and the weights of
        that and the next p, (n_fine, p + 1).
    """
    p = degree
    breaks, fine_breaks = knots[p : len(knots) - p], fine_knots[p : len(fine_knots) - p]
    size = len(fine_knots) - p - 1
    first = np.arange(size)
    arguments = fine_knots[first[:, None] + 1 + np.arange(p)]
    greville = arguments.mean(axis=1) if p else 0.5 * (fine_knots[:-1] + fine_knots[1:])
    # A fine cell in each function's support, then the coarse cell around it.
    fine_cells = np.searchsorted(fine_breaks[1:-1], greville, side="right")
    fine_cells = np.clip(fine_cells, first - p, first)
    midpoints = 0.5 * (fine_breaks[fine_cells] + fine_breaks[fine_cells + 1])
    cells = np.searchsorted(breaks[1:-1], midpoints, side="right")
    # The polar form is symmetric. Far arguments go first, while the recursion interpolates
    # between distant knots; at the ends this makes the weights 0 and 1 instead of large.
    far_first = np.argsort(-np.abs(arguments - midpoints[:, None]), axis=1, kind="stable")
    arguments = np.take_along_axis(arguments, far_first, axis=1)
    blossom = np.broadcast_to(np.eye(p + 1), (size, p + 1, p + 1)).copy()
    for level in range(1, p + 1):
        argument = arguments[:, level - 1]
        for i in range(p, level - 1, -1):
            low, high = knots[cells + i], knots[cells + i + p + 1 - level]
            weight = ((argument - low) / (high - low))[:, None]
            blossom[:, i] = (1 - weight) * blossom[:, i - 1] + weight * blossom[:, i]
    return cells, blossom[:, p]
