r"""One KAN layer on jets: :math:`y_j=\sum_i\varphi_{ji}(x_i)`, every edge a sum over a basis.

Liu et al., arXiv:2404.19756, eq. (2.5) and (2.10): an edge is a residual base function plus a
combination of basis functions. The layer is linear in its coefficients W, so with the jets
:math:`A=\partial^\alpha\phi_b(x_i)` of the functions the output is one matrix product :math:`Y=WA`,
the derivative by the coefficients is adjoint times A, and the adjoint of the input needs
:math:`W^TY` and one more derivative of the basis. Of a B-spline only the degree + 1 functions that
differ from zero at a point are ever computed.

Two other roads give the same numbers in fewer operations: the first layer's inputs are coordinates,
whose jets are almost all zero (:class:`CoordinateTables`), and a layer with one output sums each
edge's function first and composes afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kanpde.bases import Basis, BSpline
from kanpde.bases.activations import Activation, Tanh
from kanpde.networks.jets import JetLayout, chain_factors, compose, compose_adjoint


@dataclass(frozen=True)
class EdgeTables:
    """All functions of a layer at its inputs, with derivatives.

    Args:
        values: (orders, L, inputs, N): the L functions that differ from zero, the base function
            last if there is one.
        cell: (inputs, N), for local bases the index of the first function; else None.
        size: number F of all functions.
        base: whether the last function is the base function.
    """

    values: Tensor
    cell: Tensor | None
    size: int
    base: bool

    def _places(self, shape: torch.Size) -> Tensor:
        """Return the index of each local function, broadcast to a jet shape (L, inputs, S, N)."""
        assert self.cell is not None
        local = shape[0]
        steps = torch.arange(local, device=self.cell.device)[:, None, None]
        return (self.cell[None] + steps)[:, :, None].expand(shape)

    def spread(self, local: Tensor) -> Tensor:
        """Return (F, inputs, S, N) from (L, inputs, S, N): zeros where functions vanish."""
        if self.cell is None:
            return local
        count = len(local) - self.base
        full = local.new_zeros(self.size, *local.shape[1:])
        full.scatter_(0, self._places(local[:count].shape), local[:count])
        if self.base:
            full[-1] = local[-1]
        return full

    def collect(self, full: Tensor) -> Tensor:
        """Return (L, inputs, S, N) from (F, inputs, S, N): the transpose of :meth:`spread`."""
        if self.cell is None:
            return full
        count = self.values.shape[1] - self.base
        local = full.new_empty(count + self.base, *full.shape[1:])
        torch.gather(full, 0, self._places(local[:count].shape), out=local[:count])
        if self.base:
            local[-1] = full[-1]
        return local

    def weights(self, coefficients: Tensor) -> Tensor:
        """Return the coefficients (F, inputs) of the functions that count, (L, inputs, N)."""
        if self.cell is None:
            return coefficients[:, :, None]
        inputs = coefficients.shape[1]
        column = torch.arange(inputs, device=self.cell.device)[:, None]
        steps = torch.arange(self.values.shape[1] - self.base, device=self.cell.device)
        places = (self.cell * inputs + column) + (steps * inputs)[:, None, None]
        local = coefficients.reshape(-1)[places]
        if not self.base:
            return local
        n = self.values.shape[-1]
        return torch.cat([local, coefficients[-1, None, :, None].expand(-1, -1, n)])


@dataclass(frozen=True)
class LayerCache:
    """What a layer keeps of a forward pass for the backward one.

    Args:
        input: the input jet (inputs, S, N).
        inner: the jet of the basis' variable: the input scaled or squashed.
        tables: of the functions at the inner values, one order more than the jets have.
        squash: derivatives of the squashing function, (order + 2, inputs, N), or None.
        features: jets of all functions (F, inputs, S, N); None for a layer with one output.
        edges: derivatives of the edges' functions, (order + 2, inputs, N), for one output.
    """

    input: Tensor
    inner: Tensor
    tables: EdgeTables
    squash: Tensor | None
    features: Tensor | None
    edges: Tensor | None


class KANLayer(nn.Module):
    """A layer of ``outputs`` sum nodes over ``inputs`` nodes, one univariate edge for each pair.

    Args:
        inputs: number of input nodes.
        outputs: number of output nodes.
        basis: on the reference interval [-1, 1].
        activation: the residual base function, or None.
        squash: send the input through tanh before the basis (for bases that grow outside [-1, 1]);
            otherwise an affine map sends [lower, upper] of each input to [-1, 1].

    The coefficients have shape (outputs, functions, inputs); the base function is the last one.
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
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.basis, self.activation, self.squash = basis, activation, squash
        functions = basis.size + (activation is not None)
        zeros = torch.zeros(outputs, functions, inputs, dtype=torch.float64)
        self.coefficients = nn.Parameter(zeros)
        self.register_buffer("lower", -torch.ones(inputs, dtype=torch.float64))
        self.register_buffer("upper", torch.ones(inputs, dtype=torch.float64))

    # Functions -------------------------------------------------------------------------------

    def tables(self, s: Tensor, order: int) -> EdgeTables:
        """Return the functions that differ from zero, with derivatives by the basis' own variable.

        Args:
            s: (inputs, N), the inputs mapped to the reference interval.
            order: highest derivative.
        """
        cell: Tensor | None = None
        if isinstance(self.basis, BSpline):
            cell, values = self.basis.local(s, order)
        else:
            values = self.basis.evaluate(s, order)
        if self.activation is not None:  # it acts on the input itself, z = lower + half (s + 1)
            half = self._half()
            base = self.activation.evaluate(self.lower[:, None] + half * (s + 1), order)
            scale = torch.stack([half**k for k in range(order + 1)])
            values = torch.cat([values, (base * scale)[:, None]], dim=1)
        return EdgeTables(
            values, cell, self.coefficients.shape[1], base=self.activation is not None
        )

    def table(self, z: Tensor, order: int) -> Tensor:
        """Return all functions and derivatives at inputs z (inputs, N): (order+1, F, inputs, N)."""
        half = self._half()
        tables = self.tables((z - self.lower[:, None]) / half - 1, order)
        by_part = tables.values.permute(1, 2, 0, 3)  # orders in the place of parts
        by_s = tables.spread(by_part).permute(2, 0, 1, 3)
        return by_s * torch.stack([half**-k for k in range(order + 1)])[:, None]

    def _half(self) -> Tensor:
        """Return half the width of each input's range, (inputs, 1)."""
        return ((self.upper - self.lower) / 2)[:, None]

    def regrid(self, lower: Tensor, upper: Tensor) -> None:
        """Move the input ranges (inputs,) and refit every edge on its new range, in place.

        Least squares at Chebyshev points of values and of first and second derivatives scaled by
        the cell width, so that a small error in a derivative is not bought by one in the value.
        """
        basis, size = self.basis, self.basis.size
        nodes = torch.cos(torch.linspace(0, torch.pi, 8 * size, dtype=lower.dtype)).to(lower)
        cell = 2.0 / size
        scales = torch.tensor([1.0, cell, cell**2]).to(lower)[:, None, None]
        new = basis.evaluate(nodes, 2)  # on every new range the same table
        rows = (new * scales).permute(0, 2, 1).reshape(-1, size)
        half = (upper - lower) / 2
        z = lower[:, None] + half[:, None] * (nodes + 1)
        old = self.table(z, 2)[:, :size]  # (3, F, inputs, M)
        with torch.no_grad():
            values = torch.einsum("kfim,ofi->kmoi", old, self.coefficients[:, :size])
            by_s = torch.stack([half**k for k in range(3)])[:, None, None, :]
            target = (values * by_s * scales[..., None]).reshape(len(rows), -1)
            fitted = torch.linalg.lstsq(rows, target, driver="gels").solution
            fitted = fitted.view(size, self.outputs, self.inputs)
            self.coefficients[:, :size] = fitted.permute(1, 0, 2)
            self.lower.copy_(lower)
            self.upper.copy_(upper)

    # Forward ---------------------------------------------------------------------------------

    def features(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions of all inputs, (F, inputs, S, N), from jets x."""
        inner = self._inner(x, layout)[0]
        tables = self.tables(inner[:, 0], layout.order)
        return tables.spread(compose(tables.values, inner, layout))

    def forward(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the output jets (outputs, S, N) from the input jets (inputs, S, N)."""
        return self._run(x, layout, extra=0)[0]

    def linearize(self, x: Tensor, layout: JetLayout) -> tuple[Tensor, LayerCache]:
        """Return the output jets and what the backward pass needs."""
        return self._run(x, layout, extra=1)

    def _inner(self, x: Tensor, layout: JetLayout, extra: int = 0) -> tuple[Tensor, Tensor | None]:
        """Return the jet of the basis' variable, and the derivatives of the squashing function."""
        if not self.squash:
            inner = x / self._half()[:, :, None]
            offset = (self.upper + self.lower) / (self.upper - self.lower)
            inner[:, 0] -= offset[:, None]
            return inner, None
        squash = Tanh().evaluate(x[:, 0], layout.order + extra)
        return compose(squash, x, layout), squash

    def _run(self, x: Tensor, layout: JetLayout, *, extra: int) -> tuple[Tensor, LayerCache]:
        inner, squash = self._inner(x, layout, extra)
        tables = self.tables(inner[:, 0], layout.order + extra)
        if self.outputs == 1:
            edges = self._edges(tables)
            y = compose(edges, inner, layout).sum(0, keepdim=True)
            return y, LayerCache(x, inner, tables, squash, None, edges)
        features = tables.spread(compose(tables.values, inner, layout))
        f, i, s, n = features.shape
        weight = self.coefficients.reshape(self.outputs, f * i)
        y = (weight @ features.reshape(f * i, s * n)).view(self.outputs, s, n)
        return y, LayerCache(x, inner, tables, squash, features, None)

    def _edges(self, tables: EdgeTables) -> Tensor:
        """Return the edges' functions of a one-output layer, (orders, inputs, N)."""
        return (tables.values * tables.weights(self.coefficients[0])).sum(1)

    # Backward --------------------------------------------------------------------------------

    def rows(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return each point's derivative by the coefficients, (P_layer, N)."""
        if cache.features is not None:
            rows = adjoint[:, None, None, 0] * cache.features[:, :, 0]
            for part in range(1, layout.size):
                rows.addcmul_(adjoint[:, None, None, part], cache.features[:, :, part])
        else:
            local = self._by_local_coefficients(adjoint, cache, layout)
            rows = cache.tables.spread(local[:, :, None])[:, :, 0]
        return rows.reshape(-1, adjoint.shape[-1])

    def gradient(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return the derivative of the sum over the points by the coefficients, (P_layer,)."""
        if cache.features is None:
            local = self._by_local_coefficients(adjoint, cache, layout)
            return self._summed(local, cache.tables).reshape(-1)
        f, i, s, n = cache.features.shape
        product = adjoint.reshape(self.outputs, s * n) @ cache.features.reshape(f * i, s * n).T
        return product.reshape(-1)

    def input_adjoint(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return the adjoint of the input jets, (inputs, S, N)."""
        if cache.edges is not None:
            back = adjoint.expand(self.inputs, -1, -1)[None]
            table = cache.edges[:, None]
        else:
            s, n = adjoint.shape[1:]
            weight = self.coefficients.detach().reshape(self.outputs, -1)
            full = (weight.T @ adjoint.reshape(self.outputs, s * n)).view(-1, self.inputs, s, n)
            back, table = cache.tables.collect(full), cache.tables.values
        result = _through(back, table, cache.inner, layout)
        if cache.squash is None:
            return result / self._half()[:, :, None]
        return _through(result[None], cache.squash[:, None], cache.input, layout)

    def _by_local_coefficients(
        self, adjoint: Tensor, cache: LayerCache, layout: JetLayout
    ) -> Tensor:
        """Return the derivative by the coefficients of the functions that count, (L, inputs, N)."""
        weights: dict[int, Tensor] = {0: adjoint[0, 0].expand(self.inputs, -1)}
        for part, row in enumerate(chain_factors(cache.inner, layout)):
            for k, factor in row:
                term = adjoint[0, part] * factor
                weights[k] = weights[k] + term if k in weights else term
        stacked = torch.stack([weights[k] for k in range(layout.order + 1)])
        return torch.einsum("kin,klin->lin", stacked, cache.tables.values[: layout.order + 1])

    def _summed(self, local: Tensor, tables: EdgeTables) -> Tensor:
        """Return the sums over the points of (L, inputs, N) for every function, (F, inputs)."""
        if tables.cell is None:
            return local.sum(-1)
        count = len(local) - tables.base
        result = local.new_zeros(tables.size, self.inputs)
        inputs = torch.arange(self.inputs, device=local.device)[:, None]
        first = tables.cell * self.inputs + inputs
        flat = result.view(-1)
        for b in range(count):
            flat.index_add_(0, (first + b * self.inputs).reshape(-1), local[b].reshape(-1))
        if tables.base:
            result[-1] += local[-1].sum(-1)
        return result


@dataclass(frozen=True)
class CoordinateTables:
    r"""The functions of a first layer at fixed points; no parameter changes them.

    The jet of coordinate i is zero but for its value and :math:`\partial_i x_i=1`, so only pure
    derivatives along axis i of its functions differ from zero.

    Args:
        axes: for each coordinate derivatives of all functions, (F, rows, N).
        parts: for each coordinate the parts of the layout that the rows go to.
        size: number S of parts.
    """

    axes: tuple[Tensor, ...]
    parts: tuple[tuple[int, ...], ...]
    size: int

    @staticmethod
    def of(layer: KANLayer, x: Tensor, layout: JetLayout) -> CoordinateTables:
        """Tabulate a layer's functions at points x (N, D)."""
        highest = max(max(alpha) for alpha in layout.parts)
        highest = highest if layout.laplacian is None else max(highest, 2)
        table = layer.table(x.T, highest)  # (orders, F, D, N)
        axes, parts = [], []
        for axis in range(layout.dimension):
            pure = [
                (part, table[alpha[axis], :, axis])
                for part, alpha in enumerate(layout.parts)
                if sum(alpha) == alpha[axis]
            ]
            if layout.laplacian is not None:
                weight = layout.laplacian[axis]
                pure.append((len(layout.parts), weight * table[2, :, axis]))
            axes.append(torch.stack([values for _, values in pure], dim=1))
            parts.append(tuple(part for part, _ in pure))
        return CoordinateTables(tuple(axes), tuple(parts), layout.size)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Return the output jets (outputs, S, N)."""
        outputs, n = len(coefficients), self.axes[0].shape[-1]
        result = coefficients.new_zeros(outputs, self.size, n)
        for axis, (table, parts) in enumerate(zip(self.axes, self.parts, strict=True)):
            product = (coefficients[:, :, axis] @ table.flatten(1)).view(outputs, len(parts), n)
            for row, part in enumerate(parts):
                result[:, part] += product[:, row]
        return result

    def rows(self, adjoint: Tensor) -> Tensor:
        """Return each point's derivative by the coefficients, (P_layer, N)."""
        outputs, n = len(adjoint), adjoint.shape[-1]
        functions = self.axes[0].shape[0]
        rows = adjoint.new_empty(outputs, functions, len(self.axes), n)
        for axis, (table, parts) in enumerate(zip(self.axes, self.parts, strict=True)):
            place = rows[:, :, axis]
            torch.mul(adjoint[:, None, parts[0]], table[:, 0], out=place)
            for row, part in enumerate(parts[1:], start=1):
                place.addcmul_(adjoint[:, None, part], table[:, row])
        return rows.view(outputs * functions * len(self.axes), n)

    def columns(self) -> Tensor:
        """Return the jets of all functions, (S, N, F * D), where this layer is the last too."""
        functions, _, n = self.axes[0].shape
        columns = self.axes[0].new_zeros(self.size, n, functions, len(self.axes))
        for axis, (table, parts) in enumerate(zip(self.axes, self.parts, strict=True)):
            columns[list(parts), :, :, axis] = table.permute(1, 2, 0)
        return columns.flatten(2)

    def gradient(self, adjoint: Tensor) -> Tensor:
        """Return the derivative of the sum over the points by the coefficients, (P_layer,)."""
        blocks = [
            adjoint[:, list(parts)].flatten(1) @ table.flatten(1).T
            for table, parts in zip(self.axes, self.parts, strict=True)
        ]
        return torch.stack(blocks, dim=-1).reshape(-1)


def _through(back: Tensor, table: Tensor, z: Tensor, layout: JetLayout) -> Tensor:
    """Send the adjoint of the composed functions, (F, inputs, S, N), back to their inner jet z."""
    reduced = []
    for part, rules in enumerate(layout.chain):
        orders = sorted({k for k, _ in rules} | {k + 1 for k, _ in rules})
        products = {k: back[:, :, part] * table[k] for k in orders}
        sums = {k: p[0] if len(p) == 1 else p.sum(0) for k, p in products.items()}
        reduced.append([(k, sums[k], sums[k + 1]) for k, _ in rules])
    return compose_adjoint(reduced, z, layout)
