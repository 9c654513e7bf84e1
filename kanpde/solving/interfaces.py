r"""The global system of patches: jumps between boxes, conditions on faces, weak rows.

Its unknowns are the free coefficients of all boxes. Rows are points: where two boxes touch the
value and the scaled flux must not jump, on the boundary the conditions hold. All rows have the
scale of u: a derivative of order r is multiplied by :math:`(h/2K)^r`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kanpde.problem import MultiIndex
from kanpde.solving.boxes import Faces, on_face, shared_faces
from kanpde.solving.elimination import Eliminated, LocalBasis, place, rates, tensor_points
from kanpde.solving.forms import FaceForm, Forms

SMALLEST_WEAK = 1e-10
"""Weak rows below this size say nothing about the free coefficients."""
JUMP = 1e-6
"""Relative difference of a coefficient across a face from which on it counts as a jump."""
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


class Interfaces:
    """Builds all rows of one set of boxes."""

    def __init__(
        self, forms: Forms, basis: LocalBasis, boxes: np.ndarray, local: Eliminated
    ) -> None:
        self._forms, self._basis = forms, basis
        self._boxes, self._local = boxes, local
        self._rates = rates(boxes)
        nodes = np.polynomial.legendre.leggauss(basis.degree + 2)[0]
        self._face_points = tensor_points([nodes] * (basis.dimension - 1))

    def rows(self) -> list[Rows]:
        """Return the rows of jumps, conditions and weak directions."""
        rows = [r for faces in shared_faces(self._boxes) for r in self._jumps(faces)]
        rows += [r for condition in self._forms.conditions for r in self._condition(condition)]
        rows += self._weak()
        return rows

    # Jumps -----------------------------------------------------------------------------------

    def _jumps(self, faces: Faces) -> Iterator[Rows]:
        axis, equation = faces.axis, self._forms.equation
        if not len(faces.below):
            return
        pair = np.stack([faces.below, faces.above], axis=1)
        traces = [
            self._traces(boxes, axis, side, faces)
            for boxes, side in ((faces.below, 1), (faces.above, -1))
        ]
        width = 1 / self._rates[pair, axis].max(axis=1) / self._basis.degree
        for order in range(max(equation.order_along(axis), 1)):
            alpha = tuple(order * int(a == axis) for a in range(self._basis.dimension))
            below, above = (t.derivative(alpha) for t in traces)
            if order == 1 and equation.order == 2:
                below, above = self._fluxes(faces, traces, (below, above))
            scale = (width**order)[:, None]
            yield Rows(
                pair,
                scale[:, :, None] * np.concatenate([below[0], -above[0]], axis=2),
                scale * (above[1] - below[1]),
            )

    def _traces(self, boxes: np.ndarray, axis: int, side: int, faces: Faces) -> _Traces:
        """Return the traces of boxes on the shared pieces, in their own coordinates."""
        others = [a for a in range(self._basis.dimension) if a != axis]
        low, rate = self._boxes[boxes][:, 0][:, others], self._rates[boxes][:, others]
        piece = np.stack([(faces.lower - low) * rate - 1, (faces.upper - low) * rate - 1], axis=1)
        return _Traces(self._basis, self._local, self._rates, boxes, axis, side, piece)

    def _fluxes(self, faces: Faces, traces: list[_Traces], plain: tuple) -> list:
        """Return a du/dn on both sides, where a jumps; elsewhere the plain derivative."""
        equation, dimension = self._forms.equation, self._basis.dimension
        if equation.constants is not None:
            return list(plain)
        second = [
            (i, alpha)
            for i, alpha in enumerate(equation.orders)
            if sum(alpha) == 2 and alpha[faces.axis]
        ]
        corners = np.stack([faces.lower, faces.upper], axis=1)
        points = place(corners, self._face_points)
        others = [a for a in range(dimension) if a != faces.axis]
        values = []
        for boxes, side in ((faces.below, 1), (faces.above, -1)):
            x = np.empty((*points.shape[:2], dimension))
            x[..., others] = points
            face = self._boxes[boxes, int(side > 0), faces.axis]
            nudge = side * NUDGE * 2 / self._rates[boxes, faces.axis]
            x[..., faces.axis] = (face - nudge)[:, None]
            values.append(
                equation.coefficients_at(x.reshape(-1, dimension)).reshape(-1, *points.shape[:2])
            )
        largest = max(float(np.abs(v[[i for i, _ in second]]).max()) for v in values)
        jumps = np.zeros(len(faces.below), dtype=bool)
        for i, _ in second:
            jumps |= (np.abs(values[0][i] - values[1][i]) > JUMP * largest).any(axis=1)
        if not jumps.any():
            return list(plain)
        return [
            self._flux(t, p, v, second, faces.axis, jumps, values)
            for t, p, v in zip(traces, plain, values, strict=True)
        ]

    def _flux(self, traces, plain, values, second, axis, jumps, both) -> tuple:
        """Return the conormal derivative where there is a jump, over the larger coefficient."""
        matrix, offset = plain[0].copy(), plain[1].copy()
        pure = next(i for i, alpha in second if alpha[axis] == 2)
        size = np.maximum(np.abs(both[0][pure]), np.abs(both[1][pure]))
        size = np.maximum(size, 1e-300)
        total = [np.zeros_like(matrix), np.zeros_like(offset)]
        for i, alpha in second:
            if alpha[axis] == 2:
                factor, lower = values[i] / size, tuple(int(a == axis) for a in range(len(alpha)))
            else:
                factor, lower = (
                    values[i] / (2 * size),
                    tuple(int(n == 1 and a != axis) for a, n in enumerate(alpha)),
                )
            m, o = traces.derivative(lower)
            total[0] += factor[..., None] * m
            total[1] += factor * o
        matrix[jumps], offset[jumps] = total[0][jumps], total[1][jumps]
        return matrix, offset

    # Conditions ------------------------------------------------------------------------------

    def _condition(self, condition: FaceForm) -> Iterator[Rows]:
        face, form, dimension = condition.face, condition.form, self._basis.dimension
        boxes = on_face(self._boxes, face.axis, face.side, face.value)
        whole = np.tile(
            np.array([[-1.0] * (dimension - 1), [1.0] * (dimension - 1)]), (len(boxes), 1, 1)
        )
        traces = _Traces(self._basis, self._local, self._rates, boxes, face.axis, face.side, whole)
        others = [a for a in range(dimension) if a != face.axis]
        points = np.empty((len(boxes), len(self._face_points), dimension))
        points[..., others] = place(self._boxes[boxes][:, :, others], self._face_points)
        points[..., face.axis] = face.value
        flat = points.reshape(-1, dimension)
        normals = np.zeros_like(flat)
        normals[:, face.axis] = face.side
        values = form.coefficients_at(flat, normals).reshape(-1, *points.shape[:2])
        target = -form.source_at(flat, normals).reshape(points.shape[:2])
        matrix, size = 0.0, np.zeros(points.shape[:2])
        for value, alpha in zip(values, form.orders, strict=True):
            m, offset = traces.derivative(alpha)
            matrix = matrix + value[..., None] * m
            target = target - value * offset
            growth = np.prod((self._rates[boxes] * self._basis.degree) ** np.array(alpha), axis=1)
            size += np.abs(value) * growth[:, None]
        size = np.where(size > 0, size, 1.0)
        yield Rows(boxes[:, None], matrix / size[..., None], target / size)

    # Weak rows -------------------------------------------------------------------------------

    def _weak(self) -> Iterator[Rows]:
        weak, which = self._local.weak, self._local.which
        says = np.linalg.norm(weak, axis=2) > SMALLEST_WEAK
        chosen = says.any(axis=0)
        if chosen.any():
            yield Rows(
                np.arange(len(which))[:, None],
                weak[:, chosen][which],
                self._local.weak_target[:, chosen],
            )


class _Traces:
    """The free directions and the particular fields of boxes on pieces of their faces."""

    def __init__(
        self,
        basis: LocalBasis,
        local: Eliminated,
        rate: np.ndarray,
        boxes: np.ndarray,
        axis: int,
        side: int,
        piece: np.ndarray,
    ) -> None:
        self._basis, self._local, self._rates, self._boxes = basis, local, rate[boxes], boxes
        self._axis, self._side = axis, side
        pieces = np.round(piece.reshape(len(boxes), -1), 12)
        self._pieces, self._kind = np.unique(pieces, axis=0, return_inverse=True)
        self._kind = self._kind.reshape(-1)

    def derivative(self, alpha: MultiIndex) -> tuple[np.ndarray, np.ndarray]:
        """Return a derivative of the free directions (F, r, n) and the particular fields (F, r)."""
        local, boxes = self._local, self._boxes
        scale = np.prod(self._rates ** np.array(alpha), axis=1)
        nodes = np.polynomial.legendre.leggauss(self._basis.degree + 2)[0]
        dimension = self._basis.dimension
        count = len(nodes) ** (dimension - 1)
        matrix = np.empty((len(boxes), count, local.free_count))
        offset = np.empty((len(boxes), count))
        for kind, ends in enumerate(self._pieces):
            low, high = ends.reshape(2, -1)
            points = np.empty((count, dimension))
            others = [a for a in range(dimension) if a != self._axis]
            grid = tensor_points([nodes] * len(others))
            points[:, others] = low + (high - low) * (grid + 1) / 2
            points[:, self._axis] = self._side
            table = self._basis.table(points, alpha)
            mine = np.flatnonzero(self._kind == kind)
            factors, which = np.unique(local.which[boxes[mine]], return_inverse=True)
            matrix[mine] = (table @ local.free[factors])[which]
            offset[mine] = local.particular[boxes[mine]] @ table.T
        return matrix * scale[:, None, None], offset * scale[:, None]
