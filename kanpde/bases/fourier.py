"""Trigonometric polynomials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import checks
from kanpde.bases.basis import Basis


@final
@dataclass(frozen=True)
class Fourier(Basis):
    """Represent functions by 1, cos(w s), sin(w s), .., cos(modes w s), sin(modes w s).

    w = 2 pi / period: with the default period 2, the length of [-1, 1], these are functions of
    pi s, and everything represented is periodic. A period above 2 frees the two ends from each
    other. The order of the functions is the one of the list above, so more modes only append.
    Source: as edges of a KAN, FourierKAN, arXiv:2406.01034.

    Raises:
        ValueError: `modes` is not an integer >= 0, or `period` is not above 0.

    >>> Fourier(1).evaluate(torch.zeros(1), 1).flatten().tolist()[:3]
    [1.0, 1.0, 0.0]
    """

    modes: int
    period: float = 2.0

    family: ClassVar[str] = "fourier"
    refinements: ClassVar[tuple[str, ...]] = ("modes",)
    nesting: ClassVar[str] = "it is nested in Fourier bases of the same period and no fewer modes"

    def __post_init__(self) -> None:
        modes = checks.whole("modes", self.modes, 0, owner="Fourier")
        period = checks.real("period", self.period, owner="Fourier", above=0.0)
        object.__setattr__(self, "modes", modes)
        object.__setattr__(self, "period", period)

    @property
    def size(self) -> int:
        """Count the functions: 2 modes + 1."""
        return 2 * self.modes + 1

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate the trigonometric functions and derivatives; see `Basis.evaluate`.

        cos^(k) and sin^(k) cycle through cos, -sin, -cos, sin, times the k-th power of the
        frequency.
        """
        order = checks.evaluation(s, order, owner="Fourier")
        column = (-1,) + (1,) * s.dim()
        numbers = torch.arange(1, self.modes + 1, dtype=s.dtype, device=s.device).view(column)
        frequency = numbers * (2 * math.pi / self.period)
        angle = frequency * s
        cycle = (torch.cos(angle), -torch.sin(angle), -torch.cos(angle), torch.sin(angle))
        one = (1 + 0 * s)[None]  # in the graph of s, so that its gradient is zero, not an error
        rows = []
        for k in range(order + 1):
            # sin(a) = cos(a - pi/2) is one place behind cos in the cycle.
            pair = torch.stack([cycle[k % 4], cycle[(k + 3) % 4]], dim=1) * (frequency**k)[:, None]
            rows.append(torch.cat([one if k == 0 else 0 * one, pair.flatten(0, 1)]))
        return torch.stack(rows)

    def differentiation(self) -> np.ndarray:
        """Return the matrix of  cos(m w s)' = -m w sin(m w s),  sin(m w s)' = m w cos(m w s).

        >>> Fourier(1, period=2 * math.pi).differentiation().tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]
        """
        matrix = np.zeros((self.size, self.size))
        cosines = 2 * np.arange(1, self.modes + 1) - 1
        frequency = np.arange(1, self.modes + 1) * (2 * math.pi / self.period)
        matrix[cosines, cosines + 1] = frequency
        matrix[cosines + 1, cosines] = -frequency
        return matrix

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` is a Fourier basis of the same period and no fewer modes."""
        return (
            isinstance(finer, Fourier) and self.period == finer.period and self.modes <= finer.modes
        )
