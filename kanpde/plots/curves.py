"""Error against time for several groups: every run a line, every group a colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.plots.figure import Figure
from kanpde.plots.style import SERIES, SMALL


@dataclass(frozen=True)
class Curve:
    """One line.

    Args:
        group: its number, which says the colour.
        x, y: its points, each (M,); what is not finite or not positive is left out.
    """

    group: int
    x: np.ndarray
    y: np.ndarray


def plot_curves(
    curves: Sequence[Curve],
    names: Sequence[str],
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
) -> Figure:
    """Plot curves on logarithmic axes, with a dot where each ends.

    Args:
        curves: the lines.
        names: of the groups, for the legend.
        title: of the figure.
        x_label: of the horizontal axis.
        y_label: of the vertical axis.

    Raises:
        ValueError: if there is no curve, or one of a group without a name.
    """
    if not curves or not all(0 <= c.group < len(names) for c in curves):
        raise ValueError("a figure of curves needs at least one, and a name for each group.")
    figure = Figure(figsize=(9.5, 5.2), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        shown = np.isfinite(curve.y) & (curve.y > 0) & (curve.x > 0)
        colour = SERIES[curve.group % len(SERIES)]
        style = "-" if curve.group < len(SERIES) else "--"
        x, y = curve.x[shown], curve.y[shown]
        axes.plot(x, y, style, color=colour, linewidth=1.2, alpha=0.8)
        axes.plot(x[-1:], y[-1:], "o", color=colour, markersize=5)
    for group, name in enumerate(names):
        style = "-" if group < len(SERIES) else "--"
        axes.plot([], [], style, color=SERIES[group % len(SERIES)], label=name)
    axes.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label, title=title)
    axes.grid(alpha=0.3, which="major")
    figure.legend(loc="outside right upper", fontsize=SMALL, frameon=False)
    return figure
