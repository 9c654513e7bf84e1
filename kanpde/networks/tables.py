r"""The functions of a layer at its inner values: what an edge is made of, by kind of basis.

Every kind does the same three things, each in the cheapest way its basis allows:

* ``edges``: the function of every edge, :math:`\varphi=\sum_b w_b\phi_b`, with its derivatives;
* ``sums`` and ``rows``: the adjoint of that by the weights, summed over the points or for each.

Derivatives are Taylor coefficients here, :math:`\varphi^{(k)}/k!`: what Horner's rule gives, and
the chain rule takes the factorials into its small factors. No table of functions times points times
derivatives is ever formed for a spline (:class:`SplineTables`: a polynomial in each cell) nor for a
family that is closed under differentiation (:class:`ClosedTables`); any other basis is tabulated
(:class:`DenseTables`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import Basis, BSpline
from kanpde.bases.constants import constant

Moments = Sequence[Tensor | None]
"""Adjoints of the Taylor coefficients 0.., each (inputs or 1, outputs, N), or None for zero."""


class FunctionTables(ABC):
    """The functions of a basis at inner values, with derivatives by the inputs."""

    @abstractmethod
    def edges(self, weights: Tensor) -> list[Tensor]:
        """Return the edges' Taylor coefficients 0..order, each (inputs, outputs, N).

        Args:
            weights: (outputs, F, inputs).
        """

    @abstractmethod
    def sums(self, moments: Moments) -> Tensor:
        r"""Return :math:`\sum_{k,n} m_k\phi_b^{(k)}/k!`, (outputs, F, inputs)."""

    @abstractmethod
    def rows(self, moments: Moments, out: Tensor) -> None:
        """Write the same for each point to ``out``, (outputs, F, inputs, N)."""

    @abstractmethod
    def dense(self) -> Tensor:
        """Return all functions and derivatives, (orders, F, inputs, N)."""


def function_tables(bases: Sequence[Basis], s: Tensor, rate: Tensor, order: int) -> FunctionTables:
    """Return the tables of a layer's functions with derivatives up to an order.

    Args:
        bases: one for all inputs, or one for each.
        s: the inputs mapped to the reference interval, (inputs, N).
        rate: derivative of s by the input, (inputs, 1).
        order: highest derivative.
    """
    powers = torch.stack([rate**k for k in range(order + 1)])[:, None]
    splines = [b for b in bases if isinstance(b, BSpline)]
    if len(splines) == len(bases):
        return SplineTables(splines, s, rate, order)
    if len(set(bases)) > 1:
        tables = [b.evaluate(row, order) for b, row in zip(bases, s, strict=True)]
        mixed = s.new_zeros(order + 1, max(b.size for b in bases), *s.shape)
        for i, table in enumerate(tables):
            mixed[:, : table.shape[1], i] = table
        return DenseTables(mixed * powers)
    if bases[0].differentiation() is not None:
        derivative = constant(_differentiation, bases[0], s)
        return ClosedTables(bases[0].evaluate(s, 0)[0], derivative, rate, order)
    return DenseTables(bases[0].evaluate(s, order) * powers)


def _differentiation(basis: Basis) -> np.ndarray:
    matrix = basis.differentiation()
    assert matrix is not None
    return matrix


@dataclass(frozen=True)
class DenseTables(FunctionTables):
    """All functions and derivatives, tabulated: (orders, F, inputs, N)."""

    table: Tensor

    @cached_property
    def _taylor(self) -> list[Tensor]:
        """The same as Taylor coefficients, each (inputs, F, N)."""
        return [t.transpose(0, 1) / factorial(k) for k, t in enumerate(self.table)]

    def edges(self, weights: Tensor) -> list[Tensor]:
        """Return the edges' Taylor coefficients; see :class:`FunctionTables`."""
        by_input = weights.permute(2, 0, 1)
        return [torch.bmm(by_input, table) for table in self._taylor]

    def sums(self, moments: Moments) -> Tensor:
        """Return the sum over the points; see :class:`FunctionTables`."""
        pairs = _present(moments, self._taylor)
        return _total([_by_input(m, t) @ t.transpose(1, 2) for m, t in pairs]).permute(1, 2, 0)

    def rows(self, moments: Moments, out: Tensor) -> None:
        """Write each point's derivative by the weights; see :class:`FunctionTables`."""
        pairs = _present(moments, self._taylor)
        _weighted([(m, t.transpose(0, 1)) for m, t in pairs], out)

    def dense(self) -> Tensor:
        """Return the table."""
        return self.table


