"""Base branches of KAN edges: fixed smooth functions with derivatives of every order.

An edge of the KAN paper is  w_b b(z) + sum_i c_i phi_i(z)  with b = silu (arXiv:2404.19756,
eq. 2.10); these are the choices of b.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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
        # sigma itself, not (1 + tanh) / 2, which loses all digits as z -> -inf
        sigma = [torch.sigmoid(z)]
        if order > 0:
            other = torch.sigmoid(-z)
            sigma += _slopes(sigma[0] - other, sigma[0] * other, order, inner=0.5)
        silu = [z * sigma[0]]
        silu += [torch.addcmul(k * sigma[k - 1], z, sigma[k]) for k in range(1, order + 1)]
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


def _tanh_factors(order: int) -> tuple[tuple[float, ...], ...]:
    """Return the polynomials R_k of tanh^(k) = (1 - y^2) R_k(y), k = 1..order, y = tanh.

    From P_{k+1}(y) = P_k'(y) (1 - y^2) with the factor 1 - y^2 kept apart.
    """
    square = Polynomial([1.0, 0.0, -1.0])
    factors = [Polynomial([1.0])]
    for _ in range(1, order):
        factors.append(Polynomial([0.0, -2.0]) * factors[-1] + square * factors[-1].deriv())
    return tuple(tuple(factor.coef.tolist()) for factor in factors[:order])


_USUAL_ORDER = 6
_USUAL_FACTORS = _tanh_factors(_USUAL_ORDER)


def _slopes(y: Tensor, slope: Tensor, order: int, *, inner: float = 1.0) -> list[Tensor]:
    """Return the derivatives of orders 1..order of c tanh(inner z) + constant.

    Args:
        y: tanh(inner z).
        slope: the first derivative, c inner (1 - y^2).
        order: the highest.
        inner: the factor of z.
    """
    factors = _USUAL_FACTORS if order <= _USUAL_ORDER else _tanh_factors(order)
    scaled = ([inner**k * c for c in f] for k, f in enumerate(factors[1:order], start=1))
    return [slope] * (order > 0) + [slope * _horner(f, y) for f in scaled]


def _tanh_derivatives(z: Tensor, order: int) -> list[Tensor]:
    """Return tanh^(k)(z) for k = 0..order.

    1 - y^2 is computed as 4 sigma(2z) sigma(-2z): no cancellation in the tails.
    """
    y = torch.tanh(z)
    if order == 0:
        return [y]
    return [y, *_slopes(y, 4 * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z), order)]


def _horner(coefficients: Sequence[float], y: Tensor) -> Tensor:
    value = coefficients[-1] * y + coefficients[-2]
    for coefficient in reversed(coefficients[:-2]):
        value = value * y + coefficient if coefficient else value * y
    return value
