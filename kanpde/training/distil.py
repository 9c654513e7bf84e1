"""From an accurate field to a compact network: fitted with its derivatives, then to the equation.

What the field is made of decides where the network starts (:mod:`kanpde.training.structure`);
without that a fit is a lottery. The best of the starts, by a fit of the output edges and a few
steps, is fitted to values and derivatives, and then trained on the residual of the problem. Of the
two the field that is nearer to the one before is kept, and how near says how good it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from kanpde.bases import BSpline
from kanpde.control import Control
from kanpde.geometry import Sobol
from kanpde.networks import KAN, Network, SeparableKAN, bare, with_bare
from kanpde.outcome import Outcome
from kanpde.solution import Solution
from kanpde.solution.solution import ERROR_POINTS
from kanpde.solving.least_squares import solve_output_coefficients
from kanpde.training.deepen import can_deepen, deepened, shallow_part
from kanpde.training.levenberg_marquardt import LevenbergMarquardt
from kanpde.training.plan import run_plan
from kanpde.training.refine import Refine
from kanpde.training.stage import Stage, Task
from kanpde.training.structure import Structure, started
from kanpde.training.train import Training, error_of

RANDOM = 2
"""Random starts that are tried besides those with a structure."""
TRIAL = 6
"""Steps after which the starts are compared."""
DECISIVE = 1e-4
"""A start whose loss is below this is taken; without a field it is of order one."""
NEAR = 100.0
"""Starts whose loss is more than so many times the best one's are not tried."""
AMPLE = 0.1
"""A fit that is nearer than this part of the tolerance is not trained on."""
PATIENT = LevenbergMarquardt(iterations=60, stall=0.01)
"""The fit of the start that is chosen."""
FINISH = LevenbergMarquardt(iterations=15, stall=0.02)
"""The steps on the residual of the problem."""


@dataclass(frozen=True)
class Trial:
    """A start with its output edges fitted.

    Args:
        name: of the structure.
        network: the network.
        loss: of the fit.
        is_structured: whether the field said what the network starts from.
    """

    name: str
    network: Network
    loss: float
    is_structured: bool = False


def distilled(
    solution: Solution,
    network: Network,
    *,
    tol: float = 1e-8,
    extensions: int = 0,
    seed: int = 0,
    control: Control,
) -> Solution:
    """Return a solution with a compact field; see :meth:`Solution.distil`.

    Args:
        solution: whose field is taken.
        network: the compact network, not yet wrapped in units.
        tol: for the distance to the field.
        extensions: how often the grid of splines may be halved to get there.
        seed: of points and random starts.
        control: budget, stop request and history.

    Raises:
        ValueError: for a tolerance out of range, a problem with unknown numbers, or a network of
            the wrong dimensions.
    """
    problem = solution.problem
    if not 0 < tol < 1:
        raise ValueError(f"distil: tol={tol!r} must be between 0 and 1.")
    if problem.parameters:
        raise ValueError(
            f"{problem.name} seeks unknown numbers, and those cannot be distilled yet; train the "
            "network on it: solve(problem, network)."
        )
    like = next(solution.network.parameters())
    ready = Training.of(problem, network, seed=seed, hard=False, device=str(like.device))
    fit = replace(ready.task, teacher=solution.network, points_per_parameter=2.0, least_points=1200)
    error = error_of(problem)
    gap = _Distance(solution)

    def run(plan: list[Stage[Any]], task: Task, start: Network) -> Network:
        return run_plan(plan, task, start, control, error=error).network

    trial = _best_start(solution, fit, ready.network, run)
    left = extensions if _intervals(ready.network) else 0
    while trial.is_structured and left and gap(trial.network) > tol and not control.should_stop:
        # The finer grid starts from the structure again: no need to fit the coarser one.
        cells = 2 * (_intervals(trial.network) or 1)
        finer = ready.network.refined(intervals=cells)  # type: ignore[operator]
        trial, left = _structured_trials(solution, fit, finer)[0], left - 1
    found = run([PATIENT], fit, trial.network)
    while left and gap(found) > tol and not control.should_stop:
        extend = Refine(intervals=2 * (_intervals(found) or 1))
        found, left = run([extend, PATIENT], fit, found), left - 1
    fitted = reached = gap(found)
    said = f"{fitted:.1e} after the fit"
    if reached > AMPLE * tol and not control.should_stop:
        after = run([FINISH], ready.task, found)
        reached = gap(after)
        said += f", {reached:.1e} after training on the residual"
        found, reached = (found, fitted) if fitted <= reached else (after, reached)
    known = solution.estimate is not None
    estimate = solution.estimate + reached if known else None  # type: ignore[operator]
    outcome = solution.outcome if reached <= tol else Outcome.TOLERANCE_NOT_REACHED
    if reached > tol and control.should_stop:
        outcome = control.stop_outcome
    return replace(
        solution,
        network=found,
        outcome=outcome,
        estimate=estimate,
        history=tuple(control.history),
        points=fit.collocate(found).point_count,
        seconds=control.seconds,
        seed=seed,
        weights={},
        notes=(
            *solution.notes,
            f"Distilled from {solution.parameters} to {found.parameter_count} parameters, "
            f"starting from {trial.name}; relative L2 distance to the field before {said}, asked "
            f"for {tol:.1e}.",
        ),
        way=f"{type(bare(found)).__name__} distilled from: {solution.way}",
        why="It was distilled.",
    )


