"""Conditions that hold not on a piece of the boundary: measured values and integrals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sympy import Expr, Symbol, sympify

from kanpde.problem.conditions import Condition
from kanpde.problem.evaluate import evaluate


@final
@dataclass(frozen=True, eq=False)
class Measured:
    r"""Points at which an expression has measured values.

    Args:
        points: shape (N, D), read-only; or arrays by coordinate name, until the problem puts them
            in its order.
        values: shape (N,); or a function or expression of the coordinates.
        noise: standard deviation of the values' errors, (N,), or None if it is not known.
    """

    points: Any
    values: Any
    noise: np.ndarray | None = None

    @property
    def pieces(self) -> tuple[Any, ...]:
        """Of the boundary: none."""
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        """How the place is called in reports."""
        count = len(self.points)
        return ("one point",) if count == 1 else (f"{count} points",)

    @property
    def right_hand_side(self) -> str:
        """What the expression equals, in words."""
        if len(self.values) == 1:
            return f"{self.values[0]:g}"
        return "measured values" if self.noise is None else "measured values with noise"

    def placed(self, names: tuple[str, ...], label: str) -> Measured:
        """Return the same with plain arrays, columns in the order of the coordinates' names.

        Raises:
            ValueError: for a missing or unknown coordinate, arrays of different lengths, values
                that are not finite, or noise that is not positive.
        """
        points = _points(self.points, names, label)
        coordinates = tuple(Symbol(name, real=True) for name in names)
        values = _values(self.values, coordinates, points, label)
        noise = self.noise
        if noise is not None:
            noise = np.broadcast_to(np.asarray(noise, dtype=np.float64), (len(points),)).copy()
            if not (np.isfinite(noise) & (noise > 0)).all():
                raise ValueError(f"{label}: noise={self.noise!r} must be positive and finite.")
            noise.setflags(write=False)
        return Measured(points, values, noise)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Measured) and all(
            np.array_equal(np.asarray(a, dtype=object), np.asarray(b, dtype=object))
            for a, b in (
                (self.points, other.points),
                (self.values, other.values),
                (self.noise, other.noise),
            )
        )

    def __hash__(self) -> int:
        return hash(len(self.points))


@final
@dataclass(frozen=True)
class Total:
    """The integral over the domain or a part of its boundary has a given value.

    Args:
        over: a domain, a part of its boundary, or the name of a piece.
        value: of the integral.
    """

    over: Any
    value: float

    @property
    def pieces(self) -> tuple[Any, ...]:
        """Of the boundary, that carry a condition at every point: none."""
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        """How the place is called in reports."""
        return tuple(self.over.names) if hasattr(self.over, "pieces") else ("the domain",)

    @property
    def right_hand_side(self) -> str:
        """What the integral of the expression equals, in words."""
        return f"a field with integral {self.value:g}"


def Data(
    expression: Expr, points: Any, values: Any, *, noise: Any = None, name: str = "data"
) -> Condition:
    r"""Return the condition that an expression has measured values at points.

    Its residual at point i is :math:`(u(x_i)-y_i)/\sigma_i`; without ``noise`` all points count
    alike.

    Args:
        expression: an unknown, or an expression of unknowns and their derivatives.
        points: shape (N, D), or arrays by coordinate: ``{x: [...], t: [...]}``.
        values: shape (N,), a number, a function of the coordinates' arrays, or an expression of
            the coordinates.
        noise: standard deviation of the errors of the values: a number or (N,).
        name: as in reports.

    >>> from kanpde import coordinates, unknown
    >>> x = coordinates("x")
    >>> Data(unknown("u", x), [[0.0], [0.5]], [1.0, 2.0]).on.names
    ('2 points',)
    """
    return Condition(expression, Measured(points, values, noise), name)


def PointValue(expression: Expr, value: Any, *, name: str = "value", **place: Any) -> Condition:
    """Return the condition that an expression has a value at one point.

    ``PointValue(p, 0, x=0, y=0)``.

    Raises:
        ValueError: without a coordinate.
    """
    if not place:
        raise ValueError(
            f"PointValue({expression}, {value}) needs the point: PointValue(u, 0, x=0, y=0)."
        )
    points = {coordinate: [number] for coordinate, number in place.items()}
    return Condition(expression, Measured(points, value), name)


def Integral(
    expression: Expr, value: Any, *, over: Any = None, name: str = "integral"
) -> Condition:
    r"""Return the condition :math:`\int u = c` over the domain or a part of its boundary.

    It is one row: a quadrature rule for the integral, divided by the measure. A mean pressure of
    zero is ``Integral(p, 0)``.

    Args:
        expression: of unknowns and their derivatives.
        value: of the integral, a number.
        over: the domain if None; else a part of the boundary or the name of a piece.
        name: as in reports.
    """
    number = sympify(value)
    if not number.is_number:
        raise ValueError(f"Integral({expression}, {value}): the value must be a number.")
    return Condition(expression, Total(over, float(number)), name)


def _points(given: Any, names: tuple[str, ...], label: str) -> np.ndarray:
    if isinstance(given, Mapping):
        by_name = {getattr(key, "name", str(key)): value for key, value in given.items()}
        if set(by_name) != set(names):
            raise ValueError(
                f"{label} gives the coordinates {', '.join(by_name)} but the problem has "
                f"{', '.join(names)}; every one is needed."
            )
        try:
            columns = [np.atleast_1d(np.asarray(by_name[n], dtype=np.float64)) for n in names]
            given = np.stack(np.broadcast_arrays(*columns), axis=1)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{label}: the coordinates are no arrays of one length: {error}."
            ) from None
    try:
        points = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{label}: the points are no array of numbers.") from None
    if points.ndim == 1 and len(names) == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != len(names) or not len(points):
        raise ValueError(
            f"{label}: points must have shape (N, {len(names)}), one column for each of "
            f"{', '.join(names)}; got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ValueError(
            f"{label}: point {int(np.argmin(np.isfinite(points).all(1)))} is not finite."
        )
    points.setflags(write=False)
    return points


def _values(
    given: Any, coordinates: tuple[Symbol, ...], points: np.ndarray, label: str
) -> np.ndarray:
    if isinstance(given, Expr):
        given = evaluate(given, coordinates, points)
    elif isinstance(given, Callable):  # type: ignore[arg-type]
        given = given(*points.T)
    try:
        values = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{label}: the values {given!r} are no array of numbers.") from None
    if values.shape not in ((), (len(points),)):
        raise ValueError(
            f"{label} has values of shape {values.shape} at {len(points)} points; expected "
            f"({len(points)},)."
        )
    values = np.broadcast_to(values, (len(points),)).copy()
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{label}: value {bad[0]} is {values[bad[0]]} (and {bad.size - 1} more are not finite)."
        )
    values.setflags(write=False)
    return values
