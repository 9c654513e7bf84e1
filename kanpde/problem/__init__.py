"""WHAT is to be solved: symbols, operators, conditions and the problem; knows no torch."""

from kanpde.problem.conditions import Condition, Dirichlet, Neumann, Robin
from kanpde.problem.evaluate import compiled, evaluate
from kanpde.problem.operators import div, grad, laplacian, normal_derivative
from kanpde.problem.problem import NotWellPosedWarning, Problem, require_finite
from kanpde.problem.residual import JetPart, MultiIndex, SymbolicResidual
from kanpde.problem.symbols import NormalComponent, coordinates, unknown

__all__ = [
    "Condition",
    "Dirichlet",
    "JetPart",
    "MultiIndex",
    "Neumann",
    "NormalComponent",
    "NotWellPosedWarning",
    "Problem",
    "Robin",
    "SymbolicResidual",
    "compiled",
    "coordinates",
    "div",
    "evaluate",
    "grad",
    "laplacian",
    "normal_derivative",
    "require_finite",
    "unknown",
]
