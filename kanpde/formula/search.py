"""From a solved field to a formula: structure, constants, proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from time import monotonic

import numpy as np
from sympy import Expr, Float, Integer, Symbol, nan, zoo
from sympy.core.function import AppliedUndef

from kanpde.formula.certificate import Certificate, certify
from kanpde.formula.claims import AnyClaim, Formulas, claims
from kanpde.formula.constants import BASES, known_constants, relation, snapped
from kanpde.formula.determine import determined
from kanpde.formula.exact import exact_expression
from kanpde.formula.field import Field, Readable
from kanpde.formula.harvest import harvested
from kanpde.formula.refit import Fit, fit_field, fit_physics
from kanpde.formula.structure import Log, structures
from kanpde.formula.template import Template
from kanpde.formula.zero import Level
from kanpde.problem import Problem

TEMPLATES = 5
"""Templates that are kept for each unknown."""

COMBINATIONS = 8
"""Combinations of the unknowns' templates that are refitted."""

PHYSICS_LIMIT = 1e-8
"""A template with a larger residual after the refit is not the solution."""

RELATIVE_TOLERANCE = 1e-10
"""Of constants after the refit: their digits are trusted so far, at most."""


class _Lazy:
    """Templates that are looked for only when they are asked for."""

    def __init__(self, templates: Iterator[Template]) -> None:
        self._rest = templates
        self._found: list[Template] = []
        self._is_exhausted = False

    def at(self, place: int) -> Template | None:
        """Return the template of an index, or None if there are fewer."""
        while len(self._found) <= place and not self._is_exhausted:
            try:
                template = next(self._rest, None)
            except (np.linalg.LinAlgError, FloatingPointError):  # an ill-formed branch ends it
                template = None
            if template is None:
                self._is_exhausted = True
            else:
                self._found.append(template)
        return self._found[place] if place < len(self._found) else None

    @property
    def is_empty(self) -> bool:
        """Whether there is none at all."""
        return self._is_exhausted and not self._found


@dataclass(frozen=True)
class _Refitted:
    """Templates with constants that solve the problem to rounding."""

    expressions: Mapping[AppliedUndef, Expr]
    values: Mapping[Symbol, float]
    physics: Fit


@dataclass(frozen=True)
class Candidate:
    """Formulas for all unknowns, with what is known of them."""

    formulas: Formulas
    certificate: Certificate
    misfit: float

    @property
    def is_final(self) -> bool:
        """Whether nothing better can come: it is proved, or exact and all that data can tell."""
        level = self.certificate.level
        exact = not any(e.has(Float) for e in self.formulas.values())
        plain = all(c.is_data for c in self.certificate.checks)
        return level is Level.PROVED or (level is Level.NUMERIC and exact and plain)


def exact_texts(problem: Problem) -> list[Expr]:
    """Return the equations and conditions of a problem with exact numbers."""
    expressions = (*problem.equations.values(), *(c.expression for c in problem.conditions))
    return [exact_expression(e) for e in expressions]


def search(
    problem: Problem,
    fields: Mapping[AppliedUndef, Field],
    log: Log,
    deadline: float,
) -> Iterator[Candidate]:
    """Return candidates, the simplest first; the last is the best if one is proved.

    Args:
        problem: what the formula has to solve.
        fields: each unknown's field on a box.
        log: is told what each step found.
        deadline: on the clock of ``time.monotonic``.
    """
    claimed, texts = claims(problem), exact_texts(problem)
    lazy = {
        u: _Lazy(_templates(field, problem.coordinates, texts, log, deadline))
        for u, field in fields.items()
    }
    orders = sorted(
        product(range(TEMPLATES + 1), repeat=len(lazy)), key=lambda c: (len(set(c)) > 1, sum(c))
    )
    tried = 0
    for order in orders:
        if tried == COMBINATIONS:
            return
        if monotonic() > deadline:
            log.add("the time is up")
            return
        chosen = {}
        for (unknown, templates), place in zip(lazy.items(), order, strict=True):
            template = templates.at(place)
            if template is None:
                break
            chosen[unknown] = template
        if len(chosen) < len(lazy):
            if any(templates.is_empty for templates in lazy.values()):
                log.add("no template was found")
                return
            continue
        tried += 1
        candidate = finished(problem, claimed, texts, chosen, fields, log)
        if candidate is not None:
            yield candidate
            if candidate.is_final:
                return


def _templates(
    field: Field,
    coordinates: Sequence[Symbol],
    texts: Sequence[Expr],
    log: Log,
    deadline: float,
) -> Iterator[Template]:
    size = np.abs(field.coefficients[0]).max()
    if size < 1e-12:
        yield Template(Integer(0), {}, "zero")
        return
    for template in islice(structures(field, coordinates, log), TEMPLATES):
        yield template
        if monotonic() > deadline:
            return
    yield from islice(harvested(field, coordinates, texts), 1)


