"""Solving by direct ways, one after the other, with checkpoints of where that stands."""

from __future__ import annotations

from dataclasses import replace

from kanpde.control import Control
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solution import Solution
from kanpde.solving import Choice, Found
from kanpde.training import Checkpoints, Restart, Standing, error_of


class Keep:
    """Writes checkpoints of a solve by direct ways.

    Args:
        checkpoints: where and how often.
        restart: problem and settings of the solve.
    """

    def __init__(self, checkpoints: Checkpoints, restart: Restart) -> None:
        self._checkpoints, self._restart = checkpoints, restart

    def begin(self, standing: Standing, control: Control) -> None:
        """Begin with a way; what it remembers is written when it is time."""
        control.remembered = len(control.history)

        def write() -> None:
            self._checkpoints.write(
                replace(
                    self._restart,
                    standing=replace(standing, memory=control.memory),
                    history=tuple(control.history[: control.remembered]),
                    seconds=control.seconds,
                )
            )

        self._write = write
        control.keep = lambda: write() if self._checkpoints.are_due else None

    def end(self, control: Control) -> None:
        """Write where a way has ended."""
        control.keep = lambda: None
        control.off_the_clock(self._write)


def solve_directly(
    problem: Problem,
    choice: Choice,
    tol: float,
    control: Control,
    *,
    seed: int,
    device: str,
    keep: Keep | None = None,
    standing: Standing | None = None,
) -> Solution:
    """Solve by the chosen ways one after the other, until one reaches the tolerance.

    Args:
        problem: to be solved.
        choice: the ways.
        tol: for the estimated relative L2 error.
        control: budget, stop request and history.
        seed: of points.
        device: of the field.
        keep: writes checkpoints, or None for none.
        standing: where to begin; at the first way if None.

    Raises:
        ValueError: if a way cannot solve the problem.
        OSError: if a checkpoint cannot be written.
    """
    standing = standing or Standing(choice)
    best: Found | None = standing.best
    control.memory = standing.memory
    for position in range(standing.position, len(choice.ways)):
        if keep is not None:
            keep.begin(Standing(choice, position, best), control)
        way = choice.ways[position]
        found = way.solve(problem, tol, control, seed=seed, error=error_of(problem), device=device)
        if keep is not None:
            keep.end(control)
        control.memory = None
        if best is None or _claimed(found) < _claimed(best):
            best = found
        if found.outcome not in (Outcome.TOLERANCE_NOT_REACHED, Outcome.NOT_CONVERGED):
            break
    assert best is not None
    lost = found.outcome is Outcome.NOT_CONVERGED  # whereas another way may have found a field
    return Solution(
        problem,
        best.network,
        best.outcome if lost else found.outcome,
        estimate=best.estimate,
        history=tuple(control.history),
        points=best.points,
        seconds=control.seconds,
        seed=seed,
        notes=best.notes,
        way=best.way,
        why=choice.why,
    )


def _claimed(found: Found) -> float:
    return float("inf") if found.estimate is None else found.estimate
