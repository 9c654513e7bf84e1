"""Write a solution's field on a grid or a mesh to VTK and HDF5 files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sympy import latex, srepr

from kanpde.export import (
    GridMesh,
    Mesh,
    MeshArrays,
    ranges,
    read_mesh_file,
    stream_grid_field,
    stream_point_field,
    stream_time_series,
    stream_vtkhdf,
    stream_vtu,
)
from kanpde.geometry import Domain, as_box, triangulate
from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution

CHUNK = 4096
"""Points evaluated at once."""

STEPS = 21
"""Of a time series, if no times are given."""

NEAR = 1e-6
"""Points that lie outside by less, relative to the domain's size, count as points of it."""

DEFAULT_RESOLUTION = {1: 501, 2: 101, 3: 41, 4: 15}


class _Place(NamedTuple):
    """Where a field is written: a mesh in the coordinates of a domain, and groups of its cells."""

    where: Domain
    mesh: Mesh
    groups: Mapping[str, np.ndarray]


Progress = Callable[[float], None]


def export(
    solution: Solution,
    path: str | Path,
    resolution: int | None = None,
    *,
    times: Sequence[float] | None = None,
    mesh: str | Path | None = None,
    vectors: Mapping[str, Sequence[str]] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the field; see ``Solution.export``.

    A box has a uniform grid. Elsewhere a ``.vtu`` has a mesh with the true outline (of a domain
    that is a mesh: its own cells) and an ``.h5`` the grid of the bounding box with NaN and a mask
    outside. The field is evaluated and written piece by piece.
    """
    path, domain = Path(path), solution.problem.domain
    moments = _moments(domain, times)
    _check(path, domain, moments, mesh, vectors)
    if path.suffix == ".h5" and mesh is None:
        _export_grid(solution, path, resolution, progress)
        return path
    series = path.suffix == ".pvd" or (path.suffix == ".vtkhdf" and hasattr(domain, "time"))
    where = domain.space if series or moments is not None else domain
    if series and moments is None:
        moments = np.linspace(domain.time.start, domain.time.end, STEPS)
    if mesh is not None:
        place = _own_mesh(where, mesh)
    else:
        place = _generated(where, resolution or DEFAULT_RESOLUTION.get(where.dimension, 5))
    pieces = _Pieces(solution, place, dict(vectors or {}), progress)
    if path.suffix == ".h5":
        _export_points(pieces, path, moments)
    elif path.suffix == ".vtu":
        at = None if moments is None else float(moments[0])
        stream_vtu(path, place.mesh, pieces.at(at), cell_data=place.groups)
    elif not series:
        stream_vtkhdf(path, [(None, pieces.at(None))], mesh=place.mesh, cell_data=place.groups)
    else:
        assert moments is not None
        steps = pieces.series(moments)
        if path.suffix == ".vtkhdf":
            return stream_vtkhdf(path, steps, mesh=place.mesh, cell_data=place.groups)
        how: dict[str, Any] = {"mesh": place.mesh, "cell_data": place.groups}
        return stream_time_series(path.parent, path.stem, steps, **how)
    return path


def _check(
    path: Path,
    domain: Domain,
    moments: np.ndarray | None,
    mesh: str | Path | None,
    vectors: Mapping[str, Sequence[str]] | None,
) -> None:
    """Raise ValueError for what the format or the domain does not have."""
    timed, suffix = hasattr(domain, "time"), path.suffix
    count = 0 if moments is None else len(moments)
    if suffix not in (".vtu", ".h5", ".pvd", ".vtkhdf"):
        text = "the suffix must be .vtu, .pvd, .vtkhdf or .h5."
    elif suffix == ".h5" and (vectors or (moments is not None and mesh is None)):
        text = (
            "vectors, and times without a mesh, are for VTK's formats; an .h5 holds the whole "
            "grid, or a mesh, one field for each component."
        )
    elif suffix == ".pvd" and not timed:
        text = f"a .pvd is a series in time, which {domain!r} has not; write a .vtu."
    elif suffix in (".vtu", ".h5") and count > 1:
        text = f"a {suffix} shows one time, given {count}; write a .pvd."
    elif mesh is not None and timed and moments is None and suffix in (".vtu", ".h5"):
        text = "the field depends on time; give times=[...] with the mesh."
    else:
        return
    raise ValueError(f"export({path.name!r}): {text}")


@dataclass(frozen=True)
class _Pieces:
    """Evaluates a field piece by piece.

    Args:
        solution: with the field.
        place: where it is wanted.
        vectors: by name the fields that are its components.
        progress: called with the share that is done, or None.
    """

    solution: Solution
    place: _Place
    vectors: Mapping[str, Sequence[str]]
    progress: Progress | None = None

    def at(
        self, moment: float | None, before: float = 0.0, share: float = 1.0
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield the fields at the points of the mesh.

        Args:
            moment: the time, or None where the mesh says it or there is none.
            before: share of the work that is done already.
            share: that this is.
        """
        where, mesh = self.place.where, self.place.mesh
        for start, stop in ranges(mesh.count, CHUNK):
            points = mesh.points(start, stop)[:, : where.dimension]
            inside = np.flatnonzero(_inside(where, points))
            at = points if moment is None else _at(points, moment)
            yield _with_vectors(_spread(self.solution, at, inside), self.vectors)
            if self.progress is not None:
                self.progress(before + share * stop / mesh.count)

    def series(
        self, moments: np.ndarray
    ) -> Iterator[tuple[float, Iterator[dict[str, np.ndarray]]]]:
        """Yield every time with its pieces."""
        share = 1 / len(moments)
        for k, moment in enumerate(moments):
            yield float(moment), self.at(float(moment), k * share, share)


def _spread(solution: Solution, points: np.ndarray, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Return the fields at points (N, D), NaN at those whose numbers are not ``inside``."""
    some = points[inside] if len(inside) else solution.problem.domain.interior(1, seed=0)
    fields = {}
    for name, values in solution.fields(some).items():
        fields[name] = np.full(len(points), np.nan)
        if len(inside):
            fields[name][inside] = values
    return fields


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
    if _fills_box(domain) and domain.mesh is None:
        return _Place(domain, GridMesh.of(_axes(domain, count)), {})
    nodes, simplices = triangulate(domain, count**domain.dimension)
    cells = {"triangle" if domain.dimension == 2 else "tetra": simplices}
    return _Place(domain, MeshArrays.of(nodes, cells), {})


def _fills_box(domain: Domain) -> bool:
    box = np.prod(domain.upper - domain.lower)
    return bool(np.isclose(domain.measure, box, rtol=1e-12))


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
    return _Place(domain, MeshArrays.of(points, mesh.cells), mesh.groups)


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


def _export_grid(
    solution: Solution, path: Path, resolution: int | None, progress: Progress | None
) -> None:
    """Write the grid of the bounding box, NaN and a mask outside, as HDF5."""
    domain = solution.problem.domain
    axes = _axes(domain, resolution or DEFAULT_RESOLUTION.get(domain.dimension, 5))
    total, done = int(np.prod([len(a) for a in axes])), 0

    def points_of(block: tuple[slice, ...]) -> np.ndarray:
        cut = [axis[part] for axis, part in zip(axes, block, strict=True)]
        return np.stack([g.ravel() for g in np.meshgrid(*cut, indexing="ij")], axis=1)

    def inside_of(block: tuple[slice, ...]) -> np.ndarray:
        shape = [part.stop - part.start for part in block]
        return np.asarray(domain.contains(points_of(block))).reshape(shape)

    def values(block: tuple[slice, ...]) -> dict[str, np.ndarray]:
        nonlocal done
        points, inside = points_of(block), inside_of(block)
        flat = inside.ravel()
        parts = []
        for start, stop in ranges(len(points), CHUNK):
            numbers = np.flatnonzero(flat[start:stop])
            parts.append(_spread(solution, points[start:stop], numbers))
            done += stop - start
            if progress is not None:
                progress(done / total)
        return {
            name: np.concatenate([part[name] for part in parts]).reshape(inside.shape)
            for name in parts[0]
        }

    stream_grid_field(
        path,
        dict(zip(domain.names, axes, strict=True)),
        _names(solution),
        values,
        mask=None if _fills_box(domain) else inside_of,
        attributes=_provenance(solution),
    )


def _export_points(pieces: _Pieces, path: Path, moments: np.ndarray | None) -> None:
    """Write the points of a mesh as HDF5, with its cells if they are of one kind."""
    solution, where, mesh = pieces.solution, pieces.place.where, pieces.place.mesh
    time = {} if moments is None else {"time": float(moments[0])}
    assert isinstance(mesh, MeshArrays)
    kind = max(mesh.blocks, key=lambda k: mesh.blocks[k].shape[1])
    stream_point_field(
        path,
        mesh.positions[:, : where.dimension],
        where.names,
        _names(solution),
        pieces.at(time.get("time")),
        cells={kind: mesh.blocks[kind]} if kind != "vertex" else None,
        attributes={**_provenance(solution), **time},
    )


def _names(solution: Solution) -> list[str]:
    """Return the names of all fields."""
    return list(solution.fields(solution.problem.domain.interior(1, seed=0)))


def _provenance(solution: Solution) -> dict[str, Any]:
    """Return what tells where a field comes from."""
    problem = solution.problem
    return {
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
    }
