"""What every univariate basis offers: values, derivatives, exact refinement, fitting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

_DERIVATIVE_WEIGHT = 1 / 3  # a cubic's value, slope and curvature are then about equally large


class Basis(ABC):
    """A finite set of univariate functions phi_0 .. phi_{size-1} on the reference interval [-1, 1].

    Members are final frozen dataclasses: values that can be compared, hashed, printed, pickled.
    They hold no parameters; a network holds the coefficients c of  sum_b c_b phi_b(s).

    >>> from kanpde.bases import Chebyshev
    >>> basis = Chebyshev(degree=2)                       # 1, s, 2 s^2 - 1
    >>> basis.evaluate(torch.tensor([0.5]), 1).shape      # values and slopes, 3 functions, 1 point
    torch.Size([2, 3, 1])
    """

    family: ClassVar[str]
    """The name that stands for the class in `to_dict`."""

    refinements: ClassVar[tuple[str, ...]] = ()
    """The keywords `refined` understands."""

    nesting: ClassVar[str] = "it is nested only in itself"
    """The rule of nesting, in words, for error messages."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Count the functions."""

    @abstractmethod
    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate all functions and their derivatives of orders 0..order with respect to s.

        The derivatives are closed forms, so no autograd is needed; yet the result is itself
        differentiable with respect to `s`, to any order, and consistent with the closed forms.

        Args:
            s: points of shape (*batch), any floating dtype and device.
            order: highest derivative, any integer >= 0.

        Returns:
            Tensor (order + 1, size, *batch) of the dtype and device of `s`.

        Raises:
            ValueError: `s` does not hold floating-point numbers, or `order` is negative.
        """

    def refined(self, **how: Any) -> Basis:
        """Return a larger basis that contains this one.

        Args:
            **how: one of the keywords in `refinements`, such as ``intervals=10``, ``degree=12``.

        Raises:
            ValueError: the keyword is not understood, or the result would not contain this basis.

        >>> from kanpde.bases import BSpline
        >>> BSpline(degree=3, intervals=5).refined(intervals=10).size
        13
        """
        if len(how) != 1 or not set(how) <= set(self.refinements):
            words = " or ".join(f"{word}=..." for word in self.refinements) or "nothing"
            given = ", ".join(f"{word}={value!r}" for word, value in how.items()) or "nothing"
            raise ValueError(f"{self!r} is refined by one of: {words}; got {given}.")
        finer = self._refined(**how)
        self._require_nested(finer)
        return finer

    def transfer(self, finer: Basis) -> np.ndarray:
        """Return the matrix M that carries coefficients to a finer basis, the function unchanged.

        sum_b c_b phi_b == sum_b (M c)_b finer_b  exactly on [-1, 1].

        Returns:
            Array (finer.size, self.size), float64.

        Raises:
            ValueError: this basis is not nested in `finer`.
        """
        self._require_nested(finer)
        return self._transfer(finer)

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether every function of this basis is a combination of those of `finer`."""
        return self == finer

    def fit(
        self,
        f: Callable[[Any], Any],
        *,
        derivatives: Sequence[Callable[[Any], Any]] = (),
        points: np.ndarray | Tensor | None = None,
    ) -> np.ndarray:
        """Return the coefficients of the least-squares fit of `f` on [-1, 1].

        Args:
            f: callable of a numpy array or of a torch tensor of shape (P,), value per point.
            derivatives: f', f'', .., callables like f. With them the fit is one in a Sobolev norm
                where order k weighs 3^-k: what the basis cannot hold is smoothed, not wiggled at.
            points: where to compare; by default dense Chebyshev points.

        Returns:
            Array (size,), float64; of least norm where the points do not determine it.

        Raises:
            ValueError: `f` returns a non-finite value or a wrong shape.

        >>> from kanpde.bases import Chebyshev
        >>> Chebyshev(2).fit(lambda s: s**2 + s).round(12).tolist()
        [0.5, 1.0, 0.5]
        """
        where = self._fit_points() if points is None else np.asarray(points, dtype=float).ravel()
        functions = [f, *derivatives]
        weights = _DERIVATIVE_WEIGHT ** np.arange(len(functions))
        values = np.concatenate(
            [w * sampled(g, where) for w, g in zip(weights, functions, strict=True)]
        )
        table = self.evaluate(torch.from_numpy(where), len(derivatives)).numpy()
        rows = (weights[:, None, None] * table).swapaxes(0, 1).reshape(self.size, -1)
        return np.linalg.lstsq(rows.T, values, rcond=None)[0]

    def differentiation(self) -> np.ndarray | None:
        """Return the matrix D of  phi_b' = sum_m D[m, b] phi_m, or None if there is none.

        There is one where the functions span a space that differentiation does not leave; the
        derivative of a combination c is then the combination D c.

        Returns:
            Array (size, size), float64, or None.
        """
        return None

    def identity(self) -> np.ndarray:
        """Return the coefficients (size,) of the function s -> s, exact.

        Raises:
            ValueError: the identity is not a combination of these functions.
        """
        raise ValueError(f"{self!r} does not contain the identity s -> s.")

    def to_dict(self) -> dict[str, Any]:
        """Describe the basis by JSON values; `basis_from_dict` is the inverse.

        >>> from kanpde.bases import Chebyshev
        >>> Chebyshev(degree=4).to_dict()
        {'family': 'chebyshev', 'degree': 4}
        """
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        return {"family": self.family, **plain}

    def _refined(self, **how: Any) -> Basis:
        """Build the candidate of `refined`, whose nesting is then checked."""
        return replace(self, **how)  # type: ignore[type-var]

    def _transfer(self, finer: Basis) -> np.ndarray:
        """Build the matrix of `transfer` for a basis known to be finer.

        The default suits families whose finer members begin with the functions of the coarser.
        """
        return np.eye(finer.size, self.size)

    def _fit_points(self) -> np.ndarray:
        """Choose the points of `fit`: Chebyshev points, eight for each function, at least 64."""
        count = max(64, 8 * self.size)
        return chebyshev_points(count)

    def _require_nested(self, finer: Basis) -> None:
        if not self.nested_in(finer):
            raise ValueError(f"{self!r} is not nested in {finer!r}: {self.nesting}.")


def chebyshev_points(count: int) -> np.ndarray:
    """Return the `count` zeros of T_count in increasing order, all inside (-1, 1).

    >>> chebyshev_points(1).round(12).tolist()
    [0.0]
    """
    return np.sin(np.pi * (2 * np.arange(count) + 1 - count) / (2 * count))


def sampled(f: Callable[[Any], Any], where: np.ndarray) -> np.ndarray:
    """Call `f` at the points, as numpy first and, where it rejects arrays, as torch."""
    try:
        values = f(where)
    except (TypeError, AttributeError):
        values = f(torch.from_numpy(where))
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    values = np.asarray(values, dtype=float)
    if values.shape not in {(), where.shape}:
        raise ValueError(
            f"fit: f must return one value per point, shape {where.shape}, got {values.shape}."
        )
    values = np.broadcast_to(values, where.shape)
    if not np.isfinite(values).all():
        bad = where[~np.isfinite(values)][0]
        raise ValueError(f"fit: f must be finite on [-1, 1]; it is not at s = {bad:g}.")
    return values
