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
    from kanpde.engine import resume, solve, staircase
    from kanpde.formula import Formula, Workbench, find_formula, load_formula
    from kanpde.geometry import (
        Annulus,
        Ball,
        Box,
        ClosedCurve,
        Disk,
        Ellipse,
        HalfPlane,
        Interval,
        Polygon,
        Rectangle,
        Star,
        TimeInterval,
    )
    from kanpde.networks import KAN, MLP, Module, SeparableKAN
    from kanpde.outcome import Outcome
    from kanpde.problem import (
        Condition,
        Data,
        Dirichlet,
        IncompatibleWarning,
        Initial,
        Integral,
        Neumann,
        NotWellPosedWarning,
        Periodic,
        PointValue,
        Problem,
        Robin,
        coordinates,
        div,
        given,
        grad,
        laplacian,
        normal_derivative,
        parameter,
        time,
        unknown,
        unknowns,
    )
    from kanpde.solution import Solution, load
    from kanpde.solving import Choice, Ladder, Newton, Patches, PlaneSlabs, Slabs, Way, choose
    from kanpde.training import (
        LBFGS,
        SOAP,
        Adam,
        Causal,
        Checkpoints,
        Constant,
        Cosine,
        Curvature,
        Exponential,
        LeastSquares,
        LevenbergMarquardt,
        Quantiles,
        Rebalance,
        Refine,
        Regrid,
        Resample,
        Residual,
        SSBroyden,
    )

_HOME = {
    "bases": ("BSpline", "Chebyshev"),
    "engine": ("resume", "solve", "staircase"),
    "formula": ("Formula", "Workbench", "find_formula", "load_formula"),
    "geometry": (
        "Annulus",
        "Ball",
        "Box",
        "ClosedCurve",
        "Disk",
        "Ellipse",
        "HalfPlane",
        "Interval",
        "Polygon",
        "Rectangle",
        "Star",
        "TimeInterval",
    ),
    "networks": ("KAN", "MLP", "Module", "SeparableKAN"),
    "outcome": ("Outcome",),
    "problem": (
        "Condition",
        "Data",
        "Dirichlet",
        "IncompatibleWarning",
        "Initial",
        "Integral",
        "Neumann",
        "NotWellPosedWarning",
        "Periodic",
        "PointValue",
        "Problem",
        "Robin",
        "coordinates",
        "div",
        "given",
        "grad",
        "laplacian",
        "normal_derivative",
        "parameter",
        "time",
        "unknown",
        "unknowns",
    ),
    "solution": ("Solution", "load"),
    "solving": ("Choice", "Ladder", "Newton", "Patches", "PlaneSlabs", "Slabs", "Way", "choose"),
    "training": (
        "Checkpoints",
        "LBFGS",
        "SOAP",
        "Adam",
        "Constant",
        "Cosine",
        "Exponential",
        "Causal",
        "Rebalance",
        "Resample",
        "Curvature",
        "LeastSquares",
        "LevenbergMarquardt",
        "Prune",
        "Quantiles",
        "Refine",
        "Regrid",
        "Residual",
        "SSBroyden",
        "Sparsify",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "KAN",
    "LBFGS",
    "MLP",
    "SOAP",
    "Adam",
    "Annulus",
    "BSpline",
    "Ball",
    "Box",
    "Causal",
    "Chebyshev",
    "Checkpoints",
    "Choice",
    "ClosedCurve",
    "Condition",
    "Constant",
    "Cosine",
    "Curvature",
    "Data",
    "Dirichlet",
    "Disk",
    "Ellipse",
    "Exponential",
    "Formula",
    "HalfPlane",
    "IncompatibleWarning",
    "Initial",
    "Integral",
    "Interval",
    "Ladder",
    "LeastSquares",
    "LevenbergMarquardt",
    "Module",
    "Neumann",
    "Newton",
    "NotWellPosedWarning",
    "Outcome",
    "Patches",
    "Periodic",
    "PlaneSlabs",
    "PointValue",
    "Polygon",
    "Problem",
    "Quantiles",
    "Rebalance",
    "Rectangle",
    "Refine",
    "Regrid",
    "Resample",
    "Residual",
    "Robin",
    "SSBroyden",
    "SeparableKAN",
    "Slabs",
    "Solution",
    "Star",
    "TimeInterval",
    "Way",
    "Workbench",
    "__version__",
    "choose",
    "coordinates",
    "div",
    "find_formula",
    "given",
    "grad",
    "laplacian",
    "load",
    "load_formula",
    "normal_derivative",
    "parameter",
    "resume",
    "solve",
    "staircase",
    "time",
    "unknown",
    "unknowns",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"kanpde has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(import_module(f"kanpde.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