@dataclass(frozen=True)
class ClosedTables(FunctionTables):
    r"""Values of a basis whose derivatives are combinations of itself, :math:`\phi_b'=\phi D`.

    Differentiating a combination is then a matrix product with its weights, and one table of values
    serves all derivatives.

    Args:
        table: values (F, inputs, N).
        matrix: D, column b holding the coefficients of :math:`\phi_b'`.
        rate: derivative of the functions' variable by the input, (inputs, 1).
        order: highest derivative.
    """

    table: Tensor
    matrix: Tensor
    rate: Tensor
    order: int

    def edges(self, weights: Tensor) -> list[Tensor]:
        """Return the edges' Taylor coefficients; see :class:`FunctionTables`."""
        derivatives = [weights.permute(2, 0, 1)]  # (inputs, outputs, F)
        for k in range(1, self.order + 1):
            slope = derivatives[-1] @ self.matrix.T
            derivatives.append(slope * (self.rate[..., None] / k))
        product = torch.bmm(torch.cat(derivatives, dim=1), self.table.transpose(0, 1))
        return list(product.split(weights.shape[0], dim=1))

    def sums(self, moments: Moments) -> Tensor:
        """Return the sum over the points; see :class:`FunctionTables`."""
        by_input = self.table.transpose(0, 1)
        total: Tensor | None = None
        for k in range(len(moments) - 1, -1, -1):
            if total is not None:
                total = (total @ self.matrix) * (self.rate[..., None] / (k + 1))
            m = moments[k]
            if m is not None:
                sums = _by_input(m, by_input) @ by_input.transpose(1, 2)
                total = sums if total is None else total + sums
        assert total is not None
        return total.permute(1, 2, 0)

    def rows(self, moments: Moments, out: Tensor) -> None:
        """Write each point's derivative by the weights; see :class:`FunctionTables`."""
        pairs = []
        for k, m in enumerate(moments):
            if m is None:
                continue
            derivative = torch.linalg.matrix_power(self.matrix, k).T / factorial(k)
            functions = self.table if k == 0 else derivative @ self.table.flatten(1)
            scaled = m if k == 0 else m * (self.rate**k)[..., None]
            pairs.append((scaled, functions.view(self.table.shape)))
        _weighted(pairs, out)

    def dense(self) -> Tensor:
        """Return the functions with derivatives: one matrix product for all of them."""
        powers = [torch.linalg.matrix_power(self.matrix, k).T for k in range(self.order + 1)]
        values = torch.cat(powers) @ self.table.flatten(1)
        values = values.view(self.order + 1, *self.table.shape)
        return values * torch.stack([self.rate**k for k in range(self.order + 1)])[:, None]


