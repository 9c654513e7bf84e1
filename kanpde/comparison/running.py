"""Run all entrants with all seeds, by one clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.comparison.entrants import Entrant, entrants_of, final_parameters
from kanpde.comparison.measure import REFERENCE, Measure, gives_away, measure_for, reference_for
from kanpde.comparison.results import CPU_SECONDS, Comparison, Run
from kanpde.control import Control, Record, parse_budget
from kanpde.direct import solve_directly
from kanpde.engine import DEFAULT_TOLERANCE, using_threads
from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.solution import Solution
from kanpde.solving import Choice, Way, choose
from kanpde.training import Scale, Training, default_plan, run_plan

LEAST_POINTS = 1200
POINTS_PER_PARAMETER = 4
Progress = Callable[[str, int, Record], None]


def compare(
    problem: Problem,
    entrants: Sequence[Entrant | Network | Way] | None = None,
    *,
    seeds: int | Sequence[int] = 3,
    budget: float | str = "30s",
    points: int | None = None,
    reference: Solution | None = None,
    reference_budget: float | str = "120s",
    progress: Progress | None = None,
    threads: int = 1,
    device: str = "cpu",
    compiled: bool = False,
    clock: Callable[[], float] | None = None,
) -> Comparison:
    """Train networks on one problem under the same conditions.

    Every network is trained on the same points, with the same conditions built in (none, where
    they would hold the exact field from the start), for at most the same time. Time is that of
    the processor, which does not depend on what else the machine does, or on the wall where the
    tensors are on another device; the clock stops while an error is measured.

    Args:
        problem: what is solved.
        entrants: networks, ways or :class:`Entrant`; :func:`usual_entrants` if None. A network is
            given its default plan.
        seeds: how many, or which; a direct way runs once.
        budget: of every run, in seconds or as a text such as "30s".
        points: interior points; by default four for each parameter of the largest network.
        reference: measures the error where the problem has no exact field; by default kanpde's own
            solution, where a direct way reaches its tolerance or an estimated error of 1e-4.
        reference_budget: of the making of that solution.
        progress: called with entrant, seed and :class:`Record` after every step; while a reference
            is made, with "reference" for the entrant.
        threads: of the linear algebra.
        device: of the tensors, such as "cuda"; a reference is made on the CPU.
        compiled: record what is evaluated again and again, as for :func:`kanpde.solve`; the
            recording counts.
        clock: by default ``time.process_time`` on the CPU, else ``time.perf_counter``, the time on
            the wall, which is what counts with several threads, too.

    Raises:
        ValueError: for no entrants, two of one name, a network of the wrong dimensions, an entrant
            without one where there is no direct way, a bad budget, or seeds below one.
    """
    if clock is None:
        clock = time.process_time if device == "cpu" else time.perf_counter
    chosen = entrants_of(problem, entrants)
    for entrant in chosen:
        if entrant.network is None and not choose(problem).ways:
            raise ValueError(
                f"{entrant.name!r} has no network, and {problem.name} is solved by none of the "
                f"direct ways: {choose(problem).why} Give it a network, such as KAN([2, 5, 1])."
            )
    seconds, longest = _time("budget", budget), _time("reference_budget", reference_budget)
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not numbers:
        raise ValueError(f"seeds={seeds!r} must be at least one.")
    if points is None:
        most = max((final_parameters(problem, e) for e in chosen), default=0)
        points = max(LEAST_POINTS, POINTS_PER_PARAMETER * most)

    def told(name: str, seed: int) -> Callable[[Record], None]:
        return lambda record: None if progress is None else progress(name, seed, record)

    def made() -> Solution | None:
        how = {"progress": told(REFERENCE, 0), "threads": threads}
        return reference_for(problem, budget=longest, **how)  # type: ignore[arg-type]

    measure, against = measure_for(problem, reference, made)
    hard = False if gives_away(problem) else None
    scale = Scale(points, compiled=compiled)
    course = _Course(problem, scale, seconds, hard, measure, device, clock)
    with using_threads(threads):
        runs = [
            course.run(entrant, seed, told(entrant.name, seed))
            for entrant in chosen
            for seed in (numbers[:1] if entrant.is_direct else numbers)
        ]
    unit = CPU_SECONDS if clock is time.process_time else "seconds"
    return Comparison(problem, tuple(runs), points, seconds, against, unit)


def _time(name: str, budget: float | str) -> float:
    """Return a budget in seconds."""
    seconds = parse_budget(budget)
    if seconds is None:
        raise ValueError(f"{name}={budget!r} must be a time; equal time is part of the comparison.")
    return seconds


@dataclass(frozen=True)
class _Course:
    """What is the same for every entrant."""

    problem: Problem
    scale: Scale
    budget: float
    hard: bool | None
    measure: Measure
    device: str
    clock: Callable[[], float]

    def run(self, entrant: Entrant, seed: int, report: Callable[[Record], None]) -> Run:
        """Return what came of an entrant with a seed."""
        control = Control(self.budget, report, clock=self.clock)
        network = entrant.network
        if isinstance(network, Network):
            plan = entrant.plan
            ready = Training.of(
                self.problem,
                network,
                seed=seed,
                hard=self.hard,
                device=self.device,
                scale=self.scale,
            )
            stages = default_plan(self.problem, ready.network) if plan is None else plan
            found = run_plan(stages, ready.task, ready.network, control, error=self.measure)
            field, outcome = found.network, found.outcome
            steps = sum({r.stage: r.iteration for r in control.history}.values())
        else:
            choice = choose(self.problem) if network is None else Choice((network,), "")
            how = {"seed": seed, "device": self.device}
            solved = solve_directly(self.problem, choice, DEFAULT_TOLERANCE, control, **how)  # type: ignore[arg-type]
            field, outcome, steps = solved.network, solved.outcome, len(control.history)
        error, seconds = self.measure(field), control.seconds
        curve = [(r.seconds, r.error) for r in control.history if r.error is not None]
        rows = np.array([*curve, (seconds, error)], dtype=float)
        sizes = {"steps": steps, "parameters": field.parameter_count}
        return Run(entrant.name, seed, error, seconds, outcome=outcome, curve=rows, **sizes)
