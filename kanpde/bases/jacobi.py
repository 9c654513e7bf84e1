"""Jacobi and Legendre polynomials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from torch import Tensor

from kanpde.bases import checks
from kanpde.bases.basis import Basis
from kanpde.bases.polynomials import three_term


@final
@dataclass(frozen=True)
class Jacobi(Basis):
    """Represent functions by the Jacobi polynomials P_0^(alpha, beta) .. P_degree^(alpha, beta).

    They are orthogonal on [-1, 1] with the weight (1 - s)^alpha (1 + s)^beta and normalised by
    P_n(1) = binomial(n + alpha, n).
    Source: Abramowitz & Stegun 22.7.1; as edges of a KAN, fKAN, arXiv:2406.07456.

    Raises:
        ValueError: `degree` is not an integer >= 0, or `alpha` or `beta` is not above -1.

    >>> import torch
    >>> Jacobi(2, alpha=1, beta=1).evaluate(torch.tensor([1.0]), 0)[0].flatten().tolist()
    [1.0, 2.0, 3.0]
    """

    degree: int
    alpha: float = 0.0
    beta: float = 0.0

    family: ClassVar[str] = "jacobi"
    refinements: ClassVar[tuple[str, ...]] = ("degree",)
    nesting: ClassVar[str] = (
        "it is nested in Jacobi bases of the same alpha and beta and no lower degree"
    )

    def __post_init__(self) -> None:
        degree = checks.whole("degree", self.degree, 0, owner="Jacobi")
        object.__setattr__(self, "degree", degree)
        for name in ("alpha", "beta"):
            exponent = checks.real(name, getattr(self, name), owner="Jacobi", above=-1.0)
            object.__setattr__(self, name, exponent)

    @property
    def size(self) -> int:
        """Count the functions: degree + 1."""
        return self.degree + 1

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate the derivatives of P_n^(alpha, beta) at s; see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="Jacobi")
        return three_term(
            s, order, self.degree, lambda n: jacobi_recurrence(n, self.alpha, self.beta)
        )

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` is a Jacobi basis of the same weight and no lower degree."""
        return (
            isinstance(finer, Jacobi)
            and (self.alpha, self.beta) == (finer.alpha, finer.beta)
            and self.degree <= finer.degree
        )

    def identity(self) -> np.ndarray:
        """Return the coefficients of s = (2 P_1 + beta - alpha) / (alpha + beta + 2)."""
        if self.degree < 1:
            return super().identity()
        total = self.alpha + self.beta + 2
        return np.array(
            [(self.beta - self.alpha) / total, 2 / total] + [0.0] * (self.degree - 1),
        )


@final
@dataclass(frozen=True)
class Legendre(Basis):
    """Represent functions by the Legendre polynomials P_0 .. P_degree, with P_n(1) = 1.

    (n + 1) P_{n+1} = (2 n + 1) s P_n - n P_{n-1}  (Abramowitz & Stegun 22.7.10).

    Raises:
        ValueError: `degree` is not an integer >= 0.

    >>> import torch
    >>> Legendre(2).evaluate(torch.tensor([1.0]), 1)[1].flatten().tolist()   # n (n + 1) / 2
    [0.0, 1.0, 3.0]
    """

    degree: int

    family: ClassVar[str] = "legendre"
    refinements: ClassVar[tuple[str, ...]] = ("degree",)
    nesting: ClassVar[str] = "it is nested in Legendre bases of the same or a higher degree"

    def __post_init__(self) -> None:
        degree = checks.whole("degree", self.degree, 0, owner="Legendre")
        object.__setattr__(self, "degree", degree)

    @property
    def size(self) -> int:
        """Count the functions: degree + 1."""
        return self.degree + 1

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate P_n^(k)(s); see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="Legendre")
        return three_term(s, order, self.degree, lambda n: jacobi_recurrence(n, 0.0, 0.0))

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` is a Legendre basis of at least this degree."""
        return isinstance(finer, Legendre) and self.degree <= finer.degree

    def differentiation(self) -> np.ndarray:
        """Return the matrix of  P_n' = (2 n - 1) P_{n-1} + (2 n - 5) P_{n-3} + ..

        >>> (Legendre(3).differentiation() @ [0, 0, 0, 1]).tolist()  # P_3' = 1 + 5 P_2
        [1.0, 0.0, 5.0, 0.0]
        """
        row, column = np.indices((self.size, self.size))
        return np.where((row < column) & ((column - row) % 2 == 1), 2.0 * row + 1, 0.0)

    def identity(self) -> np.ndarray:
        """Return the coefficients of s = P_1, for degree >= 1; see `Basis.identity`."""
        if self.degree < 1:
            return super().identity()
        return np.eye(self.size)[1]


def jacobi_recurrence(n: int, alpha: float, beta: float) -> tuple[float, float, float]:
    """Return (a, b, c) of  P_{n+1} = (a s + b) P_n - c P_{n-1}  (Abramowitz & Stegun 22.7.1).

    >>> jacobi_recurrence(1, 0.0, 0.0)            # P_2 = 3/2 s^2 - 1/2
    (1.5, 0.0, 0.5)
    """
    if n == 0:  # the general formula is 0 / 0 where alpha + beta is 0 or -1
        return (alpha + beta + 2) / 2, (alpha - beta) / 2, 0.0
    twice = 2 * n + alpha + beta
    below = 2 * (n + 1) * (n + alpha + beta + 1)
    return (
        (twice + 1) * (twice + 2) / below,
        (alpha**2 - beta**2) * (twice + 1) / (below * twice),
        2 * (n + alpha) * (n + beta) * (twice + 2) / (below * twice),
    )
