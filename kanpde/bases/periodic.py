"""Periodic B-splines: those on even knots whose ends match with all derivatives but the highest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from torch import Tensor

from kanpde.bases import checks
from kanpde.bases.basis import Basis
from kanpde.bases.bspline import BSpline


@final
@dataclass(frozen=True)
class PeriodicSpline(Basis):
    """Represent functions of period 2, the length of [-1, 1], by B-splines that wrap around.

    With even knots the function of degree p on G cells is periodic, with its derivatives up to
    order p - 1, if and only if the last p coefficients are the first ones again; so there are G
    functions. They add up to one.

    Args:
        degree: polynomial degree, >= 0.
        intervals: number of cells, >= 1.

    Raises:
        ValueError: `degree` < 0 or `intervals` < 1.

    >>> import torch
    >>> basis = PeriodicSpline(degree=3, intervals=6)
    >>> table = basis.evaluate(torch.tensor([-1.0, 1.0], dtype=torch.float64), 2)
    >>> basis.size, bool(torch.allclose(table[..., 0], table[..., 1]))
    (6, True)
    """

    degree: int = 3
    intervals: int = 5

    family: ClassVar[str] = "periodic spline"
    refinements: ClassVar[tuple[str, ...]] = ("intervals",)
    nesting: ClassVar[str] = "the degree must be the same and intervals a multiple"

    def __post_init__(self) -> None:
        degree = checks.whole("degree", self.degree, 0, owner="PeriodicSpline")
        intervals = checks.whole("intervals", self.intervals, 1, owner="PeriodicSpline")
        object.__setattr__(self, "degree", degree)
        object.__setattr__(self, "intervals", intervals)

    @property
    def size(self) -> int:
        """Count the functions: one for each cell."""
        return self.intervals

    @property
    def spline(self) -> BSpline:
        """The B-splines that these are combinations of."""
        return BSpline(self.degree, self.intervals)

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate all functions and derivatives inside [-1, 1]; see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="PeriodicSpline")
        table = self.spline.evaluate(s, order)
        wrapped = table[:, : self.size].clone()
        for start in range(self.size, table.shape[1], self.size):
            block = table[:, start : start + self.size]
            wrapped[:, : block.shape[1]] = wrapped[:, : block.shape[1]] + block
        return wrapped

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` has the same degree and all the break points."""
        own = finer.spline if isinstance(finer, PeriodicSpline) else finer
        return self.spline.nested_in(own)

    def _transfer(self, finer: Basis) -> np.ndarray:
        wrap = np.eye(self.size)[np.arange(self.spline.size) % self.size]
        if isinstance(finer, PeriodicSpline):
            return (self.spline.transfer(finer.spline) @ wrap)[: finer.size]
        return self.spline.transfer(finer) @ wrap
