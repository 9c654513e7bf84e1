r"""One KAN layer on jets: :math:`y_j=\sum_i\varphi_{ji}(x_i)`, every edge a sum over a basis.

Liu et al., arXiv:2404.19756, eq. (2.5) and (2.10): an edge is a residual base function plus a
combination of basis functions. The layer is linear in its coefficients, so with the feature jets
:math:`A=\partial^\alpha\phi_b(x_i)` the output is one matrix product :math:`Y=WA`, the derivative
by the coefficients is adjoint times A, and the adjoint of the input needs :math:`W^TY` and one more
derivative of the basis.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kanpde.bases import Basis
from kanpde.bases.activations import Activation, Tanh
from kanpde.networks.jets import JetLayout, compose, compose_adjoint


@dataclass(frozen=True)
class LayerCache:
    """What a layer keeps of a forward pass for the backward one.

    Args:
        features: jets of all functions, (F, inputs, S, N).
        input: the layer's input jet (inputs, S, N); None for the first layer, whose input has no
            adjoint.
        inner: the input jet of the basis, after squashing.
        table: derivatives of the functions at the inner values, (order + 2, F, inputs, N).
        squash: derivatives of the squashing function, (order + 2, inputs, N), or None.
    """

    features: Tensor
    input: Tensor | None = None
    inner: Tensor | None = None
    table: Tensor | None = None
    squash: Tensor | None = None


class KANLayer(nn.Module):
    """A layer of ``outputs`` sum nodes over ``inputs`` nodes, one univariate edge for each pair.

    Args:
        inputs, outputs: numbers of nodes.
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

    def table(self, z: Tensor, order: int) -> Tensor:
        """Return all functions and derivatives at inputs z (inputs, N): (order+1, F, inputs, N)."""
        half = (self.upper - self.lower)[:, None] / 2
        s = (z - self.lower[:, None]) / half - 1
        table = self.basis.evaluate(s, order)
        if order:
            scale = torch.stack([half**-k for k in range(order + 1)])
            table = table * scale[:, None]
        if self.activation is None:
            return table
        return torch.cat([table, self.activation.evaluate(z, order)[:, None]], dim=1)

    def regrid(self, lower: Tensor, upper: Tensor) -> None:
        """Move the input ranges (inputs,) and refit every edge on its new range, in place.

        Least squares at Chebyshev points of values and of first and second derivatives scaled by
        the cell width, so that a small error in a derivative is not bought by one in the value.
        """
        basis, size = self.basis, self.basis.size
        nodes = torch.cos(torch.linspace(0, torch.pi, 8 * size, dtype=lower.dtype))
        cell = 2.0 / size
        scales = torch.tensor([1.0, cell, cell**2], dtype=lower.dtype)[:, None, None]
        new = basis.evaluate(nodes, 2)  # on every new range the same table
        rows = (new * scales).permute(0, 2, 1).reshape(-1, size)
        half = (upper - lower) / 2
        z = lower[:, None] + half[:, None] * (nodes + 1)
        old = self.table(z, 2)[:, :size]  # (3, F, inputs, M)
        with torch.no_grad():
            values = torch.einsum("kfim,ofi->kmoi", old, self.coefficients[:, :size])
            by_s = torch.stack([half**k for k in range(3)])[:, None, None, :]
            target = (values * by_s * scales[..., None]).reshape(len(rows), -1)
            fitted = torch.linalg.lstsq(rows, target, driver="gelsd").solution
            fitted = fitted.view(size, self.outputs, self.inputs)
            self.coefficients[:, :size] = fitted.permute(1, 0, 2)
            self.lower.copy_(lower)
            self.upper.copy_(upper)

    def features(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all functions of all inputs, (F, inputs, S, N), from jets x."""
        if self.squash:
            x = compose(Tanh().evaluate(x[:, 0], layout.order), x, layout)
        return compose(self.table(x[:, 0], layout.order), x, layout)

    def forward(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the output jets (outputs, S, N) from the input jets (inputs, S, N)."""
        return self.combine(self.features(x, layout))

    def combine(self, features: Tensor) -> Tensor:
        """Return the output jets (outputs, S, N) from feature jets (F, inputs, S, N)."""
        s, n = features.shape[-2:]
        weight = self.coefficients.reshape(self.outputs, -1)
        return (weight @ features.reshape(weight.shape[1], s * n)).view(self.outputs, s, n)

    def linearize(self, x: Tensor, layout: JetLayout) -> tuple[Tensor, LayerCache]:
        """Return the output jets and what the backward pass needs."""
        z, squash = x, None
        if self.squash:
            squash = Tanh().evaluate(x[:, 0], layout.order + 1)
            z = compose(squash, x, layout)
        table = self.table(z[:, 0], layout.order + 1)
        features = compose(table, z, layout)
        return self.combine(features), LayerCache(features, x, z, table, squash)

    def rows(self, adjoint: Tensor, cache: LayerCache) -> Tensor:
        """Return each point's derivative by the coefficients, (P_layer, N)."""
        rows = torch.einsum("osn,fisn->ofin", adjoint, cache.features)
        return rows.reshape(-1, adjoint.shape[-1])

    def gradient(self, adjoint: Tensor, cache: LayerCache) -> Tensor:
        """Return the derivative of the sum over the points by the coefficients, (P_layer,)."""
        f, i, s, n = cache.features.shape
        product = adjoint.reshape(self.outputs, s * n) @ cache.features.reshape(f * i, s * n).T
        return product.reshape(-1)

    def input_adjoint(self, adjoint: Tensor, cache: LayerCache, layout: JetLayout) -> Tensor:
        """Return the adjoint of the input jets, (inputs, S, N)."""
        f, i, s, n = cache.features.shape
        weight = self.coefficients.detach().reshape(self.outputs, -1)
        back = (weight.T @ adjoint.reshape(self.outputs, s * n)).view(f, i, s, n)
        assert cache.table is not None
        assert cache.inner is not None
        result = _through(back, cache.table, cache.inner, layout)
        if cache.squash is not None:
            assert cache.input is not None
            result = _through(result[None], cache.squash[:, None], cache.input, layout)
        return result


def _through(back: Tensor, table: Tensor, z: Tensor, layout: JetLayout) -> Tensor:
    """Send the adjoint of the composed functions, (F, inputs, S, N), back to their inner jet z."""
    reduced = []
    for part, rules in enumerate(layout.chain):
        orders = sorted({k for k, _ in rules} | {k + 1 for k, _ in rules})
        sums = {k: (back[:, :, part] * table[k]).sum(0) for k in orders}
        reduced.append([(k, sums[k], sums[k + 1]) for k, _ in rules])
    return compose_adjoint(reduced, z, layout)
