"""Which direct ways of solving a problem are tried, in which order."""

from __future__ import annotations

import numpy as np

from kanpde.problem import Problem
from kanpde.solving.forms import Forms, refusal
from kanpde.solving.indicators import data_are_smooth
from kanpde.solving.ladder import Ladder
from kanpde.solving.patches import Patches


def direct_ways(problem: Problem) -> list[Ladder | Patches]:
    """Return the ways to try until one reaches the tolerance.

    One global polynomial is best for what is smooth, nonlinear problems too. Patches follow where
    they apply, and come alone where 20 points along each axis do not even resolve the source and
    the coefficients.

    Args:
        problem: for which a ladder is the way to try first.
    """
    if refusal(problem) is not None:
        return [Ladder()]
    box = np.stack([problem.domain.lower, problem.domain.upper])
    smooth = data_are_smooth(Forms.of(problem).equation, box)
    return [Ladder(), Patches()] if smooth else [Patches()]
