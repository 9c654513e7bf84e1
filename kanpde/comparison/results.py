"""What came of a comparison: runs, the table, the figure of error against time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.outcome import Outcome
from kanpde.plots import Curve, plot_curves
from kanpde.problem import Problem

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure

CPU_SECONDS = "CPU seconds"


@dataclass(frozen=True)
class Run:
    """One entrant with one seed.

    Args:
        name: of the entrant.
        seed: of points and start.
        error: relative L2 error of the field it ended with, the largest of any unknown; NaN if
            nothing is known to compare with, infinite if the field is not finite.
        seconds: it took.
        steps: iterations of all its stages; levels of a direct way.
        parameters: it ended with.
        outcome: why it ended.
        curve: (seconds, error) along the way, (M, 2).
    """

    name: str
    seed: int
    error: float
    seconds: float
    steps: int
    parameters: int
    outcome: Outcome
    curve: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON-able values; what is not finite is None."""
        return {
            **{k: v for k, v in vars(self).items() if k not in ("curve", "outcome")},
            "error": _finite(self.error),
            "outcome": self.outcome.name,
            "curve": [[float(t), _finite(float(e))] for t, e in self.curve],
        }


@dataclass(frozen=True)
class Row:
    """All seeds of one entrant: medians, and the range of the error."""

    name: str
    parameters: int
    error: float
    least: float
    greatest: float
    seconds: float
    steps: int
    failed: int


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison.

    Args:
        problem: what was solved.
        runs: of all entrants and seeds.
        points: interior points that every network was trained on.
        budget: seconds that every run had.
        against: what errors are measured against.
        unit: of the budget and of all times: "CPU seconds", or "seconds" by another clock.
    """

    problem: Problem
    runs: tuple[Run, ...]
    points: int
    budget: float
    against: str
    unit: str = CPU_SECONDS

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table, in the order of the entrants."""
        return tuple(self._row(name) for name in dict.fromkeys(r.name for r in self.runs))

    def _row(self, name: str) -> Row:
        own = [r for r in self.runs if r.name == name]
        errors = np.array([r.error for r in own])
        return Row(
            name,
            int(np.median([r.parameters for r in own])),
            float(np.median(errors)),
            float(errors.min()),
            float(errors.max()),
            float(np.median([r.seconds for r in own])),
            int(np.median([r.steps for r in own])),
            sum(not r.error < 1 for r in own),
        )

    def table(self) -> str:
        """Return the table as Markdown: median and range of the error over the seeds."""
        lines = [
            "| network and training | parameters | relative L2 error | least to greatest "
            f"| {self.unit} | steps | failed |",
            "|---|---|---|---|---|---|---|",
        ]
        for r in self.rows:
            lines.append(
                f"| {r.name} | {r.parameters} | {r.error:.1e} | {r.least:.1e} to {r.greatest:.1e} "
                f"| {r.seconds:.1f} | {r.steps} | {r.failed} |"
            )
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Return the figure of error against time: every seed a line, one colour an entrant."""
        names = list(dict.fromkeys(r.name for r in self.runs))
        curves = [Curve(names.index(r.name), r.curve[:, 0], r.curve[:, 1]) for r in self.runs]
        return plot_curves(
            curves,
            names,
            title=f"{self.problem.name}: {self.points} points, {self.budget:g} {self.unit} each",
            x_label=self.unit,
            y_label=f"relative L2 error against {self.against}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all runs as JSON-able values; what is not finite is None."""
        return {
            "problem": self.problem.name,
            "points": self.points,
            "budget": self.budget,
            "unit": self.unit,
            "against": self.against,
            "runs": [run.to_dict() for run in self.runs],
        }


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None
