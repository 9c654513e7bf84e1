r"""Adam with a schedule of its rate (Kingma and Ba, ICLR 2015)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from kanpde.training.descent import NOTHING, D, Descent, DescentState, common, require
from kanpde.training.objective import Objective


class Rate(ABC):
    """How long the steps are, as training goes on."""

    @abstractmethod
    def at(self, progress: float) -> float:
        """Return the rate when this part of the iterations is done, in [0, 1)."""


@dataclass(frozen=True)
class Constant(Rate):
    """The same rate throughout.

    >>> Constant(1e-2).at(0.5)
    0.01
    """

    start: float = 1e-2

    def __post_init__(self) -> None:
        require("Constant", {"start": (self.start, self.start > 0, "positive")})

    def at(self, progress: float) -> float:
        """Return the rate."""
        return self.start


@dataclass(frozen=True)
class Cosine(Rate):
    """Half a cosine from the first rate to the last (Loshchilov and Hutter, ICLR 2017).

    >>> round(Cosine(1e-2, end=0.0).at(0.5), 12)
    0.005
    """

    start: float = 1e-2
    end: float = 1e-5

    def __post_init__(self) -> None:
        require("Cosine", {"start": (self.start, self.start > 0, "positive")})
        require("Cosine", {"end": (self.end, 0 <= self.end <= self.start, "in [0, start]")})

    def at(self, progress: float) -> float:
        """Return the rate on the cosine."""
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Exponential(Rate):
    """The same factor in equal times, from the first rate to the last.

    >>> round(Exponential(1e-2, end=1e-4).at(0.5), 12)
    0.001
    """

    start: float = 1e-2
    end: float = 1e-4

    def __post_init__(self) -> None:
        require("Exponential", {"start": (self.start, self.start > 0, "positive")})
        require("Exponential", {"end": (self.end, 0 < self.end <= self.start, "in (0, start]")})

    def at(self, progress: float) -> float:
        """Return the rate on the exponential."""
        return self.start * (self.end / self.start) ** progress


class FirstOrder(Descent[D]):
    """A stage that follows the gradient with a scheduled rate and running means of it."""

    rate: Rate | float
    first: float
    second: float
    least: float

    @property
    def schedule(self) -> Rate:
        """The rate as a schedule."""
        return self.rate if isinstance(self.rate, Rate) else Constant(float(self.rate))

    def _limits(self) -> dict[str, tuple[Any, bool, str]]:
        """Return the ranges of the settings, for :func:`require`."""
        number = isinstance(self.rate, (int, float)) and self.rate > 0
        return {
            "iterations": (self.iterations, self.iterations >= 1, "at least 1"),
            "rate": (
                self.rate,
                number or isinstance(self.rate, Rate),
                "a positive number, Constant(), Cosine() or Exponential()",
            ),
            "first": (self.first, 0 <= self.first < 1, "in [0, 1)"),
            "second": (self.second, 0 <= self.second < 1, "in [0, 1)"),
            "least": (self.least, self.least > 0, "positive"),
            "stride": (self.stride, self.stride >= 1, "at least 1"),
        }


@dataclass(frozen=True)
class AdamState(DescentState):
    """State of :class:`Adam`.

    Args:
        mean, square: running means of the gradient and of its squares, (P,).
    """

    mean: Tensor = NOTHING
    square: Tensor = NOTHING


@dataclass(frozen=True)
class Adam(FirstOrder[AdamState]):
    """Follow the gradient, each parameter at its own scale.

    The first-order method that most programs train with; here for comparison, and for networks
    too large for a Jacobian.

    Args:
        iterations: evaluations of the gradient.
        rate: :class:`Constant`, :class:`Cosine` or :class:`Exponential`, or a number.
        first, second: how much of the running means stays at each iteration.
        least: added to the root of the mean square.
        stride: iterations of one step of the stage.

    >>> Adam(iterations=500, rate=1e-3).schedule
    Constant(start=0.001)
    """

    iterations: int = 2000
    rate: Rate | float = Cosine()
    first: float = 0.9
    second: float = 0.999
    least: float = 1e-8
    stride: int = 50

    name: ClassVar[str] = "adam"

    def __post_init__(self) -> None:
        require("Adam", self._limits())

    def _start(self, basic: DescentState) -> AdamState:
        zero = torch.zeros_like(basic.vector)
        return AdamState(**common(basic), mean=zero, square=zero)

    def _iterate(self, objective: Objective, state: AdamState) -> AdamState:
        rate = self.schedule.at(state.iteration / self.iterations)
        mean = self.first * state.mean + (1 - self.first) * state.gradient
        square = self.second * state.square + (1 - self.second) * state.gradient**2
        count = state.iteration + 1
        unbiased = (square / (1 - self.second**count)).sqrt()
        step = mean / (1 - self.first**count) / (unbiased + self.least)
        vector = state.vector - rate * step
        loss, gradient = objective(vector)
        return replace(state, vector=vector, loss=loss, gradient=gradient, mean=mean, square=square)
