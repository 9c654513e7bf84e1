"""The table and the figure of peers.py."""

from __future__ import annotations

import math
from pathlib import Path

TARGETS = (1e-2, 1e-3, 1e-6)
TITLES = {
    "poisson_2d": "Poisson, square",
    "burgers_1d": "Burgers, 0.01/π",
    "poisson_four_holes": "Laplace, four holes",
    "helmholtz_1_4": "Helmholtz (1, 4)",
}
NAMES = {
    "kanpde": "kanpde",
    "kanpde-trained": "kanpde, trained",
    "scikit-fem": "scikit-fem",
    "deepxde": "DeepXDE",
    "jaxkan": "jaxKAN",
    "pykan": "pykan",
    "pina": "PINA",
}
SOLVES = ("kanpde", "scikit-fem")
"""Whose records are solves of their own, not moments of one run."""

Results = dict[str, dict[str, dict]]
"""By problem and peer: "curve", "end", "budget", ..."""


def points(run: dict) -> list[tuple[float, float]]:
    """Return seconds and errors of the records that have a finite error."""
    return [(r["seconds"], r["error"]) for r in run["curve"] if r["error"] is not None]


def time_to(curve: list[tuple[float, float]], target: float, *, between: bool) -> float | None:
    """Return the seconds after which an error is reached; None if it is not.

    Args:
        curve: seconds and errors.
        target: the error.
        between: interpolate (logarithms of both) between the record that reaches it and the one
            before; otherwise the seconds of that record.
    """
    before = None
    for seconds, error in sorted(curve):
        if error <= target:
            if not between or before is None:
                return seconds
            share = math.log(before[1] / target) / math.log(before[1] / error)
            return before[0] * (seconds / before[0]) ** share
        before = (seconds, error)
    return None


def table(results: Results) -> str:
    """Return Markdown: rows for each problem, seconds to errors with their ratios to ours."""
    heads = [f"to {target:.0e}".replace("e-0", "e-") for target in TARGETS]
    lines = [
        "| problem | | set-up | best error | CPU s | " + " | ".join(heads) + " |",
        "|---|---|---|---|---|" + "---|" * len(TARGETS),
    ]
    for problem, runs in results.items():
        ours = points(runs["kanpde"]) if "kanpde" in runs else []
        own = {target: time_to(ours, target, between=False) for target in TARGETS}
        for peer, run in runs.items():
            cells = [TITLES[problem], NAMES[peer], run.get("setup", "")]
            lines.append("| " + " | ".join([*cells, *_row(peer, run, own)]) + " |")
    return "\n".join(lines) + "\n"


def _row(peer: str, run: dict, own: dict[float, float | None]) -> list[str]:
    curve = points(run)
    failure = f"fails: {run['failure']}".replace("|", "/") if run["end"] == "failed" else ""
    if not curve:
        return [failure or "no record", "", *("" for _ in TARGETS)]
    seconds, best = min(curve, key=lambda pair: pair[1])
    cells = [f"{best:.1e}" + (f" ({failure})" if failure else ""), _digits(seconds)]
    last = max(s for s, _ in curve)
    for target in TARGETS:
        found = time_to(curve, target, between=peer != "kanpde")
        if found is None:
            ratio = f" (> {_digits(last / own[target])}x)" if own[target] else ""
            cells.append(f"not in {_digits(last)}{ratio}")
        elif peer == "kanpde" or not own[target]:
            cells.append(_digits(found))
        else:
            cells.append(f"{_digits(found)} ({_digits(found / own[target])}x)")
    return cells


def _digits(value: float) -> str:
    """Return a number with two digits, or all those before the point."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def figure(results: Results, file: Path) -> None:
    """Draw error against processor seconds, one panel for each problem."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    drawing, axes = plt.subplots(2, 2, figsize=(10, 7.6), layout="constrained")
    colours = dict(zip(NAMES, plt.get_cmap("tab10").colors, strict=False))
    for axis, problem in zip(axes.flat, results, strict=False):
        for peer, run in results[problem].items():
            curve = points(run)
            if not curve:
                continue
            apart = peer in SOLVES or len(curve) < 12
            style = {"marker": "o", "ms": 4, "lw": 0.8} if apart else {"lw": 1.4}
            axis.loglog(*zip(*curve, strict=True), color=colours[peer], label=NAMES[peer], **style)
        axis.set(title=TITLES[problem], xlabel="processor seconds", ylabel="relative L2 error")
        axis.set_ylim(top=3)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(results) :]:
        axis.set_visible(False)
    handles = {}
    for axis in axes.flat:
        handles |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    drawing.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles))
    drawing.savefig(file, dpi=150)
    plt.close(drawing)
