"""Nodes that belong to a corner: fractional powers and logarithms of the distance to it."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, sin
from typing import Any

import torch
from torch import Tensor

from kanpde.networks.jets import JetLayout
from kanpde.networks.nodes.block import Nodes
from kanpde.networks.nodes.complex_jets import (
    complex_points,
    leibniz,
    logarithms,
    powers,
    real_columns,
    scaled,
)


class CornerNodes(Nodes):
    r"""Functions that are singular at a corner as solutions of elliptic equations are.

    With w measured from the corner, turned so that the inner bisector is the positive real axis,
    real and imaginary parts of :math:`w^\lambda\bar w^m` and :math:`w^n\log w\,\bar w^m` for all
    exponents with :math:`\lambda+m` (or n + m) at most ``highest`` and m at most ``conjugate``
    (Kondrat'ev, Trans. Moscow Math. Soc. 16, 1967; Grisvard, Elliptic Problems in Nonsmooth
    Domains, 1985). The branch cut is the ray opposite to ``bisector``; with an ``anchor`` on that
    ray it ends there: w is divided by the distance to the anchor, in powers and logarithms.

    Args:
        exponents: the :math:`\lambda`, none an integer.
        logarithmic: the n, integers.
        conjugate: largest m.
        vertex: the corner.
        bisector: angle of the direction opposite to the branch cut, in radians.
        scale: length by which w is measured.
        highest: largest degree of homogeneity; no limit if None.
        anchor: distance along the cut at which it ends; infinity if None.
    """

    dimension = 2

    def __init__(
        self,
        exponents: Sequence[float],
        logarithmic: Sequence[int] = (),
        *,
        conjugate: int = 0,
        vertex: Sequence[float],
        bisector: float,
        scale: float = 1.0,
        highest: float | None = None,
        anchor: float | None = None,
    ) -> None:
        super().__init__()
        self.exponents = tuple(float(e) for e in exponents)
        self.logarithmic = tuple(int(n) for n in logarithmic)
        self.conjugate = conjugate
        self.vertex = tuple(float(v) for v in vertex)
        self.bisector, self.scale = float(bisector), float(scale)
        self.highest, self.anchor = highest, anchor
        degrees = [*self.exponents, *map(float, self.logarithmic)]
        self.pairs = [
            (i, m)
            for i, degree in enumerate(degrees)
            for m in range(conjugate + 1)
            if highest is None or degree + m <= highest + 1e-9
        ]
        if not self.pairs:
            raise ValueError("CornerNodes have no function: give an exponent below the highest.")
        self.size = 2 * len(self.pairs)

    def columns(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions at points x (N, 2), shape (S, N, size)."""
        turn = complex(cos(self.bisector), -sin(self.bisector)) / self.scale
        w = complex_points(x, complex(*self.vertex)) * turn
        holomorphic = scaled(self._singular(w, layout.order), turn)
        m = torch.arange(self.conjugate + 1, dtype=x.dtype, device=x.device)
        bar = scaled(powers(w.conj(), m, layout.order), turn.conjugate())
        pairs = torch.tensor(self.pairs, device=x.device).T
        return real_columns(holomorphic, bar, pairs, layout)

    def _singular(self, w: Tensor, order: int) -> list[Tensor]:
        """Return the derivatives of all powers and logarithms by w."""
        lam = w.real.new_tensor(self.exponents)
        n = w.real.new_tensor(self.logarithmic)
        fractional, logarithm = powers(w, lam, order), logarithms(w, n, order)
        if self.anchor is not None:
            shifted = w + self.anchor / self.scale
            fractional = leibniz(fractional, powers(shifted, -lam, order))
            far = leibniz(powers(w, n, order), logarithms(shifted, torch.zeros_like(n), order))
            logarithm = [a - b for a, b in zip(logarithm, far, strict=True)]
        return [torch.cat([f, g], dim=1) for f, g in zip(fractional, logarithm, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "kind": "corner",
            "exponents": list(self.exponents),
            "logarithmic": list(self.logarithmic),
            "conjugate": self.conjugate,
            "vertex": list(self.vertex),
            "bisector": self.bisector,
            "scale": self.scale,
            "highest": self.highest,
            "anchor": self.anchor,
        }