def finished(
    problem: Problem,
    claimed: Sequence[AnyClaim],
    texts: Sequence[Expr],
    chosen: Mapping[AppliedUndef, Template],
    fields: Mapping[AppliedUndef, Readable],
    log: Log,
) -> Candidate | None:
    """Refit the constants of a template for each unknown, make them exact, and certify.

    Args:
        problem: what the formula has to solve.
        claimed: what must vanish.
        texts: equations and conditions, with exact numbers.
        chosen: the templates.
        fields: what they have to fit, roughly.
        log: is told what was found.

    Returns:
        formulas with their certificate, or None where the template is no solution.
    """
    expressions = {u: t.expression for u, t in chosen.items()}
    start = {s: v for t in chosen.values() for s, v in t.constants.items()}
    log.add("template: " + "; ".join(t.note for t in chosen.values()))
    fit = fit_field(expressions, fields, problem.coordinates, start)
    error = max(f.error for f in fields.values())
    if not fit.residual < max(1e3 * error, 1e-5):
        log.add(f"it does not fit the field ({fit.residual:.0e})")
        return None
    misfit = fit.residual
    values = dict(zip(start, fit.values, strict=True))
    physics = fit_physics(problem, claimed, expressions, values)
    if not physics.residual < PHYSICS_LIMIT:
        log.add(f"it does not solve the problem ({physics.residual:.0e} after the refit)")
        return None
    log.add(f"refitted on equations and conditions: residual {physics.residual:.0e}")
    freed = _freed(problem, claimed, expressions, values, physics, log)
    formulas = _exact(claimed, texts, freed, log)
    certificate = certify(problem, formulas)
    log.add(certificate.text)
    if certificate.level is Level.NONE:
        floats = {s: Float(v) for s, v in freed.values.items()}
        formulas = {u: e.xreplace(floats) for u, e in freed.expressions.items()}
        certificate = certify(problem, formulas)
    return Candidate(formulas, certificate, misfit)


def _freed(
    problem: Problem,
    claimed: Sequence[AnyClaim],
    expressions: Mapping[AppliedUndef, Expr],
    start: Mapping[Symbol, float],
    physics: Fit,
    log: Log,
) -> _Refitted:
    """Fix constants that neither equations nor conditions determine, one after another."""
    values = dict(zip(start, map(float, physics.values), strict=True))
    for _ in range(len(values)):
        direction = physics.free_direction()
        if direction is None:
            break
        free = list(values)[int(np.argmax(np.abs(direction)))]
        log.add("a constant is not determined by the problem; it is given a simple value")
        rest = {s: v for s, v in values.items() if s is not free}
        for fixed in (Integer(0), _nice(values[free]), Float(values[free])):
            trial = {u: e.xreplace({free: fixed}) for u, e in expressions.items()}
            if any(e == 0 for e in trial.values()) or any(e.has(nan, zoo) for e in trial.values()):
                continue
            found = fit_physics(problem, claimed, trial, rest)
            if found.residual < max(PHYSICS_LIMIT, 10 * physics.residual):
                break
        else:
            break
        expressions, physics = trial, found
        values = dict(zip(rest, map(float, physics.values), strict=True))
    return _Refitted(expressions, values, physics)


def _nice(value: float) -> Expr:
    """Return a simple number near a value."""
    return Integer(round(value)) if round(value) else Integer(1 if value > 0 else -1)


def _exact(
    claimed: Sequence[AnyClaim],
    texts: Sequence[Expr],
    refitted: _Refitted,
    log: Log,
) -> Formulas:
    """Replace constants by exact numbers as far as they are recognised, the rest by floats."""
    bases = [*BASES, *known_constants(texts)]
    left: dict[Symbol, float] = {}
    exact: dict[Symbol, Expr] = {}
    deviations = refitted.physics.deviations
    for (symbol, value), deviation in zip(refitted.values.items(), deviations, strict=True):
        tolerance = max(6 * deviation, RELATIVE_TOLERANCE * max(1e-3, abs(value)))
        found = snapped(value, tolerance, bases)
        if found is None:
            left[symbol] = value
        else:
            exact[symbol] = found
    templates: Mapping[AppliedUndef, Expr] = {
        u: e.xreplace(exact) for u, e in refitted.expressions.items()
    }
    if left:
        templates, known = determined(
            claimed, templates, left, lambda q: snapped(q, 1e-9 * abs(q), bases)
        )
        if known:
            log.add("by the equations: " + ", ".join(map(str, known.values())))
        left = {s: v for s, v in left.items() if any(e.has(s) for e in templates.values())}
    for symbol, value in left.items():
        found = relation(value, RELATIVE_TOLERANCE * abs(value))
        if found is None:
            log.add(f"the constant {value:.12g} stays a float")
        exact[symbol] = Float(value) if found is None else found
    return {u: e.xreplace(exact) for u, e in templates.items()}
