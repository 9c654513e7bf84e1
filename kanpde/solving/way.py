"""What every direct way of solving has in common: a problem in, a field with its estimate out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from kanpde.control import Control
from kanpde.networks import Network
from kanpde.outcome import Outcome
from kanpde.problem import Problem


class Found(Protocol):
    """The best field of a way."""

    @property
    def network(self) -> Network:
        """The field."""

    @property
    def estimate(self) -> float | None:
        """Of its relative L2 error; None if there was nothing to compare it with."""

    @property
    def points(self) -> int:
        """Rows of the (largest) system that was solved."""

    @property
    def outcome(self) -> Outcome:
        """Why the solve ended."""

    @property
    def way(self) -> str:
        """How the field was found, in words."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What else there is to say."""


class Way(ABC):
    """How a problem is solved for its coefficients, without training edges."""

    @abstractmethod
    def solve(
        self,
        problem: Problem,
        tol: float,
        control: Control,
        *,
        seed: int = 0,
        error: Callable[[Network], float | None] = lambda network: None,
        device: str = "cpu",
    ) -> Found:
        """Solve until the estimated relative L2 error is below ``tol``.

        Args:
            problem: of the kind that this way solves.
            tol: for the estimate of the relative L2 error.
            control: budget, stop request and history.
            seed: of points, where they are drawn.
            error: gives the true error for the history where it is known.
            device: of the field that is returned.

        Raises:
            ValueError: if this way cannot solve the problem, with the reason.
        """
