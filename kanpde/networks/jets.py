r"""Jets: a field together with its partial derivatives, and the calculus on them.

A jet at N points is a tensor of shape (units, S, N): for each unit (an unknown, a hidden node) the
S parts :math:`\partial^\alpha u`, value first. Which parts is said by a :class:`JetLayout`. Points
come last so that every operation runs over contiguous memory.

Two rules carry everything: a univariate edge acts by Faa di Bruno's formula,
:math:`\partial^\alpha\varphi(z)=\sum_k\varphi^{(k)}(z)\,m_{\alpha k}` with
:math:`m_{\alpha k}` a polynomial in the lower parts of z, and a product node by Leibniz' rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import comb, factorial, prod

import torch
from torch import Tensor

MultiIndex = tuple[int, ...]
Monomial = tuple[int, ...]  # indices of the parts that are multiplied
ChainRules = tuple[tuple[tuple[int, tuple[tuple[float, Monomial], ...]], ...], ...]


@dataclass(frozen=True)
class JetLayout:
    r"""Which partial derivatives a jet carries.

    Args:
        dimension: number of coordinates D.
        parts: multi-indices of length D, the value first, and with every part all lower ones.
        laplacian: if given, weights :math:`c_i` of one more part, the last:
            :math:`\sum_i c_i\partial_i^2` in one piece. It needs the first derivatives only, not
            the second ones (the forward Laplacian, arXiv:2307.08214).
    """

    dimension: int
    parts: tuple[MultiIndex, ...]
    laplacian: tuple[float, ...] | None = None

    @staticmethod
    def of(
        dimension: int,
        requested: Iterable[MultiIndex],
        laplacian: tuple[float, ...] | None = None,
        *,
        gradient: bool = True,
    ) -> JetLayout:
        """Return the smallest layout that carries the requested derivatives.

        A Laplacian in one piece brings the gradient that the chain rule needs; fields that know
        their derivatives in closed form do without: ``gradient=False``.

        >>> JetLayout.of(2, [(2, 0), (0, 2)]).parts
        ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2))
        """
        needed: set[MultiIndex] = {(0,) * dimension}
        for alpha in requested:
            if len(alpha) != dimension:
                raise ValueError(f"the multi-index {alpha} does not have {dimension} entries.")
            needed |= set(product(*(range(n + 1) for n in alpha)))
        if laplacian is not None:
            if len(laplacian) != dimension:
                raise ValueError(f"the weights {laplacian} do not have {dimension} entries.")
            if gradient:
                needed |= {_unit(dimension, axis) for axis in range(dimension)}
        ordered = sorted(needed, key=lambda a: (sum(a), tuple(-n for n in a)))
        return JetLayout(dimension, tuple(ordered), laplacian)

    @cached_property
    def index(self) -> dict[MultiIndex, int]:
        """Position of each multi-index."""
        return {alpha: i for i, alpha in enumerate(self.parts)}

    @property
    def size(self) -> int:
        """The number of parts S."""
        return len(self.parts) + (self.laplacian is not None)

    @cached_property
    def order(self) -> int:
        """The highest order of differentiation."""
        highest = max(sum(alpha) for alpha in self.parts)
        return highest if self.laplacian is None else max(highest, 2)

    @cached_property
    def chain(self) -> ChainRules:
        r"""Faa di Bruno's formula: for each part the pairs (k, polynomial of :math:`m_{\alpha k}`).

        A polynomial is a tuple of (coefficient, indices of the parts multiplied).
        """
        rules = tuple(self._chain_of(alpha) for alpha in self.parts)
        if self.laplacian is None:
            return rules
        squares = tuple((c, (i, i)) for c, i in self._gradient() if c)
        return (*rules, ((1, ((1.0, (len(self.parts),)),)), (2, squares)))

    @cached_property
    def taylor_chain(self) -> ChainRules:
        r"""The same for Taylor coefficients :math:`\varphi^{(k)}/k!` of the outer function."""
        return tuple(
            tuple(
                (k, tuple((factorial(k) * c, monomial) for c, monomial in polynomial))
                for k, polynomial in rules
            )
            for rules in self.chain
        )

    @cached_property
    def taylor_slopes(self) -> tuple[tuple[tuple[int, int, tuple[float, Monomial]], ...], ...]:
        """How each part of a composition depends on the inner parts, the value apart.

        For each part of the composition the tuples (inner part, k, (coefficient, monomial)): its
        derivative by the inner part holds the k-th Taylor coefficient times that.
        """
        return tuple(_slopes_of(rules) for rules in self.taylor_chain)

    def _gradient(self) -> list[tuple[float, int]]:
        """Return for each axis its weight in the Laplacian and the part of its derivative."""
        assert self.laplacian is not None
        units = [self.index[_unit(self.dimension, axis)] for axis in range(self.dimension)]
        return list(zip(self.laplacian, units, strict=True))

    def _chain_of(
        self, alpha: MultiIndex
    ) -> tuple[tuple[int, tuple[tuple[float, Monomial], ...]], ...]:
        # A term is (k, sorted multi-indices): phi^(k) times the product of those derivatives of z.
        terms: Counter[tuple[int, tuple[MultiIndex, ...]]] = Counter({(0, ()): 1})
        for axis, n in enumerate(alpha):
            for _ in range(n):
                unit = _unit(self.dimension, axis)
                differentiated: Counter[tuple[int, tuple[MultiIndex, ...]]] = Counter()
                for (k, factors), c in terms.items():
                    differentiated[(k + 1, tuple(sorted((*factors, unit))))] += c
                    for i, factor in enumerate(factors):
                        raised = tuple(a + b for a, b in zip(factor, unit, strict=True))
                        rest = (*factors[:i], raised, *factors[i + 1 :])
                        differentiated[(k, tuple(sorted(rest)))] += c
                terms = differentiated
        grouped: dict[int, list[tuple[float, Monomial]]] = {}
        for (k, factors), c in terms.items():
            grouped.setdefault(k, []).append((float(c), tuple(self.index[f] for f in factors)))
        return tuple((k, tuple(polynomial)) for k, polynomial in sorted(grouped.items()))

    @cached_property
    def leibniz(self) -> tuple[tuple[tuple[float, int, int], ...], ...]:
        """Leibniz' rule: for each part of a product the triples (coefficient, left, right)."""
        rules = []
        for alpha in self.parts:
            rule = []
            for beta in product(*(range(n + 1) for n in alpha)):
                rest = tuple(a - b for a, b in zip(alpha, beta, strict=True))
                c = float(prod(comb(a, b) for a, b in zip(alpha, beta, strict=True)))
                rule.append((c, self.index[beta], self.index[rest]))
            rules.append(tuple(rule))
        if self.laplacian is not None:
            last = len(self.parts)
            cross = [(2 * c, i, i) for c, i in self._gradient() if c]
            rules.append(((1.0, last, 0), (1.0, 0, last), *cross))
        return tuple(rules)


