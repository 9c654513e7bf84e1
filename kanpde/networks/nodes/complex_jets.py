r"""Jets of functions of :math:`z=x+iy` and its conjugate, of any order, in closed form.

With Wirtinger's derivatives :math:`\partial_x=\partial+\bar\partial` and
:math:`\partial_y=i(\partial-\bar\partial)`, so that every part of the jet of a product
:math:`f(z)\,g(\bar z)` is a sum of products :math:`f^{(p)}g^{(q)}` with complex constants.
"""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout, MultiIndex

TINY = 1e-300
"""Distance at which a logarithm is evaluated in its own branch point."""


def wirtinger(alpha: MultiIndex) -> list[complex]:
    r"""Return c with :math:`\partial_x^a\partial_y^b=\sum_q c_q\,\partial^{a+b-q}\bar\partial^q`.

    >>> [c.real for c in wirtinger((2, 0))], [c.real for c in wirtinger((0, 2))]
    ([1.0, 2.0, 1.0], [-1.0, 2.0, -1.0])
    """
    a, b = alpha
    constants = [0j] * (a + b + 1)
    for i in range(a + 1):
        for k in range(b + 1):
            constants[i + k] += 1j**b * comb(a, i) * comb(b, k) * (-1) ** k
    return constants


def complex_points(x: Tensor, origin: complex) -> Tensor:
    """Return z - origin for points x (N, 2), complex of the same precision."""
    return torch.complex(x[:, 0] - origin.real, x[:, 1] - origin.imag)


def real_columns(
    holomorphic: list[Tensor], conjugate: list[Tensor], pairs: Tensor, layout: JetLayout
) -> Tensor:
    r"""Return the jets of real and imaginary parts of :math:`f_i(z)\,g_j(\bar z)`.

    Args:
        holomorphic: :math:`f_i^{(p)}`, p = 0..order, each (N, n), complex.
        conjugate: :math:`g_j^{(q)}` likewise, each (N, m).
        pairs: (2, C), the indices i and j of every product.
        layout: of the jets, two coordinates.

    Returns:
        shape (S, N, 2 C): all real parts, then all imaginary parts.
    """
    left = [f[:, pairs[0]] for f in holomorphic]
    right = [g[:, pairs[1]] for g in conjugate]
    products: dict[tuple[int, int], Tensor] = {}
    n, c = left[0].shape
    result = torch.empty(layout.size, n, 2 * c, dtype=left[0].real.dtype, device=left[0].device)
    for part, alpha in enumerate(layout.parts):
        total = torch.zeros_like(left[0])
        for q, constant in enumerate(wirtinger(alpha)):
            p = sum(alpha) - q
            if constant == 0:
                continue
            if (p, q) not in products:
                products[p, q] = left[p] * right[q]
            total = total + constant * products[p, q]
        result[part, :, :c] = total.real
        result[part, :, c:] = total.imag
    return result


def real_columns_of(holomorphic: list[Tensor], layout: JetLayout) -> Tensor:
    r"""Return the jets of real and imaginary parts of :math:`f_i(z)`, (S, N, 2 n)."""
    n, c = holomorphic[0].shape
    result = torch.empty(layout.size, n, 2 * c, dtype=holomorphic[0].real.dtype).to(
        holomorphic[0].device
    )
    for part, alpha in enumerate(layout.parts):
        value = 1j ** alpha[1] * holomorphic[sum(alpha)]
        result[part, :, :c] = value.real
        result[part, :, c:] = value.imag
    return result


def powers(z: Tensor, exponents: Tensor, order: int) -> list[Tensor]:
    r"""Return the derivatives 0..order of :math:`z^\lambda` for all exponents, each (N, n).

    The principal branch: the cut is the negative real axis. A derivative that vanishes
    identically is zero at the origin too.
    """
    radius, angle = z.abs()[:, None], z.angle()[:, None]
    factor = torch.ones_like(exponents)
    tables = []
    for p in range(order + 1):
        remaining = torch.where(factor == 0, torch.zeros_like(exponents), exponents - p)
        tables.append(factor * torch.polar(radius**remaining, angle * remaining))
        factor = factor * (exponents - p)
    return tables


def logarithms(z: Tensor, exponents: Tensor, order: int) -> list[Tensor]:
    r"""Return the derivatives 0..order of :math:`z^n\log z` for integers n >= 0, each (N, n).

    :math:`(z^n\log z)^{(p)}=z^{n-p}(a_p\log z+b_p)` with :math:`a_{p+1}=(n-p)a_p` and
    :math:`b_{p+1}=(n-p)b_p+a_p`.
    """
    radius, angle = z.abs().clamp_min(TINY)[:, None], z.angle()[:, None]
    log = torch.complex(radius.log(), angle)
    a, b = torch.ones_like(exponents), torch.zeros_like(exponents)
    tables = []
    for p in range(order + 1):
        remaining = exponents - p
        tables.append(torch.polar(radius**remaining, angle * remaining) * (a * log + b))
        a, b = remaining * a, remaining * b + a
    return tables


def scaled(tables: list[Tensor], factor: complex) -> list[Tensor]:
    """Return the derivatives by z of a function of ``factor`` times z."""
    return [factor**p * table for p, table in enumerate(tables)]


def leibniz(f: list[Tensor], g: list[Tensor]) -> list[Tensor]:
    """Return the derivatives of a product of two functions of one variable."""
    return [
        torch.stack([comb(p, k) * f[k] * g[p - k] for k in range(p + 1)]).sum(0)
        for p in range(len(f))
    ]
