"""The problem: equations in a domain, conditions on its boundary, and what is known already."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sympy import Symbol, latex
from sympy.core.function import AppliedUndef

from kanpde.problem.checks import check, check_exact, check_finite, checked_exact, ill_posed
from kanpde.problem.conditions import Condition, Periodic
from kanpde.problem.corners import IncompatibleWarning, disagreements
from kanpde.problem.counting import missing_conditions
from kanpde.problem.evolution import Evolution, evolution
from kanpde.problem.first_order import FirstOrder, first_order
from kanpde.problem.kinds import ConditionKind, kind_of
from kanpde.problem.periodic import expanded
from kanpde.problem.regions import checked_regions
from kanpde.problem.residual import MultiIndex, SymbolicResidual, symbolic_residual
from kanpde.problem.setup import condition_names, named_equations, placed_conditions
from kanpde.problem.symbols import Parameter

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure


class NotWellPosedWarning(UserWarning):
    """The conditions given are probably not enough to determine the solution."""


class BoundaryLike(Protocol):
    """What a problem needs of a boundary or a part of one."""

    @property
    def pieces(self) -> Sequence[Any]:
        """The named pieces it consists of."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def __getitem__(self, names: Any) -> BoundaryLike: ...

    def __contains__(self, item: object) -> bool: ...

    def sample(self, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return points and outward unit normals, both (n, D)."""
        ...


class DomainLike(Protocol):
    """What a problem needs of a domain; `kanpde.geometry.Domain` gives it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the coordinates."""
        ...

    @property
    def boundary(self) -> BoundaryLike:
        """The whole boundary."""
        ...

    def interior(self, n: int, *, seed: int = 0) -> np.ndarray:
        """Return points (n, D) inside."""
        ...


@dataclass(frozen=True)
class Problem:
    """A boundary value problem, written as mathematics and checked when it is made.

    Args:
        domain: where the equations hold, e.g. ``Rectangle(x=(-1, 1), y=(-1, 1))``.
        equations: expressions that must vanish in the domain (or ``sympy.Eq``): a dict by name, a
            list, or a single one.
        conditions: what holds on the boundary, at points or on average; each is a
            :class:`Condition` or :class:`Periodic`.
        exact: the known solution ``{u: expression}`` (and ``{nu: number}`` for a parameter); it
            turns on the error columns.
        name: for reports and file names.
        regions: where an equation holds, if not in the whole domain: domains by the names of
            equations, over all coordinates or those of space. An unknown all of whose equations
            hold in parts means something there only.

    Raises:
        ValueError: for an unknown symbol, a wrong number of coordinates, a condition on a piece
            that does not exist, a source that is not finite, or an exact solution that does not
            satisfy the equations and conditions (the message shows the residual).

    Warns:
        NotWellPosedWarning: if an equation has derivatives and there is no condition.
    """

    domain: Any
    equations: Any = ()
    conditions: Any = ()
    exact: Any = None
    name: str = "problem"
    regions: Any = None

    def __post_init__(self) -> None:
        set_ = lambda key, value: object.__setattr__(self, key, value)  # noqa: E731
        set_("equations", named_equations(self.equations))
        conditions = self.conditions
        if isinstance(conditions, (Condition, Periodic)):
            conditions = (conditions,)
        conditions = expanded(conditions, self.equations.values(), self.domain)
        set_("conditions", placed_conditions(conditions, self.domain))
        set_("regions", checked_regions(self))
        check(self)
        set_("exact", checked_exact(self, self.exact))
        check_finite(self)
        if self.exact:
            check_exact(self)
        self._doubt()

    def _doubt(self) -> None:
        """Raise or warn if the conditions are too few or contradict each other at a corner."""
        shortfalls = list(missing_conditions(self))
        for shortfall in shortfalls:
            if shortfall.certain:
                raise ValueError(f"{self.name}: {shortfall.text}")
        doubt = ill_posed(self) or " ".join(shortfall.text for shortfall in shortfalls)
        if doubt:
            warnings.warn(f"{self.name}: {doubt}", NotWellPosedWarning, stacklevel=4)
        for disagreement in disagreements(self):
            warnings.warn(f"{self.name}: {disagreement}", IncompatibleWarning, stacklevel=4)

    # What the problem knows of itself --------------------------------------------------------

    @cached_property
    def coordinates(self) -> tuple[Symbol, ...]:
        """The coordinate symbols, in the order of the domain's names."""
        return tuple(Symbol(name, real=True) for name in self.domain.names)

    @cached_property
    def unknowns(self) -> tuple[AppliedUndef, ...]:
        """The unknown functions, sorted by name."""
        expressions = [*self.equations.values(), *(c.expression for c in self.conditions)]
        found: set[AppliedUndef] = set()
        for expression in expressions:
            found |= expression.atoms(AppliedUndef)
        return tuple(sorted(found, key=str))

    @cached_property
    def unknown_names(self) -> tuple[str, ...]:
        """The names of the unknowns, in the order of :attr:`unknowns`."""
        return tuple(u.func.__name__ for u in self.unknowns)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The unknown numbers, sorted by name."""
        expressions = [*self.equations.values(), *(c.expression for c in self.conditions)]
        found: set[Parameter] = set()
        for expression in expressions:
            found |= expression.atoms(Parameter)
        return tuple(sorted(found, key=str))

    @cached_property
    def condition_names(self) -> tuple[str, ...]:
        """A distinct name for each condition: its kind and its place."""
        return condition_names(self.conditions, self.domain)

    @cached_property
    def equation_residuals(self) -> tuple[SymbolicResidual, ...]:
        """Each equation in terms of the parts of the unknowns' jets."""
        return tuple(
            symbolic_residual(name, expression, self.unknowns, self.coordinates)
            for name, expression in self.equations.items()
        )

    @cached_property
    def condition_residuals(self) -> tuple[SymbolicResidual, ...]:
        """Each condition in terms of the parts of the unknowns' jets."""
        return tuple(
            symbolic_residual(name, c.expression, self.unknowns, self.coordinates)
            for name, c in zip(self.condition_names, self.conditions, strict=True)
        )

    @cached_property
    def is_linear(self) -> bool:
        """Whether every equation and condition is affine in the unknowns, and no number sought."""
        residuals = (*self.equation_residuals, *self.condition_residuals)
        return not self.parameters and all(r.is_linear for r in residuals)

    @cached_property
    def derivatives(self) -> tuple[MultiIndex, ...]:
        """All multi-indices of derivatives that occur, sorted by order; zero is the value."""
        found = {
            part.order
            for residual in (*self.equation_residuals, *self.condition_residuals)
            for part in residual.parts
        }
        return tuple(sorted(found, key=lambda a: (sum(a), tuple(-n for n in a))))

    @cached_property
    def order(self) -> int:
        """The highest order of differentiation."""
        return max((sum(a) for a in self.derivatives), default=0)

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return len(self.coordinates)

    @cached_property
    def evolution(self) -> Evolution | None:
        """The problem as an evolution in time, or None if its domain has no time."""
        return evolution(self)

    def first_order(self) -> FirstOrder:
        """Return an equivalent problem of first order: derivatives become unknowns.

        The equation of a beam, of order four, becomes four equations for the field and three of
        its derivatives; conditions on derivatives become conditions on values, and exact solutions
        are carried over. It can pay for networks where the order is high; ladders and patches do
        better with the problem as it is.

        With ``rewritten = problem.first_order()``, what ``rewritten.back(solve(rewritten.problem,
        KAN([1, 4, 4])))`` returns is a solution of this problem.

        >>> from kanpde import Dirichlet, Interval, coordinates, unknown
        >>> x = coordinates("x")
        >>> u = unknown("u", x)
        >>> line = Interval(x=(0, 1))
        >>> string = Problem(line, u.diff(x, 2) + 1, Dirichlet(u, 0, on=line.boundary))
        >>> for equation in string.first_order().problem.equations.values():
        ...     print(equation)
        Derivative(u_x(x), x) + 1
        u_x(x) - Derivative(u(x), x)
        """
        return first_order(self)

    def renamed(self, name: str) -> Problem:
        """Return the same problem under another name."""
        renamed = copy.copy(self)
        object.__setattr__(renamed, "name", name)
        return renamed

    def plot(self, *, points: int = 400, seed: int = 0) -> Figure:
        """Return a figure of the domain, its named pieces and the points of every condition.

        Points on the boundary are coloured by the condition that they carry, measured ones are
        those of the data, and the equations are in the title. Nothing is shown or written.

        Args:
            points: inside; half as many on the boundary.
            seed: of the points.

        Raises:
            ValueError: for fewer than one point.
        """
        from kanpde.problem.figure import figure

        return figure(self, points, seed)

    def summary(self) -> str:
        """Describe the problem in a few lines of plain text, and how ``solve`` goes about it.

        Equations and conditions with their kinds, whether it is linear, its unknowns, the numbers
        sought with first guess and bounds, and the exact solution if one is known.
        """
        kind = "linear" if self.is_linear else "nonlinear"
        lines = [
            f"{self.name}: {kind}, order {self.order}, unknowns {', '.join(self.unknown_names)} "
            f"on {self.domain!r}"
        ]
        if not self.is_linear and self.parameters:
            fields = all(r.is_linear for r in (*self.equation_residuals, *self.condition_residuals))
            lines[0] += "; linear in the unknowns alone" if fields else ""
        lines += [
            f"  sought: {p}, from {p.initial:g} on, "
            f"{'unbounded' if p.bounds == (-inf, inf) else f'within {p.bounds}'}"
            for p in self.parameters
        ]
        lines += [
            f"  {name}: {expression} = 0"
            + (f" in {self.regions[name]!r}" if name in self.regions else "")
            for name, expression in self.equations.items()
        ]
        lines += [
            f"  {name}: {c.text}{_kind(name, kind_of(c, r))}"
            for name, c, r in zip(
                self.condition_names, self.conditions, self.condition_residuals, strict=True
            )
        ]
        if self.exact:
            lines += [f"  exact {u} = {e}" for u, e in self.exact.items()]
        # The one call upward: what solves a problem is chosen by a floor that knows how.
        choice = import_module("kanpde").choose(self)
        return "\n".join([*lines, f"  way: {choice.why}"])

    def _repr_latex_(self) -> str:
        rows = [latex(e) + r" &= 0 && \text{in the domain}" for e in self.equations.values()]
        rows += [
            latex(c.expression)
            + (r" &= 0" if c.opposite is None else r" & \text{ equal}")
            + r" && \text{on "
            + ", ".join(c.on.names)
            + ("" if c.opposite is None else f" and {', '.join(c.opposite.on.names)}")
            + "}"
            for c in self.conditions
        ]
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$"


def _kind(name: str, kind: ConditionKind) -> str:
    """Return the kind of a condition in words, unless its name tells it or there is none."""
    tells = kind is ConditionKind.GENERAL or kind.value in name
    return "" if tells else f" ({kind.value})"
