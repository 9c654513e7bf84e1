"""Write a solution's field on a grid or a mesh to VTK and HDF5 files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sympy import latex, srepr

from kanpde.export import (
    grid_mesh,
    read_mesh_file,
    write_grid_field,
    write_time_series,
    write_vtkhdf,
    write_vtu,
)
from kanpde.geometry import Domain, as_box, triangulate
from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution

CHUNK = 16384
"""Points evaluated at once."""

STEPS = 21
"""Of a time series, if no times are given."""

NEAR = 1e-6
"""Points that lie outside by less, relative to the domain's size, count as points of it."""

DEFAULT_RESOLUTION = {1: 501, 2: 101, 3: 41, 4: 15}


class _Place(NamedTuple):
    """Where a field is written: points (N, D), cells by kind, groups of the cells."""

    points: np.ndarray
    cells: Mapping[str, np.ndarray]
    groups: Mapping[str, np.ndarray]


def export(
    solution: Solution,
    path: str | Path,
    resolution: int | None = None,
    *,
    times: Sequence[float] | None = None,
    mesh: str | Path | None = None,
    vectors: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write the field; see ``Solution.export``.

    A box has a uniform grid. Elsewhere a ``.vtu`` has a mesh with the true outline (of a domain
    that is a mesh: its own cells) and an ``.h5`` the grid of the bounding box with NaN and a mask
    outside.
    """
    path, domain = Path(path), solution.problem.domain
    timed, moments = hasattr(domain, "time"), _moments(domain, times)
    if path.suffix not in (".vtu", ".h5", ".pvd", ".vtkhdf"):
        raise ValueError(f"export({path.name!r}): the suffix must be .vtu, .pvd, .vtkhdf or .h5.")
    if path.suffix == ".h5":
        if mesh is not None or vectors or times is not None:
            raise ValueError(
                f"export({path.name!r}): mesh, times and vectors are for VTK's formats; an "
                ".h5 holds the whole grid, one field for each component."
            )
        _export_grid(solution, path, resolution)
        return path
    if path.suffix == ".pvd" and not timed:
        raise ValueError(
            f"export({path.name!r}): a .pvd is a series in time, which {domain!r} has not; write "
            "a .vtu."
        )
    if path.suffix == ".vtu" and moments is not None and len(moments) != 1:
        raise ValueError(
            f"export({path.name!r}): a .vtu shows one time, given {len(moments)}; write a .pvd."
        )
    if mesh is not None and timed and moments is None and path.suffix == ".vtu":
        raise ValueError(
            f"export({path.name!r}): the field depends on time; give times=[...] with the mesh."
        )
    series = path.suffix == ".pvd" or (path.suffix == ".vtkhdf" and timed)
    in_space = series or moments is not None
    where = domain.space if in_space else domain
    count = resolution or DEFAULT_RESOLUTION.get(where.dimension, 5)
    place = _own_mesh(where, mesh) if mesh is not None else _generated(where, count)
    chosen = dict(vectors or {})
    if path.suffix == ".vtu":
        at = place.points if moments is None else _at(place.points, moments[0])
        found = _with_vectors(_fields(solution, at, where), chosen)
        write_vtu(path, place.points, place.cells, found, cell_data=place.groups)
        return path
    mesh_of: dict[str, Any] = {
        "points": place.points,
        "cells": place.cells,
        "cell_data": place.groups,
    }
    if not series:
        found = _with_vectors(_fields(solution, place.points, where), chosen)
        return write_vtkhdf(path, [(None, found)], **mesh_of)
    if moments is None:
        moments = np.linspace(domain.time.start, domain.time.end, STEPS)
    steps = (
        (float(t), _with_vectors(_fields(solution, _at(place.points, t), where), chosen))
        for t in moments
    )
    if path.suffix == ".vtkhdf":
        return write_vtkhdf(path, steps, **mesh_of)
    return write_time_series(path.parent, path.stem, steps, **mesh_of)


def _moments(domain: Domain, times: Sequence[float] | None) -> np.ndarray | None:
    """Return the times of a field in time, or None if none are given."""
    if times is None:
        return None
    if not hasattr(domain, "time"):
        raise ValueError(f"times={list(times)!r}: {domain!r} has no time.")
    moments = np.atleast_1d(np.asarray(times, dtype=np.float64))
    start, end = domain.time.start, domain.time.end
    slack = NEAR * (end - start)
    if moments.ndim != 1 or not ((moments >= start - slack) & (moments <= end + slack)).all():
        raise ValueError(f"times={list(times)!r} must lie between {start:g} and {end:g}.")
    return np.clip(moments, start, end)


def _at(points: np.ndarray, moment: float) -> np.ndarray:
    return np.column_stack([points, np.full(len(points), moment)])


def _generated(domain: Domain, count: int) -> _Place:
    """Return the grid of a box, the cells of a mesh, or a mesh with another domain's outline."""
    if domain.dimension > 3:
        raise ValueError(
            f"a .vtu file holds at most 3 dimensions, the problem has {domain.dimension}."
        )
    fills = np.isclose(domain.measure, np.prod(domain.upper - domain.lower), rtol=1e-12)
    if fills and domain.mesh is None:
        points, cells = grid_mesh(_axes(domain, count))
        return _Place(points[:, : domain.dimension], cells, {})
    nodes, simplices = triangulate(domain, count**domain.dimension)
    return _Place(nodes, {"triangle" if domain.dimension == 2 else "tetra": simplices}, {})


def _axes(domain: Domain, count: int) -> list[np.ndarray]:
    return [np.linspace(lo, hi, count) for lo, hi in zip(domain.lower, domain.upper, strict=True)]


def _own_mesh(domain: Domain, file: str | Path) -> _Place:
    """Return the mesh of a file in the coordinates of the domain."""
    mesh = read_mesh_file(file)
    dimension = domain.dimension
    if mesh.points.shape[1] < dimension or np.ptp(mesh.points[:, dimension:], axis=0).any():
        raise ValueError(
            f"the points of {file} do not lie in the {dimension} coordinates "
            f"{', '.join(domain.names)} of the domain."
        )
    points = np.ascontiguousarray(mesh.points[:, :dimension])
    if not _inside(domain, points).any():
        raise ValueError(f"no point of {file} lies in {domain!r}.")
    return _Place(points, mesh.cells, mesh.groups)


def _inside(domain: Domain, points: np.ndarray) -> np.ndarray:
    """Return which points (N, D) lie in the domain, but for round-off."""
    inside = np.asarray(domain.contains(points)).copy()
    outside = np.flatnonzero(~inside)
    size = float(np.linalg.norm(domain.upper - domain.lower))
    if len(outside) and as_box(domain) is not None:
        clipped = np.clip(points[outside], domain.lower, domain.upper)
    elif len(outside) and domain.loops:
        clipped = domain.nearest(points[outside])[0]
    else:
        return inside
    away = np.linalg.norm(points[outside] - clipped, axis=1)
    inside[outside] = away <= NEAR * size
    return inside


def _fields(solution: Solution, points: np.ndarray, where: Domain) -> dict[str, np.ndarray]:
    """Return the fields at points (N, D), NaN where the place is outside of ``where``."""
    inside = np.flatnonzero(_inside(where, points[:, : where.dimension]))
    pieces = np.array_split(inside, max(1, -(-len(inside) // CHUNK)))
    parts = [solution.fields(points[piece]) for piece in pieces]
    fields = {}
    for name in parts[0]:
        fields[name] = np.full(len(points), np.nan)
        fields[name][inside] = np.concatenate([part[name] for part in parts])
    return fields


def _with_vectors(
    fields: dict[str, np.ndarray], vectors: Mapping[str, Sequence[str]]
) -> dict[str, np.ndarray]:
    """Return the fields with the components (N,) that make vectors together, (N, 3)."""
    for name, components in vectors.items():
        missing = [c for c in components if c not in fields]
        if missing or isinstance(components, str) or not 1 <= len(components) <= 3:
            raise ValueError(
                f"vectors[{name!r}]={components!r} must name one to three fields; the fields are: "
                f"{', '.join(fields)}."
            )
    return {
        **fields,
        **{n: np.stack([fields[c] for c in names], axis=1) for n, names in vectors.items()},
    }


def _export_grid(solution: Solution, path: Path, resolution: int | None) -> None:
    """Write the grid of the bounding box, NaN and a mask outside, as HDF5."""
    domain = solution.problem.domain
    fills = np.isclose(domain.measure, np.prod(domain.upper - domain.lower), rtol=1e-12)
    axes = _axes(domain, resolution or DEFAULT_RESOLUTION.get(domain.dimension, 5))
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    shape = tuple(len(a) for a in axes)
    inside = domain.contains(points)
    fields = {}
    for name, values in solution.fields(points[inside]).items():
        fields[name] = np.full(len(points), np.nan)
        fields[name][inside] = values
    problem = solution.problem
    write_grid_field(
        path,
        dict(zip(domain.names, axes, strict=True)),
        {name: values.reshape(shape) for name, values in fields.items()},
        mask=None if fills else inside.reshape(shape),
        attributes={
            "title": problem.name,
            "kanpde_version": __version__,
            "problem": repr(problem.domain),
            "equation_latex": "; ".join(f"{latex(e)} = 0" for e in problem.equations.values()),
            "equation_srepr": "; ".join(srepr(e) for e in problem.equations.values()),
            "conditions": "; ".join(
                f"{name}: {c.text}"
                for name, c in zip(problem.condition_names, problem.conditions, strict=True)
            ),
            "seed": solution.seed,
            "outcome": solution.outcome.name.lower(),
            "estimate": solution.estimate if solution.estimate is not None else float("nan"),
            "errors": json.dumps(solution.errors() if problem.exact else {}),
        },
    )
