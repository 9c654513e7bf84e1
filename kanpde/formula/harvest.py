"""Functions that occur in the problem itself, as candidates for its solution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from sympy import (
    Add,
    Derivative,
    Expr,
    Integer,
    Mul,
    Symbol,
    cos,
    exp,
    expand,
    preorder_traversal,
    sin,
)
from sympy.core.function import AppliedUndef

from kanpde.formula.field import Field
from kanpde.formula.identify import combination
from kanpde.formula.sampled import Sampled
from kanpde.formula.template import Constants, Template

MOST_FUNCTIONS = 60
MOST_ATOMS = 8


def harvested(
    field: Field, variables: Sequence[Symbol], expressions: Sequence[Expr]
) -> Iterator[Template]:
    """Return a combination of functions that sources and conditions are made of, if one fits.

    Six dictionaries of growing size are tried: functions and their products with each other and
    with powers of the coordinates.

    Args:
        field: what is to be written as a formula.
        variables: the coordinates.
        expressions: equations and conditions of the problem.
    """
    atoms, factors = _atoms(expressions, variables)
    if not atoms and not factors:
        return
    points = field.scattered(600)
    sampled = Sampled(points, field.pure(0, 0, points), field.error)
    for functions in _dictionaries(atoms, factors, variables):
        if len(functions) > MOST_FUNCTIONS:
            continue
        terms, misfit = combination(functions, Constants(), variables, sampled)
        if misfit < max(30 * field.error, 1e-12):
            constants = Constants()
            expression: Expr = Integer(0)
            for function, c in terms:
                expression += constants.new(c) * function
            note = "combination of functions that occur in the problem"
            yield Template(expression, constants.of(expression), note, 1.0)
            return


def _atoms(
    expressions: Sequence[Expr], variables: Sequence[Symbol]
) -> tuple[list[Expr], list[Expr]]:
    """Return functions of the coordinates in the known terms, and whole factors of them."""
    atoms: set[Expr] = set()
    factors: set[Expr] = set()
    for expression in expressions:
        for term in Add.make_args(expand(expression)):
            if term.has(AppliedUndef, Derivative):
                continue
            kept = [q for q in Mul.make_args(term) if _is_function(q)]
            factor = Mul(*kept)
            if factor.free_symbols and factor.free_symbols <= set(variables):
                factors.add(factor)
                atoms |= {
                    q
                    for q in preorder_traversal(factor)
                    if q.free_symbols and (q.is_Function or (q.is_Pow and not q.exp.is_Integer))
                }
    for q in list(atoms):
        if isinstance(q, (sin, cos)):
            atoms |= {sin(q.args[0]), cos(q.args[0])}
    return sorted(atoms, key=str)[:MOST_ATOMS], sorted(factors, key=str)[:MOST_ATOMS]


def _is_function(q: Expr) -> bool:
    return bool(q.is_Function or q.has(exp) or (q.is_Pow and not q.exp.is_nonnegative))


def _dictionaries(
    atoms: list[Expr], factors: list[Expr], variables: Sequence[Symbol]
) -> Iterator[list[Expr]]:
    def monomials(degree: int) -> list[Expr]:
        powers = product(range(degree + 1), repeat=len(variables))
        return [
            Mul(*(v**k for v, k in zip(variables, p, strict=True)))
            for p in powers
            if sum(p) <= degree
        ]

    one = [Integer(1)]
    small, whole = [*one, *atoms], [*one, *atoms, *factors]
    pairs = [*whole, *(a * b for a in atoms for b in atoms)]
    for chosen in (
        [*small, *monomials(1)],
        whole,
        [*whole, *monomials(3)],
        [*pairs, *monomials(3)],
        [f * m for f in whole for m in monomials(1)],
        [f * m for f in whole for m in monomials(2)],
    ):
        yield sorted(set(chosen), key=lambda e: (e.count_ops(), str(e)))
