"""Figures of fields on grids: lines in one dimension, maps in two, slices beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from kanpde.plots.figure import Figure
from kanpde.plots.style import BLACK, BLUE, DIVERGING, SEQUENTIAL, VERMILLION

MOST_STRETCHED = 6.0
"""A map with longer sides than this ratio is not drawn to scale."""

PLACE = 0.625
"""Where a slice cuts the coordinates it fixes, relative to their ranges: near the middle but off
it, because fields odd about the middle vanish there."""

TINY = 1e-17
"""Magnitudes below this are drawn as this; logarithms need a floor."""

BOX_EDGES: dict[str, Any] = {"color": "0.5", "linewidth": 0.4, "alpha": 0.6, "zorder": 1.5}
"""How the edges of boxes are drawn: above a map, below a line."""
MANY_BOXES = 300
"""Beyond so many their edges are drawn fainter, not to hide the map."""


@dataclass(frozen=True)
class Slice:
    """Fields on a straight line or a plane through the domain.

    Args:
        names: of the one or two coordinates that vary.
        axes: their values, 1-D arrays of n (and m) numbers.
        values: by name of the field an array (n,) or (n, m), index order "ij".
        exact: the same for the exact fields that are known.
        at: where the slice lies, e.g. ``"z = 0"``.
        boxes: lower and upper ends (B, 2, axes) of the boxes that the fields are made of; their
            edges are drawn lightly.
        outline: closed polygons (N, 2) that bound the domain on a plane, holes among them; a map is
            drawn inside alone.

    Raises:
        ValueError: if an array does not have the shape of the axes.
    """

    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...]
    values: Mapping[str, np.ndarray]
    exact: Mapping[str, np.ndarray] = field(default_factory=dict)
    at: str = ""
    boxes: np.ndarray | None = None
    outline: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        _check_shapes(self.axes, _together(self.values, self.exact))
        if len(self.names) != len(self.axes) or len(self.axes) not in (1, 2):
            raise ValueError(
                f"a slice has one or two axes and as many names; got {len(self.axes)} axes and the "
                f"names {self.names}."
            )


def plot_field(
    axes: Sequence[np.ndarray],
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    title: str = "",
    units: Mapping[str, str] | None = None,
    exact: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Plot fields on a grid, one row for each, beside their exact fields where these are given.

    One dimension gives lines, two give maps, three a plane along every two coordinates, more one
    plane along the first two; planes lie near the middle (see ``PLACE``). A field of both signs
    has a diverging colour map centred on zero; field and exact field share one scale. NaN leaves
    a hole.

    Args:
        axes: D arrays of the grid's coordinates.
        values: by name of the field an array on the grid, index order "ij".
        names: of the D coordinates.
        title: of the figure.
        units: by name of a coordinate its unit; coordinates of one unit are drawn to scale.
        exact: by name of a field the exact one on the same grid.

    Raises:
        ValueError: if an array does not have the shape of the grid.
    """
    return plot_slices(slices_of_grid(axes, values, names, exact=exact), title=title, units=units)


