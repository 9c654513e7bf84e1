"""Bring what a user writes into the form a problem keeps: names, places, plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Expr, sympify
from sympy.matrices import MatrixBase

from kanpde.problem.conditions import INITIAL, Condition
from kanpde.problem.measured import Measured, Total

ROUND_OFF = 1e-9
"""Part of a domain's width by which a measured point may lie outside."""


def named_equations(equations: Any) -> dict[str, Expr]:
    """Return the equations by name, each as an expression that must vanish."""
    if isinstance(equations, Mapping):
        named = dict(equations)
    elif isinstance(equations, (Expr, Eq)):
        named = {"equation": equations}
    elif not isinstance(equations, Iterable):
        raise ValueError(
            f"equations={equations!r} is no equation; give a dict by name, a list, or an "
            "expression."
        )
    else:
        named = {f"equation {i + 1}": e for i, e in enumerate(equations)}
        if len(named) == 1:
            named = {"equation": named["equation 1"]}
    result: dict[str, Expr] = {}
    for name, expression in named.items():
        value = sympify(expression)
        if isinstance(value, Eq):
            value = value.lhs - value.rhs
        if not isinstance(value, Expr) or isinstance(value, MatrixBase):
            raise ValueError(
                f'equation "{name}" must be one scalar expression that vanishes, or a sympy Eq; '
                f"got {expression!r}."
            )
        result[str(name)] = value
    return result


def placed_conditions(conditions: tuple[Any, ...], domain: Any) -> tuple[Condition, ...]:
    """Turn names of pieces into boundaries of the domain, and measured values into arrays.

    Raises:
        ValueError: for anything that is no condition, or lies on no part of the domain.
    """
    placed: list[Condition] = []
    for condition in conditions:
        if not isinstance(condition, Condition):
            raise ValueError(
                f"conditions must be Condition objects such as Dirichlet(u, 0, on=...); got "
                f"{condition!r}."
            )
        label, on = f'condition "{condition.name}"', condition.on
        if isinstance(on, Measured):
            on = on.placed(domain.names, label)
            _check_inside(on.points, domain, label)
        elif isinstance(on, Total):
            whole = on.over is None or on.over == domain
            on = Total(domain if whole else _part(on.over, domain, label), on.value)
        else:
            on = _part(on, domain, label)
        placed.append(replace(condition, on=on))
    return tuple(placed)


def _part(on: Any, domain: Any, label: str) -> Any:
    """Return a part of the boundary, given as such or by the names of pieces."""
    if isinstance(on, (str, tuple, list)):
        names = (on,) if isinstance(on, str) else tuple(on)
        try:
            on = domain.boundary[names]
        except (KeyError, ValueError) as error:
            if names == (INITIAL,):
                raise ValueError(
                    f"{domain!r} has no time, so it takes no initial condition; multiply it "
                    "by a TimeInterval: Interval(x=(0, 1)) * TimeInterval(t=(0, 1))."
                ) from None
            message = error.args[0] if error.args else str(error)
            raise ValueError(f"{label}: {message}") from None
    pieces = getattr(on, "pieces", None)
    if pieces is None:
        raise ValueError(
            f"{label} is on {on!r}; write on=domain.boundary, "
            'on=domain.boundary["left"] or the name of a piece.'
        )
    if not pieces:
        raise ValueError(f"{label} selects no piece of the boundary.")
    for piece in pieces:
        if piece not in domain.boundary:
            raise ValueError(
                f'{label} is on "{piece.name}", which is no piece of the boundary of {domain!r}.'
            )
    return on


def _check_inside(points: np.ndarray, domain: Any, label: str) -> None:
    """Raise a ValueError for a point outside the domain; round-off at its boundary is allowed."""
    lower, upper = np.asarray(domain.lower), np.asarray(domain.upper)
    outside = ~domain.contains(points)
    slack = ROUND_OFF * (upper - lower)
    for shift in np.vstack([np.diag(slack), -np.diag(slack)]):
        if not outside.any():
            return
        nearer = np.clip(points[outside] + shift, lower, upper)
        close = (np.abs(nearer - points[outside]) <= slack + 1e-300).all(axis=1)
        outside[outside] = ~(domain.contains(nearer) & close)
    if outside.any():
        first = points[np.flatnonzero(outside)[0]]
        place = ", ".join(f"{n} = {v:.6g}" for n, v in zip(domain.names, first, strict=True))
        raise ValueError(
            f"{label}: the point {place} (and {int(outside.sum()) - 1} more of {len(points)}) lies "
            f"outside of {domain!r}."
        )


def condition_names(conditions: tuple[Condition, ...], domain: Any) -> tuple[str, ...]:
    """Return a distinct name for each condition, from its kind and its place."""
    names = [f"{c.name or 'condition'} {_place(c, domain)}" for c in conditions]
    return tuple(
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    )


def _place(condition: Condition, domain: Any) -> str:
    on = condition.on
    if isinstance(on, Measured):
        return f"at {on.names[0]}"
    if isinstance(on, Total):
        return f"over {', '.join(on.names)}"
    whole = set(on.pieces) == set(domain.boundary.pieces)
    place = "the boundary" if whole else ", ".join(on.names)
    if condition.opposite is not None:
        place = f"{', '.join(condition.opposite.on.names)} and {place}"
    return f"on {place}"
