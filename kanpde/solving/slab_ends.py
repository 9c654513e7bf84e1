"""Conditions at the ends of the interval, as rows of a slab's system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_system import Residual, System


@dataclass(frozen=True, eq=False)
class EndCondition:
    """A condition at one end, in place of one test function of one equation.

    The r-th condition for an unknown replaces the r-th test function from the end: those that are
    left vanish there with their first derivatives, as many as conditions are given.

    Args:
        row: index of the test function it replaces.
        unknown: whose equation that is.
        residual: what must vanish.
        place: the end in x.
        window: the coefficients that act at the end, (degree + 1,).
        table: derivatives of their splines at the end, (order + 1, degree + 1).
    """

    row: int
    unknown: int
    residual: Residual
    place: float
    window: np.ndarray
    table: np.ndarray


def end_conditions(system: System, space: SplineSpace) -> tuple[EndCondition, ...]:
    """Return the conditions at both ends, with the rows they take."""
    found: list[EndCondition] = []
    sides = ((0, 0, 1, system.left), (-1, space.size - 1, -1, system.right))
    for end, first, step, conditions in sides:
        cell = np.array([end % space.cells])
        place = space.breaks[[end]]
        table = space.table_at(cell, place, system.space_order)[0]
        used = [0] * system.unknowns
        for u, residual in conditions:
            row = first + step * used[u]
            used[u] += 1
            found.append(EndCondition(row, u, residual, float(place[0]), space.windows[end], table))
    return tuple(found)