def _slopes_of(
    rules: tuple[tuple[int, tuple[tuple[float, Monomial], ...]], ...],
) -> tuple[tuple[int, int, tuple[float, Monomial]], ...]:
    """Differentiate the polynomials of a chain rule by each of the parts in them."""
    slopes: Counter[tuple[int, int, Monomial]] = Counter()
    for k, polynomial in rules:
        for c, monomial in polynomial:
            for position, part in enumerate(monomial):
                rest = monomial[:position] + monomial[position + 1 :]
                slopes[part, k, tuple(sorted(rest))] += c  # type: ignore[assignment]
    return tuple((part, k, (float(c), rest)) for (part, k, rest), c in slopes.items())


def _unit(dimension: int, axis: int) -> MultiIndex:
    return tuple(int(i == axis) for i in range(dimension))


def coordinate_jet(x: Tensor, layout: JetLayout) -> Tensor:
    """Return the jet of the coordinates themselves, shape (D, S, N), at points x (N, D)."""
    n, d = x.shape
    jet = x.new_zeros(d, layout.size, n)
    jet[:, 0] = x.T
    for axis in range(d):
        unit = _unit(d, axis)
        if unit in layout.index:
            jet[axis, layout.index[unit]] = 1.0
    return jet


def chain_factors(z: Tensor, layout: JetLayout) -> list[list[tuple[int, Tensor]]]:
    r"""Return for each part the pairs (k, :math:`m_{\alpha k}`), k >= 1, each of shape (units, N).

    Args:
        z: jet of the inner function, shape (units, S, N).
        layout: of the jet.
    """
    return evaluate_chain(z.unbind(1), layout.chain)


def evaluate_chain(parts: Sequence[Tensor], chain: ChainRules) -> list[list[tuple[int, Tensor]]]:
    """Return the same for the parts of the inner jet, each (units, N), and any chain rule."""
    return [
        [(k, _polynomial(parts, polynomial)) for k, polynomial in rules if k] for rules in chain
    ]


