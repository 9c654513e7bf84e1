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
from kanpde.solving.forms import Forms, LinearForm

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

    Coefficients of several unknowns follow each other: with U unknowns there are U M in all.

    Args:
        which: (B,) the factorisation of every box.
        free: (factorisations, U M, n) orthonormal free directions Z.
        particular: (B, U M) a field that satisfies the equations in each box.
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
        """Return the local coefficients (B, U M) for free ones (B, n)."""
        result = self.particular.copy()
        for k in range(len(self.free)):
            mine = self.which == k
            result[mine] += z[mine] @ self.free[k].T
        return result


@dataclass(frozen=True)
class _Factor:
    """One factorised box: maps of moments and the free directions."""

    free: np.ndarray  # (U M, n)
    particular: np.ndarray  # (tested, U M)
    weak: np.ndarray  # (w, U M), scaled
    scale: float

    @staticmethod
    def of(tested: np.ndarray, weak: np.ndarray) -> _Factor:
        """Factorise the operator's moments: those that are to vanish, and the others."""
        count = len(tested)
        q, r = np.linalg.qr(tested.T, mode="complete")
        diagonal = np.abs(np.diag(r))
        smallest = diagonal.min()
        if smallest > SINGULAR * diagonal.max():
            particular = solve_triangular(r[:count], q[:, :count].T)
        else:  # a degenerate operator: what it cannot reach stays zero
            particular = np.linalg.pinv(tested, rcond=SINGULAR).T
            smallest = SINGULAR * diagonal.max()
        # One step of refinement: round-off in the highest coefficients of a free direction is small
        # beside the direction but not beside its derivatives, and it is the same in equal boxes.
        free = q[:, count:]
        free = free - particular.T @ (tested @ free)
        scale = 1 / smallest
        return _Factor(free, particular, scale * weak, scale)


class Eliminator:
    """Eliminates boxes and keeps their factorisations: by shape where coefficients are constant.

    Args:
        forms: the problem, as many equations as unknowns.
        basis: of every unknown in a box.
    """

    def __init__(self, forms: Forms, basis: LocalBasis) -> None:
        self._forms, self._basis = forms, basis
        counts = [basis.tested_count(equation.order) for equation in forms.equations]
        # rows of moments that are tested, equation after equation, and those that are not
        chosen = [np.arange(basis.size) < count for count in counts]
        self._tested = np.concatenate(chosen)
        orders = {alpha for equation in forms.equations for alpha in equation.orders}
        self._derivatives = {alpha: basis.table(basis.points, alpha) for alpha in orders}
        self._moments = {alpha: basis.tests @ d for alpha, d in self._derivatives.items()}
        self._places: dict[bytes, int] = {}
        self._factors: list[_Factor] = []
        self._sizes: list[np.ndarray] = []

    def eliminate(self, boxes: np.ndarray) -> Eliminated:
        """Return the local fields of boxes (B, 2, D)."""
        basis, tested = self._basis, self._tested
        used, which = np.unique(self._factorise(boxes), return_inverse=True)
        factors = [self._factors[k] for k in used]
        sizes = np.stack([self._sizes[k] for k in used])[which]  # (B, E)
        points = basis.in_boxes(boxes).reshape(-1, basis.dimension)
        moments = np.stack(
            [
                -equation.source_at(points).reshape(len(boxes), -1) @ basis.tests.T
                for equation in self._forms.equations
            ],
            axis=1,
        )
        moments = (moments / sizes[:, :, None]).reshape(len(boxes), -1)
        particular = np.empty((len(boxes), factors[0].free.shape[0]))
        weak_target = np.empty((len(boxes), int((~tested).sum())))
        for k, factor in enumerate(factors):
            mine = which == k
            particular[mine] = moments[np.ix_(mine, tested)] @ factor.particular
            weak_target[mine] = factor.scale * moments[np.ix_(mine, ~tested)]
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
        constant = self._forms.constant
        keys = [_shape_key(box) if constant else box.tobytes() for box in boxes]
        missing = {key: i for i, key in enumerate(keys) if key not in self._places}
        if missing:
            new = boxes[list(missing.values())]
            for key, (operator, size) in zip(missing, self._operators(new), strict=True):
                self._places[key] = len(self._factors)
                self._factors.append(_Factor.of(operator[self._tested], operator[~self._tested]))
                self._sizes.append(size)
        return np.array([self._places[key] for key in keys])

    def _operators(self, boxes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the moments of the operators on all functions, box after box.

        Returns:
            the moments (E M, U M), where there are several equations each divided by its size;
            and the sizes (E,).
        """
        basis, equations = self._basis, self._forms.equations
        m, count = basis.size, self._forms.unknowns
        points = basis.in_boxes(boxes)
        values = [self._values(equation, points) for equation in equations]
        for i, rate in enumerate(rates(boxes)):
            operator = np.zeros((len(equations), m, count, m))
            for e, equation in enumerate(equations):
                at = values[e]
                at = None if at is None else at[:, i]
                for k in range(count):
                    parts = [p for p, u in enumerate(equation.unknowns) if u == k]
                    if parts:
                        operator[e, :, k] = self._block(equation, at, parts, rate)
            size = np.ones(len(equations))
            if len(equations) > 1:
                size = np.sqrt((operator**2).sum(axis=(2, 3)).max(axis=1))
                operator /= size[:, None, None, None]
            yield operator.reshape(len(equations) * m, count * m), size

    def _values(self, equation: LinearForm, points: np.ndarray) -> np.ndarray | None:
        """Return the coefficients at the points of all boxes, (parts, B, G), if they vary."""
        if equation.constants is not None:
            return None
        values = equation.coefficients_at(points.reshape(-1, self._basis.dimension))
        return values.reshape(len(equation.orders), *points.shape[:2])

    def _block(
        self, equation: LinearForm, values: np.ndarray | None, parts: list[int], rate: np.ndarray
    ) -> np.ndarray:
        """Return the moments (M, M) of some parts of an equation in one box.

        Args:
            equation: whose parts they are.
            values: coefficients at the box's points (parts, G); None if they are constant.
            parts: all of one unknown.
            rate: of the box, (D,).
        """
        basis = self._basis
        factors = {p: float(np.prod(rate ** np.array(equation.orders[p]))) for p in parts}
        if values is None:
            assert equation.constants is not None
            moments = np.zeros((basis.size, basis.size))
            for p, factor in factors.items():
                moments += equation.constants[p] * factor * self._moments[equation.orders[p]]
            return moments
        applied = np.zeros((len(basis.points), basis.size))
        for p, factor in factors.items():
            applied += (factor * values[p])[:, None] * self._derivatives[equation.orders[p]]
        return basis.tests @ applied


def _shape_key(box: np.ndarray) -> bytes:
    """Return a key that boxes of one shape share, whatever the rounding of their corners."""
    return ",".join(f"{width:.10e}" for width in box[1] - box[0]).encode()
