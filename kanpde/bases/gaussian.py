"""Gaussian radial functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
from torch import Tensor

from kanpde.bases import checks, translates
from kanpde.bases.basis import Basis


@final
@dataclass(frozen=True)
class Gaussian(Basis):
    """Represent functions by the bells  exp(-((s - c_i) / width)^2)  at equispaced centres c_i.

    The centres go from -reach to reach. As in FastKAN, arXiv:2405.06721, they go on beyond the
    ends of [-1, 1]: with the last bell at an end a function can end there neither with a slope nor
    with a curvature of its own, and no number of bells makes up for it.

    Without a width, it is the distance of neighbouring centres, as in FastKAN. Bells so narrow
    ripple by 1e-4; a width of 1.5 distances fits smooth functions to 1e-6 with 30 bells.
    A refined basis keeps the width, since only then does it contain the coarser one.

    Raises:
        ValueError: `centres` is not an integer >= 1, `width` is not above 0, or `reach` below 1.

    >>> import torch
    >>> Gaussian(centres=3).evaluate(torch.zeros(()), 0)[0, 1].item()
    1.0
    """

    centres: int
    width: float | None = None
    reach: float = 1.25

    family: ClassVar[str] = "gaussian"
    refinements: ClassVar[tuple[str, ...]] = ("centres",)
    nesting: ClassVar[str] = (
        "it is nested in Gaussian bases of the same width and reach whose centres include its own "
        "(centres - 1 is a multiple)"
    )

    def __post_init__(self) -> None:
        centres = checks.whole("centres", self.centres, 1, owner="Gaussian")
        object.__setattr__(self, "centres", centres)
        if self.width is not None:
            width = checks.real("width", self.width, owner="Gaussian", above=0.0)
            object.__setattr__(self, "width", width)
        reach = checks.real("reach", self.reach, owner="Gaussian", above=0.0)
        if reach < 1:
            raise ValueError(f"Gaussian: reach must be at least 1, got {reach}.")
        object.__setattr__(self, "reach", reach)

    @property
    def size(self) -> int:
        """Count the functions: one a centre."""
        return self.centres

    @property
    def effective_width(self) -> float:
        """Return the width, or the spacing of the centres where none was given."""
        return translates.spacing(self.centres, self.reach) if self.width is None else self.width

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate the bells and derivatives by Hermite's recurrence; see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="Gaussian")
        scale = self.effective_width / math.sqrt(2)  # exp(-y^2) = exp(-x^2 / 2), x = sqrt(2) y
        x = translates.offsets(s, self.centres, scale, reach=self.reach)
        return translates.scaled(translates.gaussian_derivatives(x, order), scale)

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` has the same width and all the centres."""
        return (
            isinstance(finer, Gaussian)
            and self.reach == finer.reach
            and self.effective_width == finer.effective_width
            and translates.contains(self.centres, finer.centres)
        )

    def _refined(self, **how: Any) -> Basis:
        return replace(self, width=self.effective_width, **how)

    def _transfer(self, finer: Basis) -> np.ndarray:
        return translates.selection(self.centres, finer.size)
