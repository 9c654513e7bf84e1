"""Which formulas describe an edge: the shortest descriptions of its samples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sympy import Float, Symbol

from kanpde.formula.naming import edge_fits
from kanpde.formula.template import rms, values
from kanpde.plots import Edge
from kanpde.report.mathematics import inline, mathml

SHOWN = 3
"""Candidates of one edge."""

NOISE = 1e-4
"""What counts as the same function, relative to the size of the edge: a line's width."""


def candidates(
    edges: Sequence[Edge], names: Sequence[str], seconds: float
) -> list[list[dict[str, Any]]]:
    """Return for each edge its best formulas, each with its misfit; the strongest edges first.

    A candidate is a description, found edge by edge; it proves nothing of the whole field. Edges
    that the time does not suffice for have none.

    Args:
        edges: sampled.
        names: of the variable of each edge.
        seconds: for all edges.
    """
    found: list[list[dict[str, Any]]] = [[] for _ in edges]
    end = time.perf_counter() + seconds
    for k in sorted(range(len(edges)), key=lambda k: -edges[k].importance):
        if time.perf_counter() > end:
            break
        found[k] = _of_edge(edges[k], Symbol(names[k], real=True))
    return found


def _of_edge(edge: Edge, variable: Symbol) -> list[dict[str, Any]]:
    finite = np.isfinite(edge.x) & np.isfinite(edge.y)
    x, y = edge.x[finite], edge.y[finite]
    size = float(y.std()) if len(y) else 0.0
    if size == 0 or np.ptp(x) == 0:
        return []
    if len(x) == 2:  # a straight line is drawn with its ends
        slope = (y[1] - y[0]) / (x[1] - x[0])
        line = Float(slope, 4) * variable
        offset = y[0] - slope * x[0]
        if abs(offset) > NOISE * size:
            line += Float(offset, 4)
        return [{"formula": inline(mathml(line)), "misfit": "0"}]
    with np.errstate(all="ignore"):
        fits = edge_fits(x, y, np.ones(len(x)), (NOISE * size) ** 2, variable, limit=SHOWN)
    shown = []
    for fit in fits:
        numeric = fit.template.numeric()
        misfit = float(rms(values([numeric], [variable], [x])[0] - y)) / size
        if not np.isfinite(misfit):
            continue
        rounded = numeric.xreplace({f: Float(f, 4) for f in numeric.atoms(Float)})
        shown.append({"formula": inline(mathml(rounded)), "misfit": f"{misfit:.1e}"})
    return shown
