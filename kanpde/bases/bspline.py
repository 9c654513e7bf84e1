"""B-splines on uniform or free knots: local evaluation, refinement by blossoming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from kanpde.bases import checks
from kanpde.bases.basis import Basis, chebyshev_points
from kanpde.bases.constants import constant
from kanpde.bases.knots import insertion_blossoms, local_splines

_SAME_KNOT = 1e-14  # break points this close are one: they differ by the rounding of their formula


@final
@dataclass(frozen=True)
class BSpline(Basis):
    """Represent functions by the B-splines of one degree on [-1, 1], the edges of the KAN paper.

    The break points divide [-1, 1] into `intervals` cells: evenly, or at the free `knots`. They
    are continued beyond both ends by `degree` knots at the distance of the end cells, so there
    are intervals + degree functions, of smoothness C^(degree-1), that add up to one. At any point
    only degree + 1 of them differ from zero.

    Outside [-1, 1] the polynomials of the end cells continue: the function stays smooth and never
    drops to zero.

    Args:
        degree: polynomial degree, >= 0.
        intervals: number of cells, >= 1; derived from `knots` where these are given.
        knots: strictly increasing break points from -1 to 1, or None for even ones.

    Source: de Boor, A Practical Guide to Splines, chapters IX and X; KAN, arXiv:2404.19756,
    eq. 2.10 and section 2.4 (grid extension).

    Raises:
        ValueError: `degree` < 0, `intervals` < 1, or `knots` do not increase from -1 to 1.

    >>> basis = BSpline(degree=3, intervals=5)
    >>> basis.size
    8
    >>> bool(torch.isclose(basis.evaluate(torch.tensor(0.3), 0).sum(), torch.tensor(1.0)))
    True
    """

    degree: int = 3
    intervals: int = 5
    knots: tuple[float, ...] | None = None
    _pieces: np.ndarray = field(init=False, repr=False, compare=False)

    family: ClassVar[str] = "bspline"
    refinements: ClassVar[tuple[str, ...]] = ("intervals", "knots")
    nesting: ClassVar[str] = (
        "the degree must be the same and the knots a superset; evenly spaced, intervals must be "
        "a multiple"
    )

    def __post_init__(self) -> None:
        degree = checks.whole("degree", self.degree, 0, owner="BSpline")
        object.__setattr__(self, "degree", degree)
        if self.knots is not None:
            knots = _checked_knots(self.knots)
            object.__setattr__(self, "knots", knots)
            object.__setattr__(self, "intervals", len(knots) - 1)
        else:
            intervals = checks.whole("intervals", self.intervals, 1, owner="BSpline")
            object.__setattr__(self, "intervals", intervals)
        object.__setattr__(self, "_pieces", _uniform_pieces(degree))

    @classmethod
    def from_quantiles(
        cls,
        samples: np.ndarray | Tensor | Sequence[float],
        degree: int = 3,
        intervals: int = 5,
        *,
        uniform_share: float = 0.02,
    ) -> BSpline:
        """Place the knots where the samples are: each cell holds the same share of them.

        The knots are (1 - uniform_share) quantiles + uniform_share even knots, which keeps them
        apart where samples coincide (pykan's grid_eps). Samples outside [-1, 1] count as the ends.

        Args:
            samples: numbers, any shape, at least one.
            degree: as in `BSpline`.
            intervals: as in `BSpline`.
            uniform_share: in (0, 1].

        Raises:
            ValueError: no or non-finite samples, or `uniform_share` outside (0, 1].

        >>> BSpline.from_quantiles([-1, 0, 0.5, 1], intervals=2, uniform_share=0.2).knots
        (-1.0, 0.2, 1.0)
        """
        values = samples.detach().cpu().numpy() if isinstance(samples, Tensor) else samples
        numbers = np.asarray(values, dtype=float).ravel()
        if numbers.size == 0 or not np.isfinite(numbers).all():
            raise ValueError(
                "BSpline.from_quantiles: samples must be finite numbers, at least one."
            )
        share = checks.real("uniform_share", uniform_share, owner="BSpline.from_quantiles", above=0)
        if share > 1:
            raise ValueError(f"BSpline.from_quantiles: uniform_share must be <= 1, got {share}.")
        even = cls(degree, intervals).breakpoints()
        fractions = np.linspace(0, 1, even.size)
        knots = (1 - share) * np.quantile(np.clip(numbers, -1, 1), fractions) + share * even
        knots[0], knots[-1] = -1, 1
        return cls(degree, knots=tuple(knots.tolist()))

    @property
    def size(self) -> int:
        """Count the functions: intervals + degree."""
        return self.intervals + self.degree

    def breakpoints(self) -> np.ndarray:
        """Return the ends of the cells from -1 to 1, shape (intervals + 1,).

        >>> BSpline(intervals=2).breakpoints().tolist()
        [-1.0, 0.0, 1.0]
        """
        if self.knots is not None:
            return np.array(self.knots)
        # 2 i / G rounds to the same number for (i, G) and (m i, m G), so refinements nest exactly.
        return -1 + 2 * np.arange(self.intervals + 1) / self.intervals

    def extended_knots(self) -> np.ndarray:
        """Return the break points with `degree` more on either side, (intervals + 2 degree + 1,).

        Function i is the B-spline on the knots i .. i + degree + 1 of this array.

        >>> BSpline(degree=1, intervals=2).extended_knots().tolist()
        [-2.0, -1.0, 0.0, 1.0, 2.0]
        """
        breaks = self.breakpoints()
        steps = np.arange(1, self.degree + 1)
        left = breaks[0] - steps[::-1] * (breaks[1] - breaks[0])
        right = breaks[-1] + steps * (breaks[-1] - breaks[-2])
        return np.concatenate([left, breaks, right])

    def greville(self) -> np.ndarray:
        """Return the Greville abscissae, the means of each function's inner knots, shape (size,).

        The spline with these coefficients is s -> s. Those next to the ends lie outside [-1, 1].
        For degree 0 they are the midpoints of the cells.

        >>> BSpline(degree=1, intervals=2).greville().tolist()
        [-1.0, 0.0, 1.0]
        """
        knots = self.extended_knots()
        if self.degree == 0:
            return 0.5 * (knots[:-1] + knots[1:])
        windows = np.lib.stride_tricks.sliding_window_view(knots[1:-1], self.degree)
        return windows.mean(axis=1)

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate all functions and derivatives, densely; see `Basis.evaluate`.

        Derivatives of orders above the degree are zero. `local` gives the same without the zeros.
        """
        cell, table = self.local(s, order)
        steps = torch.arange(self.degree + 1, device=s.device).view((-1,) + (1,) * s.dim())
        places = (cell + steps).expand(table.shape)
        dense = table.new_zeros((table.shape[0], self.size, *s.shape))
        return dense.scatter(1, places, table)

    def local(self, s: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """Evaluate only the functions that differ from zero.

        Args:
            s: points of shape (*batch), any floating dtype and device.
            order: highest derivative, any integer >= 0.

        Returns:
            The cell of each point, int64 of shape (*batch), clamped to 0 .. intervals - 1; and
            the derivatives 0..order of the functions cell .. cell + degree, in this order, shape
            (order + 1, degree + 1, *batch).

        Raises:
            ValueError: `s` does not hold floating-point numbers, or `order` is negative.

        >>> cell, table = BSpline(degree=1, intervals=2).local(torch.tensor(0.25), 0)
        >>> cell.item(), table.flatten().tolist()
        (1, [0.75, 0.25])
        """
        order = checks.evaluation(s, order, owner="BSpline")
        present = min(order, self.degree)
        evaluate = self._local_uniform if self.knots is None else self._local_free
        cell, table = evaluate(s, present)
        if order > present:
            zeros = table.new_zeros((order - present, *table.shape[1:]))
            table = torch.cat([table, zeros])
        return cell, table

    def located(self, s: Tensor) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return for points s (*batch) their cells, the places in them and the rate of the latter.

        Returns:
            The cell, int64, clamped to 0 .. intervals - 1; u = (s - middle of the cell) / width,
            in [-1/2, 1/2] inside; and du/ds, one number for even knots, else (*batch).

        >>> cell, u, rate = BSpline(degree=1, intervals=2).located(torch.tensor(0.25))
        >>> cell.item(), u.item(), rate
        (1, -0.25, 1.0)
        """
        if self.knots is None:
            place = (s + 1) * (self.intervals / 2)
            # A point that is not a number belongs to no cell: it gets one, its values are NaN.
            cell = place.detach().floor().long().clamp_(0, self.intervals - 1)
            return cell, (place - 0.5) - cell, self.intervals / 2
        breaks = constant(BSpline.breakpoints, self, s)
        cell = torch.bucketize(s.detach().contiguous(), breaks[1:-1].contiguous(), right=True)
        middle, rate = 0.5 * (breaks[1:] + breaks[:-1]), 1 / (breaks[1:] - breaks[:-1])
        return cell, (s - middle[cell]) * rate[cell], rate[cell]

    def polynomials(self, coefficients: Tensor) -> Tensor:
        """Return the splines as polynomials, cell by cell.

        Args:
            coefficients: shape (*batch, size).

        Returns:
            The coefficients of the powers of u, see `located`; (*batch, intervals, degree + 1).

        >>> BSpline(degree=1, intervals=2).polynomials(torch.tensor([0.0, 1.0, 3.0])).tolist()
        [[0.5, 1.0], [2.0, 2.0]]
        """
        windows = coefficients.unfold(-1, self.degree + 1, 1)  # (*batch, intervals, degree + 1)
        pieces = self._cell_pieces(coefficients)
        if self.knots is None:
            return windows @ pieces
        return torch.einsum("...cl,clm->...cm", windows, pieces)

    def polynomials_adjoint(self, sums: Tensor) -> Tensor:
        """Return the transpose of `polynomials`: (*batch, size) from (*batch, intervals, degree+1).

        >>> basis = BSpline(degree=1, intervals=2)
        >>> basis.polynomials_adjoint(torch.tensor([[1.0, 0.0], [0.0, 0.0]])).tolist()
        [0.5, 0.5, 0.0]
        """
        pieces = self._cell_pieces(sums)
        if self.knots is None:
            windows = sums @ pieces.T
        else:
            windows = torch.einsum("...cm,clm->...cl", sums, pieces)
        result = sums.new_zeros(*sums.shape[:-2], self.size)
        for offset in range(self.degree + 1):
            result.narrow(-1, offset, self.intervals).add_(windows[..., offset])
        return result

    def pieces(self) -> np.ndarray:
        """Return the polynomials of the functions that differ from zero in a cell.

        Shape (degree + 1 functions, degree + 1 powers of u, see `located`), the same in every cell;
        of free knots (intervals, degree + 1, degree + 1).
        """
        return self._pieces[0] if self.knots is None else self._free_pieces

    def _cell_pieces(self, like: Tensor) -> Tensor:
        """Return the pieces as a tensor like another."""
        return constant(BSpline.pieces, self, like)

    @cached_property
    def _free_pieces(self) -> np.ndarray:
        """Return the polynomials in each cell of free knots, by the recurrence of `_local_free`."""
        breaks, knots, p = self.breakpoints(), self.extended_knots(), self.degree
        middle, width = 0.5 * (breaks[1:] + breaks[:-1]), np.diff(breaks)
        window = knots[np.arange(self.intervals)[:, None] + 1 + np.arange(2 * p)]
        window = window - middle[:, None]
        table = np.zeros((self.intervals, p + 1, p + 1))  # cells, functions, powers of u
        table[:, 0, 0] = 1
        for q in range(1, p + 1):
            left, right = window[:, p - q : p, None], window[:, p : p + q, None]
            ratio = table[:, :q] / (right - left)
            times_s = np.zeros_like(ratio)
            times_s[:, :, 1:] = width[:, None, None] * ratio[:, :, :-1]
            table = np.zeros_like(table)
            table[:, 1 : q + 1] += times_s - left * ratio
            table[:, :q] += right * ratio - times_s
        return table

    def nested_in(self, finer: Basis) -> bool:
        """Tell whether `finer` has the same degree and all the break points."""
        if not isinstance(finer, BSpline) or finer.degree != self.degree:
            return False
        distance = np.abs(self.breakpoints()[:, None] - finer.breakpoints()[None, :])
        return bool((distance.min(axis=1) <= _SAME_KNOT).all())

    def inserted(self, points: Sequence[float] | np.ndarray) -> BSpline:
        """Return the basis on the same knots and those at `points`, which contains this one.

        Raises:
            ValueError: a point is not inside (-1, 1), or is a knot already.

        >>> BSpline(degree=2, intervals=2).inserted([0.5]).knots
        (-1.0, 0.0, 0.5, 1.0)
        """
        added = np.sort(np.asarray(points, dtype=float).ravel())
        breaks = self.breakpoints()
        inside = (added > -1) & (added < 1)
        near = (np.abs(added[:, None] - breaks[None, :]) <= _SAME_KNOT).any(axis=1)
        near[1:] |= np.diff(added) <= _SAME_KNOT
        bad = added[~inside | near]
        if bad.size:
            raise ValueError(
                "BSpline.inserted: points must be inside (-1, 1), distinct, and no knots yet; "
                f"got {bad.tolist()}."
            )
        return BSpline(self.degree, knots=tuple(np.sort(np.concatenate([breaks, added])).tolist()))

    def identity(self) -> np.ndarray:
        """Return the coefficients of s -> s: the Greville abscissae, for degree >= 1."""
        return self.greville() if self.degree >= 1 else super().identity()

    def _local_uniform(self, s: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """Evaluate on even knots: in each cell, the same polynomials of u in [-1/2, 1/2]."""
        cell, u, _ = self.located(s)
        powers = [1 + 0 * u]  # in the graph of s, so that its gradient is zero, not an error
        for _ in range(self.degree):
            powers.append(powers[-1] * u)
        pieces = constant(BSpline._derived_pieces, self, s)[: order + 1]
        return cell, torch.tensordot(pieces, torch.stack(powers), dims=1)

    def _derived_pieces(self) -> np.ndarray:
        """Return the polynomials of even knots and their derivatives by s, all orders."""
        per_order = (self.intervals / 2) ** np.arange(len(self._pieces))
        return self._pieces * per_order[:, None, None]

    def _local_free(self, s: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """Evaluate on free knots by the recurrences of Cox and de Boor, degree by degree."""
        cell, _, _ = self.located(s)
        knots = constant(BSpline.extended_knots, self, s)
        steps = torch.arange(2 * self.degree, device=s.device).view((-1,) + (1,) * s.dim())
        return cell, local_splines(knots[cell + 1 + steps], s, self.degree, order)

    def _refined(self, **how: Any) -> Basis:
        if "knots" in how:
            return BSpline(self.degree, knots=how["knots"])
        intervals = checks.whole("intervals", how["intervals"], 1, owner="BSpline")
        if self.knots is None:
            return BSpline(self.degree, intervals)
        parts, rest = divmod(intervals, self.intervals)
        if rest or not parts:
            raise ValueError(
                f"BSpline.refined: intervals must be a multiple of {self.intervals}, "
                f"got {intervals}."
            )
        cells = [np.linspace(a, b, parts + 1)[:-1] for a, b in pairwise(self.knots)]
        return BSpline(self.degree, knots=(*np.concatenate(cells).tolist(), 1.0))

    def _transfer(self, finer: Basis) -> np.ndarray:
        """Compute the coefficients as values of the polar form (blossom)."""
        assert isinstance(finer, BSpline)  # nested_in has made sure
        first, weights = insertion_blossoms(
            self.extended_knots(), finer.extended_knots(), self.degree
        )
        matrix = np.zeros((finer.size, self.size))
        columns = first[:, None] + np.arange(self.degree + 1)
        matrix[np.arange(finer.size)[:, None], columns] = weights
        return matrix

    def _fit_points(self) -> np.ndarray:
        """Choose Chebyshev points in every cell, so that none is missed however narrow it is."""
        breaks = self.breakpoints()
        local = chebyshev_points(2 * (self.degree + 1))
        half, middle = 0.5 * np.diff(breaks), 0.5 * (breaks[1:] + breaks[:-1])
        return (middle[:, None] + half[:, None] * local).ravel()


def _checked_knots(given: Sequence[float]) -> tuple[float, ...]:
    """Return the knots as floats, or raise ValueError unless they increase from -1 to 1."""
    try:
        knots = tuple(float(knot) for knot in given)
    except (TypeError, ValueError):
        raise ValueError(f"BSpline: knots must be a sequence of numbers, got {given!r}.") from None
    if len(knots) < 2 or knots[0] != -1 or knots[-1] != 1:
        raise ValueError(f"BSpline: knots must go from -1 to 1, got {knots}.")
    if not all(a < b for a, b in pairwise(knots)):  # so written that NaN fails too
        raise ValueError(f"BSpline: knots must be strictly increasing, got {knots}.")
    return knots


def _uniform_pieces(degree: int) -> np.ndarray:
    """Return the pieces of the B-splines on the integers, over one cell, and their derivatives.

    Entry [k, j, m] is the coefficient of u^m in the k-th derivative of the j-th function that
    differs from zero in the cell, u in [-1/2, 1/2]. Centred powers keep the sum well conditioned
    for every degree: powers of t in [0, 1] would lose a digit for every three degrees.
    """
    pieces = [Polynomial([1.0])]
    zero = Polynomial([0.0])
    for q in range(1, degree + 1):
        lower = [zero, *pieces, zero]
        pieces = [
            Polynomial([q - j + 0.5, 1.0]) / q * lower[j]
            + Polynomial([j + 0.5, -1.0]) / q * lower[j + 1]
            for j in range(q + 1)
        ]
    table = np.zeros((degree + 1, degree + 1, degree + 1))
    for j, piece in enumerate(pieces):
        for k in range(degree + 1):
            coefficients = piece.deriv(k).coef if k else piece.coef
            table[k, j, : coefficients.size] = coefficients
    table.setflags(write=False)
    return table
