r"""One KAN layer on jets: :math:`y_j=\sum_i\varphi_{ji}(x_i)`, every edge a sum over a basis.

Liu et al., arXiv:2404.19756, eq. (2.5) and (2.10): an edge is a residual base function plus a
combination of basis functions. The layer is linear in its coefficients W, so with the jets
:math:`A=\partial^\alpha\phi_b(x_i)` of the functions the output is one matrix product :math:`Y=WA`,
the derivative by the coefficients is adjoint times A, and the adjoint of the input needs
:math:`W^TY` and one more derivative of the basis.

A layer with one output does less: it sums each edge's function first and composes afterwards. What
a basis can save is its tables' business (:mod:`kanpde.networks.tables`); edges with grids of their
own are expanded to full coefficients (:mod:`kanpde.networks.grids`); edges that are formulas are
added (:mod:`kanpde.networks.snapped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kanpde.bases import Basis, BSpline
from kanpde.bases.activations import Activation, Tanh
from kanpde.networks.coordinates import CoordinateTables
from kanpde.networks.grids import EdgeGrids, EdgeSpace
from kanpde.networks.jets import JetLayout, chain_factors, compose, compose_adjoint, through
from kanpde.networks.snapped import SnappedCache, SnappedEdge
from kanpde.networks.tables import FunctionTables, function_tables


@dataclass(frozen=True)
class LayerTables:
    """All functions of a layer at its inner values, with derivatives.

    Args:
        functions: those of the basis.
        base: the base function, (orders, inputs, N), or None.
    """

    functions: FunctionTables
    base: Tensor | None

    def edges(self, coefficients: Tensor) -> Tensor:
        """Return the edges' functions for coefficients (F, inputs), (orders, inputs, N)."""
        if self.base is None:
            return self.functions.edges(coefficients)
        edges = self.functions.edges(coefficients[:-1])
        return torch.addcmul(edges, self.base, coefficients[-1, :, None])

    def edge_sums(self, moments: Tensor) -> Tensor:
        """Return the derivative of :meth:`edges` by the coefficients, summed, (F, inputs)."""
        sums = self.functions.edge_sums(moments)
        if self.base is None:
            return sums
        base = sum(torch.linalg.vecdot(m, b) for m, b in zip(moments, self.base, strict=False))
        return torch.cat([sums, base[None]])

    def edge_rows(self, moments: Tensor) -> Tensor:
        """Return the same for each point, (F, inputs, N)."""
        rows = self.functions.edge_rows(moments)
        if self.base is None:
            return rows
        return torch.cat([rows, (moments * self.base[: len(moments)]).sum(0, keepdim=True)])

    def features(self, inner: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions, (F, inputs, S, N)."""
        features = self.functions.features(inner, layout)
        if self.base is None:
            return features
        return torch.cat([features, compose(self.base, inner, layout)[None]])

    def input_adjoint(self, full: Tensor, inner: Tensor, layout: JetLayout) -> Tensor:
        """Return the adjoint of the inner jet from that of the features (F, inputs, S, N)."""
        if self.base is None:
            pairs = [(self.functions.collected(full), self.functions.values)]
        else:
            pairs = [
                (self.functions.collected(full[:-1]), self.functions.values),
                (full[-1:], self.base[:, None]),
            ]
        return compose_adjoint(pairs, inner, layout)


@dataclass(frozen=True)
class LayerCache:
    """What a layer keeps of a forward pass for the backward one.

    Args:
        input: the input jet (inputs, S, N).
        inner: the jet that enters the functions: the input, or the squashed input.
        tables: of the functions at the inner values, one order more than the jets have.
        squash: derivatives of the squashing function, (order + 2, inputs, N), or None.
        coefficients: full ones, (outputs, F, inputs).
        features: jets of all functions (F, inputs, S, N); None for a layer with one output.
        edges: derivatives of the edges' functions, (order + 2, inputs, N), for one output.
        snapped: of the edges that are formulas.
    """

    input: Tensor
    inner: Tensor
    tables: LayerTables
    squash: Tensor | None
    coefficients: Tensor
    features: Tensor | None
    edges: Tensor | None
    snapped: tuple[SnappedCache, ...]


class KANLayer(nn.Module):
    """A layer of ``outputs`` sum nodes over ``inputs`` nodes, one univariate edge for each pair.

    Args:
        inputs: number of input nodes.
        outputs: number of output nodes.
        basis: on the reference interval [-1, 1].
        activation: the residual base function, or None.
        squash: send the input through tanh before the basis (for bases that grow outside [-1, 1]);
            otherwise an affine map sends [lower, upper] of each input to [-1, 1].
        grids: bases of the single edges where they differ, or None.

    The coefficients have shape (outputs, functions, inputs), the base function the last one; with
    grids of their own they are one vector, see :class:`EdgeSpace`, and :meth:`full` expands them.
    """

    coefficients: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        basis: Basis,
        activation: Activation | None = None,
        *,
        squash: bool = False,
        grids: EdgeGrids | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.basis, self.activation, self.squash, self.grids = basis, activation, squash, grids
        self.space = None if grids is None else EdgeSpace(grids, base=activation is not None)
        self.bases: tuple[Basis, ...] = (basis,) if grids is None else grids.bases
        zeros = torch.zeros(self._shape(), dtype=torch.float64)
        self.coefficients = nn.Parameter(zeros)
        self.snapped = nn.ModuleList()
        self.register_buffer("lower", -torch.ones(inputs, dtype=torch.float64))
        self.register_buffer("upper", torch.ones(inputs, dtype=torch.float64))

    def _shape(self) -> tuple[int, ...]:
        if self.space is not None:
            return (self.space.size,)
        return (self.outputs, self.basis.size + (self.activation is not None), self.inputs)

    # Coefficients ----------------------------------------------------------------------------

    def full(self) -> Tensor:
        """Return the coefficients of every edge on the functions of its input, (outputs, F, in)."""
        return self.coefficients if self.space is None else self.space.expand(self.coefficients)

    def set_full(self, full: Tensor) -> None:
        """Overwrite the coefficients by full ones, in place; what an edge cannot hold is lost."""
        with torch.no_grad():
            self.coefficients.copy_(full if self.space is None else self.space.project(full))

    def edge_coefficients(self, output: int, input: int) -> Tensor:
        """Return an edge's own coefficients, the base function's last."""
        if self.space is None:
            return self.coefficients.detach()[output, :, input]
        return self.coefficients.detach()[self.space.blocks()[output, input]]

    def all_grids(self) -> EdgeGrids:
        """Return the basis of every edge."""
        return self.grids or EdgeGrids.shared(self.bases * self.inputs, self.outputs)

    def snapped_edges(self) -> list[SnappedEdge]:
        """Return the edges that are formulas."""
        return list(self.snapped)  # type: ignore[arg-type]

    # Functions -------------------------------------------------------------------------------

    def tables(self, z: Tensor, order: int) -> LayerTables:
        """Return the layer's functions, with derivatives, at the values that enter them.

        Args:
            z: (inputs, N); where the layer squashes, the squashed inputs.
            order: highest derivative.
        """
        half = (self.upper - self.lower)[:, None] / 2
        s = (z - (self.upper + self.lower)[:, None] / 2) / half
        functions = function_tables(self.bases, s, 1 / half, order)
        base = None if self.activation is None else self.activation.evaluate(z, order)
        return LayerTables(functions, base)

    def table(self, z: Tensor, order: int) -> Tensor:
        """Return all functions and derivatives at inputs z (inputs, N): (order+1, F, inputs, N)."""
        tables = self.tables(z, order)
        by_part = tables.functions.values.permute(1, 2, 0, 3)  # orders in the place of parts
        table = tables.functions.spread(by_part).permute(2, 0, 1, 3)
        return table if tables.base is None else torch.cat([table, tables.base[:, None]], dim=1)

    def coordinate_tables(self, x: Tensor, layout: JetLayout) -> CoordinateTables:
        """Return the functions at points x (N, D), where the inputs are the coordinates."""
        highest = max(max(alpha) for alpha in layout.parts)
        highest = highest if layout.laplacian is None else max(highest, 2)
        return CoordinateTables.of(self.table(x.T, highest), layout)

    # Forward ---------------------------------------------------------------------------------

    def features(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions of all inputs, (F, inputs, S, N), from jets x."""
        inner = self._inner(x, layout)[0]
        return self.tables(inner[:, 0], layout.order).features(inner, layout)

    def forward(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the output jets (outputs, S, N) from the input jets (inputs, S, N)."""
        return self._run(x, layout, extra=0)[0]

    def linearize(self, x: Tensor, layout: JetLayout) -> tuple[Tensor, LayerCache]:
        """Return the output jets and what the backward pass needs."""
        return self._run(x, layout, extra=1)

    def formulas(self, x: Tensor, layout: JetLayout) -> Tensor | None:
        """Return what the edges that are formulas add, (outputs, S, N), or None without any."""
        if not self.snapped:
            return None
        total: list[Tensor | None] = [None] * self.outputs
        for edge in self.snapped_edges():
            jet, before = edge(x, layout), total[edge.output]
            total[edge.output] = jet if before is None else before + jet
        zero = torch.zeros_like(x[0])
        return torch.stack([zero if jet is None else jet for jet in total])

    def _inner(self, x: Tensor, layout: JetLayout, extra: int = 0) -> tuple[Tensor, Tensor | None]:
        """Return the jet that enters the functions, and the squashing function's derivatives."""
        if not self.squash:
            return x, None
        squash = Tanh().evaluate(x[:, 0], layout.order + extra)
        return compose(squash, x, layout), squash

    def _run(self, x: Tensor, layout: JetLayout, *, extra: int) -> tuple[Tensor, LayerCache]:
        inner, squash = self._inner(x, layout, extra)
        tables = self.tables(inner[:, 0], layout.order + extra)
        full = self.full()
        features = edges = None
        if self.outputs == 1:
            edges = tables.edges(full[0])
            y = compose(edges, inner, layout).sum(0, keepdim=True)
        else:
            features = tables.features(inner, layout)
            f, i, s, n = features.shape
            y = (full.flatten(1) @ features.view(f * i, s * n)).view(self.outputs, s, n)
        snapped = []
        for edge in self.snapped_edges() if extra else ():
            jet, cache = edge.linearize(x, layout)
            y[edge.output] += jet
            snapped.append(cache)
        formulas = None if extra else self.formulas(x, layout)
        y = y if formulas is None else y + formulas
        return y, LayerCache(x, inner, tables, squash, full, features, edges, tuple(snapped))

    # Backward --------------------------------------------------------------------------------

    def rows(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return each point's derivative by the layer's parameters, (P_layer, N)."""
        if cache.features is None:
            rows = cache.tables.edge_rows(_moments(adjoint[0], cache.inner, layout))[None]
        else:
            rows = adjoint[:, None, None, 0] * cache.features[:, :, 0]
            for part in range(1, layout.size):
                rows.addcmul_(adjoint[:, None, None, part], cache.features[:, :, part])
        return self._collected_rows(rows, adjoint, cache, layout)

    def _collected_rows(
        self, full: Tensor, adjoint: Tensor, cache: LayerCache, layout: JetLayout
    ) -> Tensor:
        rows = self.own(full)
        if not self.snapped:
            return rows
        edges = zip(self.snapped_edges(), cache.snapped, strict=True)
        return torch.cat([rows, *(e.rows(adjoint[e.output], c, layout)[0] for e, c in edges)])

    def own(self, full: Tensor) -> Tensor:
        """Return derivatives by the parameters (P, ...) from those by (outputs, F, inputs, ...)."""
        return full.flatten(0, 2) if self.space is None else self.space.reduce(full)

    def gradient(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return the derivative of the sum over the points by the parameters, (P_layer,)."""
        if cache.features is None:
            full = cache.tables.edge_sums(_moments(adjoint[0], cache.inner, layout))[None]
        else:
            f, i, s, n = cache.features.shape
            full = adjoint.reshape(self.outputs, s * n) @ cache.features.view(f * i, s * n).T
            full = full.view(self.outputs, f, i)
        gradient = self.own(full)
        if not self.snapped:
            return gradient
        edges = zip(self.snapped_edges(), cache.snapped, strict=True)
        formulas = [e.rows(adjoint[e.output], c, layout)[0].sum(1) for e, c in edges]
        return torch.cat([gradient, *formulas])

    def input_adjoint(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return the adjoint of the input jets, (inputs, S, N)."""
        if cache.edges is not None:
            back = adjoint.expand(self.inputs, -1, -1)[None]
            result = through(back, cache.edges[:, None], cache.inner, layout)
        else:
            assert cache.features is not None
            weight, (s, n) = cache.coefficients.detach().flatten(1), adjoint.shape[1:]
            full = weight.T @ adjoint.reshape(self.outputs, s * n)
            full = full.view(cache.features.shape)
            result = cache.tables.input_adjoint(full, cache.inner, layout)
        if cache.squash is not None:
            result = through(result[None], cache.squash[:, None], cache.input, layout)
        for edge, snapped in zip(self.snapped_edges(), cache.snapped, strict=True):
            result[edge.input] += edge.rows(adjoint[edge.output], snapped, layout)[1]
        return result


def fitted(
    bases: Sequence[Basis], old: Tensor, nodes: Tensor, *, scales: Sequence[float]
) -> Tensor:
    """Return coefficients of functions given by samples, by least squares in a Sobolev norm.

    Args:
        bases: one for each input.
        old: values and derivatives by s of the functions, (orders, outputs, inputs, M).
        nodes: where, s in [-1, 1], (M,).
        scales: weight of each order, so that a small error in a derivative is not bought by one
            in the value.

    Returns:
        (outputs, F, inputs), F the largest size of the bases.
    """
    weights = old.new_tensor(scales)[:, None, None]
    found = old.new_zeros(old.shape[1], max(b.size for b in bases), old.shape[2])
    for basis in dict.fromkeys(bases):
        members = [i for i, b in enumerate(bases) if b == basis]
        rows = (basis.evaluate(nodes, len(old) - 1) * weights).permute(0, 2, 1).flatten(0, 1)
        right = (old[:, :, members] * weights[..., None]).permute(0, 3, 1, 2).flatten(0, 1)
        solution = torch.linalg.lstsq(rows, right.flatten(1), driver="gels").solution
        found[:, : basis.size, members] = solution.view(basis.size, -1, len(members)).permute(
            1, 0, 2
        )
    return found


def squashes(basis: Basis, depth: int) -> bool:
    """Whether a layer sends its inputs through tanh: hidden values have no range of their own."""
    return depth > 0 and not isinstance(basis, BSpline)


def _moments(adjoint: Tensor, inner: Tensor, layout: JetLayout) -> Tensor:
    r"""Return for each order k the factor of :math:`\varphi^{(k)}` in sum of adjoint times jets.

    Args:
        adjoint: of the one output, (S, N).
        inner: jets (inputs, S, N).
        layout: of the jets.

    Returns:
        shape (order + 1, inputs, N).
    """
    moments = inner.new_empty(layout.order + 1, len(inner), inner.shape[-1])
    moments[0] = adjoint[0]
    seen = {0}
    for part, row in enumerate(chain_factors(inner, layout)):
        for k, factor in row:
            if k in seen:
                moments[k].addcmul_(adjoint[part], factor)
            else:
                torch.mul(adjoint[part], factor, out=moments[k])
                seen.add(k)
    for k in set(range(layout.order + 1)) - seen:
        moments[k] = 0
    return moments
