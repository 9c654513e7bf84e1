r"""Write a problem as an equivalent one of first order, with the derivatives as unknowns.

Every derivative :math:`\partial^\alpha u` of order two or more that occurs is the derivative by one
coordinate of another one, :math:`v=\partial^{\alpha-e_i}u`, i the last coordinate in it; v becomes
an unknown with the equation :math:`v-\partial_j v'=0` that makes it the derivative of the next
lower one, and so on down to u. What is an unknown now is written as such wherever it occurs, so
that a condition on a derivative becomes one on a value, which can be built into a network.

It is the form of first-order system least squares (Cai, Lazarov, Manteuffel and McCormick, SIAM J.
Numer. Anal. 31 (1994)), and for networks of deep mixed residuals (Lyu et al., J. Comput. Phys. 452
(2022), arXiv:2009.00917).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sympy import Derivative, Expr, Symbol
from sympy.core.function import AppliedUndef

from kanpde.problem.conditions import Condition
from kanpde.problem.residual import MultiIndex
from kanpde.problem.symbols import unknown

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem

Key = tuple[int, MultiIndex]
"""The number of an unknown and a derivative of it."""


@dataclass(frozen=True)
class FirstOrder:
    """A problem of first order that is equivalent to another one.

    Args:
        problem: of first order; its unknowns are those of the original, then the derivatives.
        original: the other one.
        derivatives: what the unknowns stand for, in the unknowns of the original.
    """

    problem: Problem
    original: Problem
    derivatives: Mapping[AppliedUndef, Expr]

    def back(self, solution: Any) -> Any:
        """Return a solution of the problem of first order as one of the original problem.

        The field keeps the unknowns of the original alone; derivatives are those of the field
        itself. The network is the same, and so are outcome, history and estimate, the last being
        that of all unknowns.

        Raises:
            ValueError: for a solution of another problem.
        """
        if solution.problem.unknowns != self.problem.unknowns:
            raise ValueError(
                f"back: this is a solution of {solution.problem.name}, which has the unknowns "
                f"{', '.join(solution.problem.unknown_names)}, not of the problem of first order."
            )
        indices = [self.problem.unknowns.index(u) for u in self.original.unknowns]
        # The one call upward: networks stand above problems.
        network = import_module("kanpde.networks").Outputs(solution.network, indices)
        return replace(solution, problem=self.original, network=network, weights={})


def first_order(problem: Problem) -> FirstOrder:
    """Return an equivalent problem of first order; see :meth:`Problem.first_order`."""
    residuals = (*problem.equation_residuals, *problem.condition_residuals)
    found = {(p.unknown, p.order) for r in residuals for p in r.parts}
    chain = {key for start in found for key in _chain(start)}
    made = _unknowns(problem, chain)
    written = _Written(problem, made)
    equations = {name: written.of(e) for name, e in problem.equations.items()}
    for key, v in made.items():
        equations[_free(f"{v.func.__name__} is a derivative", equations)] = v - written.of_key(
            key, below=True
        )
    conditions = [
        Condition(written.of(c.expression), c.on, c.name, c.opposite) for c in problem.conditions
    ]
    exact = None
    if problem.exact:
        exact = dict(problem.exact)
        exact |= {v: _differentiated(problem, key, problem.exact) for key, v in made.items()}
    rewritten = type(problem)(
        problem.domain,
        equations=equations,
        conditions=conditions,
        exact=exact,
        name=f"{problem.name}_first_order",
    )
    stands = {v: _differentiated(problem, key, None) for key, v in made.items()}
    return FirstOrder(rewritten, problem, {**{u: u for u in problem.unknowns}, **stands})


class _Written:
    """Writes expressions in the unknowns and their derivatives of first order."""

    def __init__(self, problem: Problem, made: Mapping[Key, AppliedUndef]) -> None:
        self._problem, self._made = problem, made

    def of(self, expression: Expr) -> Expr:
        """Return an expression with every derivative replaced."""
        expression = expression.doit()
        atoms = [a for a in expression.atoms(Derivative) if a.expr in self._problem.unknowns]
        return expression.xreplace({a: self.of_key(self._key(a)) for a in atoms})

    def of_key(self, key: Key, *, below: bool = False) -> Expr:
        """Return a derivative as an unknown, or as the derivative of the next lower one.

        Args:
            key: the unknown and the derivative.
            below: do the latter in any case.
        """
        if not sum(key[1]):
            return self._problem.unknowns[key[0]]
        if key in self._made and not below:
            return self._made[key]
        lower, axis = _lowered(key[1])
        return self.of_key((key[0], lower)).diff(self._problem.coordinates[axis])

    def _key(self, atom: Derivative) -> Key:
        counts = dict(atom.variable_count)
        order = tuple(int(counts.get(c, 0)) for c in self._problem.coordinates)
        return self._problem.unknowns.index(atom.expr), order


def _chain(key: Key) -> Iterable[Key]:
    """Yield what a derivative of order two or more is a derivative of, down to order one."""
    unknown, order = key
    while sum(order) > 1:
        order, _ = _lowered(order)
        yield unknown, order


def _lowered(order: MultiIndex) -> tuple[MultiIndex, int]:
    """Return the next lower derivative and the coordinate by which it is differentiated."""
    axis = max(i for i, n in enumerate(order) if n)
    return tuple(n - (i == axis) for i, n in enumerate(order)), axis


def _unknowns(problem: Problem, chain: Iterable[Key]) -> dict[Key, AppliedUndef]:
    """Return the new unknowns, lower orders first, named such as u_xx."""
    taken = {*problem.unknown_names, *problem.domain.names, *(p.name for p in problem.parameters)}
    made: dict[Key, AppliedUndef] = {}
    for index, order in sorted(chain, key=lambda k: (k[0], sum(k[1]), tuple(-n for n in k[1]))):
        letters = "".join(n * name for n, name in zip(order, problem.domain.names, strict=True))
        name = _free(f"{problem.unknown_names[index]}_{letters}", taken)
        taken.add(name)
        made[index, order] = unknown(name, *problem.coordinates)
    return made


def _free(name: str, taken: Iterable[str]) -> str:
    used = set(taken)
    while name in used:
        name += "_"
    return name


def _differentiated(problem: Problem, key: Key, exact: Mapping[Expr, Expr] | None) -> Expr:
    """Return the derivative of an unknown, or of its exact solution."""
    expression: Expr = problem.unknowns[key[0]]
    expression = expression if exact is None else exact[expression]
    steps: list[tuple[Symbol, int]] = list(zip(problem.coordinates, key[1], strict=True))
    for coordinate, n in steps:
        expression = expression.diff(coordinate, n) if n else expression
    return expression
