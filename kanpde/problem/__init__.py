"""WHAT is to be solved: symbols, operators, conditions and the problem; knows no torch."""

from kanpde.problem.checks import require_finite
from kanpde.problem.conditions import (
    Condition,
    Dirichlet,
    Initial,
    Neumann,
    Opposite,
    Periodic,
    Robin,
)
from kanpde.problem.corners import IncompatibleWarning
from kanpde.problem.evaluate import compiled, evaluate, given_values
from kanpde.problem.evolution import Evolution, LateralCondition, evolution
from kanpde.problem.first_order import FirstOrder
from kanpde.problem.given import Given, given
from kanpde.problem.kinds import ConditionKind, kind_of
from kanpde.problem.measured import Data, Integral, Measured, PointValue, Total
from kanpde.problem.operators import div, grad, laplacian, normal_derivative
from kanpde.problem.problem import NotWellPosedWarning, Problem
from kanpde.problem.regions import determined, holds
from kanpde.problem.residual import JetPart, MultiIndex, SymbolicResidual
from kanpde.problem.sizes import Sizes, characteristic_sizes
from kanpde.problem.symbols import (
    NormalComponent,
    Parameter,
    coordinates,
    parameter,
    time,
    unknown,
    unknowns,
)

__all__ = [
    "Condition",
    "ConditionKind",
    "Data",
    "Dirichlet",
    "Evolution",
    "FirstOrder",
    "Given",
    "IncompatibleWarning",
    "Initial",
    "Integral",
    "JetPart",
    "LateralCondition",
    "Measured",
    "MultiIndex",
    "Neumann",
    "NormalComponent",
    "NotWellPosedWarning",
    "Opposite",
    "Parameter",
    "Periodic",
    "PointValue",
    "Problem",
    "Robin",
    "Sizes",
    "SymbolicResidual",
    "Total",
    "characteristic_sizes",
    "compiled",
    "coordinates",
    "determined",
    "div",
    "evaluate",
    "evolution",
    "given",
    "given_values",
    "grad",
    "holds",
    "kind_of",
    "laplacian",
    "normal_derivative",
    "parameter",
    "require_finite",
    "time",
    "unknown",
    "unknowns",
]
