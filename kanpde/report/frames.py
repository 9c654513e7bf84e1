"""The frames of a field as a page reads them: numbers of lines, levels of maps."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from kanpde.solution.moving import Moving, moving

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
    found = moving(solution, frames=FRAMES, line=LINE, side=MAP)
    if found is None:
        return None
    shared = {
        "coordinate": found.coordinate,
        "moments": [float(f"{m:.6g}") for m in found.moments],
        "axes": [
            {"name": name, "low": float(a[0]), "high": float(a[-1])}
            for name, a in zip(found.names, found.axes, strict=True)
        ],
        "at": found.at,
    }
    if len(found.axes) == 1:
        return {**shared, "kind": "lines", "fields": _lines(found)}
    return {**shared, "kind": "maps", "fields": _maps(found), "aspect": _aspect(found.axes)}


def _lines(found: Moving) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "values": _rounded(values),
            "exact": _rounded(found.exact[name]) if name in found.exact else None,
        }
        for name, values in found.values.items()
    ]


def _rounded(values: np.ndarray) -> list[list[float | None]]:
    return [[float(f"{v:.5g}") if np.isfinite(v) else None for v in row] for row in values]


def _maps(found: Moving) -> list[dict[str, Any]]:
    maps = []
    for name, values in found.values.items():
        low, high = _range(values)
        signed = min(-low, high) > 0.05 * max(-low, high)
        if signed:
            low, high = -max(-low, high), max(-low, high)
        maps.append(_map(name, values, low, high, "RdBu_r" if signed else "viridis"))
    for name, exact in found.exact.items():
        logs = np.log10(np.maximum(np.abs(found.values[name] - exact), TINY))
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
    """Return width over height; one where a side is far longer than the other."""
    width, height = (float(a[-1] - a[0]) for a in axes)
    return round(width / height, 4) if 1 / 6 <= width / height <= 6 else 1.0
