"""The plan for fields with fronts: training in rounds, each on points drawn anew."""

from __future__ import annotations

from typing import Any

from kanpde.training.levenberg_marquardt import LevenbergMarquardt
from kanpde.training.resample import Resample
from kanpde.training.stage import Stage


def rounds(count: int = 20, *, iterations: int = 25, steep: float = 0.5) -> list[Stage[Any]]:
    """Return a plan that trains, draws points where the residual is large, and trains on.

    Args:
        count: of rounds of training.
        iterations: Levenberg-Marquardt steps in each.
        steep: of :class:`Resample`.

    Raises:
        ValueError: for fewer than one round, or a setting that a stage refuses.

    >>> [stage.name for stage in rounds(2)]
    ['levenberg-marquardt', 'resample', 'levenberg-marquardt']
    """
    if count < 1:
        raise ValueError(f"rounds({count}) must be at least one.")
    train = LevenbergMarquardt(iterations=iterations)
    further: list[Stage[Any]] = [Resample(steep=steep), train]
    return [train, *further * (count - 1)]