class SplineTables(FunctionTables):
    """B-splines: in each cell a polynomial, and of all functions only degree + 1.

    Args:
        splines: one basis for all inputs, or one for each, of the same degree; with fewer cells
            than the largest the last functions of an input are never used.
        s: inputs mapped to the reference interval, (inputs, N).
        rate: derivative of s by the input, (inputs, 1).
        order: highest derivative.
    """

    def __init__(self, splines: Sequence[BSpline], s: Tensor, rate: Tensor, order: int) -> None:
        self._splines, self.order, self._s, self._rate = tuple(splines), order, s, rate
        self._degree = splines[0].degree
        self._cells = max(b.intervals for b in splines)
        self._size = self._cells + self._degree
        if len(splines) == 1:
            self._cell, u, per_s = splines[0].located(s)
        else:
            located = [b.located(row) for b, row in zip(splines, s, strict=True)]
            self._cell = torch.stack([cell for cell, _, _ in located])
            u = torch.stack([u for _, u, _ in located])
            per_input = [torch.as_tensor(r).to(s).expand(s.shape[1]) for _, _, r in located]
            per_s = torch.stack(per_input)
        # The distance from the middle of the cell, in units of the input.
        self._distance = (u / (rate * per_s))[:, None]

    def edges(self, weights: Tensor) -> list[Tensor]:
        """Return the edges' Taylor coefficients by Horner's rule in their cells."""
        table = (self._polynomials(weights.permute(2, 0, 1)) * self._powers).movedim(3, 0)
        places = self._cell[None, :, None].expand(*table.shape[:3], -1)
        a = torch.gather(table.contiguous(), 3, places).unbind(0)
        return _horner(a, self._distance, self.order)

    def sums(self, moments: Moments) -> Tensor:
        """Return the sum over the points: of powers in each cell, then of functions."""
        stacked = torch.stack(self._powers_adjoint(moments))
        places = self._cell[None, :, None].expand(stacked.shape)
        sums = self._s.new_zeros(self._degree + 1, *stacked.shape[1:3], self._cells)
        # The powers that are missing are the first ones: those without a slope.
        sums[self._degree + 1 - len(stacked) :].scatter_add_(3, places, stacked)
        polynomials = sums.movedim(0, 3) * self._powers
        return self._polynomials_adjoint(polynomials).permute(1, 2, 0)

    def rows(self, moments: Moments, out: Tensor) -> None:
        """Write each point's derivative by the weights; see :class:`FunctionTables`."""
        stacked = torch.stack(self._powers_adjoint(moments), dim=1)
        local = self._functions_of(stacked)  # (inputs, degree + 1, outputs, N)
        places = self._places.expand(len(out), -1, -1, -1)
        out.zero_().scatter_(1, places, local.permute(2, 1, 0, 3))

    def _powers_adjoint(self, moments: Moments) -> list[Tensor]:
        """Return the adjoints of the highest powers, those not zero, (inputs, outputs, N)."""
        outputs = next(m.shape[1] for m in moments if m is not None)
        shape = (len(self._s), outputs, self._s.shape[1])
        powers = _horner_adjoint(moments, self._distance, self._degree)
        present = [p.expand(shape) for p in powers if p is not None]
        return present or [self._s.new_zeros(shape)]

    def _functions_of(self, powers: Tensor) -> Tensor:
        """Return the adjoints of the functions that differ from zero from those of the powers.

        Args:
            powers: the highest ones, (inputs, powers, outputs, N).

        Returns:
            shape (inputs, degree + 1, outputs, N).
        """
        first = self._degree + 1 - powers.shape[1]
        pieces = [constant(BSpline.pieces, b, powers) for b in self._splines]
        if len(pieces) == 1 and pieces[0].ndim == 2:  # the same in every cell
            scaled = (pieces[0] * self._powers[:, 0])[:, :, first:]
            return torch.bmm(scaled, powers.flatten(2)).unflatten(2, powers.shape[2:])
        rates = self._powers[:, 0]  # (inputs, cells, degree + 1)
        local = powers.new_zeros(len(powers), self._degree + 1, *powers.shape[2:])
        for i, cell in enumerate(self._cell):
            own = pieces[i % len(pieces)]
            by_cell = own.expand(self._splines[i % len(pieces)].intervals, -1, -1)
            by_cell = by_cell * rates[i, : len(by_cell), None]
            at_points = by_cell[cell, :, first:]  # (N, degree + 1, powers)
            local[i] = torch.einsum("nlm,mon->lon", at_points, powers[i])
        return local

    def dense(self) -> Tensor:
        """Return all functions and derivatives, (orders, F, inputs, N)."""
        local = self._local
        full = local.new_zeros(self.order + 1, self._size, *self._s.shape)
        return full.scatter(1, self._places.expand(self.order + 1, -1, -1, -1), local)

    @cached_property
    def _local(self) -> Tensor:
        """The functions that differ from zero, (orders, degree + 1, inputs, N)."""
        if len(self._splines) == 1:
            by_s = self._splines[0].local(self._s, self.order)[1]
        else:
            rows = zip(self._splines, self._s, strict=True)
            by_s = torch.stack([b.local(row, self.order)[1] for b, row in rows], dim=2)
        return by_s * torch.stack([self._rate**k for k in range(self.order + 1)])[:, None]

    @property
    def _places(self) -> Tensor:
        """The number of each function that differs from zero, (1, degree + 1, inputs, N)."""
        steps = torch.arange(self._degree + 1, device=self._s.device)[:, None, None]
        return (self._cell + steps)[None]

    @cached_property
    def _powers(self) -> Tensor:
        """Rates of the places in the cells to the powers of them, (inputs, 1, cells, degree+1)."""
        exponents = torch.arange(self._degree + 1, device=self._s.device)
        if self._splines[0].knots is None and len(self._splines) == 1:
            rate = self._rate * (self._cells / 2)
            return (rate[..., None] ** exponents)[:, None]
        widths = self._s.new_ones(len(self._splines), self._cells)
        for i, b in enumerate(self._splines):
            widths[i, : b.intervals] = constant(BSpline.breakpoints, b, self._s).diff()
        rate = self._rate / widths
        return (rate[..., None] ** exponents)[:, None]

    def _polynomials(self, weights: Tensor) -> Tensor:
        """Return polynomials in the cells, (inputs, outputs, cells, degree + 1)."""
        if len(self._splines) == 1:
            return self._splines[0].polynomials(weights)
        padded = weights.new_zeros(*weights.shape[:2], self._cells, self._degree + 1)
        for i, b in enumerate(self._splines):
            padded[i, :, : b.intervals] = b.polynomials(weights[i, :, : b.size])
        return padded

    def _polynomials_adjoint(self, sums: Tensor) -> Tensor:
        """Return the transpose of :meth:`_polynomials`, (inputs, outputs, F)."""
        if len(self._splines) == 1:
            return self._splines[0].polynomials_adjoint(sums)
        weights = sums.new_zeros(*sums.shape[:2], self._size)
        for i, b in enumerate(self._splines):
            weights[i, :, : b.size] = b.polynomials_adjoint(sums[i, :, : b.intervals])
        return weights


