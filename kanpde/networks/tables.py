r"""The functions of a layer at its inner values: what an edge is made of, by kind of basis.

Every kind does the same four things, each in the cheapest way its basis allows:

* ``edges``: one function for each input, :math:`\varphi^{(k)}=\sum_b w_b\phi_b^{(k)}`;
* ``edge_rows`` and ``edge_sums``: the adjoints of that by the weights, for each point or summed;
* ``features``: the jets of all functions, for a layer with several outputs;
* ``collected``: the transpose of ``features`` before the chain rule.

A spline is a polynomial in each cell (:class:`SplineTables`), a family that is closed under
differentiation needs no table but that of its values (:class:`ClosedTables`), and any basis can be
tabulated (:class:`DenseTables`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from kanpde.bases import Basis, BSpline
from kanpde.networks.jets import JetLayout, compose


class FunctionTables(ABC):
    """The functions of a basis at inner values, with derivatives by the inputs."""

    size: int

    @abstractmethod
    def edges(self, weights: Tensor) -> Tensor:
        """Return one function for each input, (orders, inputs, N), from weights (F, inputs)."""

    @abstractmethod
    def edge_rows(self, moments: Tensor) -> Tensor:
        r"""Return :math:`\sum_k m_k\phi_b^{(k)}`, (F, inputs, N), from moments (K, inputs, N)."""

    @abstractmethod
    def edge_sums(self, moments: Tensor) -> Tensor:
        """Return the same summed over the points, (F, inputs)."""

    @property
    @abstractmethod
    def values(self) -> Tensor:
        """The functions that are tabulated, with derivatives, (orders, L, inputs, N)."""

    def spread(self, local: Tensor) -> Tensor:
        """Return (F, inputs, ...) from (L, inputs, ...): zeros where functions vanish."""
        return local

    def collected(self, full: Tensor) -> Tensor:
        """Return (L, inputs, S, N) from (F, inputs, S, N): the transpose of :meth:`spread`."""
        return full

    def features(self, inner: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions, (F, inputs, S, N), for inner jets (inputs, S, N)."""
        return self.spread(compose(self.values, inner, layout))


def function_tables(bases: Sequence[Basis], s: Tensor, rate: Tensor, order: int) -> FunctionTables:
    """Return the tables of a layer's functions with derivatives up to an order.

    Args:
        bases: one for all inputs, or one for each (then B-splines of one degree).
        s: the inputs mapped to the reference interval, (inputs, N).
        rate: derivative of s by the input, (inputs, 1).
        order: highest derivative.
    """
    if isinstance(bases[0], BSpline):
        splines = [b for b in bases if isinstance(b, BSpline)]
        return SplineTables(splines, s, rate, order)
    matrix = bases[0].differentiation()
    if matrix is not None:
        derivative = torch.as_tensor(matrix).to(s)
        return ClosedTables(bases[0].evaluate(s, 0)[0], derivative, rate, order)
    powers = torch.stack([rate**k for k in range(order + 1)])[:, None]
    return DenseTables(bases[0].evaluate(s, order) * powers)


@dataclass(frozen=True)
class DenseTables(FunctionTables):
    """All functions and derivatives, tabulated: (orders, F, inputs, N)."""

    table: Tensor

    @property
    def size(self) -> int:  # type: ignore[override]
        """The number F of functions."""
        return self.table.shape[1]

    @property
    def values(self) -> Tensor:
        """The table."""
        return self.table

    def edges(self, weights: Tensor) -> Tensor:
        """Return one function for each input; see :class:`FunctionTables`."""
        return (self.table * weights[:, :, None]).sum(1)

    def edge_rows(self, moments: Tensor) -> Tensor:
        """Return each point's derivative by the weights; see :class:`FunctionTables`."""
        return _weighted(moments, self.table)

    def edge_sums(self, moments: Tensor) -> Tensor:
        """Return the sum over the points; see :class:`FunctionTables`."""
        return torch.einsum("kin,kfin->fi", moments, self.table[: len(moments)])


