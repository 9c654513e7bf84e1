"""The live table of a solve in a terminal."""

from __future__ import annotations

import time
from collections import OrderedDict
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from kanpde.control import Record, parse_budget, parse_iterations

ROWS = 14
"""Stages and steps shown at once."""


class LiveProgress:
    """A progress callback that keeps a table of the last steps on the screen.

    Args:
        title: of the table.
        budget: of the solve, as given to ``solve``; shows the time left.
        enabled: False makes it silent.

    In a terminal the table is live; elsewhere every tenth step is printed as a line.
    """

    def __init__(self, title: str, budget: float | str | None = None, *, enabled: bool = True):
        self._console = Console(stderr=True, highlight=False)
        self._budget = parse_budget(budget)
        self._iterations = parse_iterations(budget)
        self._seen = 0
        self._start = time.perf_counter()
        self._title = title
        self._enabled = enabled
        self._rows: OrderedDict[tuple[str, int], Record] = OrderedDict()
        self._last_error: dict[str, float] = {}
        self._live: Live | None = None
        self._lines = 0

    def __enter__(self) -> Self:
        if self._enabled and self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, record: Record) -> None:
        """Show one record."""
        if not self._enabled:
            return
        self._seen += 1
        if record.error is not None:
            self._last_error[record.stage] = record.error
        # A ladder shows every degree; a training stage one line that moves.
        key = (record.stage, record.iteration if record.stage == "ladder" else 0)
        self._rows[key] = record
        while len(self._rows) > ROWS:
            self._rows.popitem(last=False)
        if self._live is not None:
            self._live.update(self._table())
        elif record.stage == "ladder" or record.iteration % 10 == 0 or record.loss is None:
            self._console.print(self._line(record), soft_wrap=True)

    def _left(self) -> str:
        """Return what is left of the budget; its clock began when this did."""
        if self._iterations is not None:
            return f", {max(self._iterations - self._seen, 0)} iterations left"
        if self._budget is None:
            return ""
        return f", {max(self._budget - (time.perf_counter() - self._start), 0):.0f} s left"

    def _line(self, r: Record) -> str:
        fields = [f"{r.stage} {r.iteration}", f"parameters {r.parameters}"]
        for name, value in (
            ("loss", r.loss),
            ("held-out residual", r.held_out),
            ("estimate", r.estimate),
            ("error", r.error),
            ("damping", r.damping),
        ):
            if value is not None:
                fields.append(f"{name} {value:.2e}")
        return ", ".join([*fields, f"{r.seconds:.1f} s"])

    def _table(self) -> Table:
        table = Table(title=f"{self._title}{self._left()}", title_justify="left")
        for heading in (
            "stage",
            "step",
            "parameters",
            "loss",
            "held-out residual",
            "estimate",
            "error",
            "damping",
            "s",
        ):
            table.add_column(heading, justify="left" if heading == "stage" else "right")
        for record in self._rows.values():
            error = record.error
            if error is None:
                error = self._last_error.get(record.stage)
            table.add_row(
                record.stage,
                str(record.iteration),
                str(record.parameters),
                *(
                    "" if v is None else f"{v:.2e}"
                    for v in (record.loss, record.held_out, record.estimate, error, record.damping)
                ),
                f"{record.seconds:.2f}",
            )
        return table


class Bar:
    """A bar for long work of known length: call it with the share that is done.

    Args:
        title: in front of the bar.
        enabled: False makes it silent.

    Nothing is shown where standard error is no terminal.
    """

    def __init__(self, title: str, *, enabled: bool = True):
        console = Console(stderr=True, highlight=False)
        silent = not (enabled and console.is_terminal)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=silent,
        )
        self._task = self._progress.add_task(title, total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(self, share: float) -> None:
        """Show what is done."""
        self._progress.update(self._task, completed=share)
