r"""A field and a small correction: :math:`u=u_0+\epsilon\,v`, of which only v is trained.

Where :math:`u_0` has reached its own limit, v starts anew on what is left, at its scale (Wang and
Lai, J. Comput. Phys. 504 (2024) 112865).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from kanpde.networks.network import Network, Prepared, Pullback


class Corrected(Network):
    """A field that no longer changes plus a trained one.

    The parameters of the first become buffers, so that :meth:`vector` holds the correction's alone.

    Args:
        base: the field that stays.
        correction: the field that is trained, with the same coordinates and outputs.
        scale: the size of the correction.

    Raises:
        ValueError: if the two do not fit each other, or for a scale that is not positive.

    >>> from kanpde.networks import MLP
    >>> Corrected(MLP([2, 9, 1]), MLP([2, 4, 1]), 1e-3).parameter_count
    17
    """

    def __init__(self, base: Network, correction: Network, scale: float) -> None:
        super().__init__()
        if (base.dimension, base.outputs) != (correction.dimension, correction.outputs):
            raise ValueError(
                f"a field of {base.dimension} coordinates and {base.outputs} outputs cannot be "
                f"corrected by one of {correction.dimension} and {correction.outputs}."
            )
        if not scale > 0:
            raise ValueError(f"Corrected: scale={scale!r} must be positive.")
        self.base, self.correction, self.scale = _frozen(base), correction, float(scale)
        self.dimension, self.outputs = base.dimension, base.outputs

    @property
    def collapses(self) -> bool:
        """Whether layouts with a Laplacian in one piece are taken."""
        return self.base.collapses and self.correction.collapses

    @property
    def periods(self) -> dict[int, tuple[float, float]]:
        """The coordinates in which both are periodic by construction."""
        own, other = self.base.periods, self.correction.periods
        return {
            axis: (own[axis][0], min(own[axis][1], other[axis][1]))
            for axis in own
            if axis in other and own[axis][0] == other[axis][0]
        }

    def prepare(self, x: Tensor, layout: Any) -> Prepared:
        """Return the jets of the base at the points x (N, D), and the correction's tables."""
        with torch.no_grad():
            fixed = self.base.jets(x, layout)
        return Prepared(layout, (fixed, self.correction.prepare(x, layout)))

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        fixed, own = points.tables
        return fixed + self.scale * self.correction.evaluate(own)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        fixed, own = points.tables
        jets, pullback = self.correction.linearize(own)
        return fixed + self.scale * jets, _CorrectedPullback(pullback, self.scale)

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the functions that the output coefficients multiply, (S, N, C)."""
        return self.scale * self.correction.columns(points.tables[1])

    def offset(self, points: Prepared) -> Tensor:
        """Return the jets of the base, and of what the correction holds beside its coefficients."""
        fixed, own = points.tables
        more = self.correction.offset(own)
        return fixed if more is None else fixed + self.scale * more

    @property
    def output_coefficients(self) -> Tensor:
        """The output coefficients of the correction."""
        return self.correction.output_coefficients

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other output coefficients of the correction."""
        return self._with(self.correction.with_output_coefficients(coefficients))

    def refined(self, **how: Any) -> Self:
        """Return the same field with the correction refined."""
        return self._with(self.correction.refined(**how))  # type: ignore[operator]

    def regridded(self, x: Tensor, **how: Any) -> Self:
        """Return the field with the correction's hidden grids moved to its values."""
        return self._with(self.correction.regridded(x, **how))  # type: ignore[operator]

    def _with(self, correction: Network) -> Self:
        clone = copy.copy(self)
        clone._modules = {**self._modules, "correction": correction}
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without parameters."""
        return {
            "kind": "corrected",
            "base": self.base.to_dict(),
            "correction": self.correction.to_dict(),
            "scale": self.scale,
        }


class _CorrectedPullback(Pullback):
    def __init__(self, inner: Pullback, scale: float) -> None:
        self._inner, self._scale = inner, scale

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self._inner.rows(self._scale * adjoint, active)

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        return self._inner.gradient(self._scale * adjoint, active)


def _frozen(network: Network) -> Network:
    """Return a copy whose parameters are buffers of the same names."""
    clone = copy.deepcopy(network)
    for module in clone.modules():
        own = dict(module.named_parameters(recurse=False))
        for name, parameter in own.items():
            del module._parameters[name]
            module.register_buffer(name, parameter.detach().clone())
    return clone
