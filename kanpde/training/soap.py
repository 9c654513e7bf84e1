r"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., arXiv:2409.11321).

For a parameter tensor with gradient G, each of its modes k keeps a running mean of
:math:`L_k=G_{(k)}G_{(k)}^T`, G unfolded along the mode. Adam's second moment is kept of the
gradient turned into the eigenvectors of all :math:`L_k`; the step is turned back. The eigenvectors
are followed by one step of orthogonal iteration now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.networks import Network
from kanpde.training.adam import Cosine, FirstOrder, Rate
from kanpde.training.descent import NOTHING, DescentState, common, require
from kanpde.training.objective import Objective

LARGEST = 512
"""A mode of more entries than this is not turned."""


@dataclass(frozen=True)
class SOAPState(DescentState):
    """State of :class:`SOAP`.

    Args:
        mean: running mean of the gradient (P,).
        square: running mean of the squares of the turned gradient (P,).
        covariances: for each tensor and each of its modes the running mean of L_k, or None.
        bases: their eigenvectors, in columns, or None.
    """

    mean: Tensor = NOTHING
    square: Tensor = NOTHING
    covariances: tuple[tuple[Tensor | None, ...], ...] = ()
    bases: tuple[tuple[Tensor | None, ...], ...] = ()


@dataclass(frozen=True)
class SOAP(FirstOrder[SOAPState]):
    """Follow the gradient, each parameter tensor in the basis that its gradients span.

    Between Adam and the quasi-Newton stages: it learns some curvature at the memory of a few
    small matrices for each layer, for networks too large for a dense matrix.

    Args:
        iterations: evaluations of the gradient.
        rate: :class:`Constant`, :class:`Cosine` or :class:`Exponential`, or a number.
        first, second: how much of the running means stays at each iteration.
        every: iterations between two updates of the eigenvectors.
        least: added to the root of the mean square.
        stride: iterations of one step of the stage.

    >>> SOAP(iterations=500).every
    2
    """

    iterations: int = 2000
    rate: Rate | float = Cosine()  # noqa: RUF009 - a frozen value
    first: float = 0.95
    second: float = 0.95
    every: int = 2
    least: float = 1e-8
    stride: int = 50

    name: ClassVar[str] = "soap"

    def __post_init__(self) -> None:
        every = (self.every, self.every >= 1, "at least 1")
        require("SOAP", {**self._limits(), "every": every})

    def _start(self, basic: DescentState) -> SOAPState:
        sizes = _sizes(basic.network)
        gradients = _split(basic.gradient, sizes)
        covariances = tuple(_covariances(g) for g in gradients)
        bases = tuple(tuple(_eigenvectors(c) for c in own) for own in covariances)
        zero = torch.zeros_like(basic.vector)
        return SOAPState(
            **common(basic),
            mean=zero,
            square=zero,
            covariances=covariances,
            bases=bases,
        )

    def _iterate(self, objective: Objective, state: SOAPState) -> SOAPState:
        count, sizes = state.iteration + 1, _sizes(state.network)
        mean = self.first * state.mean + (1 - self.first) * state.gradient
        gradients = _split(state.gradient, sizes)
        turned = _joined([_turned(g, q) for g, q in zip(gradients, state.bases, strict=True)])
        square = self.second * state.square + (1 - self.second) * turned**2
        means = _split(mean, sizes)
        heading = _joined([_turned(m, q) for m, q in zip(means, state.bases, strict=True)])
        unbiased = (square / (1 - self.second**count)).sqrt()
        step = heading / (1 - self.first**count) / (unbiased + self.least)
        back = [
            _turned(s, q, back=True) for s, q in zip(_split(step, sizes), state.bases, strict=True)
        ]
        rate = self.schedule.at(state.iteration / self.iterations)
        vector = state.vector - rate * _joined(back)
        covariances = tuple(
            tuple(
                None if old is None or new is None else self.second * old + (1 - self.second) * new
                for old, new in zip(kept, _covariances(g), strict=True)
            )
            for kept, g in zip(state.covariances, gradients, strict=True)
        )
        bases = state.bases
        if count % self.every == 0:
            bases, square = _followed(covariances, bases, square, sizes)
        loss, gradient = objective(vector)
        return replace(
            state,
            vector=vector,
            loss=loss,
            gradient=gradient,
            mean=mean,
            square=square,
            covariances=covariances,
            bases=bases,
        )


def _sizes(network: Network) -> tuple[torch.Size, ...]:
    return tuple(p.shape for p in network.parameters())


def _split(vector: Tensor, sizes: tuple[torch.Size, ...]) -> list[Tensor]:
    parts = vector.split([size.numel() for size in sizes])
    return [part.view(size) for part, size in zip(parts, sizes, strict=True)]


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])


def _covariances(gradient: Tensor) -> tuple[Tensor | None, ...]:
    """Return G G^T for each mode of a tensor; None for vectors and for modes of one or too many."""
    if gradient.ndim < 2:
        return (None,) * gradient.ndim
    found: list[Tensor | None] = []
    for mode, size in enumerate(gradient.shape):
        unfolded = gradient.movedim(mode, 0).reshape(size, -1)
        found.append(unfolded @ unfolded.T if 1 < size <= LARGEST else None)
    return tuple(found)


def _eigenvectors(covariance: Tensor | None) -> Tensor | None:
    if covariance is None:
        return None
    return torch.linalg.eigh(covariance)[1].flip(1).contiguous()


def _turned(tensor: Tensor, bases: tuple[Tensor | None, ...], *, back: bool = False) -> Tensor:
    """Return a tensor in the bases of its modes, or back from there."""
    for mode, basis in enumerate(bases):
        if basis is not None:
            turn = basis if back else basis.T
            tensor = (
                (turn @ tensor.movedim(mode, 0).flatten(1))
                .view(len(turn), *tensor.movedim(mode, 0).shape[1:])
                .movedim(0, mode)
            )
    return tensor


def _followed(
    covariances: tuple[tuple[Tensor | None, ...], ...],
    bases: tuple[tuple[Tensor | None, ...], ...],
    square: Tensor,
    sizes: tuple[torch.Size, ...],
) -> tuple[tuple[tuple[Tensor | None, ...], ...], Tensor]:
    """Return the eigenvectors after one orthogonal iteration, and the squares in their order."""
    fresh, squares = [], []
    parts = zip(covariances, bases, _split(square, sizes), strict=True)
    for covs, own, part in parts:
        row: list[Tensor | None] = []
        for mode, (covariance, basis) in enumerate(zip(covs, own, strict=True)):
            if covariance is None or basis is None:
                row.append(None)
                continue
            order = torch.linalg.vecdot(basis, covariance @ basis, dim=0).argsort(descending=True)
            part = part.index_select(mode, order)
            row.append(torch.linalg.qr(covariance @ basis[:, order])[0].contiguous())
        fresh.append(tuple(row))
        squares.append(part)
    return tuple(fresh), _joined(squares)