def _polynomial(parts: Sequence[Tensor], polynomial: tuple[tuple[float, Monomial], ...]) -> Tensor:
    total: Tensor | None = None
    for c, monomial in polynomial:
        *others, last = monomial
        if not others and c == 1.0:
            term = parts[last]
            total = term if total is None else total + term
            continue
        term = c * parts[last] if not others else parts[others[0]]
        for part in others[1:]:
            term = term * parts[part]
        if not others:
            total = term if total is None else total + term
        elif total is None:
            total = term * parts[last] if c == 1.0 else c * term * parts[last]
        else:
            total = torch.addcmul(total, term, parts[last], value=c)
    assert total is not None
    return total


def compose(table: Tensor, z: Tensor, layout: JetLayout) -> Tensor:
    r"""Return the jet of :math:`\varphi(z)` from the derivatives of the outer function.

    Args:
        table: :math:`\varphi^{(k)}(z)`, k = 0..order, shape (order + 1, \*functions, units, N).
        z: jet of the inner function, shape (units, S, N).
        layout: of the jet.

    Returns:
        shape (\*functions, units, S, N).
    """
    factors = chain_factors(z, layout)
    if torch.is_grad_enabled() and (table.requires_grad or z.requires_grad):
        parts = [table[0]]
        for row in factors[1:]:
            parts.append(torch.stack([table[k] * factor for k, factor in row]).sum(0))
        return torch.stack(parts, dim=-2)
    # Without a tape: the same, written straight to its place.
    result = table.new_empty(*table.shape[1:-1], layout.size, table.shape[-1])
    result[..., 0, :] = table[0]
    for part, row in enumerate(factors[1:], start=1):
        place = result[..., part, :]
        torch.mul(table[row[0][0]], row[0][1], out=place)
        for k, factor in row[1:]:
            place.addcmul_(table[k], factor)
    return result


def multiply(a: Tensor, b: Tensor, layout: JetLayout) -> Tensor:
    """Return the jet of a product by Leibniz' rule; shapes (..., S, N), broadcast over the rest."""
    parts = []
    for rule in layout.leibniz:
        total: Tensor | None = None
        for c, i, j in rule:
            term = a[..., i, :] * b[..., j, :]
            term = term if c == 1.0 else c * term
            total = term if total is None else total + term
        assert total is not None
        parts.append(total)
    return torch.stack(parts, dim=-2)


def multiply_adjoint(
    adjoint: Tensor, a: Tensor, layout: JetLayout, active: Iterable[int] | None = None
) -> Tensor:
    """Return the adjoint of b in ``multiply(a, b)``, given the adjoint of the product.

    Shapes as in :func:`multiply`; the adjoint of a linear map at each point, so it is exact. The
    ``active`` parts of the given adjoint, all if None, are those that may differ from zero.
    """
    result = torch.zeros_like(adjoint)
    for part in range(layout.size) if active is None else active:
        for c, i, j in layout.leibniz[part]:
            result[..., j, :] += c * a[..., i, :] * adjoint[..., part, :]
    return result


def through(back: Tensor, table: Tensor, z: Tensor, layout: JetLayout) -> Tensor:
    r"""Return the adjoint of z in ``compose(table, z, layout)``, one function for each unit.

    The adjoint of the value of z is :math:`\sum_k\varphi^{(k+1)}\sum_\alpha\bar y_\alpha
    m_{\alpha k}`, and for k = 1, where :math:`m_{\alpha 1}=z_\alpha`, all parts are done at once.

    Args:
        back: adjoint of the composed jets, shape (units, S, N).
        table: derivatives of the outer function, one order more than the jets have,
            (order + 2, units, N).
        z: jet of the inner function, shape (units, S, N).
        layout: of the jets.

    Returns:
        shape (units, S, N).
    """
    result = back * table[1][:, None]
    if layout.size == 1:
        return result
    sums = [(back[:, 1:] * z[:, 1:]).sum(1)]
    factors = chain_factors(z, layout)
    for part, rules in enumerate(layout.chain):
        # rules[0] is k = 0 of the value and k = 1 of any other part
        for (k, polynomial), (_, factor) in zip(rules[1:], factors[part][1:], strict=True):
            if k > len(sums):
                sums.append(torch.zeros_like(sums[0]))
            sums[k - 1].addcmul_(back[:, part], factor)
            weight = back[:, part] * table[k]
            for c, monomial in polynomial:
                for i in set(monomial):
                    rest = list(monomial)
                    rest.remove(i)
                    term = weight
                    for q in rest[1:]:
                        term = term * z[:, q]
                    result[:, i].addcmul_(term, z[:, rest[0]], value=c * monomial.count(i))
    for k, total in enumerate(sums, start=1):
        result[:, 0].addcmul_(table[k + 1], total)
    return result
