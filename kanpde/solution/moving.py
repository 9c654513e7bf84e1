"""A field as frames along one coordinate: time, or depth in three dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kanpde.plots import PLACE
from kanpde.problem import evaluate

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution


@dataclass(frozen=True)
class Moving:
    """Fields over a line or a plane at several moments.

    Args:
        coordinate: that the frames follow.
        moments: its values, (F,).
        names: of the one or two coordinates of a frame.
        axes: their values, (n,) each.
        at: where the further coordinates are, e.g. "z = 0.625".
        values: by unknown (F, n) or (F, n, m), index order "ij"; NaN outside of the domain.
        exact: the same for the exact fields, where they are known.
    """

    coordinate: str
    moments: np.ndarray
    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...]
    at: str
    values: Mapping[str, np.ndarray]
    exact: Mapping[str, np.ndarray]


def moving(solution: Solution, *, frames: int, line: int, side: int) -> Moving | None:
    """Return frames of the unknowns, or None for a field without time in fewer than three axes.

    Args:
        solution: any.
        frames: how many, evenly from the first moment to the last.
        line: points along a line.
        side: points along the longer side of a plane.
    """
    domain = solution.problem.domain
    timed, dimension = hasattr(domain, "time"), domain.dimension
    if dimension < 2 or not (timed or dimension >= 3):
        return None
    axis = dimension - 1 if timed else 2
    free = [0] if timed and dimension == 2 else [0, 1]
    size = domain.upper - domain.lower
    longest = max(size[i] for i in free)
    counts = [line if len(free) == 1 else max(9, round(side * size[i] / longest)) for i in free]
    axes = [
        np.linspace(domain.lower[i], domain.upper[i], n) for i, n in zip(free, counts, strict=True)
    ]
    mesh = np.meshgrid(*axes, indexing="ij")
    place = domain.lower + PLACE * size
    points = np.tile(place, (mesh[0].size, 1))
    for i, grid in zip(free, mesh, strict=True):
        points[:, i] = grid.ravel()
    moments = np.linspace(domain.lower[axis], domain.upper[axis], frames)
    problem, shape = solution.problem, (frames, *mesh[0].shape)
    values = {name: np.full(shape, np.nan).reshape(frames, -1) for name in problem.unknown_names}
    exact = {name: v.copy() for name, v in values.items()} if problem.exact else {}
    for k, moment in enumerate(moments):
        points[:, axis] = moment
        inside = domain.contains(points)
        if not inside.any():
            continue
        found = solution.at(points[inside])
        for j, name in enumerate(problem.unknown_names):
            values[name][k, inside] = found[:, j]
            if problem.exact:
                known = problem.exact[problem.unknowns[j]]
                exact[name][k, inside] = evaluate(known, problem.coordinates, points[inside])
    fixed = [i for i in range(dimension) if i not in (*free, axis)]
    return Moving(
        domain.names[axis],
        moments,
        tuple(domain.names[i] for i in free),
        tuple(axes),
        ", ".join(f"{domain.names[i]} = {place[i]:.3g}" for i in fixed),
        {name: v.reshape(shape) for name, v in values.items()},
        {name: v.reshape(shape) for name, v in exact.items()},
    )
