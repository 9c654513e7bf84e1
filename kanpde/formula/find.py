"""find_formula(solution): the closed form of a solved field, if it has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

import numpy as np
from sympy import Expr, Float, Integer, Mul, Symbol, chebyshevt
from sympy.core.function import AppliedUndef

from kanpde.control import parse_budget
from kanpde.formula.certificate import Certificate
from kanpde.formula.dataset import datasets, fitted_field
from kanpde.formula.field import Field, fields_of
from kanpde.formula.fitted import data_candidates, field_candidates
from kanpde.formula.formula import Approximation, Formula, complexity
from kanpde.formula.inside import box_inside
from kanpde.formula.library import LIBRARY, Family, user_family
from kanpde.formula.search import Candidate, search
from kanpde.formula.structure import Log
from kanpde.formula.wide import wide_candidates
from kanpde.formula.zero import Level
from kanpde.problem import Given, Problem
from kanpde.solution import Solution

LARGEST_ERROR = 1e-2
"""A field whose error is larger is none to read a formula from."""

MOST_COORDINATES = 4
"""In more, only sums over coordinates are looked for, and functions of them."""

BUDGET = 30.0
"""Seconds the search may take."""


@np.errstate(all="ignore")  # what is not finite is looked at and left out
def find_formula(
    solution: Solution,
    *,
    budget: float | str | None = BUDGET,
    functions: Sequence[Callable[[Symbol], Expr]] = (),
) -> Formula:
    """Return the formula of a solved field, with a certificate of what was checked.

    The field's structure is found first (sums, products, invariances), its functions of one
    variable by the equations that they satisfy, or, where they satisfy none, by a library; then all
    constants are refitted on the equations and conditions of the problem, made exact, and the
    formula is put into the problem. Of plain data the certificate speaks of the fit.

    Args:
        solution: a solved problem.
        budget: seconds for the search, or a text such as "30s"; a candidate that is begun is
            finished.
        functions: further functions of one variable, such as ``sympy.airyai`` or
            ``lambda z: z * sympy.exp(-z)``, that edges are compared with.

    Returns:
        a :class:`Formula`; where there is no closed form its certificate's level is NONE, with the
        reason, and its expressions are the best compact approximation.

    Raises:
        ValueError: for a bad budget, or a function without a derivative.
    """
    seconds = parse_budget(budget)
    families = (*map(user_family, functions), *LIBRARY)
    start = monotonic()
    deadline = start + (BUDGET if seconds is None else seconds)
    log, problem = Log(), solution.problem
    refusal = _refusal(solution)
    if refusal:
        certificate = Certificate(Level.NONE, reason=refusal)
        return Formula(problem, {}, certificate, report=(refusal,), seconds=monotonic() - start)
    data = datasets(problem)
    if data is not None:
        candidates = data_candidates(problem, data, log, deadline, families)
        smooth = {u: fitted_field(d) for u, d in data.items()}
        fields = {u: f for u, f in smooth.items() if f is not None}
    elif problem.dimension > MOST_COORDINATES:
        fields = {}
        candidates = wide_candidates(
            problem, lambda x: solution.at(x)[:, 0], _error(solution), log, deadline
        )
    else:
        fields = _fields(solution, log)
        candidates = _of_fields(problem, fields, log, deadline, families)
    best: Candidate | None = None
    front: list[Approximation] = []
    for candidate in candidates:
        front.append(_approximation(candidate))
        if best is None or candidate.certificate.level > best.certificate.level:
            best = candidate
    polynomials = _polynomials(fields, problem.coordinates) if fields else []
    pareto = _front([*front, *polynomials])
    if best is None or best.certificate.level is Level.NONE:
        reason = best.certificate.reason if best else "no closed form was found"
        expressions = polynomials[-1].expressions if polynomials else {}
        certificate = Certificate(Level.NONE, reason=reason)
    else:
        expressions, certificate = best.formulas, best.certificate
    log.add(f"certificate: {certificate.text}")
    return Formula(problem, expressions, certificate, pareto, tuple(log.lines), monotonic() - start)


def _of_fields(
    problem: Problem,
    fields: Mapping[AppliedUndef, Field],
    log: Log,
    deadline: float,
    families: Sequence[Family],
) -> Iterator[Candidate]:
    """Look for formulas by equations of one variable, then by the library."""
    for candidate in search(problem, fields, log, deadline):
        yield candidate
        if candidate.is_final:
            return
    if monotonic() < deadline:
        yield from field_candidates(problem, fields, log, deadline, families)


def _refusal(solution: Solution) -> str:
    """Return why a formula cannot be looked for, or nothing."""
    problem = solution.problem
    if problem.parameters:
        return "the problem has unknown numbers"
    texts = [*problem.equations.values(), *(c.expression for c in problem.conditions)]
    if any(e.atoms(Given) for e in texts):
        return "the problem holds a function that is no formula"
    if datasets(problem) is not None:
        return ""
    if problem.dimension > MOST_COORDINATES and len(problem.unknowns) > 1:
        return (
            f"several fields of up to {MOST_COORDINATES} coordinates are read; these have "
            f"{problem.dimension}"
        )
    estimate = _error(solution)
    if not np.isfinite(estimate):
        return "the field of the solution is not finite"
    if estimate > LARGEST_ERROR:
        return (
            f"the solution has not converged: its error is about {estimate:.0e}, and a formula "
            f"needs {LARGEST_ERROR:.0e}"
        )
    return ""


def _error(solution: Solution) -> float:
    """Return the relative error of a solution by its own account.

    A trained field has no estimate; its relative residual stands in for it.
    """
    if solution.estimate is not None:
        return solution.estimate
    return max(solution.residual_rms().values(), default=1.0)


def _fields(solution: Solution, log: Log) -> dict[AppliedUndef, Field]:
    lower, upper = box_inside(solution.problem.domain)
    fields = fields_of(solution.at, lower, upper, _error(solution))
    for name, field in zip(solution.problem.unknown_names, fields, strict=True):
        degrees = " x ".join(str(n - 1) for n in field.coefficients.shape[1:])
        log.add(f"{name}: Chebyshev series of degree {degrees}, error {field.error:.0e}")
    return dict(zip(solution.problem.unknowns, fields, strict=True))


def _approximation(candidate: Candidate) -> Approximation:
    size = sum(complexity(e) for e in candidate.formulas.values())
    return Approximation(candidate.formulas, size, candidate.misfit, candidate.certificate.level)


def _front(found: Sequence[Approximation]) -> tuple[Approximation, ...]:
    """Return those that no simpler one equals in level and error, the simplest first."""
    front: list[Approximation] = []
    for a in sorted(found, key=lambda a: (a.complexity, a.error)):
        if not front or (a.level, -a.error) > (front[-1].level, -front[-1].error):
            front.append(a)
    return tuple(front)


def _polynomials(
    fields: Mapping[AppliedUndef, Field], coordinates: Sequence[Symbol]
) -> list[Approximation]:
    """Return cut Chebyshev series: the best polynomials of few terms, of growing number."""
    found = []
    for terms in (1, 3, 6, 12, 24):
        expressions, worst = {}, 0.0
        for unknown, field in fields.items():
            expression, error = _cut(field, coordinates, terms)
            expressions[unknown], worst = expression, max(worst, error)
        size = sum(complexity(e) for e in expressions.values())
        found.append(Approximation(expressions, size, worst))
    return found


def _cut(field: Field, coordinates: Sequence[Symbol], terms: int) -> tuple[Expr, float]:
    c = field.coefficients[0]
    weights = np.array([2.0 ** -(np.array(k) > 0).sum() for k in np.ndindex(c.shape)])
    energy = (c.ravel() ** 2) * weights
    kept = np.argsort(-energy)[:terms]
    expression: Expr = Integer(0)
    for flat in kept:
        k = np.unravel_index(flat, c.shape)
        factors = []
        for i, (degree, x) in enumerate(zip(k, coordinates, strict=True)):
            half = (field.upper[i] - field.lower[i]) / 2
            s = (x - (field.upper[i] + field.lower[i]) / 2) / half
            factors.append(chebyshevt(int(degree), s))
        expression += Float(float(c.ravel()[flat])) * Mul(*factors)
    left = energy.sum() - energy[kept].sum()
    return expression, float(np.sqrt(max(left, 0.0) / (energy.sum() or 1.0)))
