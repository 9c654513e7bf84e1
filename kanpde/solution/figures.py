"""The figures of a solution: field, error, residual, convergence, network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kanpde.geometry import Box, Domain, Sobol
from kanpde.networks import Constrained, WithNumbers, bare
from kanpde.plots import (
    PLACE,
    Slice,
    animate_field,
    plot_convergence,
    plot_graph,
    plot_slice_magnitudes,
    plot_slices,
)
from kanpde.solution.edges import Graph, network_edges
from kanpde.solution.moving import moving

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure
    from kanpde.solution.solution import Solution

CHUNK = 2048
"""Points evaluated at once."""

INSIDE = 1e-7
"""Relative to the width: by so much points are off the boundary, and half of it off the centre,
because sources may be singular at corners and at the origin."""


def figures(solution: Solution, resolution: int) -> dict[str, Figure]:
    """Return the figures that there are data for; see ``Solution.plot``.

    Keys: ``field``, ``error`` if the exact field is known, ``residual`` if there is an equation,
    ``convergence`` if there
    is a history, ``network`` if the network is made of edges.

    Args:
        solution: any solution.
        resolution: points along each axis of a map; lines have four times as many, and maps in
            three or more dimensions half.

    Raises:
        ValueError: for a resolution below 2.
    """
    if resolution < 2:
        raise ValueError(f"resolution={resolution} is too small; a grid needs at least 2 points.")
    problem = solution.problem
    name, found = problem.name, _slices(solution, resolution)
    unknowns = list(problem.unknown_names)
    exact = {f"{u}_exact": u for u in unknowns}
    result = {
        "field": plot_slices([_pick(s, {u: u for u in unknowns}, exact) for s in found], title=name)
    }
    if problem.exact:
        errors = {f"{u}_error": f"error of {u}" for u in unknowns}
        result["error"] = plot_slice_magnitudes(
            [_pick(s, errors) for s in found], title=f"{name}: distance to the exact field"
        )
    residuals = {
        key: f"residual of {equation}"
        for equation in problem.equations
        if (key := f"residual_{equation}".replace(" ", "_"))
    }
    if residuals:
        result["residual"] = plot_slice_magnitudes(
            [_pick(s, residuals) for s in found], title=f"{name}: residual of the equations"
        )
    if solution.history:
        result["convergence"] = plot_convergence(
            [record.to_dict() for record in solution.history], title=f"{name}: {solution.way}"
        )
    graph = _network(solution)
    if graph is not None:
        result["network"] = graph
    return result


def animation(solution: Solution, path: Path, *, frames: int, resolution: int, fps: int) -> Path:
    """Write the animation of a field; see ``Solution.animate``."""
    if min(frames, resolution) < 2 or fps < 1:
        raise ValueError(
            f"frames={frames}, resolution={resolution} and fps={fps}: an animation needs two "
            "frames of two points and one frame a second at least."
        )
    found = moving(solution, frames=frames, line=2 * resolution, side=resolution)
    if found is None:
        raise ValueError(
            f"{solution.problem.name} has no time and no third coordinate to move along; "
            "see solution.plot()."
        )
    name = solution.problem.name
    moved = animate_field(
        found.axes,
        found.names,
        found.moments,
        found.values,
        coordinate=found.coordinate,
        exact=found.exact,
        title=f"{name} at {found.at}:" if found.at else f"{name}:",
    )
    writer = "pillow" if path.suffix.lower() == ".gif" else None
    moved.save(path, writer=writer, fps=fps, dpi=100)
    return path


class NamedGraph(NamedTuple):
    """The graph of a solution's network with the names of its ends, and what it is a graph of."""

    graph: Graph
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    title: str


def named_graph(solution: Solution) -> NamedGraph | None:
    """Return the graph of the solution's network, or None if it is not made of edges."""
    problem, network = solution.problem, solution.network
    graph = network_edges(network, problem.domain.interior(1000, seed=11, sampler=Sobol()))
    if graph is None:
        return None
    outputs = list(problem.unknown_names)
    title = type(bare(network)).__name__
    if isinstance(network, WithNumbers):
        network = network.network
    if not graph.products:
        title += f" {list(graph.widths)}"
    if isinstance(network, Constrained):
        for u, lift, factor in zip(outputs, network.lift, network.factor, strict=True):
            title += f"; {u} = " + (f"({lift}) + " if lift != 0 else "") + f"({factor}) N_{u}"
        outputs = [f"N_{u}" for u in outputs]
    return NamedGraph(graph, tuple(problem.domain.names), tuple(outputs), title)


