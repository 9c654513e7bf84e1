"""Multilayer perceptrons on jets: the network of PINNs, every derivative exact."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases.activations import Activation, Tanh, activation_from_dict
from kanpde.networks import checks
from kanpde.networks.features import InputFeatures, Periodic, RandomFourier
from kanpde.networks.jets import JetLayout, compose, through
from kanpde.networks.network import Network, Prepared, Pullback


class Linear(nn.Module):
    """A linear layer on jets: one matrix product over all parts; the bias moves the value only.

    Unlike ``torch.nn.Linear`` it starts at zero, so that no global random state is used.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return the output jets (outputs, S, N) from the input jets (inputs, S, N)."""
        y = (self.weight @ x.flatten(1)).view(len(self.weight), *x.shape[1:])
        y[:, 0] += self.bias[:, None]
        return y


class MLP(Network):
    r"""A network of linear layers and one fixed activation (Raissi et al., J. Comput. Phys. 2019).

    .. math:: u(x) = W_L h_{L-1} + b_L, \quad h_l = \sigma(W_l h_{l-1} + b_l), \quad h_0 = f(x)

    with features f: the coordinates mapped from [lower, upper] to [-1, 1], those of ``periodic``
    replaced by waves, and with ``fourier`` random waves of all of these.

    Args:
        widths: nodes in each layer, inputs first: ``[2, 40, 40, 1]``.
        activation: of all hidden nodes; smooth, for the residual takes its derivatives.
        fourier: random Fourier features, or None.
        periodic: coordinate, or coordinates, in which the field is periodic by construction.
        lower, upper: range of the inputs, one number for each coordinate; where none is given
            ``solve`` sets them from the domain.
        seed: of the random start. None means that ``solve`` starts the network anew with its own
            seed; a number fixes the start, and with a range the network is trained from where it
            is.

    The start is Glorot's (Glorot and Bengio, AISTATS 2010) with the bias as one more input, but
    the first layer's weights have variance 1 / inputs and each output is divided by the larger rms
    of its value and its Laplacian in the scaled coordinates, so that both are O(1). (Random waves
    of high frequency make the Laplacian large by nature; then the value starts small.)

    Parameters are, layer by layer, the weights (outputs, inputs) and the biases (outputs,).

    Raises:
        ValueError: for fewer than two widths, a width below 1, bad ranges or bad periodic axes.

    >>> network = MLP([2, 40, 40, 1], seed=0)
    >>> network.parameter_count
    1801
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        activation: Activation = Tanh(),  # noqa: B008 - a frozen value
        fourier: RandomFourier | None = None,
        periodic: Periodic | Sequence[Periodic] = (),
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.widths = tuple(int(w) for w in widths)
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(
                f"MLP({list(widths)}) needs at least two widths, all positive, inputs first: "
                "MLP([2, 40, 40, 1])."
            )
        self.dimension, self.outputs = self.widths[0], self.widths[-1]
        self.activation, self.seed = activation, seed
        self.has_range = lower is not None or upper is not None
        circles = (periodic,) if isinstance(periodic, Periodic) else tuple(periodic)
        self.features = InputFeatures(self.dimension, circles, fourier)
        sizes = (self.features.size, *self.widths[1:])
        self.layers = nn.ModuleList(Linear(i, o) for i, o in pairwise(sizes))
        self.features.set_range(lower, upper)
        self._initialise(0 if seed is None else seed)

    # The field -------------------------------------------------------------------------------

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the jets of the features at the points x (N, D); no parameter changes them.

        Raises:
            ValueError: for points of a wrong shape or another dtype than the network's.
        """
        checks.points(x, self.dimension, self.features.lower.dtype, owner="MLP")
        return Prepared(layout, self.features.jets(x, layout))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        return self._layers()[-1](self._last_hidden(points))

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        layout, steps = points.layout, []
        with torch.no_grad():
            jet = points.tables
            for layer in self._layers()[:-1]:
                inner = layer(jet)
                table = self.activation.evaluate(inner[:, 0], layout.order + 1)
                steps.append(_Step(jet, inner, table))
                jet = compose(table, inner, layout)
            return self._layers()[-1](jet), _MLPPullback(self._layers(), steps, jet, layout)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the last hidden nodes and of the constant 1, (S, N, H + 1)."""
        hidden = self._last_hidden(points)
        one = torch.zeros_like(hidden[:1])
        one[:, 0] = 1.0
        return torch.cat([hidden, one]).permute(1, 2, 0)

    @property
    def output_coefficients(self) -> Tensor:
        """The weights and, last, the biases of the output layer, shape (outputs, H + 1)."""
        last = self._layers()[-1]
        return torch.cat([last.weight, last.bias[:, None]], dim=1).detach()

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other weights and biases of the output layer, (outputs, H + 1)."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="MLP")
        clone = copy.deepcopy(self)
        last = clone._layers()[-1]
        with torch.no_grad():
            last.weight.copy_(coefficients[:, :-1])
            last.bias.copy_(coefficients[:, -1])
        return clone

    @property
    def periods(self) -> dict[int, tuple[float, float]]:
        """By column of a periodic coordinate the period, and the order of smoothness."""
        return {p.axis: (p.period, inf) for p in self.features.periodic}

    def closed(self, axes: Sequence[int]) -> MLP:
        """Return a network of the same kind that is periodic in more coordinates; it starts anew.

        Args:
            axes: columns of the coordinates; the range is one period.
        """
        width = (self.features.upper - self.features.lower).tolist()
        more = [Periodic(axis, width[axis]) for axis in axes if axis not in self.periods]
        return MLP(
            self.widths,
            activation=self.activation,
            fourier=self.features.fourier,
            periodic=[*self.features.periodic, *more],
            lower=self.features.lower.tolist() if self.has_range else None,
            upper=self.features.upper.tolist() if self.has_range else None,
            seed=self.seed,
        ).to(self.features.lower.dtype)

    # Copies and saving -----------------------------------------------------------------------

    def prepared(self, lower: Sequence[float], upper: Sequence[float], seed: int) -> MLP:
        """Return the network ready for a domain.

        A network without a range takes the domain's, one without a seed the given seed; in both
        cases it starts anew. A network with both stays as it is.
        """
        clone = copy.deepcopy(self)
        if clone.seed is not None and clone.has_range:
            return clone
        clone.seed = seed if clone.seed is None else clone.seed
        if not clone.has_range:
            clone.features.set_range(lower, upper)
            clone.has_range = True
        clone._initialise(clone.seed)
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        fourier = self.features.fourier
        return {
            "kind": "mlp",
            "widths": list(self.widths),
            "activation": self.activation.to_dict(),
            "fourier": None if fourier is None else fourier.to_dict(),
            "periodic": [p.to_dict() for p in self.features.periodic],
            "lower": self.features.lower.tolist() if self.has_range else None,
            "upper": self.features.upper.tolist() if self.has_range else None,
            "seed": self.seed,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> MLP:
        """Return a network of the described shape; its parameters are those of its seed."""
        fourier = data["fourier"]
        return MLP(
            data["widths"],
            activation=activation_from_dict(data["activation"]),
            fourier=None if fourier is None else RandomFourier(**fourier),
            periodic=[Periodic(**p) for p in data["periodic"]],
            lower=data["lower"],
            upper=data["upper"],
            seed=data["seed"],
        )

    # Internals -------------------------------------------------------------------------------

    def _layers(self) -> list[Linear]:
        return list(self.layers)  # type: ignore[arg-type]

    def _last_hidden(self, points: Prepared) -> Tensor:
        """Return the jets that enter the output layer, (H, S, N)."""
        layout, jet = points.layout, points.tables
        for layer in self._layers()[:-1]:
            inner = layer(jet)
            jet = compose(self.activation.evaluate(inner[:, 0], layout.order), inner, layout)
        return jet

    def _initialise(self, seed: int) -> None:
        """Draw frequencies, weights and biases, then scale the output; see the class."""
        generator = np.random.default_rng(seed)
        self.features.draw(generator)
        for depth, layer in enumerate(self._layers()):
            outputs, inputs = layer.weight.shape
            variance = 2 / (inputs + 1 + outputs) if depth else 1 / inputs
            drawn = np.sqrt(variance) * generator.normal(size=(outputs, inputs + 1))
            with torch.no_grad():
                layer.weight.copy_(torch.as_tensor(drawn[:, :-1]))
                layer.bias.copy_(torch.as_tensor(drawn[:, -1]))
        last = self._layers()[-1]
        with torch.no_grad():
            scale = self._start_size(generator.uniform(size=(256, self.dimension))).clamp_min(1e-12)
            last.weight.div_(scale[:, None])
            last.bias.div_(scale)

    def _start_size(self, probe: np.ndarray) -> Tensor:
        """Return the larger rms of value and Laplacian in scaled coordinates, (outputs,).

        Args:
            probe: points in the unit cube, shape (N, D).
        """
        lower, width = self.features.lower, self.features.upper - self.features.lower
        second = [
            tuple(2 * int(i == axis) for i in range(self.dimension))
            for axis in range(self.dimension)
        ]
        layout = JetLayout.of(self.dimension, second)
        jets = self.jets(lower + width * torch.as_tensor(probe).to(width), layout)
        parts = jets[:, [layout.index[alpha] for alpha in second]]
        laplacian = ((width / 2)[:, None] ** 2 * parts).sum(1)
        rms = torch.stack([jets[:, 0], laplacian]).square().mean(-1).sqrt()
        return rms.amax(0)


@dataclass(frozen=True)
class _Step:
    """What a hidden layer keeps of a forward pass for the backward one.

    Args:
        input: the jets that enter the layer, (inputs, S, N).
        inner: the jets before the activation, (units, S, N).
        table: derivatives of the activation at the inner values, (order + 2, units, N).
    """

    input: Tensor
    inner: Tensor
    table: Tensor


class _MLPPullback(Pullback):
    def __init__(
        self, layers: list[Linear], steps: list[_Step], hidden: Tensor, layout: JetLayout
    ) -> None:
        self._layers, self._steps, self._hidden, self._layout = layers, steps, hidden, layout

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        total = sum(layer.weight.numel() + layer.bias.numel() for layer in self._layers)
        result = adjoint.new_empty(total, adjoint.shape[-1])
        end = total
        for y, x in self._backward(adjoint):
            size = len(y) * len(x)
            start = end - size - len(y)
            _weight_rows(y, x, result[start : start + size].view(len(y), len(x), -1))
            result[start + size : end] = y[:, 0]
            end = start
        return result

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        blocks: list[Tensor] = []
        for y, x in self._backward(adjoint):
            blocks += [y[:, 0].sum(1), (y.flatten(1) @ x.flatten(1).T).reshape(-1)]
        return torch.cat(blocks[::-1])

    def _backward(self, adjoint: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield for each layer, last first, the adjoint of its output and the jets that enter."""
        with torch.no_grad():
            yield adjoint, self._hidden
            for layer, step in zip(self._layers[:0:-1], self._steps[::-1], strict=True):
                back = layer.weight.T @ adjoint.flatten(1)
                back = back.view(layer.weight.shape[1], *adjoint.shape[1:])
                adjoint = through(back, step.table, step.inner, self._layout)
                yield adjoint, step.input


def _weight_rows(adjoint: Tensor, x: Tensor, out: Tensor) -> None:
    """Write the sums over the parts of adjoint (o, S, N) times x (i, S, N) to out (o, i, N).

    One output after the other, whose block stays in the cache while the parts are added.
    """
    for y, block in zip(adjoint.unbind(0), out.unbind(0), strict=True):
        torch.mul(x[:, 0], y[0], out=block)
        for part in range(1, len(y)):
            block.addcmul_(x[:, part], y[part])
