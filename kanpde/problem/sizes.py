r"""Characteristic sizes of a problem, so that it may be trained in units of its own.

A coordinate is measured in half its range L. An unknown is measured in the size U of the values
that are given for it; where none are, in the size that balances an equation: for a second
derivative that is :math:`U=(2L/\pi)^2|f|`, the answer of the gravest mode. An equation or condition
is measured in the size of its largest term for a field of such a size, relative to that of a field
of size one on lengths of one: a factor that the user wrote keeps its meaning.

All sizes are powers of ten, as in a choice of units: what has ordinary numbers stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, log10, pi
from typing import TYPE_CHECKING

import numpy as np
from sympy import Add, Expr, Float

from kanpde.problem.checks import Sample, samples
from kanpde.problem.evaluate import evaluate
from kanpde.problem.measured import Measured, Total
from kanpde.problem.residual import JetPart
from kanpde.problem.symbols import NormalComponent

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem

POINTS = 64
NOISE = 1e-13
"""Given values of this size, relative to that of their expression inside, are zero but rounding."""
SPREAD = 0.61803398875
"""Multiples of it modulo one make the sizes of the parts of a jet differ, so that none cancel."""


@dataclass(frozen=True)
class Sizes:
    """The sizes in which a problem is measured, each a power of ten.

    Args:
        coordinates: one for each coordinate.
        unknowns: one for each unknown.
        residuals: by name of the equation or condition; all of them.
    """

    coordinates: tuple[float, ...]
    unknowns: tuple[float, ...]
    residuals: dict[str, float]

    @property
    def are_ordinary(self) -> bool:
        """Whether nothing needs another unit."""
        return all(size == 1 for size in (*self.unknowns, *self.residuals.values()))


def characteristic_sizes(problem: Problem) -> Sizes:
    """Return the sizes in which a problem is measured."""
    known = list(samples(problem, POINTS))
    lengths = tuple(
        _unit(float(hi - lo) / 2)
        for lo, hi in zip(problem.domain.lower, problem.domain.upper, strict=True)
    )
    measure = _Measure(problem, lengths)
    fields = measure.unknowns(known)
    ones = _Measure(problem, tuple(1.0 for _ in lengths))
    unit_fields = tuple(1.0 for _ in fields)
    residuals = {}
    for sample in known:
        own = max(measure.terms(sample, fields), default=1.0)
        plain = max(ones.terms(sample, unit_fields), default=1.0)
        residuals[sample.residual.name] = _unit(own / plain) if own > 0 < plain else 1.0
    return Sizes(lengths, fields, residuals)


@dataclass(frozen=True)
class _Measure:
    """Sizes of terms where coordinates are measured in given lengths."""

    problem: Problem
    lengths: tuple[float, ...]

    def unknowns(self, known: Sequence[Sample]) -> tuple[float, ...]:
        """Return the size of every unknown: from given values, else from equations, else one."""
        count = len(self.problem.unknowns)
        found: dict[int, float] = {}
        for sample in known:
            if sample.condition is not None:
                for u, size in self._given(sample):
                    found[u] = max(found.get(u, 0.0), size)
        found = {u: _unit(size) for u, size in found.items() if size > 0}
        for _ in range(count):  # one unknown may be measured by another
            for u in range(count):
                if u not in found:
                    balanced = [self._balanced(s, u, found) for s in known if s.condition is None]
                    if max(balanced, default=0.0) > 0:
                        found[u] = _unit(max(balanced))
        return tuple(found.get(u, 1.0) for u in range(count))

    def terms(self, sample: Sample, fields: Sequence[float]) -> list[float]:
        """Return the sizes of the terms that hold unknowns, for fields of given sizes."""
        residual = sample.residual
        jets = {
            part.symbol: Float(
                fields[part.unknown] * self._inverse(part) * (0.7 + 0.6 * (k * SPREAD % 1))
            )
            for k, part in enumerate(residual.parts)
        }
        held = [t for t in Add.make_args(residual.expression) if t.free_symbols & set(jets)]
        return [self._rms(term.xreplace(jets), sample) for term in held]

    def _given(self, sample: Sample) -> list[tuple[int, float]]:
        """Return sizes of unknowns that the given values of a condition ask for."""
        residual, on = sample.residual, sample.condition.on  # type: ignore[union-attr]
        if not residual.is_linear or isinstance(on, Total):
            return []
        value = self._rms(residual.source, sample)
        inside = replace(sample, points=self.problem.domain.interior(200, seed=0), normals=None)
        if value < NOISE * self._rms_if_any(residual.source, inside):
            value = 0.0  # sin(pi) in floating point
        if isinstance(on, Measured):
            value = max(value, float(np.sqrt(np.mean(np.square(on.values)))))
        sizes = []
        for part, partial in zip(residual.parts, residual.partials, strict=True):
            factor = self._rms(partial, sample) * self._inverse(part)
            if factor > 0:
                sizes.append((part.unknown, value / factor))
        return sizes

    def _balanced(self, sample: Sample, unknown: int, found: dict[int, float]) -> float:
        """Return the size of an unknown at which its terms are as large as those already known."""
        residual = sample.residual
        symbols = {part.symbol for part in residual.parts}
        operator = 0.0
        for part, partial in zip(residual.parts, residual.partials, strict=True):
            if part.unknown == unknown and not partial.free_symbols & symbols:
                gravest = self._inverse(part) * (pi / 2) ** sum(part.order)
                operator += self._rms(partial, sample) * gravest
        if operator == 0:
            return 0.0
        others = {p.symbol for p in residual.parts if p.unknown not in found}
        jets = {
            p.symbol: Float(found[p.unknown] * self._inverse(p))
            for p in residual.parts
            if p.unknown in found
        }
        terms = Add.make_args(residual.expression)
        rest = Add(*(t for t in terms if not t.free_symbols & symbols))
        known = [rest, *(t.xreplace(jets) for t in terms if t.free_symbols & set(jets))]
        sizes = [self._rms(t, sample) for t in known if not t.free_symbols & others]
        return max(sizes, default=0.0) / operator

    def _inverse(self, part: JetPart) -> float:
        """Return the size of a derivative of a field of size one."""
        size = 1.0
        for length, n in zip(self.lengths, part.order, strict=True):
            size /= length**n
        return size

    def _rms_if_any(self, expression: Expr, sample: Sample) -> float:
        """Return the size of an expression that may need normals, which points inside lack."""
        return 0.0 if expression.atoms(NormalComponent) else self._rms(expression, sample)

    def _rms(self, expression: Expr, sample: Sample) -> float:
        start = {p: Float(p.initial) for p in self.problem.parameters}
        values = evaluate(
            expression.xreplace(start), self.problem.coordinates, sample.points, sample.normals
        )
        values = values[np.isfinite(values)]
        return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0


def _unit(size: float) -> float:
    """Return the power of ten nearest to a size."""
    return 10.0 ** round(log10(size)) if size > 0 and isfinite(size) else 1.0
