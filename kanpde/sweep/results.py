"""The results of a sweep: a table and a figure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kanpde.sweep.settings import Run, Value

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure


@dataclass(frozen=True)
class Sweep:
    """The results of a sweep.

    Args:
        title: the name of the problem file.
        results: each run with its summary.
    """

    title: str
    results: tuple[tuple[Run, dict[str, Any]], ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row for each combination of settings: medians and spreads over the seeds."""
        groups: dict[tuple[tuple[str, Value], ...], list[dict[str, Any]]] = {}
        for run, summary in self.results:
            groups.setdefault(run.settings, []).append(summary)
        rows = []
        for settings, summaries in groups.items():
            good = [s for s in summaries if "failed" not in s]
            errors = sorted(e for e in map(error_of, good) if e is not None)
            rows.append(
                {
                    "settings": dict(settings),
                    "seeds": len(summaries),
                    "failed": len(summaries) - len(good),
                    "median": statistics.median(errors) if errors else None,
                    "least": errors[0] if errors else None,
                    "most": errors[-1] if errors else None,
                    "seconds": statistics.median(s["seconds"] for s in good) if good else None,
                    "parameters": good[0]["parameters"] if good else None,
                }
            )
        return rows

    def table(self) -> str:
        """Return a table in Markdown."""
        names = [key for key, _ in self.results[0][0].settings]
        head = [
            *names,
            "error, median",
            "least",
            "most",
            "seconds",
            "parameters",
            "seeds",
            "failed",
        ]
        lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        for row in self.rows:
            cells = [str(row["settings"][name]) for name in names]
            cells += [_text(row[key], ".2e") for key in ("median", "least", "most")]
            cells += [_text(row["seconds"], ".3g"), _text(row["parameters"], "d")]
            cells += [str(row["seeds"]), str(row["failed"])]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Return a figure: the error of every run over the first setting, medians joined.

        Other settings are told apart by lines. The error is the relative L2 error where the exact
        solution is known, else its estimate.
        """
        from kanpde.plots.figure import Figure

        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        lines: dict[tuple[tuple[str, Value], ...], dict[Value, list[float]]] = {}
        order: list[Value] = []
        for run, summary in self.results:
            first = run.settings[0][1] if run.settings else run.seed
            error = None if "failed" in summary else error_of(summary)
            if first not in order:
                order.append(first)
            if error is not None and error > 0:
                own = lines.setdefault(run.settings[1:], {})
                own.setdefault(first, []).append(error)
        numeric = all(isinstance(v, (int, float)) for v in order)
        place = {v: float(v) if numeric else i for i, v in enumerate(order)}  # type: ignore[arg-type]
        for settings, own in lines.items():
            label = ", ".join(f"{key} = {value}" for key, value in settings)
            x = sorted(own, key=lambda v: place[v])
            medians = [statistics.median(own[v]) for v in x]
            (line,) = axes.plot([place[v] for v in x], medians, "-", label=label or None)
            for v in x:
                axes.plot([place[v]] * len(own[v]), own[v], "o", ms=4, color=line.get_color())
        axes.set_yscale("log")
        if numeric and len(order) > 2 and min(place.values()) > 0:
            ratio = max(place.values()) / min(place.values())
            axes.set_xscale("log" if ratio >= 4 and math.isfinite(ratio) else "linear")
        if not numeric:
            axes.set_xticks(range(len(order)), [str(v) for v in order])
        axes.set_xlabel(
            self.results[0][0].settings[0][0] if self.results[0][0].settings else "seed"
        )
        axes.set_ylabel("relative L2 error, or its estimate")
        axes.set_title(f"{self.title}: one dot for each seed, medians joined", fontsize="medium")
        axes.grid(alpha=0.3, which="both")
        if any(settings for settings in lines):
            axes.legend(frameon=False)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able data."""
        runs = [
            {"settings": dict(run.settings), "seed": run.seed, "folder": run.name, **summary}
            for run, summary in self.results
        ]
        return {"title": self.title, "rows": self.rows, "runs": runs}


def error_of(summary: Mapping[str, Any]) -> float | None:
    """Return the largest relative L2 error of a run, or its estimate, or None."""
    errors = [e for e in summary["relative_l2"].values() if e is not None]
    estimate: float | None = summary.get("estimate")
    return max(errors) if errors else estimate


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
