"""Keep given functions in a file: their names and some of their values, never code.

A Python function cannot be kept honestly: what it computes may depend on anything, and a file that
brought code would have it run by whoever opens it. So a file keeps what the function is called,
where it came from (for the reader; nothing is imported) and values at some points. Whoever reads
the file gives the function again, and these values tell whether it is the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, Function, Symbol
from sympy.core.function import AppliedUndef

from kanpde.problem.evaluate import evaluate
from kanpde.problem.given import Given, Missing, Values, given

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem

MARK = "Given:"
"""Begins the name that stands for a given function; no user's name holds a colon."""
PROBES = 24
SAME = 1e-9


class KeptFunctions:
    """The given functions of a problem, each with a name of its own.

    Args:
        problem: whose functions they are.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._names: dict[int, str] = {}
        self._places: dict[str, tuple[Given, np.ndarray]] = {}
        for expression, points in _expressions(problem):
            for function in sorted(expression.atoms(Given), key=str):
                if id(function.family) not in self._names:
                    name = _free_name(function.text, self._names.values())
                    self._names[id(function.family)] = name
                    self._places[name] = (function, points)

    def written(self, expression: Expr) -> Expr:
        """Return an expression with plain names in the place of the functions."""
        return expression.replace(
            lambda e: isinstance(e, Given),
            lambda e: Function(MARK + ":".join((self._names[id(e.family)], *e.order)), real=True)(
                *e.args
            ),
        )

    def to_list(self) -> list[dict[str, Any]]:
        """Return JSON-able descriptions of the functions."""
        return [self._described(name, *place) for name, place in self._places.items()]

    def _described(self, name: str, function: Given, points: np.ndarray) -> dict[str, Any]:
        columns = [evaluate(a, self._problem.coordinates, points) for a in function.args]
        family = function.family
        values: dict[str, list[float]] = {}
        for order, member in family.items():
            try:
                found = member(*function.args).at(columns)
            except ValueError:  # not finite at the points, or not given at all
                continue
            values[":".join(order)] = found.tolist()
        return {
            "name": name,
            "arguments": list(function.argument_names),
            "orders": [list(order) for order in family],
            "origin": _origin(family[()].values),
            "points": [c.tolist() for c in columns],
            "values": values,
        }


def reader(
    described: list[dict[str, Any]], functions: Mapping[str, Any] | None
) -> Callable[[Expr], Expr]:
    """Return what puts given functions back into an expression that was read.

    Args:
        described: what :meth:`KeptFunctions.to_list` gave.
        functions: by name Python functions, or what :func:`given` made of them; those that are not
            named stay missing, and asking for their values is an error.

    Raises:
        ValueError: for a name that is none of the file's, or a function with other values.
    """
    offered = dict(functions or {})
    families = {d["name"]: _family(d, offered.pop(d["name"], None)) for d in described}
    if offered:
        known = ", ".join(families) or "none"
        raise ValueError(
            f"given={{{', '.join(f'{n!r}: ...' for n in offered)}}} names no function of the file; "
            f"its functions are: {known}."
        )

    def read(atom: Expr) -> Expr:
        name, *order = atom.func.__name__.removeprefix(MARK).split(":")
        if name not in families or tuple(order) not in families[name]:
            raise ValueError(f"the file holds no description of the function {name!r}.")
        return families[name][tuple(order)](*atom.args)

    return lambda expression: expression.replace(
        lambda e: isinstance(e, AppliedUndef) and e.func.__name__.startswith(MARK), read
    )


def missing(expression: Expr) -> list[str]:
    """Return the names of the given functions in an expression that have no values yet."""
    functions = expression.atoms(Given)
    return sorted({f.text for f in functions if isinstance(f.values, Missing)})


def _family(described: Mapping[str, Any], offered: Any) -> Mapping[tuple[str, ...], Any]:
    """Return the classes of a given function and its derivatives, by order."""
    name, arguments = (
        str(described["name"]),
        [Symbol(str(n), real=True) for n in described["arguments"]],
    )
    if isinstance(offered, Given):
        family: Mapping[tuple[str, ...], Any] = offered.family
    else:
        if offered is not None and not callable(offered):
            raise ValueError(f"given={{{name!r}: {offered!r}}}: that is no function.")
        values: Values = Missing(name, str(described["origin"])) if offered is None else offered
        others = [tuple(order) for order in described["orders"] if order]
        if offered is not None and others:
            raise ValueError(
                f"the file needs derivatives of {name} too; pass what given({name!r}, ..., "
                "values=..., derivatives=...) returns."
            )
        by = {tuple(Symbol(n, real=True) for n in order): values for order in others}
        family = given(name, *arguments, values=values, derivatives=by).family
    if offered is not None:
        _check_same(described, family, name)
    return family


def _check_same(described: Mapping[str, Any], family: Mapping[Any, Any], name: str) -> None:
    """Raise a ValueError if a function has other values than the one that was kept."""
    columns = [np.array(c, dtype=np.float64) for c in described["points"]]
    for label, numbers in described["values"].items():
        order, kept = tuple(label.split(":")) if label else (), np.array(numbers)
        if order not in family:
            raise ValueError(f"the function given as {name} lacks the derivative by {label}.")
        stand_in = family[order](*(Symbol(str(n), real=True) for n in described["arguments"]))
        found = stand_in.at(columns)
        size = float(np.max(np.abs(kept), initial=0.0))
        off = np.abs(found - kept) > SAME * (np.abs(kept) + size)
        if off.any():
            i = int(np.flatnonzero(off)[0])
            pairs = zip(described["arguments"], columns, strict=True)
            place = ", ".join(f"{n} = {c[i]:.6g}" for n, c in pairs)
            raise ValueError(
                f"the function given as {name} is not the one of the file: it is {found[i]:.9g} at "
                f"{place}, and was {kept[i]:.9g}."
            )


def _expressions(problem: Problem) -> Iterator[tuple[Expr, np.ndarray]]:
    """Yield every equation and condition with points at which it holds."""
    interior = problem.domain.interior(PROBES, seed=0)
    for equation in problem.equations.values():
        yield equation, interior
    for condition in problem.conditions:
        on = condition.on
        sampled = hasattr(on, "sample")
        yield condition.expression, on.sample(PROBES, seed=0)[0] if sampled else interior


def _free_name(name: str, taken: Any) -> str:
    """Return a name, with a number if another function has it already."""
    used, number, free = set(taken), 2, name
    while free in used:
        free, number = f"{name}_{number}", number + 1
    return free


def _origin(function: Any) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    return f"{module}:{name}" if module and name else ""
