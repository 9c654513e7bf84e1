r"""One KAN layer on jets: :math:`y_j=\sum_i\varphi_{ji}(x_i)`, every edge a sum over a basis.

Liu et al., arXiv:2404.19756, eq. (2.5) and (2.10): an edge is a residual base function plus a
combination of basis functions. Each edge's function is summed first, with its derivatives at the
inner values; the chain rule then acts on the edges and not on every basis function
(:mod:`kanpde.networks.composition`), so the work does not grow with the number of parts of a jet
times the number of functions. The derivative by the coefficients is the adjoint of both.

What a basis can save is its tables' business (:mod:`kanpde.networks.tables`); edges with grids of
their own are expanded to full coefficients (:mod:`kanpde.networks.grids`); edges that are formulas
are added (:mod:`kanpde.networks.snapped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kanpde.bases import Basis, BSpline
from kanpde.bases.activations import Activation, Tanh
from kanpde.networks.composition import Composition
from kanpde.networks.coordinates import CoordinateTables
from kanpde.networks.grids import EdgeGrids, EdgeSpace
from kanpde.networks.jets import JetLayout, compose, through
from kanpde.networks.snapped import SnappedCache, SnappedEdge
from kanpde.networks.tables import FunctionTables, Moments, function_tables


@dataclass(frozen=True)
class LayerTables:
    """All functions of a layer at its inner values, with derivatives.

    Args:
        functions: those of the basis.
        base: the base function, its Taylor coefficients (inputs, N); empty without one.
    """

    functions: FunctionTables
    base: tuple[Tensor, ...]

    def edges(self, coefficients: Tensor) -> list[Tensor]:
        """Return Taylor coefficients (inputs, outputs, N) for coefficients (outputs, F, in)."""
        if not self.base:
            return self.functions.edges(coefficients)
        edges = self.functions.edges(coefficients[:, :-1])
        weights = coefficients[:, -1].T[..., None]
        return [
            torch.addcmul(edge, base[:, None], weights)
            for edge, base in zip(edges, self.base, strict=True)
        ]

    def sums(self, moments: Moments) -> Tensor:
        """Return the derivative of :meth:`edges` by the coefficients, summed, (outputs, F, in)."""
        sums = self.functions.sums(moments)
        if not self.base:
            return sums
        base = sums.new_zeros(len(self.base[0]), len(sums))  # (inputs, outputs)
        for m, b in zip(moments, self.base, strict=False):
            if m is not None:
                base += torch.linalg.vecdot(m, b.unsqueeze(1))
        return torch.cat([sums, base.T.unsqueeze(1)], dim=1)

    def rows(self, moments: Moments, out: Tensor) -> None:
        """Write the same for each point to ``out``, (outputs, F, inputs, N)."""
        if not self.base:
            self.functions.rows(moments, out)
            return
        self.functions.rows(moments, out[:, :-1])
        own = out[:, -1].transpose(0, 1)
        pairs = zip(moments, self.base, strict=False)
        (m, b), *others = [(m, b[:, None]) for m, b in pairs if m is not None]
        torch.mul(m, b, out=own)
        for m, b in others:
            own.addcmul_(m, b)


@dataclass(frozen=True)
class LayerCache:
    """What a layer keeps of a forward pass for the backward one.

    Args:
        input: the input jet (inputs, S, N).
        chain: the jet that enters the functions (the input, or the squashed input), composed.
        tables: of the functions at the inner values, one order more than the jets have.
        squash: derivatives of the squashing function, (order + 2, inputs, N), or None.
        edges: Taylor coefficients of the edges' functions, order + 2 of (inputs, outputs, N).
        snapped: of the edges that are formulas.
    """

    input: Tensor
    chain: Composition
    tables: LayerTables
    squash: Tensor | None
    edges: list[Tensor]
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
        return self._full_shape() if self.space is None else (self.space.size,)

    def _full_shape(self) -> tuple[int, int, int]:
        size = max(b.size for b in self.bases) + (self.activation is not None)
        return self.outputs, size, self.inputs

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
        width = self.upper - self.lower
        rate = (2 / width).unsqueeze(1)
        s = torch.addcmul(-((self.upper + self.lower) / width).unsqueeze(1), z, rate)
        functions = function_tables(self.bases, s, rate, order)
        if self.activation is None:
            return LayerTables(functions, ())
        return LayerTables(functions, tuple(self.activation.taylor(z, order)))

    def table(self, z: Tensor, order: int) -> Tensor:
        """Return all functions and derivatives at inputs z (inputs, N): (order+1, F, inputs, N)."""
        table = self.tables(z, order).functions.dense()
        if self.activation is None:
            return table
        return torch.cat([table, self.activation.evaluate(z, order)[:, None]], dim=1)

    def coordinate_tables(self, x: Tensor, layout: JetLayout) -> CoordinateTables:
        """Return the functions at points x (N, D), where the inputs are the coordinates."""
        highest = max(max(alpha) for alpha in layout.parts)
        highest = highest if layout.laplacian is None else max(highest, 2)
        return CoordinateTables.of(self.table(x.T, highest), layout)

    # Forward ---------------------------------------------------------------------------------

    def features(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions of all inputs, (F, inputs, S, N), from jets x."""
        inner = self._inner(x, layout)[0]
        return compose(self.table(inner[:, 0], layout.order), inner, layout)

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
        edges = tables.edges(self.full())
        chain = Composition(inner, layout)
        y = chain.forward(edges)
        snapped = []
        for edge in self.snapped_edges() if extra else ():
            jet, cache = edge.linearize(x, layout)
            y[edge.output] += jet
            snapped.append(cache)
        formulas = None if extra else self.formulas(x, layout)
        y = y if formulas is None else y + formulas
        return y, LayerCache(x, chain, tables, squash, edges, tuple(snapped))

    # Backward --------------------------------------------------------------------------------

    def backward(
        self,
        adjoint: Tensor,
        cache: LayerCache,
        layout: JetLayout,
        *,
        out: Tensor,
        active: Sequence[int],
    ) -> Tensor:
        """Write the derivatives by the layer's parameters; return the adjoint of the input jets.

        Args:
            adjoint: of the output jets, (outputs, S, N).
            cache: what :meth:`linearize` returned.
            layout: of the jets.
            out: for the derivatives: (P_layer, N) for those of each point, (P_layer,) for those of
                the sum over the points.
            active: the parts of the adjoint that are not zero.
        """
        moments = cache.chain.moments(adjoint, active)
        own = out[: self.coefficients.numel()]
        if out.ndim == 1:
            own.copy_(self.own(cache.tables.sums(moments)))
        elif self.space is None:
            cache.tables.rows(moments, own.view(*self.coefficients.shape, -1))
        else:
            full = adjoint.new_empty(*self._full_shape(), adjoint.shape[-1])
            cache.tables.rows(moments, full)
            own.copy_(self.own(full))
        back = cache.chain.input_adjoint(adjoint, active, cache.edges, moments)
        if cache.squash is not None:
            back = through(back, cache.squash, cache.input, layout)
        start = len(own)
        for edge, snapped in zip(self.snapped_edges(), cache.snapped, strict=True):
            rows, inner = edge.rows(adjoint[edge.output], snapped, layout)
            back[edge.input] += inner
            out[start : start + len(rows)] = rows if out.ndim == 2 else rows.sum(1)
            start += len(rows)
        return back

    def own(self, full: Tensor) -> Tensor:
        """Return derivatives by the parameters (P, ...) from those by (outputs, F, inputs, ...)."""
        return full.flatten(0, 2) if self.space is None else self.space.reduce(full)


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
