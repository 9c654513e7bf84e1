r"""The rows of the global system: jumps between boxes, conditions on faces, weak rows.

Its unknowns are the free coefficients of all boxes. Rows are points: where two boxes touch neither
the value nor the flux :math:`a\,\partial u/\partial n` may jump, on the boundary the conditions
hold. All rows have the scale of u: a derivative of order r is multiplied by :math:`(h/2K)^r`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kanpde.problem import MultiIndex
from kanpde.solving.boxes import Faces, on_face, opposite_faces, shared_faces
from kanpde.solving.elimination import Eliminated, LocalBasis, rates
from kanpde.solving.forms import FaceForm, Forms, PointForm
from kanpde.solving.traces import FacePieces, Trace

SMALLEST_WEAK = 1e-10
"""Weak rows below this size say nothing about the free coefficients."""
JUMP = 1e-6
"""Difference of a coefficient across a face, relative to the largest, that counts as a jump."""
NUDGE = 1e-9
"""Relative distance from a face at which a coefficient is taken on one side of it."""


@dataclass(frozen=True)
class Rows:
    """Equally many rows for each of G groups that touch the same number of boxes.

    Args:
        boxes: (G, b) the boxes of each group; b is one or two.
        matrix: (G, r, b n) for their free coefficients one after the other.
        target: (G, r).
    """

    boxes: np.ndarray
    matrix: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Interfaces:
    """Builds all rows of one set of boxes.

    Args:
        forms: the problem.
        basis: of the local fields.
        boxes: (B, 2, D).
        local: what elimination left of them.
    """

    forms: Forms
    basis: LocalBasis
    boxes: np.ndarray
    local: Eliminated

    def rows(self) -> list[Rows]:
        """Return the rows of jumps, conditions and weak directions."""
        rows = [r for faces in shared_faces(self.boxes) for r in self._jumps(faces)]
        rows += [self._condition(condition) for condition in self.forms.conditions]
        rows += [
            self._point(given, i) for given in self.forms.points for i in range(len(given.points))
        ]
        return [*rows, *self._weak()]

    # Jumps -----------------------------------------------------------------------------------

    def _jumps(self, faces: Faces) -> Iterator[Rows]:
        """Yield the rows of the value and of each derivative that cannot jump along an axis."""
        if not len(faces.below):
            return
        axis = faces.axis
        corners = np.stack([faces.lower, faces.upper], axis=1)
        sides = [
            FacePieces(self.basis, self.boxes, owners, side, axis=axis, corners=corners)
            for owners, side in ((faces.below, 1), (faces.above, -1))
        ]
        pair = np.stack([faces.below, faces.above], axis=1)
        rate = np.maximum(sides[0].rates[:, axis], sides[1].rates[:, axis])
        for unknown in range(self.forms.unknowns):
            for order in range(max(self.forms.order_along(axis, unknown), 1)):
                alpha = _along(axis, self.basis.dimension, order)
                traces = [side.derivative(alpha, self.local, unknown) for side in sides]
                if order == 1 and self._has_fluxes:
                    traces = self._fluxes(sides, traces)
                scale = np.broadcast_to(
                    (rate * self.basis.degree)[:, None] ** -order, traces[0].offset.shape
                )
                below, above = (trace.times(scale) for trace in traces)
                matrix = np.concatenate([below.matrix, -above.matrix], axis=2)
                yield Rows(pair, matrix, above.offset - below.offset)

    @property
    def _has_fluxes(self) -> bool:
        """Whether second-order coefficients may jump, so that a flux and no slope is continuous."""
        if self.forms.unknowns > 1:
            return False
        return self.forms.equation.order == 2 and self.forms.equation.constants is None

    def _fluxes(self, sides: list[FacePieces], plain: list[Trace]) -> list[Trace]:
        r"""Return the normal derivatives, where coefficients jump the conormal ones.

        With :math:`a_{ij}` the second-order coefficients these are
        :math:`\sum_j a_{ij}\partial_j u` across axis i, over the larger of the two
        :math:`a_{ii}`.
        """
        equation, axis = self.forms.equation, sides[0].axis
        second = [i for i, a in enumerate(equation.orders) if sum(a) == 2 and a[axis]]
        values = [self._coefficients(side) for side in sides]
        both = np.abs(np.stack([v[second] for v in values]))
        difference = np.abs(values[0][second] - values[1][second])
        jumps = (difference > JUMP * both.max()).any(axis=(0, 2))
        if not jumps.any():
            return plain
        pure = equation.orders.index(_along(axis, self.basis.dimension, 2))
        size = np.maximum(np.abs(values[0][pure]), np.abs(values[1][pure]))
        size = np.where(size > 0, size, 1.0)
        result = []
        for side, trace, value in zip(sides, plain, values, strict=True):
            flux = trace.times(value[pure] / size)
            for i in second:
                if i != pure:  # a mixed derivative belongs to both of its axes
                    lower = tuple(n - int(a == axis) for a, n in enumerate(equation.orders[i]))
                    tangential = side.derivative(lower, self.local)
                    flux = flux.plus(tangential.times(value[i] / (2 * size)))
            result.append(flux.where(jumps, trace))
        return result

    def _coefficients(self, side: FacePieces) -> np.ndarray:
        """Return the coefficients of the equation just inside of one side, (parts, F, r)."""
        points = side.points(inwards=NUDGE)
        flat = points.reshape(-1, self.basis.dimension)
        return self.forms.equation.coefficients_at(flat).reshape(-1, *points.shape[:2])

    # Conditions ------------------------------------------------------------------------------

    def _condition(self, condition: FaceForm) -> Rows:
        if condition.periodic:
            return self._periodic(condition)
        face, dimension = condition.face, self.basis.dimension
        owners = on_face(self.boxes, face.axis, face.side, face.value)
        others = [a for a in range(dimension) if a != face.axis]
        corners = self.boxes[owners][:, :, others]
        trace, size = self._applied(condition, owners, face.side, corners)
        trace = trace.times(1 / size)
        return Rows(owners[:, None], trace.matrix, -trace.offset)

    def _periodic(self, condition: FaceForm) -> Rows:
        """Return the rows of what is equal on two opposite faces."""
        axis = condition.face.axis
        faces = opposite_faces(self.boxes, axis, *self.forms.domain.ranges[axis])
        corners = np.stack([faces.lower, faces.upper], axis=1)
        last, size = self._applied(condition, faces.below, 1, corners)
        first, _ = self._applied(condition, faces.above, -1, corners)
        last, first = last.times(1 / size), first.times(1 / size)
        matrix = np.concatenate([last.matrix, -first.matrix], axis=2)
        pair = np.stack([faces.below, faces.above], axis=1)
        return Rows(pair, matrix, first.offset - last.offset)

    def _applied(
        self, condition: FaceForm, owners: np.ndarray, side: int, corners: np.ndarray
    ) -> tuple[Trace, np.ndarray]:
        """Return a condition's residual on pieces of a face, and the size of u in it (F, r)."""
        face, form = condition.face, condition.form
        pieces = FacePieces(self.basis, self.boxes, owners, side, axis=face.axis, corners=corners)
        points = pieces.points()
        flat = points.reshape(-1, self.basis.dimension)
        normals = np.zeros_like(flat)
        normals[:, face.axis] = face.side
        values = form.coefficients_at(flat, normals).reshape(-1, *points.shape[:2])
        source = form.source_at(flat, normals).reshape(points.shape[:2])
        total = Trace(np.zeros((*source.shape, self.local.free_count)), source)
        size = np.zeros_like(source)
        for value, unknown, alpha in zip(values, form.unknowns, form.orders, strict=True):
            total = total.plus(pieces.derivative(alpha, self.local, unknown).times(value))
            growth = np.prod((pieces.rates * self.basis.degree) ** np.array(alpha), axis=1)
            size += np.abs(value) * growth[:, None]
        return total, np.where(size > 0, size, 1.0)

    def _point(self, given: PointForm, i: int) -> Rows:
        """Return the row of what is given at one point, in the box (or one of those) it lies in."""
        point, form = given.points[i], given.form
        inside = (self.boxes[:, 0] <= point) & (point <= self.boxes[:, 1])
        box = int(np.argmax(inside.all(axis=1)))
        low, rate = self.boxes[box, 0], rates(self.boxes[box][None])[0]
        values = form.coefficients_at(point[None])[:, 0]
        m, offset = self.basis.size, form.source_at(point[None])[0] - given.values[i]
        row = np.zeros(self.forms.unknowns * m)
        for value, unknown, alpha in zip(values, form.unknowns, form.orders, strict=True):
            table = self.basis.table(((point - low) * rate - 1)[None], alpha)[0]
            row[unknown * m : (unknown + 1) * m] += value * np.prod(rate ** np.array(alpha)) * table
        free = row @ self.local.free[self.local.which[box]]
        size = max(float(np.abs(row).max()), 1e-300)
        target = -(offset + row @ self.local.particular[box])
        return Rows(np.array([[box]]), free[None, None] / size, np.array([[target]]) / size)

    # Weak rows -------------------------------------------------------------------------------

    def _weak(self) -> Iterator[Rows]:
        """Yield what the highest degrees of the residual say about the free coefficients."""
        weak, which = self.local.weak, self.local.which
        chosen = (np.linalg.norm(weak, axis=2) > SMALLEST_WEAK).any(axis=0)
        if chosen.any():
            boxes = np.arange(len(which))[:, None]
            yield Rows(boxes, weak[:, chosen][which], self.local.weak_target[:, chosen])


def _along(axis: int, dimension: int, order: int) -> MultiIndex:
    return tuple(order * int(a == axis) for a in range(dimension))
