"""WHAT is to be solved: symbols, operators, conditions and the problem; knows no torch."""

from kanpde.problem.conditions import (
    Condition,
    Dirichlet,
    Initial,
    Neumann,
    Opposite,
    Periodic,
    Robin,
)
from kanpde.problem.evaluate import evaluate
from kanpde.problem.evolution import Evolution, LateralCondition, evolution
from kanpde.problem.kinds import ConditionKind, kind_of
from kanpde.problem.operators import div, grad, laplacian, normal_derivative
from kanpde.problem.problem import NotWellPosedWarning, Problem, require_finite
from kanpde.problem.residual import JetPart, MultiIndex, SymbolicResidual
from kanpde.problem.symbols import NormalComponent, coordinates, time, unknown

__all__ = [
    "Condition",
    "ConditionKind",
    "Dirichlet",
    "Evolution",
    "Initial",
    "JetPart",
    "LateralCondition",
    "MultiIndex",
    "Neumann",
    "NormalComponent",
    "NotWellPosedWarning",
    "Opposite",
    "Periodic",
    "Problem",
    "Robin",
    "SymbolicResidual",
    "coordinates",
    "div",
    "evaluate",
    "evolution",
    "grad",
    "kind_of",
    "laplacian",
    "normal_derivative",
    "require_finite",
    "time",
    "unknown",
]
