"""Tell what kind of condition an expression is, from the derivatives that occur in it."""

from __future__ import annotations

from enum import Enum

from kanpde.problem.conditions import Condition
from kanpde.problem.measured import Measured, Total
from kanpde.problem.residual import SymbolicResidual
from kanpde.problem.symbols import NormalComponent


class ConditionKind(Enum):
    """What a condition prescribes; the value is its name in reports."""

    DIRICHLET = "dirichlet"
    NEUMANN = "neumann"
    ROBIN = "robin"
    PERIODIC = "periodic"
    DATA = "data"
    INTEGRAL = "integral"
    GENERAL = "general"


def kind_of(condition: Condition, residual: SymbolicResidual) -> ConditionKind:
    """Return the kind of a condition.

    Dirichlet: one unknown and no derivative. Neumann: first derivatives of one unknown along the
    normal. Robin: both. Periodic: tied to the opposite side. Data: measured at points. Integral:
    over the domain or a part of its boundary. Everything else is general.
    """
    if isinstance(condition.on, Measured):
        return ConditionKind.DATA
    if isinstance(condition.on, Total):
        return ConditionKind.INTEGRAL
    if condition.opposite is not None:
        return ConditionKind.PERIODIC
    orders = {sum(part.order) for part in residual.parts}
    one = len({part.unknown for part in residual.parts}) == 1
    if not one or not residual.is_linear or not orders <= {0, 1}:
        return ConditionKind.GENERAL
    if orders == {0}:
        return ConditionKind.DIRICHLET
    along_normal = all(
        partial.atoms(NormalComponent)
        for part, partial in zip(residual.parts, residual.partials, strict=True)
        if sum(part.order) == 1
    )
    if not along_normal:
        return ConditionKind.GENERAL
    return ConditionKind.NEUMANN if orders == {1} else ConditionKind.ROBIN
