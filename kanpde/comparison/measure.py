"""What errors are measured against: the exact field, a solution that is given, or one's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kanpde.control import Record
from kanpde.engine import solve
from kanpde.geometry import Sobol
from kanpde.networks import Network
from kanpde.networks.hard import hard_conditions
from kanpde.outcome import Outcome
from kanpde.problem import Problem, evaluate
from kanpde.solution import Solution
from kanpde.solving import choose
from kanpde.training import error_of

REFERENCE = "reference"
"""The name under which the making of a reference is told to ``progress``."""
REFERENCE_POINTS = 10_000
TRUSTED = 1e-4
"""A solution whose estimated error is larger is no reference."""
SAME = 1e-8
"""Fields whose relative distance is smaller are one."""

Measure = Callable[[Network], float]


def reference_for(
    problem: Problem,
    *,
    budget: float | str | None = None,
    progress: Callable[[Record], None] | None = None,
    threads: int = 1,
) -> Solution | None:
    """Return kanpde's own solution, or None where no direct way is known or none gets near.

    A solution that the budget ended is taken if it is estimated to 1e-4.

    Args:
        problem: what is solved.
        budget: of seconds, as for ``solve``.
        progress: called with a :class:`Record` after every step.
        threads: of the linear algebra.
    """
    if not choose(problem).ways:
        return None
    found = solve(problem, budget=budget, progress=progress, threads=threads)
    good = found.outcome.is_success or (found.estimate is not None and found.estimate <= TRUSTED)
    return found if good else None


def measure_for(
    problem: Problem,
    reference: Solution | None,
    make: Callable[[], Solution | None],
) -> tuple[Measure, str]:
    """Return what measures the largest relative L2 error of any unknown, and against what.

    Args:
        problem: what is solved.
        reference: a solution that is given, or None.
        make: gives one where there is neither a given one nor an exact field.
    """
    if problem.exact and reference is None:
        known = error_of(problem)
        return lambda network: _sound(known(network)), "the exact field"
    against = "a reference"
    if reference is None:
        reference = make()
        if reference is None:
            return lambda network: float("nan"), "nothing"
        against = f"kanpde's own solution, estimated to {reference.estimate or np.nan:.0e}"
    points = problem.domain.interior(REFERENCE_POINTS, seed=977, sampler=Sobol())
    field = reference.at(points)
    size = np.maximum(np.linalg.norm(field, axis=0), 1e-300)

    def by_field(network: Network) -> float:
        own = Solution(problem, network, Outcome.PLAN_FINISHED).at(points)
        return _sound(float((np.linalg.norm(own - field, axis=0) / size).max()))

    return by_field, against


def gives_away(problem: Problem) -> bool:
    """Whether hard conditions would hold the exact field before anything is trained.

    Boundary values that are written as the exact solution are extended into the domain by the same
    formula, and every network would be perfect from the start.
    """
    conditions = hard_conditions(problem) if problem.exact else None
    if conditions is None:
        return False
    points = problem.domain.interior(500, seed=977)
    for u, lift in zip(problem.unknowns, conditions.lift, strict=True):
        if u not in problem.exact:
            return False
        exact = evaluate(problem.exact[u], problem.coordinates, points)
        gap = evaluate(lift, problem.coordinates, points) - exact
        if np.linalg.norm(gap) > SAME * np.linalg.norm(exact):
            return False
    return True


def _sound(error: float | None) -> float:
    return error if error is not None and np.isfinite(error) else float("inf")
