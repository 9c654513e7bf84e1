"""Chebyshev polynomials of the first kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.fft import dct
from torch import Tensor

from kanpde.bases import checks
from kanpde.bases.basis import Basis, sampled
from kanpde.bases.polynomials import three_term


@final
@dataclass(frozen=True)
class Chebyshev(Basis):
    """Represent functions by T_0 .. T_degree,  T_n(cos a) = cos(n a).

    Values and derivatives follow from T_{n+1} = 2 s T_n - T_{n-1}, differentiated; they stay the
    polynomials outside [-1, 1], where T_n grows like ``(|s| + sqrt(s^2 - 1))^n``.
    Source: Trefethen, Approximation Theory and Approximation Practice, chapter 3; as edges of a
    KAN, ChebyKAN, arXiv:2405.07200.

    Raises:
        ValueError: `degree` is not an integer >= 0.

    >>> import torch
    >>> Chebyshev(3).evaluate(torch.tensor(0.5, dtype=torch.float64), 0)[0].tolist()
    [1.0, 0.5, -0.5, -1.0]
    """

    degree: int

    family: ClassVar[str] = "chebyshev"
    refinements: ClassVar[tuple[str, ...]] = ("degree",)
    nesting: ClassVar[str] = "it is nested in Chebyshev bases of the same or a higher degree"

    def __post_init__(self) -> None:
        degree = checks.whole("degree", self.degree, 0, owner="Chebyshev")
        object.__setattr__(self, "degree", degree)

    @property
    def size(self) -> int:
        """Count the functions: degree + 1."""
        return self.degree + 1

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate T_n^(k)(s); see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="Chebyshev")
        return three_term(s, order, self.degree, lambda n: (1.0 if n == 0 else 2.0, 0.0, 1.0))

    def fit(
        self,
        f: Callable[[Any], Any],
        *,
        derivatives: Sequence[Callable[[Any], Any]] = (),
        points: np.ndarray | Tensor | None = None,
    ) -> np.ndarray:
        """Return the coefficients of the least-squares fit; see `Basis.fit`.

        At Chebyshev points the functions are orthogonal, so a cosine transform is the fit.
        """
        if points is not None or derivatives:
            return super().fit(f, derivatives=derivatives, points=points)
        values = sampled(f, self._fit_points())
        series = dct(values[::-1]) / len(values)
        series[0] /= 2
        return series[: self.size]

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` is a Chebyshev basis of at least this degree."""
        return isinstance(finer, Chebyshev) and self.degree <= finer.degree

    def differentiation(self) -> np.ndarray:
        """Return the matrix of  T_n' = 2 n (T_{n-1} + T_{n-3} + ..), T_0 by half.

        >>> (Chebyshev(3).differentiation() @ [0, 0, 0, 1]).tolist()  # T_3' = 3 + 6 T_2
        [3.0, 0.0, 6.0, 0.0]
        """
        row, column = np.indices((self.size, self.size))
        matrix = np.where((row < column) & ((column - row) % 2 == 1), 2.0 * column, 0.0)
        matrix[0] /= 2
        return matrix

    def identity(self) -> np.ndarray:
        """Return the coefficients of s = T_1, for degree >= 1; see `Basis.identity`."""
        if self.degree < 1:
            return super().identity()
        return np.eye(self.size)[1]
