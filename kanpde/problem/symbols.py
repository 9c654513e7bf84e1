"""Coordinates, unknowns, parameters, the outward normal: what a problem is written in."""

from __future__ import annotations

from math import inf, isfinite
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


class Parameter(Symbol):
    """A number that is not known and is found together with the fields; see :func:`parameter`."""

    initial: float
    bounds: tuple[float, float]

    def __new__(
        cls, name: str, initial: float = 1.0, bounds: tuple[float, float] = (-inf, inf)
    ) -> Parameter:
        """Return the symbol of a parameter; :func:`parameter` checks its arguments."""
        symbol = super().__new__(cls, name, real=True)
        symbol.initial, symbol.bounds = initial, bounds
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.initial, self.bounds), {}


def parameter(
    name: str, *, initial: float = 1.0, bounds: tuple[float | None, float | None] | None = None
) -> Parameter:
    r"""Return an unknown number, e.g. a diffusivity :math:`\nu` to be found from data.

    It is an ordinary sympy symbol and may occur anywhere in equations and conditions. It is trained
    together with the network; ``solution.parameters`` holds the values found and
    ``solution.uncertainties`` their standard errors.

    Args:
        name: as in reports and in ``solution.parameters``.
        initial: where the search starts.
        bounds: smallest and largest value allowed; None in the place of one that is free.

    Raises:
        ValueError: for a name that is no identifier, bounds that are none, or an initial value that
            is not finite or out of bounds.

    >>> nu = parameter("nu", initial=0.1, bounds=(0, None))
    >>> nu, nu.initial, nu.bounds
    (nu, 0.1, (0.0, inf))
    """
    if not name.isidentifier():
        raise ValueError(f'parameter({name!r}): the name must be a Python identifier such as "nu".')
    try:
        low, high = (None, None) if bounds is None else bounds
        limits = (-inf if low is None else float(low), inf if high is None else float(high))
        start = float(initial)
    except (TypeError, ValueError):
        raise ValueError(
            f"parameter({name!r}, initial={initial!r}, bounds={bounds!r}): write numbers, such as "
            "initial=0.1, bounds=(0, 1), with None for a bound that is free."
        ) from None
    if not isfinite(start) or not limits[0] <= start <= limits[1] or not limits[0] < limits[1]:
        raise ValueError(
            f"parameter({name!r}): initial={initial!r} must be a finite number between the bounds "
            f"{limits}, the lower of which comes first."
        )
    return Parameter(name, start, limits)


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


def unknowns(names: str, *coordinates: Symbol) -> tuple[AppliedUndef, ...]:
    """Return several unknown functions of the same coordinates, in a tuple.

    Raises:
        ValueError: as :func:`unknown`, or for a name that occurs twice.

    >>> x, y = coordinates("x y")
    >>> unknowns("u v p", x, y)
    (u(x, y), v(x, y), p(x, y))
    """
    parts = names.replace(",", " ").split()
    if not parts or len(set(parts)) != len(parts):
        raise ValueError(f'unknowns({names!r}) needs names, each once, such as "u v p".')
    return tuple(unknown(part, *coordinates) for part in parts)
