r"""What a known field is made of: functions of one coordinate that a compact KAN can start from.

Four kinds of structure are looked for; all come from values and first or second derivatives.

* *Products* (two coordinates, a box): the singular value decomposition
  :math:`u=\sum_r f_r(x)\,g_r(y)`. A product node takes a term; two sum nodes do as well, for
  :math:`fg=\tfrac14((f+g)^2-(f-g)^2)`.
* *One sum inside*, :math:`u=F(\sum_i f_i(x_i))`: then :math:`u_i\,f_j'(x_j)=u_j\,f_i'(x_i)` for all
  i and j, which is linear and homogeneous in the :math:`f'`: the smallest singular vector.
* *A sum*, :math:`u=\sum_i f_i(x_i)`: least squares.
* *Two directions* (two coordinates), :math:`u=F(p\cdot x)+G(q\cdot x)`: then the Hessians are
  orthogonal to one symmetric matrix, :math:`M:H(x)=0`, with :math:`p^TMp=q^TMq=0`.

Each is tried, whether the field has it or not; the fit decides which start is best.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import chebint, chebvander
from torch import Tensor

from kanpde.geometry import as_box
from kanpde.networks import KAN, JetLayout
from kanpde.networks.jets import coordinate_jet
from kanpde.networks.layer import KANLayer
from kanpde.networks.product import NodeRow
from kanpde.solution import Solution
from kanpde.solution.compress import resolved

DEGREE = 20
"""Of the series that single functions are sought as."""
POINTS = 600
"""Points that structure is looked for on."""
RESOLVED = 1e-11
"""Relative accuracy to which factors are known."""
NEGLIGIBLE = 1e-13
"""Products of this relative size are rounding."""
MARGIN = 0.01
"""Widening of the ranges of hidden values: cells beyond would have nothing to be fitted to."""
Sum = dict[int, Chebyshev]
"""One sum node: for some of the coordinates a function of it, on [-1, 1] across the domain."""


@dataclass(frozen=True)
class Start:
    """What the first layer of a KAN is to hold.

    Args:
        name: of the structure.
        sources: the sums that feed the first row of nodes; those beyond stay random.
    """

    name: str
    sources: tuple[Sum, ...]


class Structure:
    """Looks for the parts of a field.

    Args:
        solution: with the field.
        seed: of the points.
    """

    def __init__(self, solution: Solution, seed: int = 0) -> None:
        self._solution = solution
        domain = solution.problem.domain
        self._middle = (domain.upper + domain.lower) / 2
        self._half = (domain.upper - domain.lower) / 2
        self._points = domain.interior(POINTS, seed=seed)
        self._scaled = (self._points - self._middle) / self._half

    @property
    def has_grid(self) -> bool:
        """Whether the field is known on a grid of two coordinates."""
        return self._dimension == 2 and as_box(self._solution.problem.domain) is not None

    def starts(self, row: NodeRow) -> list[Start]:
        """Return starts for a first row of nodes, the more special ones first."""
        found: list[Start] = []
        several = len(self._solution.problem.unknowns) > 1
        if row.sums and not row.arities and not several:
            found.append(Start("one sum inside", (self._inside(),)))
            directions = self._directions() if row.sums >= 2 and self._dimension == 2 else None
            if directions is not None:
                found.append(Start("two directions", directions))
        if self.has_grid and all(a == 2 for a in row.arities) and (row.arities or row.sums > 1):
            found.append(self._products(row))
        return found

    @property
    def _dimension(self) -> int:
        return self._solution.problem.dimension

    def _products(self, row: NodeRow) -> Start:
        """Return product terms for product nodes, then for pairs of sum nodes."""
        outputs, nodes = len(self._solution.problem.unknowns), len(row.arities)
        terms = self._terms(nodes + row.sums // 2, outputs)
        sums: list[Sum] = [self._additive()] if row.sums % 2 and outputs == 1 else []
        name = f"{len(terms)} products" + (", a sum" if sums else "")
        for f, g in terms[nodes:]:
            sums += [{0: f, 1: g}, {0: f, 1: -g}]
        if nodes:
            sums += [{} for _ in range(row.sums - len(sums))]
        products: list[Sum] = []
        for f, g in terms[:nodes]:
            products += [{0: f}, {1: g}]
        return Start(name, (*sums, *products))

    def products(self, rank: int, outputs: int) -> list[list[list[Chebyshev]]]:
        """Return the factors of the leading products by axis, output and term."""
        tables = resolved(self._solution, RESOLVED)
        left, singular, right = np.linalg.svd(tables[:outputs], full_matrices=False)
        edges: list[list[list[Chebyshev]]] = [[], []]
        for u in range(outputs):
            count = int((singular[u] > NEGLIGIBLE * singular[u, 0]).sum())
            terms = range(min(rank, count))
            root = np.sqrt(singular[u])
            edges[0].append([Chebyshev(root[r] * left[u, :, r]) for r in terms])
            edges[1].append([Chebyshev(root[r] * right[u, r]) for r in terms])
        return edges

    def _terms(self, most: int, outputs: int) -> list[tuple[Chebyshev, Chebyshev]]:
        """Return leading products of all unknowns in turn, their factors of size one."""
        first, second = self.products(most, outputs)
        pairs = [
            list(zip(f, g, strict=True)) for f, g in zip(first, second, strict=True)
        ]  # by unknown
        turns = [pair for turn in zip_longest(*pairs) for pair in turn if pair is not None]
        return [(_scaled(f), _scaled(g)) for f, g in turns[:most]]

    def _inside(self) -> Sum:
        """Return the functions whose sum the field is most nearly a function of."""
        gradient = self._jets(self._points, np.eye(self._dimension, dtype=int))[1:]
        size = np.maximum(np.linalg.norm(gradient, axis=0), 1e-300)
        count = DEGREE + 1
        rows = []
        for i in range(self._dimension):
            for j in range(i):
                block = np.zeros((len(self._points), self._dimension, count))
                block[:, i] = self._vander(i) * (gradient[j] / size)[:, None] / self._half[i]
                block[:, j] = -self._vander(j) * (gradient[i] / size)[:, None] / self._half[j]
                rows.append(block.reshape(len(block), -1))
        if not rows:
            return {0: Chebyshev([0.0, 1.0])}
        slopes = np.linalg.svd(np.concatenate(rows))[2][-1].reshape(self._dimension, count)
        functions = [Chebyshev(chebint(c)) for c in slopes]
        largest = max(np.abs(f(_DENSE)).max() for f in functions) or 1.0
        return {i: f / largest for i, f in enumerate(functions)}

    def _additive(self) -> Sum:
        """Return the best sum of functions of one coordinate."""
        values = self._jets(self._points, [])[0]
        columns = np.concatenate([self._vander(i) for i in range(self._dimension)], axis=1)
        found = np.linalg.lstsq(columns, values, rcond=1e-12)[0].reshape(self._dimension, -1)
        largest = max(np.abs(Chebyshev(c)(_DENSE)).max() for c in found) or 1.0
        return {i: Chebyshev(c) / largest for i, c in enumerate(found)}

    def _directions(self) -> tuple[Sum, Sum] | None:
        """Return two linear sums p.x and q.x, or None if no real ones fit."""
        xx, xy, yy = self._jets(self._points, [(2, 0), (1, 1), (0, 2)], only=True)
        half = self._half  # in coordinates scaled to [-1, 1]
        rows = np.stack([xx * half[0] ** 2, 2 * xy * half[0] * half[1], yy * half[1] ** 2], axis=1)
        a, b, c = np.linalg.svd(rows)[2][-1]
        if b**2 - a * c <= 0:
            return None
        # p^T M p = 0 for M = [[a, b], [b, c]]
        root = np.sqrt(b**2 - a * c)
        sums = []
        for slope in (-b + root, -b - root):
            p = np.array([c, slope] if abs(c) > abs(a) else [slope, a])
            p /= np.abs(p).sum()
            sums.append({0: Chebyshev([0.0, p[0]]), 1: Chebyshev([0.0, p[1]])})
        return sums[0], sums[1]

    def _vander(self, axis: int) -> np.ndarray:
        return chebvander(self._scaled[:, axis], DEGREE)

    def _jets(
        self,
        points: np.ndarray,
        orders: Sequence[Sequence[int]] | np.ndarray,
        *,
        only: bool = False,
    ) -> np.ndarray:
        """Return value and derivatives, (1 + orders, N), or the derivatives alone."""
        wanted = [tuple(int(n) for n in alpha) for alpha in orders]
        layout = JetLayout.of(self._dimension, wanted)
        field = self._solution.network
        like = next(field.parameters()).detach()
        with torch.no_grad():
            jets = field.jets(torch.as_tensor(points).to(like), layout)[0]
        found = jets.cpu().double().numpy()
        picked = [found[layout.index[alpha]] for alpha in wanted]
        return np.stack(picked if only else [found[0], *picked])


_DENSE = np.linspace(-1, 1, 201)


def started(network: KAN, start: Start, x: Tensor) -> KAN:
    """Return a KAN whose first layer holds a start, its hidden grids where the values then are.

    Args:
        network: the KAN.
        start: what the first sums are to be, as far as the bases can hold it.
        x: points (N, D).
    """
    clone = copy.deepcopy(network)
    layer: KANLayer = clone.layers[0]  # type: ignore[assignment]
    full = layer.full().detach().clone()
    for source, parts in enumerate(start.sources):
        if not parts:
            continue
        full[source] = 0
        for axis, f in parts.items():
            fit = layer.basis.fit(f, derivatives=(f.deriv(1), f.deriv(2)))
            full[source, : layer.basis.size, axis] = torch.as_tensor(fit).to(full)
    layer.set_full(full)
    layout = JetLayout.of(network.dimension, ())
    with torch.no_grad():
        largest = layer(coordinate_jet(x, layout), layout)[:, 0].abs().amax(1)
    layer.set_full(full / largest.clamp_min(1e-12)[:, None, None])
    return clone.regridded(x, margin=MARGIN)


def _scaled(f: Chebyshev) -> Chebyshev:
    """Return a function divided by its largest value."""
    return f / (np.abs(f(_DENSE)).max() or 1.0)