def plot_magnitude(
    axes: Sequence[np.ndarray],
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    title: str = "",
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Plot the logarithm of the magnitude of errors or residuals on a grid, one panel for each.

    Arguments and errors are those of :func:`plot_field`.
    """
    return plot_slice_magnitudes(slices_of_grid(axes, values, names), title=title, units=units)


def slices_of_grid(
    axes: Sequence[np.ndarray],
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    exact: Mapping[str, np.ndarray] | None = None,
) -> list[Slice]:
    """Return the slices of a grid that a figure shows: itself, three planes or one.

    Raises:
        ValueError: if an array does not have the shape of the grid, or names are missing.
    """
    axes = [np.asarray(a) for a in axes]
    known = {} if exact is None else exact
    if len(names) != len(axes):
        raise ValueError(f"{len(axes)} axes need as many names; got {', '.join(names)}.")
    _check_shapes(axes, _together(values, known))
    dimension = len(axes)
    pairs = [(0, 1), (0, 2), (1, 2)] if dimension == 3 else [(0, 1)]
    slices = []
    for free in pairs if dimension > 1 else [(0,)]:
        fixed = [i for i in range(dimension) if i not in free]
        cut = [round(PLACE * (len(a) - 1)) for a in axes]
        index = tuple(slice(None) if i in free else cut[i] for i in range(dimension))
        slices.append(
            Slice(
                tuple(names[i] for i in free),
                tuple(axes[i] for i in free),
                {name: np.asarray(v)[index] for name, v in values.items()},
                {name: np.asarray(v)[index] for name, v in known.items()},
                ", ".join(f"{names[i]} = {axes[i][cut[i]]:.3g}" for i in fixed),
            )
        )
    return slices


def plot_slices(
    slices: Sequence[Slice], *, title: str = "", units: Mapping[str, str] | None = None
) -> Figure:
    """Plot fields on slices as :func:`plot_field` does; every slice has the same fields.

    Raises:
        ValueError: if there is no slice, or a slice lacks a field.
    """
    fields = _fields(slices)
    units = {} if units is None else units
    if len(slices[0].axes) == 1:
        return _plot_lines(slices[0], title, units)
    rows: list[list[tuple[str, Slice, np.ndarray]]] = []
    of_field: list[str] = []
    for name in fields:
        found = [(_caption(name, s.at), s, s.values[name]) for s in slices]
        exact = [
            (_caption(f"{name} exact", s.at), s, s.exact[name]) for s in slices if name in s.exact
        ]
        rows += [found + exact] if len(slices) == 1 else [row for row in (found, exact) if row]
        of_field += [name] * (len(rows) - len(of_field))
    figure, panels = _panels(rows, title, units)
    for name in fields:
        block = [i for i, of in enumerate(of_field) if of == name]
        shown = [array for i in block for _, _, array in rows[i]]
        norm, colours = linear_scale(shown)
        for i in block:
            for (caption, s, array), axes in zip(rows[i], panels[i], strict=True):
                mesh = _map(axes, s, array, norm, colours)
                axes.set_title(caption, fontsize="medium")
            _colourbar(panels[i][-1], mesh, name, "neither")
    return figure


def plot_slice_magnitudes(
    slices: Sequence[Slice], *, title: str = "", units: Mapping[str, str] | None = None
) -> Figure:
    """Plot the magnitudes of fields on slices as :func:`plot_magnitude` does.

    Raises:
        ValueError: if there is no slice, or a slice lacks a field.
    """
    fields = _fields(slices)
    units = {} if units is None else units
    if len(slices[0].axes) == 1:
        return _plot_line_magnitudes(slices[0], title, units)
    logs = {n: [np.log10(np.maximum(np.abs(s.values[n]), TINY)) for s in slices] for n in fields}
    cells = [
        [(_caption(name, s.at), s, log) for s, log in zip(slices, logs[name], strict=True)]
        for name in fields
    ]
    columns = 3 if len(fields) > 4 else 2
    if len(slices) == 1:  # several fields side by side
        single = [row[0] for row in cells]
        rows = [single[i : i + columns] for i in range(0, len(single), columns)]
    else:
        rows = cells
    figure, panels = _panels(rows, title, units, bar_on_each=len(slices) == 1)
    scales = {name: _log_scale(logs[name]) for name in fields}
    drawn = [axes for line in panels for axes in line]
    flat = [(name, *cell) for name, row in zip(fields, cells, strict=True) for cell in row]
    for axes, (name, caption, s, log) in zip(drawn, flat, strict=True):
        norm, extend = scales[name]
        mesh = _map(axes, s, log, norm, SEQUENTIAL)
        axes.set_title(caption, fontsize="medium")
        if s is slices[-1]:
            _colourbar(axes, mesh, r"$\log_{10}|\cdot|$", extend)
    return figure


# Panels ------------------------------------------------------------------------------------------


def _panels(
    rows: Sequence[Sequence[tuple[str, Slice, np.ndarray]]],
    title: str,
    units: Mapping[str, str],
    *,
    bar_on_each: bool = False,
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with the rows of axes, sized so that maps drawn to scale fill it."""
    columns = max(len(row) for row in rows)
    ratios = [_height_ratio(s, units) for _, s, _ in rows[0]]
    width = {1: 4.4, 2: 3.6}.get(columns, 3.1)
    height = width * min(max(ratios), 1.4)
    figure = Figure(
        figsize=(
            (width + 0.7) * columns + (0.6 * columns if bar_on_each else 0.6),
            (height + 0.68) * len(rows) + 0.3,
        ),
        layout="compressed",
    )
    if title:
        figure.suptitle(title)
    grid = figure.add_gridspec(len(rows), columns)
    panels = []
    for i, row in enumerate(rows):
        line = []
        for j, (_, s, _) in enumerate(row):
            axes = figure.add_subplot(grid[i, j])
            if _to_scale(s, units):
                axes.set_aspect("equal")
            axes.set_xlabel(_label(s.names[0], units))
            axes.set_ylabel(_label(s.names[1], units))
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            line.append(axes)
        panels.append(line)
    return figure, panels


def _map(axes: Axes, s: Slice, values: np.ndarray, norm: Normalize, colours: str) -> Any:
    """Draw one map; a smooth one where every value is finite."""
    smooth = bool(np.isfinite(values).all()) and min(values.shape) > 1
    if s.boxes is not None:
        (a, c), (b, d) = s.boxes.transpose(1, 2, 0)
        corners = np.stack([[a, c], [b, c], [b, d], [a, d], [a, c]]).transpose(2, 0, 1)
        edges = BOX_EDGES | {
            "alpha": BOX_EDGES["alpha"] * min(1.0, (MANY_BOXES / max(len(corners), 1)) ** 0.5)
        }
        axes.add_collection(LineCollection(list(corners), **edges))
    mesh = axes.pcolormesh(
        *s.axes,
        np.ma.masked_invalid(values).T,
        shading="gouraud" if smooth else "nearest",
        norm=norm,
        cmap=colours,
        rasterized=True,
    )
    if s.outline:
        path = Path.make_compound_path(*(Path(loop, closed=True) for loop in s.outline))
        mesh.set_clip_path(path, axes.transData)
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=BLACK, linewidth=0.6))
    return mesh


