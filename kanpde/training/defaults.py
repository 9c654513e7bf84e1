"""The network and the plan that are taken where none is given."""

from __future__ import annotations

from typing import Any

from kanpde.bases import BSpline
from kanpde.networks import KAN, Network, bare
from kanpde.problem import Problem
from kanpde.training.levenberg_marquardt import LevenbergMarquardt
from kanpde.training.refine import Refine, Regrid
from kanpde.training.rounds import rounds
from kanpde.training.stage import Stage


def default_network(problem: Problem) -> KAN:
    """Return the KAN that is trained for a problem when none is given.

    Of one coordinate any function is one edge, and a hidden layer adds nothing.
    """
    if problem.dimension == 1:
        widths = [1, len(problem.unknowns)]
        return KAN(widths, basis=BSpline(degree=7, intervals=5), activation=None)
    widths = [problem.dimension, 6, len(problem.unknowns)]
    if not problem.is_linear:
        widths.insert(2, 6)
    return KAN(widths, basis=BSpline(degree=7, intervals=5), activation=None)


def default_plan(problem: Problem, network: Network) -> list[Stage[Any]]:
    """Return the plan for a problem and a network.

    A nonlinear evolution gets fronts, so it is trained in rounds on points drawn anew
    (:func:`rounds`). Splines are trained on three grids (:func:`staircase`), other networks by
    Levenberg-Marquardt until it stalls.
    """
    evolves = getattr(problem.domain, "time", None) is not None and problem.dimension > 1
    if evolves and not problem.is_linear and not problem.parameters:
        return rounds()
    inner = bare(network)
    if not isinstance(inner, KAN) or not all(isinstance(b, BSpline) for b in inner.bases):
        return [LevenbergMarquardt(iterations=400)]
    first = max(b.intervals for b in inner.bases if isinstance(b, BSpline))
    return staircase(first, 2 * first, 4 * first)


def staircase(*intervals: int, iterations: int = 40) -> list[Stage[Any]]:
    """Return the plan of grid extension: train on each grid, extend, train on.

    Args:
        intervals: of the grids, the first being the network's own; each a multiple of the one
            before.
        iterations: Levenberg-Marquardt steps on each grid; half of them before and the same number
            after the hidden grids are first moved to where the values are.
    """
    plan: list[Stage[Any]] = [
        LevenbergMarquardt(iterations=(iterations + 1) // 2),
        Regrid(),
        LevenbergMarquardt(iterations=iterations),
        Regrid(),
    ]
    for count in intervals[1:]:
        plan += [Refine(intervals=count), LevenbergMarquardt(iterations=iterations)]
    return plan