def _network(solution: Solution) -> Figure | None:
    named = named_graph(solution)
    if named is None:
        return None
    return plot_graph(
        named.graph.widths,
        named.graph.edges,
        input_names=named.inputs,
        output_names=named.outputs,
        products=named.graph.products,
        title=f"{solution.problem.name}: {named.title}",
        note=named.graph.note,
    )


def _slices(solution: Solution, resolution: int) -> list[Slice]:
    """Return all fields on the line, the plane, three planes or one."""
    domain = solution.problem.domain
    lower, width = domain.lower, domain.upper - domain.lower
    dimension, names = domain.dimension, domain.names
    place = lower + PLACE * width
    count = {1: 4 * resolution, 2: resolution}.get(dimension, resolution // 2 + 1)
    axes = [np.linspace(lo, lo + w, count) for lo, w in zip(lower, width, strict=True)]
    pairs: list[tuple[int, ...]] = [(0, 1)] if dimension > 1 else [(0,)]
    if dimension == 3:
        pairs += [(0, 2), (1, 2)]
    slices = []
    for free in pairs:
        grid = np.meshgrid(*(axes[i] for i in free), indexing="ij")
        points = np.tile(place, (grid[0].size, 1))
        for i, values in zip(free, grid, strict=True):
            relative = (values.ravel() - lower[i]) / width[i]
            points[:, i] = lower[i] + width[i] * (INSIDE + (1 - 3 * INSIDE) * relative)
        outline = _outline(domain)
        if outline:  # what is drawn beyond the boundary, to be cut off, has the boundary's values
            outside = ~domain.contains(points)
            place_on, normals = domain.nearest(points[outside])
            points[outside] = place_on - INSIDE * width.max() * normals
        fixed = [i for i in range(dimension) if i not in free]
        slices.append(
            Slice(
                tuple(names[i] for i in free),
                tuple(axes[i] for i in free),
                {k: v.reshape(grid[0].shape) for k, v in _fields(solution, points).items()},
                at=", ".join(f"{names[i]} = {place[i]:.3g}" for i in fixed),
                boxes=_boxes_across(solution.network.boxes, place, free),
                outline=outline,
            )
        )
    return slices


def _boxes_across(
    boxes: np.ndarray | None, place: np.ndarray, free: tuple[int, ...]
) -> np.ndarray | None:
    """Return the ends (B, 2, axes) of the boxes that a slice through a place meets."""
    if boxes is None:
        return None
    fixed = [i for i in range(len(place)) if i not in free]
    met = (boxes[:, 0, fixed] <= place[fixed]) & (place[fixed] < boxes[:, 1, fixed])
    return boxes[met.all(axis=1)][:, :, list(free)]


def _outline(domain: Domain) -> tuple[np.ndarray, ...]:
    """Return the loops of a plane domain as closed polygons; of a box none: it fills its axes."""
    if isinstance(domain, Box):
        return ()
    loops = []
    for loop in domain.loops:
        curves = [piece.curve for piece in loop if piece.curve is not None]
        points = [c.point(np.linspace(0, 1, 64 * c.panels + 1)) for c in curves]
        loops.append(np.concatenate([*points, points[0][:1]]))
    return tuple(loops)


def _fields(solution: Solution, points: np.ndarray) -> dict[str, np.ndarray]:
    """Return the fields at points (N, D), NaN outside of the domain."""
    inside = np.flatnonzero(solution.problem.domain.contains(points))
    if not len(inside):  # a hole in the middle of the domain
        names = solution.fields(solution.problem.domain.interior(1)).keys()
        return {name: np.full(len(points), np.nan) for name in names}
    pieces = np.array_split(inside, -(-len(inside) // CHUNK))
    parts = [solution.fields(points[piece]) for piece in pieces]
    result = {}
    for name in parts[0]:
        values = np.full(len(points), np.nan)
        values[inside] = np.concatenate([part[name] for part in parts])
        result[name] = values
    return result


def _pick(s: Slice, values: dict[str, str], exact: dict[str, str] | None = None) -> Slice:
    """Return a slice with some of the fields under other names."""
    known = {name: s.values[key] for key, name in (exact or {}).items() if key in s.values}
    picked = {name: s.values[key] for key, name in values.items()}
    return replace(s, values=picked, exact=known)
