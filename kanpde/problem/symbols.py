"""Coordinates, unknowns and the outward normal: the symbols a problem is written in."""

from __future__ import annotations

from typing import Any

from sympy import Function, Symbol
from sympy.core.function import AppliedUndef


class NormalComponent(Symbol):
    """One component of the outward unit normal; it has a value only on the boundary."""

    coordinate: str

    def __new__(cls, coordinate: str) -> NormalComponent:
        """Return the component of the normal along a coordinate, by the coordinate's name."""
        symbol = super().__new__(cls, f"n_{coordinate}", real=True)
        symbol.coordinate = coordinate
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.coordinate,), {}


def coordinates(names: str) -> Any:
    """Return real coordinate symbols for names separated by spaces or commas.

    One name gives one symbol, several give a tuple, as ``sympy.symbols`` does.

    Raises:
        ValueError: if a name is not a Python identifier or occurs twice.

    >>> x, y = coordinates("x y")
    >>> x.is_real
    True
    """
    parts = names.replace(",", " ").split()
    if not parts:
        raise ValueError('coordinates("") names nothing; write, for example, coordinates("x y").')
    for part in parts:
        if not part.isidentifier():
            raise ValueError(
                f'coordinates({names!r}): "{part}" is no Python identifier; write names such as '
                '"x y" separated by spaces.'
            )
    if len(set(parts)) != len(parts):
        raise ValueError(f"coordinates({names!r}) repeats a name; every coordinate needs its own.")
    symbols = tuple(Symbol(part, real=True) for part in parts)
    return symbols[0] if len(symbols) == 1 else symbols


def time(name: str = "t") -> Symbol:
    """Return the real symbol of time, the coordinate of a ``TimeInterval`` of that name.

    Raises:
        ValueError: if the name is not one Python identifier.

    >>> time("t")
    t
    """
    if not name.isidentifier():
        raise ValueError(f'time({name!r}): the name must be a Python identifier such as "t".')
    return Symbol(name, real=True)


def unknown(name: str, *coordinates: Symbol) -> AppliedUndef:
    r"""Return the unknown function ``name`` of the given coordinates, e.g. :math:`u(x, y)`.

    The result is an ordinary sympy function: ``u.diff(x, 2)`` is its second derivative.

    Raises:
        ValueError: if the name is not an identifier or no coordinate is given.

    >>> x, y = coordinates("x y")
    >>> unknown("u", x, y)
    u(x, y)
    """
    if not name.isidentifier():
        raise ValueError(f'unknown({name!r}): the name must be a Python identifier such as "u".')
    if not coordinates or not all(isinstance(c, Symbol) for c in coordinates):
        raise ValueError(
            f"unknown({name!r}, ...) needs the coordinates it depends on, e.g. "
            f'unknown("{name}", x, y) with x, y = coordinates("x y"); got {coordinates!r}.'
        )
    return Function(name, real=True)(*coordinates)
