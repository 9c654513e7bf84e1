"""The figure of where things are: pieces of a boundary by name, and groups of points by colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D

from kanpde.plots.figure import Figure
from kanpde.plots.style import BLACK, GREY, SERIES, SMALL

MARKERS = "osD^vP*X"
"""Of the groups, in turn; one more than colours, so that many groups are told apart."""
AREA = 16.0
"""Of a marker, in points squared."""
MOST_STRETCHED = 6.0


@dataclass(frozen=True)
class PointGroup:
    """Points of one kind.

    Args:
        label: for the legend.
        points: shape (N, D), N = 0 for what has no place and is only told.
        faint: drawn as small grey dots below the others, as the points inside are.
    """

    label: str
    points: np.ndarray
    faint: bool = False


@dataclass(frozen=True)
class Outline:
    """A named piece of a boundary.

    Args:
        name: written beside it.
        line: points (M, D) along it in order; one point in one dimension, the edges of a face in
            three (closed); empty if it is not to be drawn.
        place: where the name goes, (D,).
        normal: outward direction there, (D,).
    """

    name: str
    line: np.ndarray
    place: np.ndarray
    normal: np.ndarray


def plot_points(
    groups: Sequence[PointGroup],
    outlines: Sequence[Outline],
    names: Sequence[str],
    *,
    title: str = "",
) -> Figure:
    """Plot groups of points and the named pieces of a boundary.

    One dimension has a row for each group, two and three a picture; of more dimensions the first
    three are shown.

    Args:
        groups: the points, each group in its colour and with its marker.
        outlines: the pieces.
        names: of the D coordinates.
        title: of the figure.

    Raises:
        ValueError: without a group, or for points of another dimension.
    """
    dimension = len(names)
    if not groups:
        raise ValueError("there is no group of points to plot.")
    for group in groups:
        if group.points.ndim != 2 or group.points.shape[1] != dimension:
            raise ValueError(
                f'the points of "{group.label}" have shape {group.points.shape}; expected '
                f"(N, {dimension}) for the coordinates {', '.join(names)}."
            )
    if dimension == 1:
        return _rows(groups, outlines, names, title)
    height = 5.2 + 0.25 * title.count("\n") + 0.3 * max(0, len(groups) - 12)
    figure = Figure(figsize=(9.6, height), layout="constrained")
    if title:
        figure.suptitle(title)
    if dimension == 2:
        _plane(figure.add_subplot(), groups, outlines, names)
    else:
        axes: Any = figure.add_subplot(projection="3d")
        _space(axes, groups, outlines, names)
    figure.legend(loc="outside right center", fontsize=SMALL, frameon=False, labelspacing=0.9)
    return figure


# One dimension -----------------------------------------------------------------------------------


def _rows(
    groups: Sequence[PointGroup], outlines: Sequence[Outline], names: Sequence[str], title: str
) -> Figure:
    figure = Figure(
        figsize=(8.4, 1.4 + 0.25 * title.count("\n") + 0.5 * len(groups)), layout="constrained"
    )
    if title:
        figure.suptitle(title)
    axes = figure.add_subplot()
    for row, (group, how) in enumerate(zip(groups, _styles(groups), strict=True)):
        height = np.full(len(group.points), -float(row))
        axes.scatter(group.points[:, 0], height, clip_on=False, zorder=3, **{**how, "s": 2 * AREA})
    for outline in outlines:
        axes.axvline(outline.place[0], color=BLACK, linewidth=1.0)
        axes.annotate(
            outline.name,
            (outline.place[0], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
        )
    axes.set_yticks(-np.arange(len(groups)), [g.label for g in groups], fontsize=SMALL)
    axes.set_ylim(-len(groups) + 0.4, 0.6)
    axes.set_xlabel(names[0])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


# Two dimensions ----------------------------------------------------------------------------------


def _plane(
    axes: Axes, groups: Sequence[PointGroup], outlines: Sequence[Outline], names: Sequence[str]
) -> None:
    for outline in outlines:
        axes.plot(*outline.line.T, color=BLACK, linewidth=1.2, zorder=2)
        axes.annotate(
            outline.name,
            (outline.place[0], outline.place[1]),
            xytext=(16 * outline.normal[0], 16 * outline.normal[1]),
            textcoords="offset points",
            ha=_side(outline.normal[0], "left", "right"),
            va=_side(outline.normal[1], "bottom", "top"),
            fontsize=SMALL,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
            zorder=5,
        )
    for group, how in zip(groups, _styles(groups), strict=True):
        axes.scatter(*group.points.T, zorder=1 if group.faint else 3, **how)
    axes.margins(0.2)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.spines[["right", "top"]].set_visible(False)
    width, height = np.ptp(np.concatenate([o.line for o in outlines]), axis=0)
    if 1 / MOST_STRETCHED <= height / width <= MOST_STRETCHED:
        axes.set_aspect("equal")


def _side(component: float, plus: str, minus: str) -> str:
    """Return how text is aligned that is moved along a direction."""
    return "center" if abs(component) < 0.4 else plus if component > 0 else minus


# Three dimensions and more -----------------------------------------------------------------------


def _space(
    axes: Axes3D, groups: Sequence[PointGroup], outlines: Sequence[Outline], names: Sequence[str]
) -> None:
    axes.computed_zorder = False
    for group, how in zip(groups, _styles(groups), strict=True):
        axes.scatter(*group.points[:, :3].T, depthshade=False, zorder=3, alpha=0.7, **how)
    corners = np.concatenate([g.points[:, :3] for g in groups])
    low, high = corners.min(0), corners.max(0)
    for i, j in combinations(range(3), 2):
        (k,) = {0, 1, 2} - {i, j}
        for a in (low[i], high[i]):
            for b in (low[j], high[j]):
                ends = np.empty((2, 3))
                ends[:, i], ends[:, j], ends[:, k] = a, b, (low[k], high[k])
                axes.plot(*ends.T, color=GREY, linewidth=0.6)
    for outline in outlines:
        axes.text(
            *(outline.place + 0.08 * np.max(high - low) * outline.normal)[:3],
            outline.name,
            fontsize=SMALL,
            ha="center",
            va="center",
            zorder=5,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8, "ec": "none"},
        )
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_zlabel(names[2])
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.set_box_aspect(np.clip((high - low) / np.max(high - low), 0.3, 1.0), zoom=0.9)


def _styles(groups: Sequence[PointGroup]) -> list[dict[str, Any]]:
    """Return label, colour, marker and size of every group."""
    styles: list[dict[str, Any]] = []
    count = 0
    for group in groups:
        if group.faint:
            look: dict[str, Any] = {"color": GREY, "s": 5.0, "marker": "."}
        else:
            look = {
                "facecolor": SERIES[count % len(SERIES)],
                "edgecolor": "white",
                "linewidth": 0.4,
                "s": AREA,
                "marker": MARKERS[count % len(MARKERS)],
            }
            count += 1
        styles.append({"label": group.label, **look})
    return styles
