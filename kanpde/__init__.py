"""kanpde solves partial differential equations with Kolmogorov-Arnold networks.

Write a :class:`Problem` as mathematics, call :func:`solve`, and get a :class:`Solution`: a field to
evaluate, plot, save and export. Names are loaded when they are first used, so that importing the
package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.bases import BSpline, Chebyshev
    from kanpde.engine import solve, staircase
    from kanpde.geometry import Box, Interval, Rectangle
    from kanpde.networks import KAN, MLP, Module, SeparableKAN
    from kanpde.outcome import Outcome
    from kanpde.problem import (
        Condition,
        Dirichlet,
        Neumann,
        NotWellPosedWarning,
        Problem,
        Robin,
        coordinates,
        div,
        grad,
        laplacian,
        normal_derivative,
        unknown,
    )
    from kanpde.solution import Solution, load
    from kanpde.solving import Ladder, Patches
    from kanpde.training import LeastSquares, LevenbergMarquardt, Refine, Regrid

_HOME = {
    "bases": ("BSpline", "Chebyshev"),
    "engine": ("solve", "staircase"),
    "geometry": ("Box", "Interval", "Rectangle"),
    "networks": ("KAN", "MLP", "Module", "SeparableKAN"),
    "outcome": ("Outcome",),
    "problem": (
        "Condition",
        "Dirichlet",
        "Neumann",
        "NotWellPosedWarning",
        "Problem",
        "Robin",
        "coordinates",
        "div",
        "grad",
        "laplacian",
        "normal_derivative",
        "unknown",
    ),
    "solution": ("Solution", "load"),
    "solving": ("Ladder", "Patches"),
    "training": ("LeastSquares", "LevenbergMarquardt", "Refine", "Regrid"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "KAN",
    "MLP",
    "BSpline",
    "Box",
    "Chebyshev",
    "Condition",
    "Dirichlet",
    "Interval",
    "Ladder",
    "LeastSquares",
    "LevenbergMarquardt",
    "Module",
    "Neumann",
    "NotWellPosedWarning",
    "Outcome",
    "Patches",
    "Problem",
    "Rectangle",
    "Refine",
    "Regrid",
    "Robin",
    "SeparableKAN",
    "Solution",
    "__version__",
    "coordinates",
    "div",
    "grad",
    "laplacian",
    "load",
    "normal_derivative",
    "solve",
    "staircase",
    "unknown",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"kanpde has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(import_module(f"kanpde.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
