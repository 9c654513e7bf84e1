"""Known functions that are no formula: coefficients and sources given by a Python function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Expr, Function, Symbol
from sympy.core.function import FunctionClass

Values = Callable[..., Any]


@dataclass(frozen=True)
class Missing:
    """Stands for the values of a given function that a file could not keep.

    Args:
        name: of the function.
        origin: module and name of the Python function when it was saved.
    """

    name: str
    origin: str = ""

    def __call__(self, *columns: np.ndarray) -> np.ndarray:
        """Raise ValueError: there are none."""
        came = f" It came from {self.origin}." if self.origin else ""
        raise ValueError(
            f"the values of the given function {self.name} are in no file; give it again: "
            f'load(path, given={{"{self.name}": function}}).{came}'
        )


class Given(Function):
    """A known function of coordinates whose values a Python function computes.

    Every call of :func:`given` makes a class of its own; an expression holds instances, which are
    the function at its arguments.
    """

    values: Values
    order: tuple[str, ...]
    family: Mapping[tuple[str, ...], FunctionClass]
    argument_names: tuple[str, ...]
    text: str

    def _eval_is_real(self) -> bool:
        return True

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the derivative by one argument: another given function.

        Raises:
            ValueError: if it was not given.
        """
        name = self.argument_names[argindex - 1]
        order = tuple(sorted((*self.order, name)))
        if order not in self.family:
            raise ValueError(
                f"the derivative of the given function {self.text} by {', '.join(order)} is needed "
                f"but not known; write given({self.text!r}, ..., "
                f"derivatives={{{', '.join(order)}: function}})."
            )
        return self.family[order](*self.args)

    def at(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """Return the values at points given as one array (N,) for each argument.

        Raises:
            ValueError: if the function does not return N finite numbers.
        """
        count = len(columns[0])
        label = f"the given function {self}"
        found = called(self.values, columns, self.argument_names, label)
        try:
            values = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{label} returned {found!r}, which is no array of numbers.") from None
        if values.shape not in ((), (count,)):
            raise ValueError(
                f"{label} returned an array of shape {values.shape} for arrays of shape "
                f"({count},); it must take and return arrays of one shape, point by point."
            )
        values = np.broadcast_to(values, (count,))
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            pairs = zip(self.argument_names, columns, strict=True)
            place = ", ".join(f"{n} = {c[bad[0]]:.6g}" for n, c in pairs)
            raise ValueError(
                f"{label} is {values[bad[0]]} at {place} (and at {bad.size - 1} more of {count} "
                "points); it must be finite in the domain."
            )
        return values


def called(
    function: Values, columns: Sequence[np.ndarray], names: Sequence[str], label: str
) -> Any:
    """Call a user's function with one array for each coordinate.

    Raises:
        ValueError: if it cannot be called so, or raises a TypeError.
    """
    try:
        with np.errstate(all="ignore"):
            return function(*columns)
    except TypeError as error:
        raise ValueError(
            f"{label} cannot be called with the arrays {', '.join(names)} of shape "
            f"{columns[0].shape}: {error}."
        ) from error


def given(
    name: str,
    *coordinates: Symbol,
    values: Values,
    derivatives: Mapping[Any, Values] | None = None,
) -> Expr:
    r"""Return a known function of coordinates that is no formula, e.g. a measured coefficient.

    The result may occur in any equation or condition. Its values are computed at the points by the
    Python function, once.

    Args:
        name: as in reports.
        coordinates: it depends on.
        values: maps arrays (N,), one for each coordinate, to values (N,); vectorised.
        derivatives: the same for its derivatives, by coordinate or tuple of coordinates, where an
            equation needs them: ``div(k * grad(u))`` holds the derivatives of k.

    Raises:
        ValueError: for a name that is no identifier, no coordinate, or values that are no function.

    >>> import numpy as np
    >>> x, y = Symbol("x", real=True), Symbol("y", real=True)
    >>> k = given("k", x, y, values=lambda x, y: np.where(x < y, 1.0, 2.0))
    >>> k * x
    x*k(x, y)
    """
    if not name.isidentifier():
        raise ValueError(f'given({name!r}): the name must be a Python identifier such as "k".')
    if not coordinates or not all(isinstance(c, Symbol) for c in coordinates):
        raise ValueError(f"given({name!r}, ...) needs the coordinates it depends on, e.g. x, y.")
    functions: dict[tuple[str, ...], Values] = {(): values}
    for by, function in (derivatives or {}).items():
        symbols = by if isinstance(by, tuple) else (by,)
        if not symbols or any(s not in coordinates for s in symbols):
            raise ValueError(
                f"given({name!r}): derivatives has the key {by!r}; the keys are coordinates of "
                f"{coordinates}, or tuples of them."
            )
        functions[tuple(sorted(s.name for s in symbols))] = function
    for function in functions.values():
        if not callable(function):
            raise ValueError(
                f"given({name!r}): {function!r} is no function; give one that maps arrays of "
                f"{', '.join(c.name for c in coordinates)} to an array of values."
            )
    family: dict[tuple[str, ...], FunctionClass] = {}
    for order, function in functions.items():
        members = {
            "values": staticmethod(function),
            "order": order,
            "family": family,
            "argument_names": tuple(c.name for c in coordinates),
            "text": name,
            "nargs": len(coordinates),
        }
        family[order] = FunctionClass("_".join((name, *order)), (Given,), members)
    return family[()](*coordinates)
