"""Where boxes are too large: tails of expansions, of the data before and of the field after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.solving.boxes import split
from kanpde.solving.elimination import EXTRA, LocalBasis, rates, tensor_points
from kanpde.solving.forms import LinearForm

SLOW = 10.0
"""A box is halved along one axis only if the tail along it is so many times the other's."""
LOW = 3
"""Degrees across an axis up to which the tail along it is taken."""
SMALLEST = 1e-9
"""Boxes narrower than this part of the domain are not split."""
GRID = 20
"""Points along each axis on which one global polynomial has to resolve the data."""
RESOLVED = 1e-4
"""Relative tail up to which it does."""


@dataclass(frozen=True)
class Tails:
    """Sizes of the highest coefficients of local fields.

    Args:
        whole: of total degree K - 1 and K, (B,).
        before: of total degree K - 3 and K - 2, (B,).
        along: of degree K - 2 and above along each axis, (B, D).
    """

    whole: np.ndarray
    before: np.ndarray
    along: np.ndarray

    @staticmethod
    def of(coefficients: np.ndarray, powers: np.ndarray, degree: int) -> Tails:
        """Return the tails of coefficients (B, M) with exponents (M, D).

        Of coefficients (B, U, M) of several unknowns they are the largest of each kind.
        """
        if coefficients.ndim == 3:
            each = [Tails.of(c, powers, degree) for c in coefficients.transpose(1, 0, 2)]
            kinds = zip(*((t.whole, t.before, t.along) for t in each), strict=True)
            return Tails(*(np.max(kind, axis=0) for kind in kinds))
        squares, total = coefficients**2, powers.sum(axis=1)
        whole = np.sqrt(squares[:, total >= degree - 1].sum(axis=1))
        lower = (total == degree - 2) | (total == degree - 3)
        before = np.sqrt(squares[:, lower].sum(axis=1))
        along = []
        for axis in range(powers.shape[1]):
            others = np.delete(powers, axis, axis=1)
            chosen = (powers[:, axis] >= degree - 2) & (others <= LOW).all(axis=1)
            along.append(np.sqrt(squares[:, chosen].sum(axis=1)))
        return Tails(whole, before, np.stack(along, axis=1))

    def slow_axes(self) -> np.ndarray:
        """Return along which axes a box is to be halved, (B, D): those with the slow decay."""
        return self.along * SLOW >= self.along.max(axis=1, keepdims=True)


def wide_enough(boxes: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Return which boxes may be split, (B,)."""
    width = (boxes[:, 1] - boxes[:, 0]) / (domain[1] - domain[0])
    return width.min(axis=1) > SMALLEST


def resolve_data(
    equations: Sequence[LinearForm], basis: LocalBasis, boxes: np.ndarray, tol: float, most: int
) -> np.ndarray:
    """Split boxes until source and coefficients are resolved in each; nothing is solved.

    A tail of the source counts times (width / width of the domain)^order, which is what it does to
    the field.

    Args:
        equations: whose data they are.
        basis: its degree is that of the local fields.
        boxes: (B, 2, D).
        tol: relative to the largest value of each.
        most: boxes that may come out.
    """
    coarse = LocalBasis(basis.degree, basis.dimension)
    domain = np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])
    transform = _to_coefficients(coarse)
    largest = [np.zeros(1 + len(equation.orders)) for equation in equations]
    done: list[np.ndarray] = []
    count = 0
    while len(boxes):
        points = coarse.in_boxes(boxes).reshape(-1, basis.dimension)
        along = np.zeros((len(boxes), basis.dimension), dtype=bool)
        share = rates(domain[None]).min() / rates(boxes).min(axis=1)
        for equation, size in zip(equations, largest, strict=True):
            values = [equation.source_at(points)]
            if equation.constants is None:
                values += list(equation.coefficients_at(points))
            for k, value in enumerate(values):
                size[k] = max(size[k], float(np.abs(value).max()), 1e-300)
                coefficients = value.reshape(len(boxes), -1) @ transform.T
                tails = Tails.of(coefficients, coarse.powers, coarse.degree)
                reach = share ** (equation.order if k == 0 else 0)
                coarse_ones = tails.whole * reach > tol * size[k]
                along |= coarse_ones[:, None] & tails.slow_axes()
        along &= wide_enough(boxes, domain)[:, None]
        resolved = ~along.any(axis=1)
        done.append(boxes[resolved])
        count += int(resolved.sum())
        boxes = split(boxes[~resolved], along[~resolved])
        if count + len(boxes) > most:
            done.append(boxes)
            break
    return np.concatenate(done)


def data_are_smooth(equations: Sequence[LinearForm], box: np.ndarray) -> bool:
    """Return whether sources and coefficients are resolved by 20 points along each axis of a box.

    Args:
        equations: whose data they are.
        box: lower and upper corner (2, D).
    """
    basis = LocalBasis(GRID - EXTRA, box.shape[1])
    points = basis.in_boxes(box[None])[0]
    values = np.vstack(
        [v for e in equations for v in (e.source_at(points), e.coefficients_at(points))]
    )
    coefficients = values @ _to_coefficients(basis).T
    tails = Tails.of(coefficients, basis.powers, basis.degree).whole
    return bool((tails <= RESOLVED * np.abs(values).max(axis=1)).all())


def _to_coefficients(basis: LocalBasis) -> np.ndarray:
    """Return the map (M, G) from values at the Gauss points to Chebyshev coefficients."""
    degree = len(basis.nodes[0]) - 1
    inverse = np.linalg.inv(np.polynomial.chebyshev.chebvander(basis.nodes[0], degree))
    grid = tensor_points([np.arange(degree + 1)] * basis.dimension).astype(int)
    result = np.ones((basis.size, len(grid)))
    for axis in range(basis.dimension):
        result *= inverse[basis.powers[:, axis]][:, grid[:, axis]]
    return result
