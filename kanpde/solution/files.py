"""Write a solution's field on a grid to VTK and HDF5 files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sympy import latex, srepr

from kanpde.export import grid_mesh, write_grid_field, write_vtu
from kanpde.geometry import triangulate
from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution

DEFAULT_RESOLUTION = {1: 501, 2: 101, 3: 41, 4: 15}


def export(solution: Solution, path: str | Path, resolution: int | None = None) -> Path:
    """Write the field on a grid or a mesh of the domain; see ``Solution.export``.

    A box has a uniform grid. Elsewhere a ``.vtu`` has a mesh with the true outline (of a domain
    that is a mesh: its own cells) and an ``.h5`` the grid of the bounding box with NaN and a mask
    outside.
    """
    path = Path(path)
    dimension = solution.problem.dimension
    if path.suffix not in (".vtu", ".h5"):
        raise ValueError(f"export({path.name!r}): the suffix must be .vtu or .h5.")
    if path.suffix == ".vtu" and dimension > 3:
        raise ValueError(f"a .vtu file holds at most 3 dimensions, the problem has {dimension}.")
    count = resolution or DEFAULT_RESOLUTION.get(dimension, 5)
    domain = solution.problem.domain
    fills = np.isclose(domain.measure, np.prod(domain.upper - domain.lower), rtol=1e-12)
    if path.suffix == ".vtu" and (domain.mesh is not None or not fills):
        _export_mesh(solution, path, count)
        return path
    axes = [np.linspace(lo, hi, count) for lo, hi in zip(domain.lower, domain.upper, strict=True)]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    if path.suffix == ".vtu":
        mesh_points, cells = grid_mesh(axes)
        write_vtu(path, mesh_points, cells, solution.fields(points))
        return path
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
    return path


def _export_mesh(solution: Solution, path: Path, count: int) -> None:
    """Write a mesh with the domain's outline, about as fine as a grid of count points a side."""
    domain = solution.problem.domain
    nodes, simplices = triangulate(domain, count**domain.dimension)
    kind = "triangle" if domain.dimension == 2 else "tetra"
    write_vtu(path, nodes, {kind: simplices}, solution.fields(nodes))
