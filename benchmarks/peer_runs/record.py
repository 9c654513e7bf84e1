"""What a run tells: one JSON object a line, error against processor seconds.

Needs numpy alone: the peers run it in an environment of their own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

BETWEEN = 1.08
"""The least ratio of the seconds of two records, so that a run has about a hundred of them."""
FIRST = 0.2
"""Seconds of the first record."""

Predict = Callable[[np.ndarray], np.ndarray]
"""Maps points (N, 2) to values (N,)."""


class OutOfBudget(Exception):
    """Raised where the seconds are spent; it ends the run."""


class Output:
    """Standard output for our lines alone; what libraries print goes to standard error."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def write(self, **fields: object) -> None:
        print(json.dumps(fields), file=self._stream, flush=True)


class Run:
    """The clock of one run and its records. It starts when it is made: after the imports.

    Args:
        output: where records go.
        points: (N, 2), where the error is measured.
        values: (N,), of the reference.
        budget: processor seconds; infinite by default.
    """

    def __init__(
        self, output: Output, points: np.ndarray, values: np.ndarray, budget: float = float("inf")
    ) -> None:
        self._output, self._points, self._values = output, points, values
        self.budget, self._excluded, self._due = budget, 0.0, FIRST
        self._start = time.process_time()

    @property
    def seconds(self) -> float:
        """Processor seconds since the start, all threads, without those of :meth:`record`."""
        return time.process_time() - self._start - self._excluded

    def check(self) -> None:
        """Raise :class:`OutOfBudget` if the budget is spent."""
        if self.seconds > self.budget:
            raise OutOfBudget

    @property
    def spent(self) -> float:
        """The share of the budget that is spent."""
        return self.seconds / self.budget

    def restart(self) -> None:
        """Set the clock to zero, for a solve that has nothing to do with the one before."""
        self._start, self._excluded = time.process_time(), 0.0

    def record(self, predict: Predict, step: int, **more: object) -> None:
        """Measure the error and write it down; neither counts."""
        seconds, before = self.seconds, time.process_time()
        error = relative(np.asarray(predict(self._points)).reshape(-1), self._values)
        self._output.write(
            seconds=seconds, error=error if np.isfinite(error) else None, step=step, **more
        )
        self._excluded += time.process_time() - before

    def maybe(self, predict: Predict, step: int) -> None:
        """Record if it is time for it; check the budget."""
        if self.seconds >= self._due:
            self._due = max(self._due, self.seconds) * BETWEEN
            self.record(predict, step)
        self.check()

    def tell(self, **fields: object) -> None:
        """Write what is no record: set-up, number of parameters."""
        self._output.write(**fields)


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the relative L2 distance of values (N,) from the reference (N,)."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
