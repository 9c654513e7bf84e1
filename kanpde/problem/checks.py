"""Check a problem when it is made: symbols, counts, sources, the exact solution, corners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Add, Expr, Float, Symbol, nan, oo, sympify, zoo
from sympy.core.function import AppliedUndef

from kanpde.problem.conditions import Condition
from kanpde.problem.evaluate import evaluate
from kanpde.problem.kept import missing
from kanpde.problem.measured import Measured, Total
from kanpde.problem.regions import determined, holds
from kanpde.problem.residual import MultiIndex, SymbolicResidual
from kanpde.problem.symbols import NormalComponent, Parameter

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem

EXACT_TOLERANCE = 1e-8
"""Largest residual of an exact solution, relative to the largest term, that counts as round-off."""


@dataclass(frozen=True)
class Sample:
    """An equation or condition at check points; the condition is None for an equation."""

    label: str
    residual: SymbolicResidual
    points: np.ndarray
    normals: np.ndarray | None = None
    condition: Condition | None = None


def check(problem: Problem) -> None:
    """Raise a ValueError if a problem contradicts itself or cannot be read."""
    _check_symbols(problem)
    _check_unknowns(problem)
    _check_contradictions(problem)
    shared = set(problem.equations) & set(problem.condition_names)
    if shared:
        raise ValueError(f"equations and conditions share the name {', '.join(shared)}.")


def _check_symbols(problem: Problem) -> None:
    names = set(problem.domain.names)
    entries = [(f'equation "{n}"', e, False) for n, e in problem.equations.items()]
    entries += [
        (f'condition "{name}"', c.expression, bool(getattr(_region(c), "pieces", ())))
        for name, c in zip(problem.condition_names, problem.conditions, strict=True)
    ]
    for label, expression, on_boundary in entries:
        if expression.has(zoo, nan, oo, -oo):
            raise ValueError(f"{label} is not finite: {_short(expression)}; a division by zero?")
        for symbol in sorted(expression.free_symbols, key=str):
            if isinstance(symbol, Parameter):
                if symbol.name in names:
                    raise ValueError(
                        f"{label}: {symbol.name} is a parameter and a coordinate; rename one."
                    )
                continue
            if isinstance(symbol, NormalComponent):
                if on_boundary and symbol.coordinate in names:
                    continue
                raise ValueError(
                    f"{label} holds the outward normal {symbol}, which has no value here; "
                    "normal derivatives belong into conditions."
                )
            if symbol.name not in names:
                raise ValueError(
                    f'{label} holds the symbol "{symbol}", which is no coordinate of '
                    f"{problem.domain!r}; its coordinates are {', '.join(problem.domain.names)}. "
                    "Replace it by a number, make it a coordinate, or, if it is to be "
                    f'found, write parameter("{symbol}").'
                )
            if symbol not in problem.coordinates:
                raise ValueError(
                    f'{label} holds a symbol "{symbol}" that was not made by '
                    f'coordinates("{" ".join(problem.domain.names)}") (its assumptions differ); '
                    "use those coordinates."
                )


def _check_unknowns(problem: Problem) -> None:
    if not problem.unknowns:
        raise ValueError(
            f"{problem.name} has no unknown; write, for example, u = unknown("
            f'"u", {", ".join(problem.domain.names)}) and use it in the equations.'
        )
    by_name: dict[str, AppliedUndef] = {}
    for u in problem.unknowns:
        if tuple(u.args) != problem.coordinates:
            raise ValueError(
                f"the unknown {u} depends on {len(u.args)} coordinates "
                f"({', '.join(map(str, u.args))}) but {problem.domain!r} has "
                f"{len(problem.coordinates)} ({', '.join(problem.domain.names)}); they must be the "
                "same, in the same order."
            )
        by_name[u.func.__name__] = u
    if len(by_name) != len(problem.unknowns):
        raise ValueError(
            f"two different unknowns share a name: {', '.join(map(str, problem.unknowns))}."
        )
    residuals = (*problem.equation_residuals, *problem.condition_residuals)
    for residual in residuals:
        if not residual.parts:
            raise ValueError(
                f'"{residual.name}" holds no unknown, so it says nothing: {residual.expression}'
            )
    _check_parameters(problem)
    _check_count(problem)


def _check_parameters(problem: Problem) -> None:
    names = [p.name for p in problem.parameters]
    twice = {n for n in names if names.count(n) > 1 or n in problem.unknown_names}
    if twice:
        raise ValueError(f"two different parameters or unknowns are named {', '.join(twice)}.")


def _check_count(problem: Problem) -> None:
    """Each unknown needs an equation, or data: a coefficient field, or a field fitted to data."""
    data = sum(isinstance(c.on, Measured) and len(c.on.points) > 1 for c in problem.conditions)
    if len(problem.equations) + data >= len(problem.unknowns):
        return
    if not problem.equations:
        raise ValueError(
            'a Problem needs at least one equation, equations={"poisson": ...}, or Data(u, points, '
            "values) for each unknown."
        )
    raise ValueError(
        f"{problem.name} has {len(problem.unknowns)} unknowns "
        f"({', '.join(problem.unknown_names)}) but only {len(problem.equations)} equations; add "
        "equations, or Data for an unknown that is to be found from measurements."
    )


def _check_contradictions(problem: Problem) -> None:
    """Two conditions on one piece may not differ by a known function alone."""
    named = [
        (name, condition)
        for name, condition in zip(problem.condition_names, problem.conditions, strict=True)
        if condition.opposite is None and not isinstance(condition.on, (Measured, Total))
    ]
    for i, (first, a) in enumerate(named):
        for second, b in named[:i]:
            shared = [p.name for p in a.on.pieces if p in set(b.on.pieces)]
            difference = (a.expression - b.expression).expand()
            if shared and difference != 0 and not _is_sought(difference):
                raise ValueError(
                    f'the conditions "{second}" and "{first}" contradict each other on '
                    f"{', '.join(shared)}: they differ by {difference}."
                )


def _is_sought(expression: Expr) -> bool:
    """Whether an expression holds an unknown function or number."""
    return bool(expression.atoms(AppliedUndef, Parameter))


def checked_exact(problem: Problem, exact: Any) -> dict[Expr, Expr] | None:
    """Return the exact solution with sympy expressions as values."""
    if exact is None:
        return None
    if not isinstance(exact, Mapping):
        raise ValueError(
            "exact must be a dict {u: expression} with the unknowns as keys; got "
            f"{type(exact).__name__} {exact!r}. Write exact={{{problem.unknowns[0].func}: ...}}."
        )
    checked = {u: sympify(e) for u, e in exact.items()}
    sought = (*problem.unknowns, *problem.parameters)
    if set(checked) != set(sought):
        raise ValueError(
            f"exact gives {', '.join(map(str, checked))} but the unknowns are "
            f"{', '.join(map(str, sought))}."
        )
    for u, expression in checked.items():
        allowed = set() if isinstance(u, Parameter) else set(problem.coordinates)
        strange = expression.free_symbols - allowed
        if strange or expression.atoms(AppliedUndef):
            raise ValueError(
                f"the exact solution {u} = {expression} holds "
                f"{', '.join(map(str, strange)) or 'an unknown'}; only coordinates and numbers "
                "may occur."
            )
    return checked


def ill_posed(problem: Problem) -> str:
    """Return why the solution is not unique, as far as it can be told, or nothing."""
    if not problem.conditions and problem.order > 0:
        return (
            "no condition is given, so the solution is not unique (not well posed); add, for "
            "example, Dirichlet(u, 0, on=domain.boundary)."
        )
    fixing = [
        r
        for r, c in zip(problem.condition_residuals, problem.conditions, strict=True)
        if c.opposite is None
    ]
    residuals = (*problem.equation_residuals, *fixing)
    with_value = {p.unknown for r in residuals for p in r.parts if sum(p.order) == 0}
    free = [n for i, n in enumerate(problem.unknown_names) if i not in with_value]
    if free:
        return (
            f"only derivatives of {', '.join(free)} occur, so the solution is not unique (not "
            "well posed): a constant can be added; give a value somewhere."
        )
    return ""


def _region(condition: Condition) -> Any:
    """Return the part of the boundary (or the domain, or the points) a condition is on."""
    return condition.on.over if isinstance(condition.on, Total) else condition.on


def samples(problem: Problem, count: int = 200) -> Iterator[Sample]:
    """Yield every equation and condition at check points."""
    interior = problem.domain.interior(count, seed=0)
    for residual in problem.equation_residuals:
        inside = holds(problem, residual.name, interior)
        points = interior if inside is None else interior[inside]
        if len(points):
            yield Sample(f'equation "{residual.name}"', residual, points)
    for residual, condition in zip(problem.condition_residuals, problem.conditions, strict=True):
        label, region = f'condition "{residual.name}"', _region(condition)
        if isinstance(region, Measured):
            yield Sample(label, residual, region.points, None, condition)
            continue
        if not hasattr(region, "pieces"):
            yield Sample(label, residual, interior, None, condition)
            continue
        points, normals = region.sample(64, seed=0)
        if len(points) == 0:
            raise ValueError(f'condition "{condition.name}" selects no point of the boundary.')
        yield Sample(label, residual, points, normals, condition)


def check_finite(problem: Problem) -> None:
    """Raise a ValueError if a source or coefficient is not finite somewhere."""
    start = {p: Float(p.initial) for p in problem.parameters}
    for sample in samples(problem):
        residual = sample.residual
        if missing(residual.expression):
            continue
        if residual.is_linear:
            known = [residual.source, *residual.partials]
        else:
            parts = {part.symbol for part in residual.parts}
            terms = Add.make_args(residual.expression)
            known = [term for term in terms if not (term.free_symbols & parts)]
        for expression in known:
            values = evaluate(
                expression.xreplace(start), problem.coordinates, sample.points, sample.normals
            )
            require_finite(values, sample.points, problem.domain.names, sample.label)


def check_exact(problem: Problem) -> None:
    """Raise a ValueError if the exact solution does not satisfy an equation or condition.

    Measured values and integrals are not compared with it, a value at one point without noise is.
    """
    assert problem.exact is not None
    interior = problem.domain.interior(200, seed=0)
    # On a boundary every term may be round-off: the field's own size is the measure then.
    size = 0.0
    for i, u in enumerate(problem.unknowns):
        points = interior[determined(problem, i, interior)]
        values = evaluate(problem.exact[u], problem.coordinates, points)
        require_finite(values, points, problem.domain.names, f"the exact solution {u}")
        size = max(size, float(np.max(np.abs(values), initial=0.0)))
    for sample in samples(problem):
        if missing(sample.residual.expression):
            continue
        if sample.condition is None or _is_sharp(sample.condition):
            _check_defect(problem, sample, size)


def _is_sharp(condition: Condition) -> bool:
    on = condition.on
    if isinstance(on, Measured):
        return len(on.points) == 1 and on.noise is None
    return not isinstance(on, Total)


def _check_defect(problem: Problem, sample: Sample, size: float) -> None:
    """Raise a ValueError if a residual of the exact solution is more than round-off."""
    residual, points, normals = sample.residual, sample.points, sample.normals
    fields: dict[Expr, Expr] = {p: problem.exact[p] for p in residual.parameters}
    for part in residual.parts:
        expression = problem.exact[problem.unknowns[part.unknown]]
        fields[part.symbol] = _derivative(expression, problem.coordinates, part.order)

    def at(expression: Expr, places: np.ndarray) -> np.ndarray:
        return evaluate(expression.xreplace(fields), problem.coordinates, places, normals)

    r = at(residual.expression, points)
    if sample.condition is not None:
        if sample.condition.opposite is not None:
            r = r - at(residual.expression, sample.condition.opposite.matching(points))
        if isinstance(sample.condition.on, Measured):
            r = r - sample.condition.on.values
    names = problem.domain.names
    require_finite(r, points, names, sample.label + " of the exact solution")
    terms = residual.expression.as_ordered_terms()
    scale = max(float(np.max(np.abs(at(term, points)))) for term in terms)
    worst = int(np.argmax(np.abs(r)))
    if abs(r[worst]) > EXACT_TOLERANCE * max(scale, size):
        raise ValueError(
            f"the exact solution does not satisfy {sample.label}: the residual is "
            f"{r[worst]:.6g} at {place_text(points[worst], names)}, where the largest term is "
            f"{scale:.6g}. Residual: {_short(residual.expression.xreplace(fields))}"
        )


def require_finite(
    values: np.ndarray, points: np.ndarray, names: Sequence[str], label: str
) -> None:
    """Raise a ValueError that names the first point at which the values are not finite."""
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{label} is {values[bad[0]]} at {place_text(points[bad[0]], names)} (and at "
            f"{bad.size - 1} more of {len(values)} points); a source or coefficient must be finite "
            "in the domain."
        )


def place_text(point: np.ndarray, names: Sequence[str]) -> str:
    """Return a point as text: x = 0, y = 1."""
    return ", ".join(f"{n} = {v:.6g}" for n, v in zip(names, point, strict=True))


def _short(expression: Expr, limit: int = 300) -> str:
    """Return the expression as text, simplified where that is cheap, cut where it is long."""
    text = str(expression.simplify() if expression.count_ops() < 60 else expression)
    return text if len(text) <= limit else text[:limit] + " ..."


def _derivative(expression: Expr, coordinates: tuple[Symbol, ...], order: MultiIndex) -> Expr:
    for coordinate, n in zip(coordinates, order, strict=True):
        expression = expression.diff(coordinate, n) if n else expression
    return expression
