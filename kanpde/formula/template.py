"""Templates: expressions with constants that are still numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from sympy import Expr, Float, Symbol, lambdify


class Constants:
    """The constants of a template in the making: symbols c1, c2, ... and their values."""

    def __init__(self) -> None:
        self.values: dict[Symbol, float] = {}

    def new(self, value: float) -> Symbol:
        """Return the symbol of a new constant.

        Dummies, so that templates made apart can be put together without a clash of names.
        """
        from sympy import Dummy

        symbol = Dummy("c", real=True)
        self.values[symbol] = float(value)
        return symbol

    def of(self, expression: Expr) -> dict[Symbol, float]:
        """Return the constants that occur in an expression."""
        free = expression.free_symbols
        return {s: v for s, v in self.values.items() if s in free}


@dataclass(frozen=True)
class Template:
    """An expression of coordinates and constants, with a value for each constant.

    Args:
        expression: in the coordinates and the constants' symbols.
        constants: values to start from.
        note: how it was found.
        penalty: added to the number of constants when templates are ordered.
    """

    expression: Expr
    constants: Mapping[Symbol, float] = field(default_factory=dict)
    note: str = ""
    penalty: float = 0.0

    @property
    def cost(self) -> float:
        """By how much a simpler template is preferred: constants, plus a penalty for detours."""
        return len(self.constants) + self.penalty

    def substituted(self, old: Symbol, new: Expr) -> Template:
        """Return the template of another argument."""
        return Template(
            self.expression.subs(old, new), dict(self.constants), self.note, self.penalty
        )

    def numeric(self) -> Expr:
        """Return the expression with its constants as floats."""
        return self.expression.xreplace({s: Float(v) for s, v in self.constants.items()})


def values(expressions: Iterable[Expr], symbols: Iterable[Symbol], columns: Iterable) -> np.ndarray:
    """Return expressions at points given by columns, shape (expressions, N)."""
    arguments = [np.asarray(c, dtype=np.float64) for c in columns]
    size = max((a.size for a in arguments), default=1)
    function = lambdify(list(symbols), list(expressions), modules=["scipy", "numpy"])
    with np.errstate(all="ignore"):
        found = [np.broadcast_to(np.asarray(f), (size,)) for f in function(*arguments)]
    return np.array([_real(f) for f in found], dtype=np.float64)


def _real(array: np.ndarray) -> np.ndarray:
    if np.iscomplexobj(array):
        return np.where(np.abs(array.imag) > 1e-12 * np.abs(array.real), np.nan, array.real)
    return array


def rms(array: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the root mean square along an axis."""
    return np.sqrt(np.mean(np.square(array), axis=axis))
