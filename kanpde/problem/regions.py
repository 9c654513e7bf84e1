"""Equations that hold in a part of the domain only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem


def checked_regions(problem: Problem) -> dict[str, Any]:
    """Return where equations hold, by their names.

    Raises:
        ValueError: for a name that is no equation's, or what is no domain over the coordinates.
    """
    given = problem.regions
    if not given:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(
            f"regions={given!r} must be a dict from names of equations to domains, such as "
            '{"inside": Disk(x=0, y=0, radius=1)}.'
        )
    names = tuple(problem.domain.names)
    for name, region in given.items():
        if name not in problem.equations:
            raise ValueError(
                f'regions: "{name}" is no equation; the equations are '
                f"{', '.join(problem.equations)}."
            )
        own = tuple(getattr(region, "names", ()))
        if not hasattr(region, "contains") or own not in (names, names[:-1]):
            raise ValueError(
                f'regions: {region!r}, where "{name}" holds, is no domain over the coordinates '
                f"{', '.join(names)}."
            )
        if own != names and getattr(problem.domain, "time", None) is None:
            raise ValueError(
                f'regions: {region!r}, where "{name}" holds, lacks the coordinate {names[-1]}.'
            )
        if not _contains(region, problem.domain.interior(2000, seed=0)).any():
            raise ValueError(
                f'regions: {region!r}, where "{name}" holds, has no place in {problem.domain!r}.'
            )
    return dict(given)


def holds(problem: Problem, equation: str, points: np.ndarray) -> np.ndarray | None:
    """Return at which points (N, D) an equation holds, (N,) bool; None if everywhere."""
    region = problem.regions.get(equation)
    return None if region is None else _contains(region, points)


def determined(problem: Problem, unknown: int, points: np.ndarray) -> np.ndarray:
    """Return at which points (N, D) an unknown has an equation, (N,) bool.

    It is everywhere if one of its equations holds everywhere, or none holds it.
    """
    found = np.zeros(len(points), dtype=bool)
    own = [r for r in problem.equation_residuals if any(p.unknown == unknown for p in r.parts)]
    for residual in own:
        inside = holds(problem, residual.name, points)
        if inside is None:
            return np.ones(len(points), dtype=bool)
        found |= inside
    return found if own else np.ones(len(points), dtype=bool)


def _contains(region: Any, points: np.ndarray) -> np.ndarray:
    """Return which points lie in a region, one of space alone at any time."""
    inside: np.ndarray = region.contains(points[:, : len(region.names)])
    return inside
