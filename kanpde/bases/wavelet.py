"""Translates of a wavelet: Mexican hat, Morlet, derivative of a Gaussian (Wav-KAN)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
from torch import Tensor

from kanpde.bases import checks, translates
from kanpde.bases.basis import Basis

_NESTING = (
    "it is nested in bases of the same wavelet and scale whose centres include its own "
    "(count - 1 is a multiple)"
)


@final
@dataclass(frozen=True)
class MexicanHat(Basis):
    """Represent functions by translates of  psi(x) = A (1 - x^2) exp(-x^2 / 2).

    x = (s - c_i) / scale at `count` equispaced centres; the scale is their spacing unless given.
    A = 2 / (sqrt(3) pi^(1/4)) makes the norm of psi on the line one.
    Source: Wav-KAN, arXiv:2405.12832, table 1. psi = -A g'' with g = exp(-x^2 / 2).

    Raises:
        ValueError: `count` is not an integer >= 1, or `scale` is not above 0.

    >>> import torch
    >>> round(MexicanHat(3).evaluate(torch.zeros(()), 0)[0, 1].item(), 4)
    0.8673
    """

    count: int
    scale: float | None = None

    family: ClassVar[str] = "mexican_hat"
    refinements: ClassVar[tuple[str, ...]] = ("count",)
    nesting: ClassVar[str] = _NESTING

    def __post_init__(self) -> None:
        _check(self)

    @property
    def size(self) -> int:
        """Count the functions: one a centre."""
        return self.count

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate psi^(k) = -A g^(k+2); see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="MexicanHat")
        scale = _scale(self)
        bells = translates.gaussian_derivatives(translates.offsets(s, self.count, scale), order + 2)
        amplitude = 2 / (math.sqrt(3) * math.pi**0.25)
        return -amplitude * translates.scaled(bells[2:], scale)

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` has the same scale and all the centres."""
        return isinstance(finer, MexicanHat) and _nested(self, finer)

    def _refined(self, **how: Any) -> Basis:
        return replace(self, scale=_scale(self), **how)

    def _transfer(self, finer: Basis) -> np.ndarray:
        return translates.selection(self.count, finer.size)


@final
@dataclass(frozen=True)
class DoG(Basis):
    """Represent functions by translates of the derivative of a Gaussian, psi(x) = -x exp(-x^2 / 2).

    x = (s - c_i) / scale at `count` equispaced centres; the scale is their spacing unless given.
    Source: Wav-KAN, arXiv:2405.12832, table 1.

    Raises:
        ValueError: `count` is not an integer >= 1, or `scale` is not above 0.

    >>> import torch
    >>> DoG(3).evaluate(torch.zeros(()), 1)[1, 1].item()
    -1.0
    """

    count: int
    scale: float | None = None

    family: ClassVar[str] = "dog"
    refinements: ClassVar[tuple[str, ...]] = ("count",)
    nesting: ClassVar[str] = _NESTING

    def __post_init__(self) -> None:
        _check(self)

    @property
    def size(self) -> int:
        """Count the functions: one a centre."""
        return self.count

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate psi^(k) = g^(k+1); see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="DoG")
        scale = _scale(self)
        bells = translates.gaussian_derivatives(translates.offsets(s, self.count, scale), order + 1)
        return translates.scaled(bells[1:], scale)

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` has the same scale and all the centres."""
        return isinstance(finer, DoG) and _nested(self, finer)

    def _refined(self, **how: Any) -> Basis:
        return replace(self, scale=_scale(self), **how)

    def _transfer(self, finer: Basis) -> np.ndarray:
        return translates.selection(self.count, finer.size)


@final
@dataclass(frozen=True)
class Morlet(Basis):
    """Represent functions by translates of  psi(x) = cos(frequency x) exp(-x^2 / 2).

    x = (s - c_i) / scale at `count` equispaced centres; the scale is their spacing unless given.
    Source: Wav-KAN, arXiv:2405.12832, table 1, whose frequency is 5.

    Raises:
        ValueError: `count` is not an integer >= 1, or `scale` or `frequency` is not above 0.

    >>> import torch
    >>> Morlet(3).evaluate(torch.zeros(()), 0)[0, 1].item()
    1.0
    """

    count: int
    scale: float | None = None
    frequency: float = 5.0

    family: ClassVar[str] = "morlet"
    refinements: ClassVar[tuple[str, ...]] = ("count",)
    nesting: ClassVar[str] = _NESTING

    def __post_init__(self) -> None:
        _check(self)
        frequency = checks.real("frequency", self.frequency, owner="Morlet", above=0.0)
        object.__setattr__(self, "frequency", frequency)

    @property
    def size(self) -> int:
        """Count the functions: one a centre."""
        return self.count

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate psi^(k) = sum_j binomial(k, j) cos^(j) g^(k-j); see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="Morlet")
        scale = _scale(self)
        x = translates.offsets(s, self.count, scale)
        bells = translates.gaussian_derivatives(x, order)
        cosine, sine = (self.frequency * x).cos(), (self.frequency * x).sin()
        cycle = (cosine, -sine, -cosine, sine)
        waves = [self.frequency**j * cycle[j % 4] for j in range(order + 1)]
        rows = [bells[0] * waves[0]]
        for k in range(1, order + 1):
            terms = [math.comb(k, j) * waves[j] * bells[k - j] for j in range(k + 1)]
            rows.append(sum(terms[1:], terms[0]))
        return translates.scaled(rows, scale)

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` has the same scale, frequency, and all the centres."""
        return (
            isinstance(finer, Morlet) and self.frequency == finer.frequency and _nested(self, finer)
        )

    def _refined(self, **how: Any) -> Basis:
        return replace(self, scale=_scale(self), **how)

    def _transfer(self, finer: Basis) -> np.ndarray:
        return translates.selection(self.count, finer.size)


def _check(wavelet: MexicanHat | DoG | Morlet) -> None:
    """Normalise and check the two fields that all wavelets share."""
    owner = type(wavelet).__name__
    count = checks.whole("count", wavelet.count, 1, owner=owner)
    object.__setattr__(wavelet, "count", count)
    if wavelet.scale is not None:
        scale = checks.real("scale", wavelet.scale, owner=owner, above=0.0)
        object.__setattr__(wavelet, "scale", scale)


def _scale(wavelet: MexicanHat | DoG | Morlet) -> float:
    return translates.spacing(wavelet.count) if wavelet.scale is None else wavelet.scale


def _nested(coarse: MexicanHat | DoG | Morlet, fine: MexicanHat | DoG | Morlet) -> bool:
    return _scale(coarse) == _scale(fine) and translates.contains(coarse.count, fine.count)
