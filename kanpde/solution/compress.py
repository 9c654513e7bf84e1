r"""A compact field from an accurate one: its singular value decomposition on a Chebyshev grid.

A field on a box in two coordinates, space and time too, is a sum of products,

.. math:: u(x,y)\approx\sum_{r=1}^R \varphi_r(x)\,\psi_r(y),

whose terms fall as fast as the field allows; the truncated sum is the best of its rank (Eckart and
Young, Psychometrika 1, 1936). Edges are Chebyshev series, as long as the field needs along each
axis (as chebfun2 has it: Townsend and Trefethen, SIAM J. Sci. Comput. 35, 2013), or splines with
knots where the factors are steep, if these are fewer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.polynomial import Chebyshev as Series
from scipy.fft import dctn

from kanpde.bases import Basis, BSpline, Chebyshev
from kanpde.geometry import Sobol, as_box
from kanpde.networks import SeparableKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solution.knots import adapted_knots
from kanpde.solution.solution import ERROR_POINTS, Solution

FIRST, MOST = 32, 1600
"""Points along an axis at first and at most."""
GROWTH = 1.6
FULL = 0.8
"""A series longer than this part of its points may be longer still: more points are taken."""
SHARE = 0.1
"""Part of the tolerance that the truncation of a series may use up."""
ROUND_OFF = 1e-14
"""Coefficients below this part of the field are rounding."""
DENSITIES = (1.7, 2.0, 2.4, 3.0, 4.0)
"""Knots of splines for each cell that a polynomial would have, one attempt after the other."""
DEGREE = 5
"""Of the splines."""
LONG = 40
"""Shorter Chebyshev series are not replaced by splines."""


def compressed(solution: Solution, tol: float) -> Solution:
    """Return a solution with a separable field; see :meth:`Solution.compress`."""
    problem = solution.problem
    if as_box(problem.domain) is None or problem.dimension != 2:
        raise ValueError(
            f"compress needs a box in two coordinates, of space or of space and time; "
            f"{problem.name} is on {problem.domain!r}."
        )
    if not 0 < tol < 1:
        raise ValueError(f"compress: tol={tol!r} must be between 0 and 1.")
    factors = np.linalg.svd(resolved(solution, tol), full_matrices=False)
    points = problem.domain.interior(ERROR_POINTS, seed=991, sampler=Sobol())
    field = solution.at(points)
    cut = tol / 2
    for density in DENSITIES:
        network = _network(problem, factors, cut, density)
        difference = _difference(replace(solution, network=network).at(points), field)
        if difference <= tol:
            break
        cut /= 2
    reached = difference <= tol
    estimate = None if solution.estimate is None else solution.estimate + difference
    return replace(
        solution,
        network=network,
        outcome=solution.outcome if reached else Outcome.TOLERANCE_NOT_REACHED,
        estimate=estimate,
        notes=(
            *solution.notes,
            f"Compressed from {solution.parameters} to {network.parameter_count} parameters; "
            f"relative L2 distance to the field before {difference:.1e}, asked for {tol:.1e}.",
        ),
        way=(
            f"one KAN of {network.rank} product nodes with {_edges(network.bases[0])} and "
            f"{_edges(network.bases[1])}, by singular value decomposition of: {solution.way}"
        ),
        why="It was compressed.",
    )


def resolved(solution: Solution, tol: float) -> np.ndarray:
    """Return Chebyshev coefficients (unknowns, d0 + 1, d1 + 1) that resolve a field."""
    domain = solution.problem.domain
    counts = [FIRST, FIRST]
    while True:
        axes = [
            low + (high - low) * (1 + np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2
            for low, high, n in zip(domain.lower, domain.upper, counts, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        values = solution.at(grid).T.reshape(-1, *counts)
        if not np.isfinite(values).all():
            raise ValueError(
                f"the field of {solution.problem.name} is not known everywhere: "
                f"{solution.outcome.value} Only a complete field can be compressed."
            )
        coefficients = dctn(values, axes=(1, 2)) / (counts[0] * counts[1])
        coefficients[:, 0] /= 2
        coefficients[:, :, 0] /= 2
        goal = max(SHARE * tol, ROUND_OFF)
        degrees = [_degree(coefficients, axis, goal) for axis in (1, 2)]
        short = [d > FULL * n and n < MOST for d, n in zip(degrees, counts, strict=True)]
        if not any(short):
            return coefficients[:, : degrees[0] + 1, : degrees[1] + 1]
        counts = [
            min(int(GROWTH * n), MOST) if s else n for n, s in zip(counts, short, strict=True)
        ]


def _network(
    problem: Problem,
    factors: tuple[np.ndarray, np.ndarray, np.ndarray],
    cut: float,
    density: float,
) -> SeparableKAN:
    """Return the products whose terms left out are below a part of the field, for every unknown.

    Args:
        problem: whose box is taken.
        factors: singular value decompositions of Chebyshev coefficients.
        cut: that part.
        density: of the knots, where splines are shorter than Chebyshev series.
    """
    left, singular, right = factors
    beyond = np.sqrt(np.cumsum(singular[:, ::-1] ** 2, axis=1)[:, ::-1])
    rank = max(int((beyond > cut * np.maximum(beyond[:, :1], 1e-300)).sum(axis=1).max()), 1)
    scale = singular[:, :rank, None]
    terms = (left[:, :, :rank].transpose(0, 2, 1), right[:, :rank])  # (unknowns, R, n)
    bases = [_basis(scale * part, singular[:, 0], cut, density) for part in terms]
    network = SeparableKAN(
        rank,
        bases,
        problem.domain.lower.tolist(),
        problem.domain.upper.tolist(),
        outputs=len(singular),
        seed=0,
    )
    parts = [np.sqrt(scale) * part for part in terms]
    if all(isinstance(basis, Chebyshev) for basis in bases):
        return network.with_vector(torch.as_tensor(np.concatenate([p.ravel() for p in parts])))
    return network.with_edges([[[Series(f) for f in unknown] for unknown in p] for p in parts])


def _basis(weighted: np.ndarray, largest: np.ndarray, cut: float, density: float) -> Basis:
    """Return the shorter basis for functions (unknowns, R, n), Chebyshev series of full length.

    Args:
        weighted: the functions, times their singular values.
        largest: singular value of every unknown.
        cut: relative error.
        density: of the knots of splines.
    """
    size = weighted.shape[2]
    chebyshev = Chebyshev(size - 1)
    if size <= LONG:
        return chebyshev
    relative = weighted / np.maximum(largest, 1e-300)[:, None, None]
    series = relative.reshape(-1, size).T
    spline = BSpline(DEGREE, knots=adapted_knots(series, DEGREE, cut, density=density))
    return spline if spline.size < chebyshev.size else chebyshev


def _edges(basis: Basis) -> str:
    if isinstance(basis, Chebyshev):
        return f"Chebyshev edges of degree {basis.degree}"
    assert isinstance(basis, BSpline)
    return f"spline edges of degree {basis.degree} on {basis.intervals} cells"


def _degree(coefficients: np.ndarray, axis: int, goal: float) -> int:
    """Return the degree beyond which the series along an axis is below a relative goal.

    Of several unknowns the most demanding one decides.
    """
    sizes = (coefficients**2).sum(axis=3 - axis)  # (unknowns, n)
    beyond = np.sqrt(np.cumsum(sizes[:, ::-1], axis=1)[:, ::-1])
    needed = (beyond > goal * np.maximum(beyond[:, :1], 1e-300)).sum(axis=1)
    return max(int(needed.max()) - 1, 0)


def _difference(found: np.ndarray, field: np.ndarray) -> float:
    """Return the largest relative L2 distance of any unknown, values (N, unknowns)."""
    size = np.maximum(np.linalg.norm(field, axis=0), 1e-300)
    return float((np.linalg.norm(found - field, axis=0) / size).max())
