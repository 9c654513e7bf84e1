"""Run control: a time budget, a stop request, and live records of progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from kanpde.outcome import Outcome
from kanpde.ranks import Ranks


@dataclass(frozen=True)
class Record:
    """One line of a solve's history.

    Args:
        stage: which step of the plan, e.g. "ladder" or "levenberg-marquardt".
        iteration: counted within the stage; for a ladder the degree.
        parameters: number of coefficients.
        loss: half the sum of squared weighted residuals, or None.
        held_out: root mean square residual on points not used for solving, or None.
        estimate: of the relative L2 error, or None.
        error: the relative L2 error against the exact solution where it is known, else None.
        seconds: since the solve began.
        damping: of the step, where there is one.
    """

    stage: str
    iteration: int
    parameters: int
    loss: float | None
    held_out: float | None
    estimate: float | None
    error: float | None
    seconds: float
    damping: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a JSON-able dict."""
        return asdict(self)


class Control:
    """The reins of one solve.

    Args:
        budget: seconds, or None for no limit.
        report: called with every record as it comes.
        iterations: at most so many records from now on; None for no limit.
        history: of the solve that is taken up again.
        before: seconds it took until then; the budget counts from now on.
        ranks: processes that must stop together; each by itself if None.
        clock: tells the time in seconds; ``time.process_time`` counts those of the processor, which
            do not depend on what else the machine does.

    A way that can be taken up again finds in ``memory`` what it remembered before, or None;
    ``remembered`` counts the records until then.
    """

    def __init__(
        self,
        budget: float | None = None,
        report: Callable[[Record], None] | None = None,
        *,
        iterations: int | None = None,
        history: Iterable[Record] = (),
        before: float = 0.0,
        ranks: Ranks | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.budget = budget
        self.history: list[Record] = list(history)
        self.interrupted = False
        self.memory: Any = None
        self.remembered = 0
        self.ranks = ranks or Ranks()
        self.keep: Callable[[], None] = lambda: None
        self._report = report
        self._last = None if iterations is None else len(self.history) + iterations
        self._before = before
        self._clock = clock
        self._start = clock()
        self._paused = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the start, without those spent in :meth:`off_the_clock` work."""
        return self._before + self._spent

    @property
    def _spent(self) -> float:
        return self._clock() - self._start - self._paused

    @property
    def time_left(self) -> float:
        """Seconds left of the budget; infinite without one."""
        return float("inf") if self.budget is None else self.budget - self._spent

    @property
    def should_stop(self) -> bool:
        """Whether the budget is spent or a stop was requested."""
        counted = self._last is not None and len(self.history) >= self._last
        return self.ranks.any(self.interrupted or counted or self.time_left <= 0)

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Spend no more than so many seconds inside, nor than half of what is left."""
        before = self.budget
        self.budget = self._spent + min(seconds, self.time_left / 2)
        try:
            yield
        finally:
            self.budget = before

    @property
    def stop_outcome(self) -> Outcome:
        """Which outcome a solve has that ends because it should stop."""
        return Outcome.INTERRUPTED if self.interrupted else Outcome.BUDGET

    def interrupt(self) -> None:
        """Ask the solve to end after the step it is in; the best field so far is kept."""
        self.interrupted = True

    def remember(self, memory: Any) -> None:
        """Note what a way needs to go on from here; a checkpoint may be made of it at once.

        Args:
            memory: of kanpde's own dataclasses, numbers, arrays and networks; it may change until
                the next call, but at no moment when the way returns may it be half changed.
        """
        self.memory, self.remembered = memory, len(self.history)
        self.off_the_clock(self.keep)

    def record(
        self,
        stage: str,
        iteration: int,
        *,
        parameters: int,
        loss: float | None = None,
        held_out: float | None = None,
        estimate: float | None = None,
        error: float | None = None,
        damping: float | None = None,
    ) -> Record:
        """Append a record to the history and report it."""
        record = Record(
            *(stage, iteration, parameters, loss, held_out, estimate, error, self.seconds, damping)
        )
        self.history.append(record)
        if self._report is not None:
            self._report(record)
        return record

    def off_the_clock(self, work: Callable[[], Any]) -> Any:
        """Run work that is not part of solving (an error against the exact solution) untimed."""
        start = self._clock()
        result = work()
        self._paused += self._clock() - start
        return result


def parse_iterations(budget: float | str | None) -> int | None:
    """Return the number of a budget such as "300 iterations", or None for one of time.

    >>> parse_iterations("300 iterations"), parse_iterations("2m")
    (300, None)
    """
    number, _, word = str(budget).strip().lower().partition(" ")
    if word.strip() not in ("iteration", "iterations"):
        return None
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(
            f'the budget {budget!r} is no number of iterations; write "300 iterations".'
        )
    return int(number)


def parse_memory(memory: float | str) -> float:
    """Return bytes from a number or a text such as "4GiB", "500MB".

    Raises:
        ValueError: for anything else, or a memory that is not positive.

    >>> parse_memory("1.5KiB")
    1536.0
    """
    text = str(memory).strip()
    units = {f"{prefix}iB": 1024.0**k for k, prefix in enumerate("KMGT", 1)}
    units |= {f"{prefix}B": 1000.0**k for k, prefix in enumerate("kMGT", 1)} | {"B": 1.0}
    unit = next((u for u in units if text.endswith(u)), "")
    try:
        found = float(text.removesuffix(unit)) * units.get(unit, 1.0)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ValueError(
            f'the memory {memory!r} is none; write bytes as a number, or "4GiB", "500MB".'
        )
    return found


def parse_budget(budget: float | str | None) -> float | None:
    """Return seconds from a number or a text such as "90s", "5m", "1.5h".

    One in iterations limits no time: None.

    Raises:
        ValueError: for anything else, or a budget that is not positive.

    >>> parse_budget("2m")
    120.0
    """
    if budget is None or parse_iterations(budget) is not None:
        return None
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    text = str(budget).strip().lower()
    factor = units.get(text[-1:])
    try:
        seconds = float(text[:-1]) * factor if factor else float(text)
    except ValueError:
        raise ValueError(
            f'the budget {budget!r} is no time; write seconds as a number, or "60s", "5m", "1h", '
            'or "300 iterations".'
        ) from None
    if not seconds > 0:
        raise ValueError(f"the budget {budget!r} must be positive.")
    return seconds
