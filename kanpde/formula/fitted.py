"""Formulas for plain data, and for fields that no equation of one variable describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from time import monotonic

import numpy as np
from sympy import Symbol
from sympy.core.function import AppliedUndef

from kanpde.formula.beam import Described, Target, described
from kanpde.formula.certificate import certify
from kanpde.formula.claims import claims
from kanpde.formula.dataset import Dataset, fields_on_boxes, fitted_field
from kanpde.formula.field import Field
from kanpde.formula.identify import COMPOSITIONS
from kanpde.formula.library import LIBRARY, Family
from kanpde.formula.sampled import ARGUMENT
from kanpde.formula.search import Candidate, exact_texts, finished, search
from kanpde.formula.structure import Log, structures
from kanpde.formula.template import Template, rms
from kanpde.problem import Problem

SMOOTH = 1e-4
"""Data that a series predicts so well are read by their derivatives."""

GAIN = 1e-2
"""A function of the values is read if a series predicts it so much better."""

MOST_DESCRIBED = 3
POINTS = 800


def data_candidates(
    problem: Problem,
    data: Mapping[AppliedUndef, Dataset],
    log: Log,
    deadline: float,
    families: Sequence[Family] = LIBRARY,
) -> Iterator[Candidate]:
    """Return formulas for plain data: by structure where they are smooth, else by description.

    Args:
        problem: of the data.
        data: of each unknown.
        log: is told what was found.
        deadline: on the clock of ``time.monotonic``.
        families: functions that edges are compared with.
    """
    boxes = {u: list(fields_on_boxes(d)) for u, d in data.items()}
    for place in range(min((len(b) for b in boxes.values()), default=0)):
        fields = {u: b[place] for u, b in boxes.items()}
        error = max(f.error for f in fields.values())
        log.add(f"series on {'the whole' if place == 0 else 'a part'}: error {error:.0e}")
        if error > SMOOTH:
            continue
        for candidate in search(problem, fields, log, deadline):
            yield candidate
            if candidate.is_final:
                return
    for candidate in _composed(problem, data, boxes, log, deadline):
        yield candidate
        if candidate.is_final:
            return
    lists = []
    for unknown, own in data.items():
        smooth = min((f.error for f in boxes[unknown][:1]), default=0.1)
        target = Target(own, smooth * float(rms(own.values)), problem.coordinates)
        lists.append(_described(unknown, target, log, deadline, families))
    for chosen in zip(*lists, strict=False):
        pairs = dict(zip(data, chosen, strict=True))
        formulas = {u: d.template.numeric() for u, d in pairs.items()}
        misfit = max(d.misfit for d in chosen)
        yield Candidate(formulas, certify(problem, formulas), misfit)


def _composed(
    problem: Problem,
    data: Mapping[AppliedUndef, Dataset],
    boxes: Mapping[AppliedUndef, Sequence[Field]],
    log: Log,
    deadline: float,
) -> Iterator[Candidate]:
    """Read functions of the values that a series predicts far better than the values."""
    if len(data) != 1 or not all(boxes.values()):
        return
    ((unknown, own),) = data.items()
    plain = boxes[unknown][0]
    claimed, texts = claims(problem), exact_texts(problem)
    for composition in COMPOSITIONS:
        if monotonic() > deadline or not composition.suits(own.values):
            continue
        with np.errstate(all="ignore"):
            values = np.broadcast_to(composition.derivatives(own.values)[0], own.values.shape)
        if np.iscomplexobj(values) or not np.isfinite(values).all():
            continue
        field = fitted_field(Dataset(own.points, values))
        if field is None or field.error > min(SMOOTH, GAIN * plain.error):
            continue
        text = composition.outer.subs(ARGUMENT, Symbol("u"))
        log.add(f"the function {text} of the data is smoother: error {field.error:.0e}")
        for found in islice(structures(field, problem.coordinates, log, depth=1), 2):
            whole = composition.inverse.subs(ARGUMENT, found.expression)
            template = Template(whole, dict(found.constants), f"{text}: {found.note}")
            candidate = finished(
                problem, claimed, texts, {unknown: template}, {unknown: plain}, log
            )
            if candidate is not None:
                yield candidate


def field_candidates(
    problem: Problem,
    fields: Mapping[AppliedUndef, Field],
    log: Log,
    deadline: float,
    families: Sequence[Family] = LIBRARY,
) -> Iterator[Candidate]:
    """Return formulas whose edges are named by the library, refitted on the problem itself.

    Args:
        problem: what the formulas have to solve.
        fields: of the unknowns.
        log: is told what was found.
        deadline: on the clock of ``time.monotonic``.
        families: functions that edges are compared with.
    """
    claimed, texts = claims(problem), exact_texts(problem)
    lists = []
    for unknown, field in fields.items():
        points = field.scattered(POINTS if field.dimension > 1 else 300)
        values = field.derivative((0,) * field.dimension, points)[0]
        noise = field.error * field.scale
        target = Target(Dataset(points.T, values), noise, problem.coordinates)
        lists.append(_described(unknown, target, log, deadline, families))
    for chosen in zip(*lists, strict=False):
        for templates in ([d.template for d in chosen], [d.free for d in chosen]):
            pairs = dict(zip(fields, templates, strict=True))
            candidate = finished(problem, claimed, texts, pairs, fields, log)
            if candidate is not None:
                yield candidate
                if candidate.is_final:
                    return
                break


def _described(
    unknown: AppliedUndef,
    target: Target,
    log: Log,
    deadline: float,
    families: Sequence[Family],
) -> list[Described]:
    found = described(target, deadline, families=families)[:MOST_DESCRIBED]
    for d in found:
        log.add(f"{unknown}: {d.length:.0f} nats, misfit {d.misfit:.1e}: {d.template.note}")
    if monotonic() > deadline:
        log.add("the time is up")
    return found
