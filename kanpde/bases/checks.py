"""Checks of arguments, shared by the bases: each raises where the user's value enters."""

from __future__ import annotations

import math
import operator
from typing import Any

from torch import Tensor


def whole(name: str, value: Any, least: int, *, owner: str) -> int:
    """Return `value` as an int, or raise ValueError unless it is an integer >= `least`.

    >>> whole("degree", 3, 0, owner="BSpline")
    3
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f"{owner}: {name} must be an integer >= {least}, got {value!r}.")
    return number


def real(name: str, value: Any, *, owner: str, above: float = -math.inf) -> float:
    """Return `value` as a float, or raise ValueError unless it is finite and > `above`.

    >>> real("width", 1, owner="Gaussian", above=0.0)
    1.0
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > above):
        bound = "" if above == -math.inf else f" > {above:g}"
        raise ValueError(f"{owner}: {name} must be a finite number{bound}, got {value!r}.")
    return number


def evaluation(s: Tensor, order: int, *, owner: str) -> int:
    """Return the derivative order as an int after checking the arguments of `evaluate`.

    Raises ValueError unless `s` holds floating-point numbers and `order` is an integer >= 0.
    """
    if not s.is_floating_point():
        raise ValueError(
            f"{owner}.evaluate: s must hold floating-point numbers, got {s.dtype}; "
            "write s.to(torch.float64)."
        )
    return whole("order", order, 0, owner=f"{owner}.evaluate")