@dataclass(frozen=True)
class ClosedTables(FunctionTables):
    r"""Values of a basis whose derivatives are combinations of itself, :math:`\phi_b'=\phi D`.

    Differentiating a combination is then a matrix product with its weights, and no derivative is
    ever tabulated for a single edge.

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

    @property
    def size(self) -> int:  # type: ignore[override]
        """The number F of functions."""
        return self.table.shape[0]

    @cached_property
    def values(self) -> Tensor:
        """The functions with derivatives: one matrix product for all of them."""
        powers = [torch.eye(self.size).to(self.matrix)]
        for _ in range(self.order):
            powers.append(self.matrix @ powers[-1])
        stacked = torch.stack(powers).transpose(1, 2).flatten(0, 1)
        values = (stacked @ self.table.flatten(1)).view(self.order + 1, *self.table.shape)
        return values * torch.stack([self.rate**k for k in range(self.order + 1)])[:, None]

    def edges(self, weights: Tensor) -> Tensor:
        """Return one function for each input; see :class:`FunctionTables`."""
        derivatives = [weights]
        for _ in range(self.order):
            derivatives.append(self.matrix @ derivatives[-1] * self.rate.T)
        stacked = torch.stack(derivatives).permute(2, 0, 1)  # (inputs, orders, F)
        return torch.bmm(stacked, self.table.transpose(0, 1)).transpose(0, 1)

    def edge_rows(self, moments: Tensor) -> Tensor:
        """Return each point's derivative by the weights; see :class:`FunctionTables`."""
        return _weighted(moments, self.values)

    def edge_sums(self, moments: Tensor) -> Tensor:
        """Return the sum over the points; see :class:`FunctionTables`."""
        sums = torch.bmm(self.table.transpose(0, 1), moments.permute(1, 2, 0))  # (inputs, F, K)
        total = sums[:, :, -1].T
        for k in range(len(moments) - 2, -1, -1):
            total = sums[:, :, k].T + self.matrix.T @ (total * self.rate.T)
        return total


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
        self._splines, self.order, self._s, self._by_input = tuple(splines), order, s, rate
        self._degree = splines[0].degree
        self._cells = max(b.intervals for b in splines)
        self.size = self._cells + self._degree
        if len(splines) == 1:
            self._cell, self._u, per_s = splines[0].located(s)
            self._rate = rate * per_s
        else:
            located = [b.located(row) for b, row in zip(splines, s, strict=True)]
            self._cell = torch.stack([cell for cell, _, _ in located])
            self._u = torch.stack([u for _, u, _ in located])
            per_input = [torch.as_tensor(r).to(s).expand(s.shape[1]) for _, _, r in located]
            self._rate = rate * torch.stack(per_input)

    @cached_property
    def values(self) -> Tensor:
        """The functions that differ from zero, (orders, degree + 1, inputs, N)."""
        if len(self._splines) == 1:
            by_s = self._splines[0].local(self._s, self.order)[1]
        else:
            rows = zip(self._splines, self._s, strict=True)
            by_s = torch.stack([b.local(row, self.order)[1] for b, row in rows], dim=2)
        return by_s * torch.stack([self._by_input**k for k in range(self.order + 1)])[:, None]

    @cached_property
    def _rows(self) -> Tensor:
        """Number of each point's cell among the cells of all inputs, (inputs * N,)."""
        inputs = torch.arange(len(self._s), device=self._s.device)[:, None]
        return (self._cell + inputs * self._cells).view(-1)

    def _places(self, shape: torch.Size) -> Tensor:
        """Return the index of each local function, broadcast to a shape (L, inputs, ..., N)."""
        steps = torch.arange(shape[0], device=self._s.device)[:, None, None]
        places = self._cell[None] + steps
        return places.view(*places.shape[:2], *[1] * (len(shape) - 3), -1).expand(shape)

    def spread(self, local: Tensor) -> Tensor:
        """Return (F, inputs, ...) from (L, inputs, ...); see :class:`FunctionTables`."""
        full = local.new_zeros(self.size, *local.shape[1:])
        return full.scatter_(0, self._places(local.shape), local)

    def collected(self, full: Tensor) -> Tensor:
        """Return (L, inputs, S, N) from (F, inputs, S, N); see :class:`FunctionTables`."""
        shape = torch.Size((self._degree + 1, *full.shape[1:]))
        return torch.gather(full, 0, self._places(shape))

    def _polynomials(self, weights: Tensor) -> Tensor:
        """Return the polynomial of each input in each cell, (inputs, cells, degree + 1)."""
        if len(self._splines) == 1:
            return self._splines[0].polynomials(weights.T)
        padded = weights.new_zeros(len(self._splines), self._cells, self._degree + 1)
        for i, b in enumerate(self._splines):
            padded[i, : b.intervals] = b.polynomials(weights[: b.size, i])
        return padded

    def _polynomials_adjoint(self, sums: Tensor) -> Tensor:
        """Return the transpose of :meth:`_polynomials`, (F, inputs)."""
        if len(self._splines) == 1:
            return self._splines[0].polynomials_adjoint(sums).T
        weights = sums.new_zeros(self.size, len(self._splines))
        for i, b in enumerate(self._splines):
            weights[: b.size, i] = b.polynomials_adjoint(sums[i, : b.intervals])
        return weights

    def edges(self, weights: Tensor) -> Tensor:
        """Return one function for each input by Horner's rule in its cell."""
        table = self._polynomials(weights).flatten(0, 1).T.contiguous()
        a = table.index_select(1, self._rows).view(self._degree + 1, *self._s.shape)
        return self._horner(list(a))

    def edge_rows(self, moments: Tensor) -> Tensor:
        """Return each point's derivative by the weights; see :class:`FunctionTables`."""
        return self.spread(_weighted(moments, self.values))

    def edge_sums(self, moments: Tensor) -> Tensor:
        """Return the sum over the points: of powers in each cell, then of functions."""
        inputs = len(self._s)
        sums = [
            torch.bincount(self._rows, power.reshape(-1), inputs * self._cells)
            for power in self._powers(moments)
        ]
        return self._polynomials_adjoint(torch.stack(sums, -1).view(inputs, self._cells, -1))

    def _horner(self, a: list[Tensor]) -> Tensor:
        """Return the polynomial with coefficients a and its derivatives, (orders, ...)."""
        degree, orders = len(a) - 1, []
        for k in range(self.order + 1):
            if k > degree:
                orders.append(torch.zeros_like(a[0]))
                continue
            value = a[degree] if k == 0 else _falling(degree, k) * a[degree]
            for m in range(degree - 1, k - 1, -1):
                value = torch.add(value * self._u, a[m], alpha=_falling(m, k))
            orders.append(value if k == 0 else value * self._rate**k)
        return torch.stack(orders)

    def _powers(self, moments: Tensor) -> list[Tensor]:
        """Return for each power of u the sum of its derivatives times the moments."""
        scaled = [m if k == 0 else m * self._rate**k for k, m in enumerate(moments)]
        powers: list[Tensor] = [scaled[0]]
        u_power = [torch.ones_like(self._u), self._u]
        for m in range(1, self._degree + 1):
            total = scaled[0] * u_power[m]
            for k in range(1, min(m + 1, len(scaled))):
                if m == k:
                    total = torch.add(total, scaled[k], alpha=_falling(m, k))
                else:
                    total.addcmul_(scaled[k], u_power[m - k], value=_falling(m, k))
            powers.append(total)
            u_power.append(u_power[m] * self._u)
        return powers


def _falling(m: int, k: int) -> float:
    """Return m (m - 1) .. (m - k + 1), the factor of the k-th derivative of a power."""
    result = 1.0
    for i in range(k):
        result *= m - i
    return result


def _weighted(moments: Tensor, table: Tensor) -> Tensor:
    """Return the sum over k of moments (K, inputs, N) times a table (orders, L, inputs, N)."""
    rows = moments[0] * table[0]
    for k in range(1, len(moments)):
        rows.addcmul_(moments[k], table[k])
    return rows
