"""Write periodic conditions as conditions on two opposite parts of the boundary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sympy import Derivative, Expr, Symbol

from kanpde.problem.conditions import Condition, Opposite, Periodic

CHECK_POINTS = 32


def expanded(conditions: Iterable[Any], equations: Iterable[Expr], domain: Any) -> tuple[Any, ...]:
    """Return the conditions with every :class:`Periodic` replaced by one for each order.

    Raises:
        ValueError: if the coordinate is none of the domain's, or its ends do not match.
    """
    result: list[Any] = []
    expressions = list(equations)
    for condition in conditions:
        if not isinstance(condition, Periodic):
            result.append(condition)
            continue
        low, high, axis = _ends(condition, domain)
        orders = condition.orders
        if orders is None:
            orders = max(1, _order(expressions, condition.unknown, condition.axis))
        opposite = Opposite(low, axis, float(domain.lower[axis]))
        for k in range(orders):
            expression = condition.unknown.diff(condition.axis, k) if k else condition.unknown
            name = condition.name if k == 0 else f"{condition.name}, derivative {k}"
            result.append(Condition(expression, high, name, opposite))
    return tuple(result)


def _order(expressions: Iterable[Expr], unknown: Expr, axis: Symbol) -> int:
    """Return the highest order of the unknown's derivatives along a coordinate."""
    return max(
        (
            int(dict(d.variable_count).get(axis, 0))
            for e in expressions
            for d in e.doit().atoms(Derivative)
            if d.expr == unknown
        ),
        default=0,
    )


def _ends(condition: Periodic, domain: Any) -> tuple[Any, Any, int]:
    """Return the parts of the boundary at the ends of the coordinate, and its column."""
    what = f"Periodic({condition.unknown}, {condition.axis})"
    if condition.axis.name not in domain.names:
        raise ValueError(
            f"{what}: {condition.axis} is no coordinate of {domain!r}; its coordinates are "
            f"{', '.join(domain.names)}."
        )
    axis = domain.names.index(condition.axis.name)
    found = []
    for side, value in ((-1, domain.lower[axis]), (1, domain.upper[axis])):
        names = [p.name for p in domain.boundary.pieces if _is_end(p, axis, side, float(value))]
        if not names:
            raise ValueError(
                f"{what}: {domain!r} has no piece of its boundary at "
                f"{condition.axis} = {value:g} and across it, so nothing can be matched."
            )
        found.append(domain.boundary[tuple(names)])
    low, high = found
    for here, there, value in ((high, low, domain.lower[axis]), (low, high, domain.upper[axis])):
        points = Opposite(there, axis, float(value)).matching(here.sample(CHECK_POINTS)[0])
        matched = np.zeros(len(points), dtype=bool)
        for piece in there.pieces:
            matched |= piece.contains(points, 1e-9)
        if not matched.all():
            raise ValueError(
                f"{what}: {', '.join(low.names)} and {', '.join(high.names)} do not match; the "
                f"point {points[~matched][0].tolist()} is on none of {', '.join(there.names)}."
            )
    return low, high, axis


def _is_end(piece: Any, axis: int, side: int, value: float) -> bool:
    """Whether a piece lies at an end of a coordinate, across it."""
    points, normals = piece.sample(CHECK_POINTS)
    at_end = np.abs(points[:, axis] - value) <= 1e-9 * max(1.0, abs(value))
    return bool(at_end.all() and np.allclose(normals[:, axis], side))
