r"""Elimination in a box: which local fields satisfy the equation there.

A box carries the polynomials of total degree K, mapped to :math:`[-1, 1]^D`. For an operator of
order r its residual is tested with all polynomials of degree K - r; a QR factorisation turns that
into

.. math:: c = P^T f + Z z,

a particular solution and the polynomials z = 0 of the operator: in two coordinates and for r = 2 of
the :math:`(K+1)(K+2)/2` coefficients only 2 K + 1 remain. What the residual has in the degrees
K - r + 1 .. K becomes *weak rows* for z: for an elliptic operator they are small, for a parabolic
or hyperbolic one they are the equation along its characteristics. (A tau method in each box; the
z span is a numerical Trefftz basis.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import solve_triangular

from kanpde.bases import Chebyshev
from kanpde.networks.nodes.polynomial import total_degree
from kanpde.problem import MultiIndex
from kanpde.solving.forms import LinearForm

EXTRA = 3
"""Gauss points along an axis beyond the degree, so that coefficients are integrated too."""
SINGULAR = 1e-13
"""Relative size of a pivot below which the operator counts as degenerate in a box."""


@dataclass(frozen=True)
class LocalBasis:
    """Chebyshev products of total degree at most ``degree`` on the reference box."""

    degree: int
    dimension: int

    @cached_property
    def powers(self) -> np.ndarray:
        """Exponents (M, D), by total degree."""
        return np.array(total_degree(self.degree, self.dimension), dtype=np.int64)

    @property
    def size(self) -> int:
        """The number M of functions."""
        return len(self.powers)

    @cached_property
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre nodes and weights of one axis."""
        return np.polynomial.legendre.leggauss(self.degree + EXTRA)

    @cached_property
    def points(self) -> np.ndarray:
        """The tensor Gauss points (G, D)."""
        return tensor_points([self.nodes[0]] * self.dimension)

    @cached_property
    def weights(self) -> np.ndarray:
        """Their weights (G,); they sum to one."""
        w = tensor_points([self.nodes[1] / 2] * self.dimension)
        return w.prod(axis=1)

    @cached_property
    def tests(self) -> np.ndarray:
        """Moments (M, G): orthonormal Legendre products times weights, by total degree."""
        degrees = np.sqrt(2 * np.arange(self.degree + 1) + 1)
        table = np.polynomial.legendre.legvander(self.nodes[0], self.degree) * degrees
        values = np.ones((len(self.points), self.size))
        grid = tensor_points([np.arange(len(table))] * self.dimension).astype(int)
        for axis in range(self.dimension):
            values *= table[grid[:, axis]][:, self.powers[:, axis]]
        return values.T * self.weights

    def tested_count(self, order: int) -> int:
        """Return how many of the tests have a degree of at most ``degree - order``."""
        return int((self.powers.sum(axis=1) <= self.degree - order).sum())

    def table(self, points: np.ndarray, order: MultiIndex) -> np.ndarray:
        """Return a derivative of all functions at reference points (N, D), shape (N, M)."""
        basis = Chebyshev(self.degree)
        result = np.ones((len(points), self.size))
        for axis, n in enumerate(order):
            edges = basis.evaluate(torch.as_tensor(points[:, axis].copy()), n)[n].numpy()
            result *= edges[self.powers[:, axis]].T
        return result

    def in_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Return the Gauss points in boxes (B, 2, D), shape (B, G, D)."""
        return place(boxes, self.points)


def tensor_points(axes: list[np.ndarray]) -> np.ndarray:
    """Return the points of a grid, (N, D), the first axis slowest; without axes the one point."""
    if not axes:
        return np.zeros((1, 0))
    return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)


def place(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return reference points (N, D) in boxes (B, 2, D), shape (B, N, D)."""
    low, high = boxes[:, None, 0], boxes[:, None, 1]
    return low + (high - low) * (points + 1) / 2


def rates(boxes: np.ndarray) -> np.ndarray:
    """Return 2 / width of boxes (B, 2, D): the derivative of the reference coordinate, (B, D)."""
    return 2 / (boxes[:, 1] - boxes[:, 0])


@dataclass(frozen=True)
class Eliminated:
    """The local fields of boxes, with the few factorisations they share.

    Args:
        which: (B,) the factorisation of every box.
        free: (factorisations, M, n) orthonormal free directions Z.
        particular: (B, M) a field that satisfies the equation in each box.
        weak: (factorisations, w, n) rows for the free coefficients, scaled to the size of u.
        weak_target: (B, w) their right-hand sides.
    """

    which: np.ndarray
    free: np.ndarray
    particular: np.ndarray
    weak: np.ndarray
    weak_target: np.ndarray

    @property
    def free_count(self) -> int:
        """The number n of free coefficients of a box."""
        return self.free.shape[2]

    def coefficients(self, z: np.ndarray) -> np.ndarray:
        """Return the local coefficients (B, M) for free ones (B, n)."""
        result = self.particular.copy()
        for k in range(len(self.free)):
            mine = self.which == k
            result[mine] += z[mine] @ self.free[k].T
        return result


