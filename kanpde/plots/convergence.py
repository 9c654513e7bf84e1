"""The figure of how a solve went: error, estimate, residual and loss by step and by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from kanpde.plots.figure import Figure
from kanpde.plots.style import BLUE, GREY, PURPLE, SMALL, VERMILLION

CURVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("loss", "loss", {"color": GREY, "linestyle": "-", "linewidth": 1.0}),
    ("held_out", "held-out residual", {"color": PURPLE, "linestyle": "-", "marker": "^"}),
    ("estimate", "estimated error", {"color": BLUE, "linestyle": "--", "marker": "s"}),
    ("error", "error against the exact field", {"color": VERMILLION, "marker": "o"}),
)
"""Key of a record, its label and its line; the last is drawn on top."""

MOST_MARKERS = 40
"""A curve of more points has no markers."""

MOST_LABELS = 12


def plot_convergence(records: Sequence[Mapping[str, Any]], *, title: str = "") -> Figure:
    """Plot a history: against the step (a ladder's against its degree) and against the time.

    Vertical lines mark where a stage changes, with its name and the number of parameters if that
    changes too, so that the staircase of grid extension can be seen.

    Args:
        records: with keys stage, iteration, parameters, loss, held_out, estimate, error, seconds;
            any value but the stage may be None.
        title: of the figure.

    Raises:
        ValueError: if there is no record.
    """
    if not records:
        raise ValueError("there is no record to plot; the history is empty.")
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    if title:
        figure.suptitle(title)
    by_step, by_time = figure.subplots(1, 2, sharey=True)
    ladder = _is_ladder(records)
    steps = _numbers(records, "iteration") if ladder else np.arange(1.0, len(records) + 1)
    seconds = _numbers(records, "seconds")
    handles = _draw_curves(by_step, steps, records)
    _draw_curves(by_time, seconds, records)
    by_step.set_xlabel("degree" if ladder else "step")
    by_step.xaxis.set_major_locator(MaxNLocator(integer=True))
    by_time.set_xlabel("seconds")
    if ladder:
        _mark_parameters(by_step, steps, records)
        if np.all(seconds > 0):
            by_time.set_xscale("log")
            by_time.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            by_time.xaxis.set_major_formatter("{x:g}")
            by_time.xaxis.set_minor_formatter(NullFormatter())
    else:
        events = _events(records)
        if events:  # room for their labels above the curves
            low, high = by_step.get_ylim()
            by_step.set_ylim(low, high * (high / low) ** 0.3)
        _mark_events(by_step, [(steps[i], label, weight) for i, label, weight in events])
        _mark_events(by_time, [(seconds[i], label, weight) for i, label, weight in events])
    if handles:
        figure.legend(
            handles=handles[::-1], loc="outside lower center", ncols=len(handles), frameon=False
        )
    return figure


def _draw_curves(axes: Axes, x: np.ndarray, records: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Draw every curve that has a positive value and return their lines."""
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    handles = []
    for key, label, style in CURVES:
        y = _numbers(records, key)
        shown = np.isfinite(x) & (y > 0)
        if not shown.any():
            continue
        look = {"markersize": 4.0, "linewidth": 1.6, **style}
        if shown.sum() > MOST_MARKERS:
            look["marker"] = ""
        handles += axes.plot(x[shown], y[shown], label=label, **look)
    return handles


def _events(records: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, bool]]:
    """Return (index, label, whether the parameters change) of every change of stage.

    A stage of one record is an act (refine, regrid) and is marked there; what follows it is the
    training that goes on and is marked only if it is another one than before.
    """
    groups, start = [], 0
    for stage, members in groupby(records, key=lambda r: r["stage"]):
        size = len(list(members))
        groups.append((start, size, _plain(stage)))
        start += size
    events = []
    training, after_act = None, False
    for position, (index, size, name) in enumerate(groups):
        act = size == 1 and position > 0
        if position > 0 and (act or not after_act or name != training):
            now, before = records[index]["parameters"], records[index - 1]["parameters"]
            changed = now is not None and before is not None and now != before
            events.append((index, f"{name}\n{now} parameters" if changed else name, changed))
        if not act:
            training = name
        after_act = act
    return events


def _mark_events(axes: Axes, events: Sequence[tuple[float, str, bool]]) -> None:
    """Draw vertical lines; labels where they have room, changes of the parameters first."""
    for x, _, heavy in events:
        if np.isfinite(x):
            axes.axvline(
                x,
                color=GREY,
                linewidth=1.2 if heavy else 0.8,
                linestyle="-" if heavy else ":",
                zorder=0,
            )
    low, high = axes.get_xlim()
    placed: list[float] = []
    for x, label, _ in sorted(events, key=lambda e: not e[2]):
        room = all(abs(x - other) > 0.045 * (high - low) for other in placed)
        if not np.isfinite(x) or not room or len(placed) >= MOST_LABELS:
            continue
        placed.append(x)
        axes.annotate(
            label, (x, 1.0), xycoords=("data", "axes fraction"), xytext=(2, -4),
            textcoords="offset points", rotation=90, ha="left", va="top", fontsize=SMALL,
            color="#404040", linespacing=0.95, multialignment="right",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )  # fmt: skip


def _mark_parameters(axes: Axes, steps: np.ndarray, records: Sequence[Mapping[str, Any]]) -> None:
    """Write the number of parameters above the axes of a ladder."""
    known = [
        (x, r["parameters"])
        for x, r in zip(steps, records, strict=True)
        if np.isfinite(x) and r["parameters"] is not None
    ]
    if not known:
        return
    low, high = axes.get_xlim()
    kept: list[tuple[float, int]] = []
    for x, parameters in reversed(known):
        if not kept or kept[-1][0] - x > 0.09 * (high - low):
            kept.append((x, parameters))
    above = axes.secondary_xaxis("top")
    above.set_xticks([x for x, _ in kept], [str(p) for _, p in kept], fontsize=SMALL)
    above.set_xlabel("parameters", fontsize=SMALL)


def _numbers(records: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """Return a record's numbers as floats, NaN for None."""
    values = [r.get(key) for r in records]
    return np.array([np.nan if v is None else float(v) for v in values])


def _is_ladder(records: Sequence[Mapping[str, Any]]) -> bool:
    return all("ladder" in r["stage"] and r["iteration"] is not None for r in records)


def _plain(stage: str) -> str:
    """Return a stage's name without its number in the plan."""
    number, _, name = stage.partition(" ")
    return name if number.isdigit() and name else stage
