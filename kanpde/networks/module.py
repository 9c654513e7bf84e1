r"""Any ``torch.nn.Module`` as a field: derivatives by nested automatic differentiation."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import inf
from typing import Any, NoReturn, Self

import torch
from torch import Tensor, nn

from kanpde.networks import checks
from kanpde.networks.features import Periodic
from kanpde.networks.jets import JetLayout, MultiIndex
from kanpde.networks.network import Network, Prepared, Pullback

BATCH = 16
"""Points whose rows are found together: each row costs one backward pass over the batch."""


class Module(Network):
    r"""A foreign network N -> u: any module that maps points (N, D) to values (N, outputs).

    Every derivative is one more reverse pass, :math:`\partial^{\alpha+e_i}u=\nabla_i
    \sum_n\partial^\alpha u(x_n)`, which is right because the points do not see each other: so the
    module must treat each point by itself. A module that mixes the points of a batch (batch
    normalisation in training mode, attention over points) or draws random numbers (dropout in
    training mode) has no such derivatives. The constructor compares a batch with a part of it
    and refuses what differs; that finds most such modules, not all.

    It must be smooth enough for the derivatives asked for: a ReLU network has zero curvature.

    Args:
        net: the module; its parameters are trained in place of this network's own.
        dimension: number of coordinates D.
        outputs: number of unknowns.
        periodic: coordinates in which the field is periodic by construction: the module gets
            waves in their place, after the other coordinates (the cosines, then the sines), and so
            takes more inputs than there are coordinates.

    Raises:
        ValueError: for a module without parameters, with parameters of several dtypes, of a wrong
            output shape or dtype, or that mixes points.

    >>> net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    >>> Module(net, 2, 1).jets(torch.zeros(5, 2).double(), JetLayout.of(2, [(2, 0)])).shape
    torch.Size([1, 3, 5])
    """

    def __init__(
        self,
        net: nn.Module,
        dimension: int,
        outputs: int,
        *,
        periodic: Periodic | Sequence[Periodic] = (),
    ) -> None:
        super().__init__()
        self.net = net
        self.circles = (periodic,) if isinstance(periodic, Periodic) else tuple(periodic)
        self.dimension, self.outputs = dimension, outputs
        dtypes = sorted({str(p.dtype) for p in net.parameters()})
        if len(dtypes) != 1:
            raise ValueError(
                f"Module needs a net with parameters of one floating dtype; {type(net).__name__} "
                f"has {' and '.join(dtypes) or 'no parameters'}."
            )
        self._probe()

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the points x (N, D) themselves: nothing of a foreign module is known beforehand.

        Raises:
            ValueError: for points of a wrong shape or another dtype than the module's.
        """
        checks.points(x, self.dimension, self._dtype, owner="Module")
        return Prepared(layout, x.detach())

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            jets = self._taped(points.tables, points.layout)
        return jets if keep else jets.detach()

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints, which keeps the tape."""
        with torch.enable_grad():
            jets = self._taped(points.tables, points.layout)
        return jets.detach(), _ModulePullback(self, points, jets)

    def forward(self, x: Tensor) -> Tensor:
        """Return the values at points x (N, D): shape (N, outputs)."""
        checks.points(x, self.dimension, self._dtype, owner="Module")
        return _values(self.net, self._inputs(x), self.outputs)

    def columns(self, points: Prepared) -> Tensor:
        """Raise ValueError: the field is not known to be linear in any coefficients."""
        self._not_linear()

    @property
    def output_coefficients(self) -> Tensor:
        """Raise ValueError: the field is not known to be linear in any coefficients."""
        self._not_linear()

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Raise ValueError: the field is not known to be linear in any coefficients."""
        self._not_linear()

    def to_dict(self) -> dict[str, Any]:
        """Raise ValueError: foreign modules are saved by their owner."""
        raise ValueError(
            f"kanpde cannot rebuild the foreign module {type(self.net).__name__} from a file. Save "
            "its parameters yourself, torch.save(network.net.state_dict(), path), and later build "
            f"it again: net.load_state_dict(torch.load(path)), then Module(net, {self.dimension}, "
            f"{self.outputs}). kanpde.KAN and kanpde.MLP are saved with the solution."
        )

    @property
    def periods(self) -> dict[int, tuple[float, float]]:
        """By column of a periodic coordinate the period, and the order of smoothness."""
        return {p.axis: (p.period, inf) for p in self.circles}

    def copied(self) -> Self:
        """Return a deep copy: a foreign module may hold anything."""
        return copy.deepcopy(self)

    # Internals -------------------------------------------------------------------------------

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def _not_linear(self) -> NoReturn:
        raise ValueError(
            f"the foreign module {type(self.net).__name__} has no output coefficients that kanpde "
            "knows of, so no least squares can find them; train it, e.g. by LevenbergMarquardt(), "
            "or use a KAN or an MLP."
        )

    def _probe(self) -> None:
        """Check shape, dtype and independence of the points on a copy, at points in (0, 1)^D."""
        first = next(self.parameters())
        x = torch.linspace(0.05, 0.95, 5 * self.dimension, dtype=first.dtype, device=first.device)
        x = x.view(self.dimension, 5).T.contiguous()
        net = copy.deepcopy(self.net)
        with torch.no_grad():
            seen = self._inputs(x)
            whole, part = _values(net, seen, self.outputs), _values(net, seen[:2], self.outputs)
        tolerance = 1e3 * torch.finfo(x.dtype).eps
        if not torch.allclose(whole[:2], part, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise ValueError(
                f"{type(self.net).__name__} gives a point another value when other points are in "
                "the batch, or draws random numbers; derivatives need a module that treats every "
                "point by itself. Batch normalisation and dropout: call net.eval() first."
            )

    def _inputs(self, x: Tensor) -> Tensor:
        """Return what the module sees of points x (N, D): waves for periodic coordinates."""
        if not self.circles:
            return x
        free = [i for i in range(self.dimension) if i not in self.periods]
        columns = [x[:, free]]
        for p in self.circles:
            k = torch.arange(1, p.harmonics + 1, dtype=x.dtype, device=x.device)
            angle = (2 * torch.pi / p.period) * k * x[:, p.axis : p.axis + 1]
            columns += [torch.cos(angle), torch.sin(angle)]
        return torch.cat(columns, dim=1)

    def _taped(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets (outputs, S, N) with the tape that leads to the parameters."""
        x = x.detach().requires_grad_()
        values = _values(self.net, self._inputs(x), self.outputs)
        return torch.stack([_nested(values[:, o], x, layout) for o in range(self.outputs)])


def _values(net: nn.Module, x: Tensor, outputs: int) -> Tensor:
    """Return the values (N, outputs) of a module, checked."""
    values = net(x)
    name, wanted = type(net).__name__, (len(x), outputs)
    if not isinstance(values, Tensor):
        raise ValueError(
            f"{name} must return a tensor of shape (N, {outputs}); got a {type(values).__name__}."
        )
    if values.shape != wanted:
        hint = "; return values[:, None]" if (*values.shape, 1) == wanted else ""
        raise ValueError(
            f"{name} must return values of shape (N, {outputs}), here {wanted}; got "
            f"{tuple(values.shape)}{hint}."
        )
    if values.dtype != x.dtype:
        raise ValueError(
            f"{name} turns points of {x.dtype} into values of {values.dtype}; convert its "
            f"buffers and constants too: net.to({x.dtype})."
        )
    return values


def _nested(value: Tensor, x: Tensor, layout: JetLayout) -> Tensor:
    """Return the parts (S, N) of a field from its values (N,) at the points x (N, D)."""
    known: dict[MultiIndex, Tensor] = {layout.parts[0]: value}
    slopes: dict[MultiIndex, Tensor] = {}
    for alpha in layout.parts[1:]:
        axis = max(i for i, n in enumerate(alpha) if n)
        below = tuple(n - (i == axis) for i, n in enumerate(alpha))
        if below not in slopes:
            slopes[below] = _slope(known[below], x)
        known[alpha] = slopes[below][:, axis]
    return torch.stack([known[alpha] for alpha in layout.parts])


def _slope(part: Tensor, x: Tensor) -> Tensor:
    """Return the gradients (N, D) of each point's number; zero where it does not depend on x."""
    if not part.requires_grad:
        return torch.zeros_like(x)
    (slope,) = torch.autograd.grad(
        part.sum(), x, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return slope


class _ModulePullback(Pullback):
    def __init__(self, network: Module, points: Prepared, jets: Tensor) -> None:
        self._network, self._points, self._jets = network, points, jets

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the rows, batch by batch: on the whole set each would cost a pass over all."""
        x, layout = self._points.tables, self._points.layout
        blocks = []
        for points, back in zip(x.split(BATCH), adjoint.split(BATCH, dim=-1), strict=True):
            with torch.enable_grad():
                scalars = (self._network._taped(points, layout) * back).sum((0, 1))
            blocks.append(self._pulled(scalars, torch.eye(len(points)).to(points)))
        return torch.cat(blocks).T

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        """Return the gradient of the sum by one backward pass."""
        with torch.enable_grad():
            total = (self._jets * adjoint).sum()
        return self._pulled(total, torch.ones_like(total))

    def _pulled(self, scalars: Tensor, weights: Tensor) -> Tensor:
        """Return the derivatives of weighted sums of the scalars, (P,), or (M, P) for M sums."""
        parameters = list(self._network.parameters())
        trained = [p for p in parameters if p.requires_grad]
        batched = weights.ndim > scalars.ndim
        lead = weights.shape[:1] if batched else ()
        found: dict[Tensor, Tensor | None] = {}
        if trained and scalars.requires_grad:
            gradients = torch.autograd.grad(
                scalars,
                trained,
                weights,
                retain_graph=True,
                is_grads_batched=batched,
                allow_unused=True,  # not materialize_grads: that forgets the batch
            )
            found = dict(zip(trained, gradients, strict=True))
        blocks = []
        for p in parameters:
            gradient = found.get(p)
            if gradient is None:
                gradient = weights.new_zeros(*lead, p.numel())
            blocks.append(gradient.reshape(*lead, p.numel()))
        return torch.cat(blocks, dim=-1)
