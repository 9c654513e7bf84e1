"""Knots for splines that are to hold given functions: dense where these are hard, graded between.

A cell is halved until a polynomial of the degree of the splines holds the functions there. That
tells how wide the cells may be. Those of the splines are narrower, for a spline has one coefficient
in each and not degree + 1, and change slowly, for a spline reaches over degree + 1 of them.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.chebyshev import chebval, chebvander

NARROWEST = 1e-5
"""Of a cell, on [-1, 1]."""
WIDEST = 0.25
"""Of a cell at first: no function hides between the points."""
SLOPE = 0.4
"""How much wider a cell may be than another one, relative to the distance between them."""
GAIN = 1.5
"""A cell may be so much wider where the error allows it."""


def adapted_knots(
    series: np.ndarray, degree: int, goal: float, *, density: float
) -> tuple[float, ...]:
    """Return the break points of splines on [-1, 1] that hold functions.

    Args:
        series: Chebyshev coefficients of the functions, (n, R).
        degree: of the splines.
        goal: for the root mean square error in a cell, of all functions together.
        density: knots for each cell of piecewise polynomials.
    """
    low, width, error = _cells(series, degree, goal)
    middle = low + width / 2
    allowed = width * np.minimum((goal / error) ** (1 / (degree + 1)), GAIN)
    between = np.abs(middle[:, None] - middle) - (width[:, None] + width) / 2
    allowed = np.min(allowed + SLOPE * np.maximum(between, 0), axis=1)
    counted = np.concatenate([[0.0], np.cumsum(width / allowed)])
    count = max(int(np.ceil(density * counted[-1])), 1)
    edges = np.concatenate([low, [1.0]])
    knots = np.interp(np.linspace(0, counted[-1], count + 1), counted, edges)
    return (-1.0, *knots[1:-1].tolist(), 1.0)


def _cells(
    series: np.ndarray, degree: int, goal: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return left ends, widths and errors of cells on which polynomials hold the functions."""
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    tests = np.linspace(-1, 1, 2 * degree + 4)[1:-1]
    matrix = chebvander(tests, degree) @ np.linalg.inv(chebvander(nodes, degree))
    found, waiting = [], [(-1.0, 2.0)]
    while waiting:
        low, width = waiting.pop()
        middle = low + width / 2
        known = chebval(middle + width / 2 * nodes, series).T  # (nodes, R)
        wanted = chebval(middle + width / 2 * tests, series).T
        error = float(np.sqrt(((matrix @ known - wanted) ** 2).mean(0).sum()))
        if width <= WIDEST and (error <= goal or width < NARROWEST):
            found.append((low, width, max(error, 1e-300)))
        else:
            waiting += [(low, width / 2), (middle, width / 2)]
    low_ends, widths, errors = np.array(sorted(found)).T
    return low_ends, widths, errors
