"""How good a slab is: local errors in x from fresh residuals, in t from Legendre tails."""

from __future__ import annotations

import numpy as np

from kanpde.solving.slab_step import SlabStep

PLACES = np.array([0.06, 0.3, 0.5, 0.7, 0.94])
"""Points of each cell where the residual is looked at; none is a Gauss point."""


def space_indicator(step: SlabStep, stages: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    r"""Return an estimate of the local error of each cell, relative to the field, (cells,).

    The residual at fresh points is divided by the size of the linearised operator on what a cell
    of width h can show, :math:`\sum|G_{u,a,b}|\,\Delta t^{-a}(2/h)^b`, and weighted by
    :math:`\sqrt{h/\bar h}`, so that the root mean square over the cells is an L2 norm.

    Args:
        step: the slab.
        stages: its coefficients.
        sizes: of the unknowns.
    """
    space = step.space
    nodes = space.nodes(PLACES)
    table = space.table(nodes, step.system.space_order)
    per_width = (2 / space.widths)[:, None, None]
    worst = np.zeros(space.cells)
    for e, equation in enumerate(step.system.equations):
        arguments = step.parts(stages, table, equation.parts)
        residual = np.abs(equation.value(nodes[:, :, None], step.times, *arguments))
        slopes = equation.partials(nodes[:, :, None], step.times, *arguments)
        symbol = np.zeros((1, 1, 1))
        for (u, a, b), slope in zip(equation.parts, slopes, strict=True):
            if u == e:
                symbol = symbol + np.abs(slope) * per_width**b / step.length**a
        shape = (*nodes.shape, stages.shape[1])
        error = np.broadcast_to(residual / np.maximum(symbol, 1e-300), shape)
        worst = np.maximum(worst, error.max(axis=(1, 2)) / sizes[e])
    return worst * np.sqrt(space.widths * space.cells / space.length)


def time_indicator(step: SlabStep, stages: np.ndarray, sizes: np.ndarray) -> float:
    r"""Return an estimate of the local error in time, relative to the field.

    With :math:`a_j` the root mean square of the j-th Legendre coefficient in time, what the
    degree m leaves out is about :math:`a_m\min(1,a_m/a_{m-1})`.
    """
    coefficients = np.einsum("jl,ilu->iju", step.rule.to_legendre, step.with_start(stages))
    tail = step.space.rms(coefficients)  # (stages + 1, unknowns)
    last, before = tail[-1], tail[-2]
    ratio = np.minimum(1.0, last / np.maximum(before, 1e-300))
    return float((last * ratio / sizes).max())
