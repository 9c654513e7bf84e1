"""Base branches of KAN edges: fixed smooth functions with derivatives of every order.

An edge of the KAN paper is  w_b b(z) + sum_i c_i phi_i(z)  with b = silu (arXiv:2404.19756,
eq. 2.10); these are the choices of b.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from kanpde.bases import checks


class Activation(ABC):
    """A fixed univariate function on the whole line. Members are final frozen dataclasses."""

    family: ClassVar[str]
    """The name that stands for the class in `to_dict`."""

    @abstractmethod
    def evaluate(self, z: Tensor, order: int) -> Tensor:
        """Evaluate the function and its derivatives of orders 0..order with respect to z.

        Args:
            z: points of shape (*batch), any floating dtype and device.
            order: highest derivative, any integer >= 0.

        Returns:
            Tensor (order + 1, *batch), itself differentiable with respect to `z`.

        Raises:
            ValueError: `z` does not hold floating-point numbers, or `order` is negative.
        """

    def to_dict(self) -> dict[str, Any]:
        """Describe the activation by JSON values; `activation_from_dict` is the inverse.

        >>> SiLU().to_dict()
        {'family': 'silu'}
        """
        return {"family": self.family}


@final
@dataclass(frozen=True)
class SiLU(Activation):
    """The base branch of the KAN paper,  silu(z) = z sigma(z),  sigma(z) = 1 / (1 + exp(-z)).

    silu^(k) = z sigma^(k) + k sigma^(k-1), and sigma^(k)(z) = 2^(-k-1) tanh^(k)(z / 2) for k >= 1.

    >>> SiLU().evaluate(torch.zeros(()), 2).tolist()
    [0.0, 0.5, 0.5]
    """

    family: ClassVar[str] = "silu"

    def evaluate(self, z: Tensor, order: int) -> Tensor:
        """Evaluate silu^(k)(z); see `Activation.evaluate`."""
        order = checks.evaluation(z, order, owner="SiLU")
        rows = _tanh_derivatives(0.5 * z, order)
        # sigma itself, not (1 + tanh) / 2, which loses all digits as z -> -inf
        sigma = [torch.sigmoid(z)] + [2.0 ** (-k - 1) * rows[k] for k in range(1, order + 1)]
        silu = [z * sigma[0]]
        silu += [z * sigma[k] + k * sigma[k - 1] for k in range(1, order + 1)]
        return torch.stack(silu)


@final
@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent; tanh^(k) is a polynomial in y = tanh(z).

    >>> Tanh().evaluate(torch.zeros(()), 3).tolist()
    [0.0, 1.0, 0.0, -2.0]
    """

    family: ClassVar[str] = "tanh"

    def evaluate(self, z: Tensor, order: int) -> Tensor:
        """Evaluate tanh^(k)(z); see `Activation.evaluate`."""
        order = checks.evaluation(z, order, owner="Tanh")
        return torch.stack(_tanh_derivatives(z, order))


@final
@dataclass(frozen=True)
class Sine(Activation):
    """The sine, whose derivatives cycle through cos, -sin, -cos.

    >>> Sine().evaluate(torch.zeros(()), 1).tolist()
    [0.0, 1.0]
    """

    family: ClassVar[str] = "sine"

    def evaluate(self, z: Tensor, order: int) -> Tensor:
        """Evaluate sin^(k)(z); see `Activation.evaluate`."""
        order = checks.evaluation(z, order, owner="Sine")
        sine, cosine = torch.sin(z), torch.cos(z)
        cycle = (sine, cosine, -sine, -cosine)
        return torch.stack([cycle[k % 4] for k in range(order + 1)])


@final
@dataclass(frozen=True)
class Identity(Activation):
    """The function z -> z, whose derivatives end after the first.

    >>> Identity().evaluate(torch.tensor(3.0), 2).tolist()
    [3.0, 1.0, 0.0]
    """

    family: ClassVar[str] = "identity"

    def evaluate(self, z: Tensor, order: int) -> Tensor:
        """Evaluate z, 1, 0, ..; see `Activation.evaluate`."""
        order = checks.evaluation(z, order, owner="Identity")
        zero = torch.zeros_like(z)
        rows = [z, zero + 1] + [zero] * (order - 1)
        return torch.stack(rows[: order + 1])


def activation_from_dict(description: Mapping[str, Any]) -> Activation:
    """Build the activation that `Activation.to_dict` described.

    Raises:
        ValueError: the family is missing or unknown, or other keys are present.

    >>> activation_from_dict({"family": "tanh"})
    Tanh()
    """
    members: dict[str, type[SiLU | Tanh | Sine | Identity]] = {
        member.family: member for member in (SiLU, Tanh, Sine, Identity)
    }
    family = description.get("family")
    if family not in members or len(description) != 1:
        known = ", ".join(sorted(members))
        raise ValueError(
            f"activation_from_dict: expected {{'family': one of {known}}}, got {description!r}."
        )
    return members[family]()


def _tanh_derivatives(z: Tensor, order: int) -> list[Tensor]:
    """Return tanh^(k)(z) for k = 0..order.

    With y = tanh(z), y' = 1 - y^2 and P_{k+1}(y) = P_k'(y) (1 - y^2). The factor 1 - y^2 is kept
    apart, tanh^(k) = (1 - y^2) R_k(y), and computed as 4 sigma(2z) sigma(-2z): no cancellation in
    the tails.
    """
    y = torch.tanh(z)
    rows = [y]
    if order > 0:
        slope = 4 * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z)
        square = Polynomial([1.0, 0.0, -1.0])
        factor = Polynomial([1.0])
        for k in range(1, order + 1):
            rows.append(slope * _horner(factor.coef.tolist(), y))
            if k < order:
                factor = Polynomial([0.0, -2.0]) * factor + square * factor.deriv()
    return rows


def _horner(coefficients: list[float], y: Tensor) -> Tensor:
    value = torch.full_like(y, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * y + coefficient
    return value