def _colourbar(axes: Axes, mesh: Any, label: str, extend: str) -> None:
    """Put a colour bar of the axes' own height beside them."""
    beside = axes.inset_axes((1.04, 0.0, 0.05, 1.0))
    axes.figure.colorbar(mesh, cax=beside, label=label, extend=extend)


def linear_scale(arrays: Sequence[np.ndarray]) -> tuple[Normalize, str]:
    """Return norm and colour map for fields; diverging if both signs matter."""
    low, high = _range(arrays)
    size = max(-low, high)
    if min(-low, high) > 0.05 * size:
        return CenteredNorm(0.0, halfrange=size), DIVERGING
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    return Normalize(low, high), SEQUENTIAL


def _log_range(logs: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the range of logarithms without the few deepest zeros, at least one decade."""
    finite = np.concatenate([a[np.isfinite(a)] for a in logs])
    if not len(finite):
        return -1.0, 0.0
    low, high = float(np.quantile(finite, 0.05)), float(finite.max())
    return min(low, high - 1.0), high


def _log_scale(logs: Sequence[np.ndarray]) -> tuple[Normalize, str]:
    """Return norm and open end of the colours for logarithms."""
    low, high = _log_range(logs)
    below = any(bool((a < low).any()) for a in logs)
    return Normalize(low, high), "min" if below else "neither"


# Lines -------------------------------------------------------------------------------------------


def _plot_lines(s: Slice, title: str, units: Mapping[str, str]) -> Figure:
    figure, rows = _line_rows(s, title, units)
    for axes, (name, values) in zip(rows, s.values.items(), strict=True):
        _mark_boxes(axes, s)
        axes.plot(s.axes[0], values, color=BLUE, linewidth=2.5, label=name)
        if name in s.exact:
            axes.plot(
                s.axes[0],
                s.exact[name],
                color=BLACK,
                linestyle=(0, (4, 4)),
                linewidth=1.2,
                label=f"{name} exact",
            )
            axes.legend()
        axes.set_ylabel(name)
    return figure


def _plot_line_magnitudes(s: Slice, title: str, units: Mapping[str, str]) -> Figure:
    figure, rows = _line_rows(s, title, units)
    for axes, (name, values) in zip(rows, s.values.items(), strict=True):
        magnitude = np.maximum(np.abs(values), TINY)
        _mark_boxes(axes, s)
        axes.semilogy(s.axes[0], magnitude, color=VERMILLION, linewidth=1.5)
        low, high = _log_range([np.log10(magnitude)])
        axes.set_ylim(10 ** (low - 0.1), 10 ** (high + 0.3))
        axes.set_ylabel(name)
    return figure


def _mark_boxes(axes: Axes, s: Slice) -> None:
    """Draw the ends of the boxes of a line."""
    if s.boxes is not None:
        for end in np.unique(s.boxes):
            axes.axvline(end, **BOX_EDGES)


def _line_rows(s: Slice, title: str, units: Mapping[str, str]) -> tuple[Figure, list[Axes]]:
    count = len(s.values)
    figure = Figure(figsize=(6.4, 3.2 * count + 0.4), layout="constrained")
    if title:
        figure.suptitle(title)
    rows = list(figure.subplots(count, 1, squeeze=False, sharex=True)[:, 0])
    for axes in rows:
        axes.grid(alpha=0.3)
        axes.margins(x=0)
    rows[-1].set_xlabel(_label(s.names[0], units) + (f"   ({s.at})" if s.at else ""))
    return figure, rows


# Small things ------------------------------------------------------------------------------------


def _fields(slices: Sequence[Slice]) -> list[str]:
    if not slices or not slices[0].values:
        raise ValueError("there is no field to plot; give at least one slice with one field.")
    names = list(slices[0].values)
    if any(list(s.values) != names for s in slices):
        raise ValueError(f"every slice must have the same fields as the first: {', '.join(names)}.")
    return names


def _check_shapes(axes: Sequence[np.ndarray], values: Mapping[str, np.ndarray]) -> None:
    shape = tuple(len(a) for a in axes)
    for name, array in values.items():
        if np.shape(array) != shape:
            raise ValueError(
                f'"{name}" has shape {np.shape(array)}, but the axes have {shape} points; arrays '
                'have index order "ij".'
            )


def _together(
    values: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    return {**values, **{f"exact {name}": array for name, array in exact.items()}}


def _range(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the smallest and largest finite value; (0, 1) if there is none."""
    finite = np.concatenate([a[np.isfinite(a)] for a in map(np.asarray, arrays)])
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def _caption(name: str, at: str) -> str:
    return f"{name} at {at}" if at else name


def _label(name: str, units: Mapping[str, str]) -> str:
    return f"{name} [{units[name]}]" if units.get(name) else name


def _extents(s: Slice) -> tuple[float, float]:
    return tuple(float(np.ptp(a)) or 1.0 for a in s.axes)  # type: ignore[return-value]


def _to_scale(s: Slice, units: Mapping[str, str]) -> bool:
    """Whether both coordinates have one unit (time has its own) and no side is far longer."""
    first, second = s.names
    if units.get(first, first == "t") != units.get(second, second == "t"):
        return False
    width, height = _extents(s)
    return 1 / MOST_STRETCHED <= height / width <= MOST_STRETCHED


def _height_ratio(s: Slice, units: Mapping[str, str]) -> float:
    width, height = _extents(s)
    return height / width if _to_scale(s, units) else 0.8