class _Distance:
    """Measures the relative L2 distance to a field, the largest of any unknown."""

    def __init__(self, solution: Solution) -> None:
        domain = solution.problem.domain
        self._solution = solution
        self._points = domain.interior(ERROR_POINTS, seed=991, sampler=Sobol())
        self._field = solution.at(self._points)
        if not np.isfinite(self._field).all():
            raise ValueError(
                f"the field of {solution.problem.name} is not known everywhere: "
                f"{solution.outcome.value} Only a complete field can be distilled."
            )

    def __call__(self, network: Network) -> float:
        gap = replace(self._solution, network=network).at(self._points) - self._field
        size = np.maximum(np.linalg.norm(self._field, axis=0), 1e-300)
        return float((np.linalg.norm(gap, axis=0) / size).max())


def _best_start(
    solution: Solution,
    fit: Task,
    network: Network,
    run: Callable[[list[Stage[Any]], Task, Network], Network],
) -> Trial:
    """Return the best start of a network, its output edges fitted."""
    trials = _structured_trials(solution, fit, network)
    if trials and trials[0].loss < DECISIVE:
        return trials[0]
    random = [network]
    inner = bare(network)
    if isinstance(inner, KAN):
        again = (inner.restarted(fit.seed + extra) for extra in range(1, RANDOM))
        random += [with_bare(network, n) for n in again]
    trials += [_fitted("a random start", n, fit) for n in random]
    trials.sort(key=lambda t: t.loss)
    trials = [t for t in trials if t.loss <= NEAR * trials[0].loss]
    if len(trials) == 1:
        return trials[0]
    short = LevenbergMarquardt(iterations=TRIAL)
    run_on = [(t, _measured(t.name, run([short], fit, t.network), fit)) for t in trials]
    best = min(run_on, key=lambda pair: pair[1].loss)
    return replace(best[1], is_structured=best[0].is_structured)


def _structured_trials(solution: Solution, fit: Task, network: Network) -> list[Trial]:
    """Return the starts with a structure, the best one first."""
    starts = _structured(solution, fit, network)
    trials = [replace(_fitted(name, n, fit), is_structured=True) for name, n in starts]
    return sorted(trials, key=lambda t: t.loss)


def _structured(solution: Solution, fit: Task, network: Network) -> list[tuple[str, Network]]:
    """Return networks that start from what the field is made of, by name."""
    inner = bare(network)
    found: list[tuple[str, Network]] = []
    x = torch.as_tensor(solution.problem.domain.interior(1000, seed=fit.seed))
    structure = Structure(solution, seed=fit.seed)
    if isinstance(inner, SeparableKAN) and structure.has_grid:
        edges = structure.products(inner.rank, inner.outputs)
        found.append(("products", with_bare(network, inner.with_edges(edges))))
    if isinstance(inner, KAN):
        x = x.to(inner.output_coefficients)
        for start in structure.starts(inner.rows[1]) if len(inner.rows) > 2 else ():
            made = started(inner, start, x)
            if can_deepen(made):
                shallow = with_bare(network, shallow_part(made))
                solved = bare(_fitted(start.name, shallow, fit).network)
                assert isinstance(solved, KAN)
                made = deepened(made, solved, x)
            found.append((start.name, with_bare(network, made)))
    return found


def _fitted(name: str, network: Network, fit: Task) -> Trial:
    """Return a start with its output edges solved for, if they can be."""
    collocation = fit.collocate(network)
    try:
        prepared = collocation.prepare(network)
        weights = [block.weight**0.5 for block in collocation.blocks]
        network, _ = solve_output_coefficients(network, collocation, prepared, weights)
    except ValueError:  # not linear in coefficients that all outputs share
        pass
    return _measured(name, network, fit)


def _measured(name: str, network: Network, fit: Task) -> Trial:
    collocation = fit.collocate(network)
    residual = collocation.residual(network, collocation.prepare(network))
    loss = 0.5 * float(residual @ residual)
    return Trial(name, network, loss if np.isfinite(loss) else np.inf)


def _intervals(network: Network) -> int | None:
    """Return how many cells the finest edges of a KAN of splines have, or None for another."""
    inner = bare(network)
    bases = inner.bases if isinstance(inner, (KAN, SeparableKAN)) else ()
    cells = [b.intervals if isinstance(b, BSpline) else 0 for b in bases]
    return max(cells) if cells and min(cells) > 0 else None
