"""One equation or condition at its points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from kanpde.collocation.rows import EachPoint, Rows
from kanpde.networks import JetLayout


@dataclass(frozen=True)
class Block:
    """One equation or condition at its points.

    Args:
        name: of the equation or condition.
        is_equation: whether it is one; else it is a condition.
        points: shape (N, D).
        layout: of the jets the residual reads.
        parts: (unknown, part of the layout) of every argument of the residual.
        value: maps the argument tensors, each (N,), to the value of the expression (N,).
        partials: maps them to the derivatives by each argument, each (N,) .
        coefficients: for a linear residual the constant term (N,) and the derivatives by each
            argument (N,); else None.
        weight: w in the loss.
        rows: how the values at the points become rows; by default each is one.
        target: what the rows should be, (rows,); zero if None.
        numbers: which of the problem's unknown numbers the residual reads too; they are its last
            arguments.
    """

    name: str
    is_equation: bool
    points: Tensor
    layout: JetLayout
    parts: tuple[tuple[int, int], ...]
    value: Callable[[Sequence[Tensor]], Tensor]
    partials: Callable[[Sequence[Tensor]], Sequence[Tensor]]
    coefficients: tuple[Tensor, tuple[Tensor, ...]] | None
    weight: float = 1.0
    rows: Rows = field(default_factory=EachPoint)
    target: Tensor | None = None
    numbers: tuple[int, ...] = ()

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return self.rows.count(len(self.points))

    @property
    def scale(self) -> float:
        """The factor of the rows in the least-squares system."""
        return sqrt(self.weight / self.row_count)

    @property
    def active(self) -> list[int]:
        """The parts of the layout that the residual reads, of any unknown; at least the value."""
        return sorted({part for _, part in self.parts}) or [0]

    def arguments(self, jets: Tensor, numbers: Tensor | None = None) -> list[Tensor]:
        """Return what the residual reads: parts of the jets (U, S, N), each (N,), and numbers."""
        parts = [jets[u, part] for u, part in self.parts]
        if not self.numbers:
            return parts
        if numbers is None or len(numbers) <= max(self.numbers):
            raise ValueError(
                f'"{self.name}" holds unknown numbers, which this network does not carry; wrap it: '
                "WithNumbers(network, ...), or let solve do so."
            )
        return parts + [numbers[i].to(jets) for i in self.numbers]

    def residual(self, jets: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Return the rows of the residual for jets (U, S, N) and unknown numbers, unscaled."""
        return self.residual_of(self.arguments(jets, numbers))

    def residual_of(self, arguments: Sequence[Tensor]) -> Tensor:
        """Return the rows of the residual for its arguments, each (N,), unscaled."""
        found = self.rows.of(self.value(arguments))
        return found if self.target is None else found - self.target

    def right_hand_side(self, values: Tensor) -> Tensor:
        """Return what the rows of the unknown part should be, for values (N,) at the points."""
        wanted = self.rows.of(values)
        return wanted if self.target is None else wanted + self.target

    def adjoint(self, jets: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Return the derivative of each point's value by the jets, (U, S, N)."""
        adjoint = torch.zeros_like(jets)
        derivatives = self.partials(self.arguments(jets, numbers))
        for (u, part), derivative in zip(self.parts, derivatives, strict=False):
            adjoint[u, part] += derivative
        return adjoint

    def by_numbers(self, jets: Tensor, numbers: Tensor) -> dict[int, Tensor]:
        """Return the derivative of each point's value by each of the numbers it reads, (N,)."""
        if not self.numbers:
            return {}
        derivatives = self.partials(self.arguments(jets, numbers))
        return dict(zip(self.numbers, derivatives[len(self.parts) :], strict=True))


def within(block: Block, inside: np.ndarray) -> Block:
    """Return a block whose residual is zero where its equation does not hold, (N,) bool.

    The rest counts as much as if all points were there.
    """
    share = max(float(inside.mean()), 1 / len(inside))
    mask = torch.as_tensor(inside / sqrt(share)).to(block.points)

    def value(arguments: Sequence[Tensor]) -> Tensor:
        return torch.where(mask > 0, block.value(arguments) * mask, 0.0)

    def partials(arguments: Sequence[Tensor]) -> list[Tensor]:
        return [torch.where(mask > 0, p * mask, 0.0) for p in block.partials(arguments)]

    coefficients = block.coefficients
    if coefficients is not None:
        constant, factors = coefficients
        coefficients = constant * mask, tuple(f * mask for f in factors)
    return replace(block, value=value, partials=partials, coefficients=coefficients)


def check_names(given: Iterable[str], known: Sequence[str], where: str) -> None:
    """Raise ValueError if a name is not known."""
    strange = [name for name in given if name not in known]
    if strange:
        raise ValueError(
            f"{where}: {', '.join(map(repr, strange))} is none of the names "
            f"{', '.join(map(repr, known))}."
        )
