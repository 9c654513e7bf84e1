"""A field as frames along one coordinate - time, or depth in three dimensions - for a slider."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from kanpde.plots import PLACE

if TYPE_CHECKING:
    from kanpde.solution import Solution

FRAMES = 41
LINE, MAP = 241, 81
"""Points along a line, and along the longer side of a map."""

HOLE = 255
"""The level of a pixel outside of the domain; the levels of a field are 0 to 254."""

TINY = 1e-17
"""Errors below this are drawn as this."""


def frames(solution: Solution) -> dict[str, Any] | None:
    """Return frames of the unknowns and their errors, JSON-able, or None if there is no slider.

    A problem in time, or in three dimensions, has frames: lines over the only other coordinate, or
    maps over the first two, further coordinates fixed near the middle. Maps are levels 0 to 254 of
    one scale for all frames, as base64 of bytes (frames, rows, columns), rows from above.
    """
    domain = solution.problem.domain
    timed = hasattr(domain, "time")
    dimension = domain.dimension
    if dimension < 2 or not (timed or dimension >= 3):
        return None
    axis = dimension - 1 if timed else 2
    free = [0] if timed and dimension == 2 else [0, 1]
    ends = list(zip(domain.lower, domain.upper, strict=True))
    moments = np.linspace(*ends[axis], FRAMES)
    longest = max(ends[i][1] - ends[i][0] for i in free)
    counts = [
        LINE if len(free) == 1 else max(9, round(MAP * (ends[i][1] - ends[i][0]) / longest))
        for i in free
    ]
    axes = [np.linspace(*ends[i], n) for i, n in zip(free, counts, strict=True)]
    mesh = np.meshgrid(*axes, indexing="ij")
    place = domain.lower + PLACE * (domain.upper - domain.lower)
    points = np.tile(place, (mesh[0].size, 1))
    for i, grid in zip(free, mesh, strict=True):
        points[:, i] = grid.ravel()
    shape = mesh[0].shape
    names = domain.names
    fixed = [i for i in range(dimension) if i not in (*free, axis)]
    result: dict[str, Any] = {
        "coordinate": names[axis],
        "moments": [float(f"{m:.6g}") for m in moments],
        "axes": [
            {"name": names[i], "low": float(a[0]), "high": float(a[-1])}
            for i, a in zip(free, axes, strict=True)
        ],
        "at": ", ".join(f"{names[i]} = {place[i]:.3g}" for i in fixed),
    }
    values = _values(solution, points, axis, moments)
    if len(free) == 1:
        return {**result, "kind": "lines", "fields": _lines(solution, values)}
    fields = {name: v.reshape(FRAMES, *shape) for name, v in values.items()}
    return {**result, "kind": "maps", "fields": _maps(solution, fields), "aspect": _aspect(axes)}


def _values(
    solution: Solution, points: np.ndarray, axis: int, moments: np.ndarray
) -> dict[str, np.ndarray]:
    """Return unknowns and exact fields (frames, N), NaN outside of the domain."""
    problem = solution.problem
    wanted = [*problem.unknown_names]
    wanted += [f"{u}_exact" for u in problem.unknown_names] if problem.exact else []
    found = {name: np.full((len(moments), len(points)), np.nan) for name in wanted}
    for k, moment in enumerate(moments):
        points[:, axis] = moment
        inside = problem.domain.contains(points)
        if inside.any():
            for name, values in _evaluated(solution, points[inside]).items():
                found[name][k, inside] = values
    return found


def _evaluated(solution: Solution, points: np.ndarray) -> dict[str, np.ndarray]:
    from kanpde.problem import evaluate

    problem = solution.problem
    values = solution.at(points)
    result = dict(zip(problem.unknown_names, values.T, strict=True))
    for name, u in zip(problem.unknown_names, problem.unknowns, strict=True):
        if problem.exact:
            exact = evaluate(problem.exact[u], problem.coordinates, points)
            result[f"{name}_exact"] = np.broadcast_to(exact, (len(points),))
    return result


def _lines(solution: Solution, values: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "values": _rounded(values[name]),
            "exact": _rounded(values[f"{name}_exact"]) if f"{name}_exact" in values else None,
        }
        for name in solution.problem.unknown_names
    ]


def _rounded(values: np.ndarray) -> list[list[float | None]]:
    return [[float(f"{v:.5g}") if np.isfinite(v) else None for v in row] for row in values]


def _maps(solution: Solution, fields: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    maps = []
    for name in solution.problem.unknown_names:
        low, high = _range(fields[name])
        signed = min(-low, high) > 0.05 * max(-low, high)
        if signed:
            low, high = -max(-low, high), max(-low, high)
        palette = "RdBu_r" if signed else "viridis"
        maps.append(_map(name, fields[name], low, high, palette))
    for name in solution.problem.unknown_names:
        if f"{name}_exact" in fields:
            gap = np.abs(fields[name] - fields[f"{name}_exact"])
            logs = np.log10(np.maximum(gap, TINY))
            high = _range(logs)[1]
            low = min(float(np.nanquantile(logs, 0.05)), high - 1)
            maps.append(_map(f"log10 of the error of {name}", logs, low, high, "viridis"))
    return maps


def _map(name: str, values: np.ndarray, low: float, high: float, palette: str) -> dict[str, Any]:
    unit = np.clip((values - low) / (high - low or 1.0), 0, 1)
    levels = np.where(np.isfinite(unit), np.round(254 * np.nan_to_num(unit)), HOLE)
    rows = levels.transpose(0, 2, 1)[:, ::-1].astype(np.uint8)
    colours = (255 * matplotlib.colormaps[palette](np.linspace(0, 1, 255))[:, :3]).round()
    return {
        "name": name,
        "low": float(f"{low:.4g}"),
        "high": float(f"{high:.4g}"),
        "rows": rows.shape[1],
        "columns": rows.shape[2],
        "levels": base64.b64encode(rows.tobytes()).decode(),
        "palette": base64.b64encode(colours.astype(np.uint8).tobytes()).decode(),
    }


def _range(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _aspect(axes: Sequence[np.ndarray]) -> float:
    """Return width over height, of coordinates that are not drawn to scale 1."""
    width, height = (float(a[-1] - a[0]) for a in axes)
    return round(width / height, 4) if 1 / 6 <= width / height <= 6 else 1.0