def _horner(a: Sequence[Tensor], x: Tensor, order: int) -> list[Tensor]:
    """Return the Taylor coefficients 0..order at x of the polynomial with coefficients a."""
    degree = len(a) - 1
    highest = min(order, degree)
    taylor = [a[degree]] * (highest + 1)
    for m in range(degree - 1, -1, -1):
        for k in range(min(highest, degree - m), 0, -1):
            if k == degree - m:
                taylor[k] = taylor[k - 1]
            else:
                taylor[k] = torch.addcmul(taylor[k - 1], taylor[k], x)
        taylor[0] = torch.addcmul(a[m], taylor[0], x)
    return taylor + [torch.zeros_like(taylor[0]) for _ in range(order - highest)]


def _horner_adjoint(moments: Moments, x: Tensor, degree: int) -> list[Tensor | None]:
    """Return the transpose of :func:`_horner`: adjoints of a from those of the coefficients."""
    highest = min(len(moments) - 1, degree)
    taylor = list(moments[: highest + 1])
    powers: list[Tensor | None] = []
    for m in range(degree):
        powers.append(taylor[0])
        last = min(highest, degree - m)
        for k in range(last):
            taylor[k] = _times_plus(taylor[k], x, taylor[k + 1])
        if last < degree - m:
            taylor[last] = _times_plus(taylor[last], x, None)
        else:
            taylor[last] = None
    return [*powers, taylor[0]]


def _times_plus(factor: Tensor | None, x: Tensor, rest: Tensor | None) -> Tensor | None:
    """Return factor * x + rest, None standing for zero."""
    if factor is None:
        return rest
    return factor * x if rest is None else torch.addcmul(rest, factor, x)


def _present(moments: Moments, tables: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return the moments that are not zero, each with its table."""
    return [(m, t) for m, t in zip(moments, tables, strict=False) if m is not None]


def _by_input(moment: Tensor, table: Tensor) -> Tensor:
    """Return a moment for every input: (inputs, outputs, N)."""
    return moment.expand(table.shape[0], -1, -1)


def _total(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _weighted(pairs: Sequence[tuple[Tensor, Tensor]], out: Tensor) -> None:
    """Write the sum of moments times tables (F, inputs, N) to out, (outputs, F, inputs, N)."""
    (m, table), *others = pairs
    torch.mul(m.transpose(0, 1)[:, None], table, out=out)
    for m, table in others:
        out.addcmul_(m.transpose(0, 1)[:, None], table)
