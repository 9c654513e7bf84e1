r"""Unknown numbers beside an unknown field: trained together, as the first entries of one vector.

A number :math:`p` with bounds is a smooth bijection of a free entry z of the vector, so no step can
leave the bounds: :math:`p=l+(p_0-l)e^z` above l, the same mirrored below an upper bound, and
:math:`p=l+(h-l)/(1+e^{-z})` between two; without bounds :math:`p=s z` with s the size of the first
guess.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, log
from typing import Any, Self

import torch
from torch import Tensor, nn

from kanpde.networks.jets import JetLayout
from kanpde.networks.network import Network, Prepared, Pullback

NUDGE = 1e-3
"""Part of the width (or of the size) by which a first guess on a bound is moved inside."""


@dataclass(frozen=True)
class SoughtNumber:
    """A number to be found: its name, the first guess and the bounds; see the module.

    Args:
        name: as in ``solution.numbers``.
        initial: the first guess, between the bounds; on a bound it is moved inside a little.
        lower, upper: the bounds, infinite where there is none.
    """

    name: str
    initial: float
    lower: float
    upper: float

    @property
    def start(self) -> float:
        """The entry z of the first guess."""
        if self._is_free:
            return self.initial / self._size
        if isfinite(self.lower) and isfinite(self.upper):
            part = (self.initial - self.lower) / (self.upper - self.lower)
            part = min(max(part, NUDGE), 1 - NUDGE)
            return log(part / (1 - part))
        return 0.0

    def value(self, z: Tensor) -> Tensor:
        """Return the number for an entry z of the vector."""
        if self._is_free:
            return self._size * z
        if isfinite(self.lower) and isfinite(self.upper):
            return self.lower + (self.upper - self.lower) * torch.sigmoid(z)
        if isfinite(self.lower):
            return self.lower + self._size * torch.exp(z)
        return self.upper - self._size * torch.exp(z)

    def slope(self, z: Tensor) -> Tensor:
        """Return the derivative of the number by z."""
        if self._is_free:
            return self._size * torch.ones_like(z)
        if isfinite(self.lower) and isfinite(self.upper):
            s = torch.sigmoid(z)
            return (self.upper - self.lower) * s * (1 - s)
        sign = 1.0 if isfinite(self.lower) else -1.0
        return sign * self._size * torch.exp(z)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments as JSON values; an infinite bound is None."""
        bounds = [b if isfinite(b) else None for b in (self.lower, self.upper)]
        return {"name": self.name, "initial": self.initial, "bounds": bounds}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> SoughtNumber:
        """Return the described number."""
        low, high = data["bounds"]
        infinite = float("inf")
        return SoughtNumber(
            data["name"],
            data["initial"],
            -infinite if low is None else low,
            infinite if high is None else high,
        )

    @property
    def _is_free(self) -> bool:
        return not isfinite(self.lower) and not isfinite(self.upper)

    @property
    def _size(self) -> float:
        if self._is_free:
            return abs(self.initial) or 1.0
        bound = self.lower if isfinite(self.lower) else self.upper
        return abs(self.initial - bound) or NUDGE * max(abs(bound), 1.0)


class WithNumbers(Network):
    """A field and the unknown numbers of its problem; jets are those of the field.

    The numbers are the first entries of :meth:`vector`; an adjoint of jets says nothing of them, so
    the pullback gives zeros there, and :class:`kanpde.collocation.Collocation` fills them in.

    Args:
        network: the field.
        sought: the numbers, in the order of the problem's parameters.

    >>> from kanpde.networks import KAN
    >>> both = WithNumbers(KAN([1, 1]), [SoughtNumber("nu", 0.1, 0.0, 1.0)])
    >>> [round(float(n), 12) for n in both.numbers], both.parameter_count
    ([0.1], 12)
    """

    def __init__(self, network: Network, sought: Sequence[SoughtNumber]) -> None:
        super().__init__()
        self.sought = tuple(sought)
        like = next(network.parameters()).detach()
        self.entries = nn.Parameter(like.new_tensor([s.start for s in self.sought]))
        self.network = network
        self.dimension, self.outputs = network.dimension, network.outputs

    @property
    def numbers(self) -> Tensor:
        """The numbers, (M,)."""
        pairs = zip(self.sought, self.entries.detach(), strict=True)
        return torch.stack([s.value(z) for s, z in pairs])

    @property
    def number_slopes(self) -> Tensor:
        """The derivatives of the numbers by the first M entries of the vector, (M,)."""
        pairs = zip(self.sought, self.entries.detach(), strict=True)
        return torch.stack([s.slope(z) for s, z in pairs])

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return self.network.collapses

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the prepared points of the field."""
        return self.network.prepare(x, layout)

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        return self.network.evaluate(points)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        jets, pullback = self.network.linearize(points)
        return jets, _WithNumbersPullback(pullback, len(self.sought))

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the functions that the output coefficients multiply, (S, N, C)."""
        return self.network.columns(points)

    def columns_by_output(self, points: Prepared) -> list[Tensor]:
        """Return the columns of each output of the field."""
        return self.network.columns_by_output(points)

    def offset(self, points: Prepared) -> Tensor | None:
        """Return the part of the field that holds no coefficient, (outputs, S, N), or None."""
        return self.network.offset(points)

    @property
    def output_coefficients(self) -> Tensor:
        """The output coefficients of the field."""
        return self.network.output_coefficients

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other output coefficients."""
        return self._with(self.network.with_output_coefficients(coefficients))

    def refined(self, **how: Any) -> Self:
        """Return the same field and numbers with the field's network refined."""
        return self._with(self.network.refined(**how))  # type: ignore[operator]

    def inserted(self, knots: Mapping[tuple[int, int, int], Sequence[float]]) -> Self:
        """Return the same field and numbers with more knots on single edges of the network."""
        return self._with(self.network.inserted(knots))  # type: ignore[operator]

    def regridded(self, x: Tensor, **how: Any) -> Self:
        """Return the field with the network's grids moved, same numbers; see KAN.regridded."""
        return self._with(self.network.regridded(x, **how))  # type: ignore[operator]

    def without_bounds(self) -> WithNumbers:
        """Return the same field and numbers, which may now be any."""
        pairs = zip(self.sought, self.numbers.tolist(), strict=True)
        free = [SoughtNumber(s.name, value, -inf, inf) for s, value in pairs]
        return WithNumbers(self.network, free)

    def _with(self, network: Network) -> Self:
        clone = copy.copy(self)
        clone._modules = {**self._modules, "network": network}
        clone._parameters = copy.deepcopy(self._parameters)
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        return {
            "kind": "with numbers",
            "network": self.network.to_dict(),
            "sought": [s.to_dict() for s in self.sought],
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any], network: Network) -> WithNumbers:
        """Return the described numbers beside a network."""
        return WithNumbers(network, [SoughtNumber.from_dict(s) for s in data["sought"]])


class _WithNumbersPullback(Pullback):
    def __init__(self, inner: Pullback, count: int) -> None:
        self._inner, self._count = inner, count

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        rows = self._inner.rows(adjoint, active)
        return torch.cat([rows.new_zeros(self._count, rows.shape[1]), rows])

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        gradient = self._inner.gradient(adjoint, active)
        return torch.cat([gradient.new_zeros(self._count), gradient])
