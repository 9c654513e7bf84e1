"""Base branches of KAN edges: fixed smooth functions with derivatives of every order.

An edge of the KAN paper is  w_b b(z) + sum_i c_i phi_i(z)  with b = silu (arXiv:2404.19756,
eq. 2.10); these are the choices of b.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import factorial
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from kanpde.bases import checks


class Activation(ABC):
    """A fixed univariate function on the whole line. Members are final frozen dataclasses."""

    family: ClassVar[str]
    """The name that stands for the class in `to_dict`."""

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
        taylor = self.taylor(z, order)
        return torch.stack([t if k < 2 else factorial(k) * t for k, t in enumerate(taylor)])

    def taylor(self, z: Tensor, order: int) -> list[Tensor]:
        r"""Evaluate the Taylor coefficients :math:`b^{(k)}(z)/k!`, k = 0..order, each (*batch).

        Arguments and errors as in `evaluate`.
        """
        return self._taylor(z, checks.evaluation(z, order, owner=type(self).__name__))

    @abstractmethod
    def _taylor(self, z: Tensor, order: int) -> list[Tensor]:
        """Evaluate the Taylor coefficients; the arguments are checked."""

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

    With Taylor coefficients s_k of sigma, those of silu are z s_k + s_{k-1}, and sigma' = sigma -
    sigma^2 gives the s_k one after the other.

    >>> SiLU().evaluate(torch.zeros(()), 2).tolist()
    [0.0, 0.5, 0.5]
    """

    family: ClassVar[str] = "silu"

    def _taylor(self, z: Tensor, order: int) -> list[Tensor]:
        # sigma itself, not (1 + tanh) / 2, which loses all digits as z -> -inf
        sigma = torch.sigmoid(z)
        if order == 0:
            return [z * sigma]
        slope = torch.addcmul(sigma, sigma, sigma, value=-1)
        series = [sigma, *_riccati(slope, 1 - 2 * sigma, order)]
        pairs = pairwise(series)
        return [z * sigma, *(torch.addcmul(before, z, s) for before, s in pairs)]


@final
@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent, with tanh' = 1 - tanh^2 for all higher derivatives.

    >>> Tanh().evaluate(torch.zeros(()), 3)[[0, 1, 3]].tolist()
    [0.0, 1.0, -2.0]
    """

    family: ClassVar[str] = "tanh"

    def _taylor(self, z: Tensor, order: int) -> list[Tensor]:
        if order == 0:
            return [torch.tanh(z)]
        # The slope is a product, 4 sigma(2z) sigma(-2z): no cancellation in the tails.
        right, left = torch.sigmoid(2 * z), torch.sigmoid(-2 * z)
        y = right - left
        return [y, *_riccati(4 * right * left, -2 * y, order)]


@final
@dataclass(frozen=True)
class Sine(Activation):
    """The sine, whose derivatives cycle through cos, -sin, -cos.

    >>> Sine().evaluate(torch.zeros(()), 1).tolist()
    [0.0, 1.0]
    """

    family: ClassVar[str] = "sine"

    def _taylor(self, z: Tensor, order: int) -> list[Tensor]:
        cycle = (torch.sin(z), torch.cos(z))
        signs = (1, 1, -1, -1)
        return [
            cycle[k % 2] if k < 2 else cycle[k % 2] * (signs[k % 4] / factorial(k))
            for k in range(order + 1)
        ]


@final
@dataclass(frozen=True)
class Identity(Activation):
    """The function z -> z, whose derivatives end after the first.

    >>> Identity().evaluate(torch.tensor(3.0), 2).tolist()
    [3.0, 1.0, 0.0]
    """

    family: ClassVar[str] = "identity"

    def _taylor(self, z: Tensor, order: int) -> list[Tensor]:
        zero = torch.zeros_like(z)
        return [z, zero + 1, *[zero] * (order - 1)][: order + 1]


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


def _riccati(slope: Tensor, factor: Tensor, order: int) -> list[Tensor]:
    """Return the Taylor coefficients 1..order of a solution of f' = a + b f - f^2.

    (k + 1) c_{k+1} = (b - 2 c_0) c_k - sum of c_j c_{k-j} over 0 < j < k.

    Args:
        slope: c_1.
        factor: b - 2 c_0.
        order: the highest, at least 1.
    """
    series = [slope]  # series[j] is c_{j+1}
    for k in range(1, order):
        following = series[k - 1] * factor
        for j in range(1, k):
            following = torch.addcmul(following, series[j - 1], series[k - j - 1], value=-1)
        series.append(following / (k + 1))
    return series
