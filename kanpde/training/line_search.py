r"""A step length that fulfils the strong Wolfe conditions.

.. math:: f(\alpha)\le f(0)+c_1\alpha f'(0),\qquad |f'(\alpha)|\le c_2|f'(0)|

Nocedal and Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6, with cubic interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FARTHER = 4.0
"""Factor by which the step grows while the function still falls steeply."""
EDGE = 0.1
"""An interpolated step keeps this share of the bracket from its ends."""


@dataclass(frozen=True)
class Trial:
    """A function along a line at one step.

    Args:
        step: the length.
        value, slope: of the function there.
        data: what the caller wants to keep, such as the gradient.
    """

    step: float
    value: float
    slope: float
    data: Any = None


def strong_wolfe(
    evaluate: Callable[[float], Trial],
    start: Trial,
    first: float,
    *,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    most: int = 25,
) -> Trial | None:
    """Return a trial that fulfils both conditions, or the lowest that fulfils the first, or None.

    Args:
        evaluate: the function at a step.
        start: the trial at step 0, of negative slope.
        first: the step to begin with.
        decrease: the constant c1.
        curvature: the constant c2, c1 < c2 < 1.
        most: evaluations at most.

    >>> def line(t): return Trial(t, (t - 3) ** 2, 2 * (t - 3))
    >>> strong_wolfe(line, line(0.0), 1.0, curvature=0.1).step
    3.0
    """
    if not start.slope < 0:
        return None

    def falls(trial: Trial) -> bool:
        line = start.value + decrease * trial.step * start.slope
        return math.isfinite(trial.value) and trial.value <= line

    low, high = start, None
    step = first
    for _ in range(most):
        trial = evaluate(step)
        if not falls(trial) or (low.step > 0 and trial.value >= low.value):
            high = trial
        elif abs(trial.slope) <= -curvature * start.slope:
            return trial
        elif high is None and trial.slope < 0:
            low = trial
        else:
            # the minimum lies between the best so far and the side to which it falls
            side = 1.0 if high is None else high.step - low.step
            high = low if trial.slope * side >= 0 else high
            low = trial
        if high is None:
            step = FARTHER * low.step
            continue
        step = _between(low, high)
        if abs(high.step - low.step) <= 1e-14 * max(abs(low.step), abs(high.step)):
            break
    return low if low.step > 0 else None


def _between(low: Trial, high: Trial) -> float:
    """Return the minimum of the cubic through two trials, kept off the ends of their bracket."""
    width = high.step - low.step
    middle = low.step + 0.5 * width
    if not math.isfinite(high.value) or not math.isfinite(high.slope):
        return low.step + EDGE * width
    first = low.slope + high.slope - 3 * (low.value - high.value) / (low.step - high.step)
    square = first**2 - low.slope * high.slope
    if square < 0:
        return middle
    second = math.copysign(math.sqrt(square), width)
    divisor = high.slope - low.slope + 2 * second
    if divisor == 0:
        return middle
    step = high.step - width * (high.slope + second - first) / divisor
    near, far = sorted((low.step + EDGE * width, high.step - EDGE * width))
    return min(max(step, near), far)