@dataclass(frozen=True)
class _Factor:
    """One factorised box: maps of moments and the free directions."""

    free: np.ndarray  # (M, n)
    particular: np.ndarray  # (tested, M)
    weak: np.ndarray  # (w, M), scaled
    scale: float

    @staticmethod
    def of(operator: np.ndarray, tested: int) -> _Factor:
        """Factorise the operator's moments (M, M), ordered by degree."""
        q, r = np.linalg.qr(operator[:tested].T, mode="complete")
        diagonal = np.abs(np.diag(r))
        smallest = diagonal.min()
        if smallest > SINGULAR * diagonal.max():
            particular = solve_triangular(r[:tested], q[:, :tested].T)
        else:  # a degenerate operator: what it cannot reach stays zero
            particular = np.linalg.pinv(operator[:tested], rcond=SINGULAR).T
            smallest = SINGULAR * diagonal.max()
        # One step of refinement: round-off in the highest coefficients of a free direction is small
        # beside the direction but not beside its derivatives, and it is the same in equal boxes.
        free = q[:, tested:]
        free = free - particular.T @ (operator[:tested] @ free)
        scale = 1 / smallest
        return _Factor(free, particular, scale * operator[tested:], scale)


class Eliminator:
    """Eliminates boxes and keeps their factorisations: by shape where coefficients are constant."""

    def __init__(self, equation: LinearForm, basis: LocalBasis) -> None:
        self._equation, self._basis = equation, basis
        self._tested = basis.tested_count(equation.order)
        self._derivatives = [basis.table(basis.points, alpha) for alpha in equation.orders]
        self._moments = [basis.tests @ d for d in self._derivatives]
        self._places: dict[bytes, int] = {}
        self._factors: list[_Factor] = []

    def eliminate(self, boxes: np.ndarray) -> Eliminated:
        """Return the local fields of boxes (B, 2, D)."""
        basis, tested = self._basis, self._tested
        used, which = np.unique(self._factorise(boxes), return_inverse=True)
        factors = [self._factors[k] for k in used]
        points = basis.in_boxes(boxes).reshape(-1, basis.dimension)
        source = -self._equation.source_at(points).reshape(len(boxes), -1)
        moments = source @ basis.tests.T
        particular = np.empty((len(boxes), basis.size))
        weak_target = np.empty((len(boxes), basis.size - tested))
        for k, factor in enumerate(factors):
            mine = which == k
            particular[mine] = moments[mine, :tested] @ factor.particular
            weak_target[mine] = factor.scale * moments[mine, tested:]
            weak_target[mine] -= particular[mine] @ factor.weak.T
        return Eliminated(
            which,
            np.stack([f.free for f in factors]),
            particular,
            np.stack([f.weak @ f.free for f in factors]),
            weak_target,
        )

    def _factorise(self, boxes: np.ndarray) -> np.ndarray:
        """Return the place of every box's factorisation, making those that are missing."""
        constant = self._equation.constants is not None
        keys = [_shape_key(box) if constant else box.tobytes() for box in boxes]
        missing = {key: i for i, key in enumerate(keys) if key not in self._places}
        if missing:
            new = boxes[list(missing.values())]
            for key, operator in zip(missing, self._operators(new), strict=True):
                self._places[key] = len(self._factors)
                self._factors.append(_Factor.of(operator, self._tested))
        return np.array([self._places[key] for key in keys])

    def _operators(self, boxes: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the moments of the operator on all functions, (M, M), box after box."""
        equation, basis = self._equation, self._basis
        scales = [np.prod(rates(boxes) ** np.array(a), axis=1) for a in equation.orders]
        if equation.constants is not None:
            for i in range(len(boxes)):
                factors = [c * s[i] for c, s in zip(equation.constants, scales, strict=True)]
                yield sum(f * m for f, m in zip(factors, self._moments, strict=True))
            return
        points = basis.in_boxes(boxes)
        values = equation.coefficients_at(points.reshape(-1, basis.dimension))
        values = values.reshape(len(equation.orders), *points.shape[:2])
        for i in range(len(boxes)):
            applied = np.zeros((len(basis.points), basis.size))
            for value, scale, derivative in zip(values, scales, self._derivatives, strict=True):
                applied += (scale[i] * value[i])[:, None] * derivative
            yield basis.tests @ applied


def _shape_key(box: np.ndarray) -> bytes:
    """Return a key that boxes of one shape share, whatever the rounding of their corners."""
    return ",".join(f"{width:.10e}" for width in box[1] - box[0]).encode()
