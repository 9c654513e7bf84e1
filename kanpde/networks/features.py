r"""Fixed features in front of a network: affine scaling, periodic coordinates, random waves.

All of them are functions of the points alone, so their jets are computed once, when the points are
prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Sine
from kanpde.bases.checks import real, whole
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout, compose, coordinate_jet


@dataclass(frozen=True)
class Periodic:
    r"""Replace one coordinate by waves, so that the field is periodic in it by construction.

    .. math:: x \mapsto \cos(2\pi k x/L), \sin(2\pi k x/L), \quad k = 1..\text{harmonics}

    Dong and Ni, J. Comput. Phys. 435 (2021), arXiv:2007.07442: every derivative is periodic too.

    Args:
        axis: which coordinate, from 0.
        period: L, in units of the coordinate.
        harmonics: number of waves; 1 separates all points of a period already.

    Raises:
        ValueError: if the axis is negative, the period not positive or there is no harmonic.

    >>> Periodic(axis=0, period=2.0)
    Periodic(axis=0, period=2.0, harmonics=1)
    """

    axis: int
    period: float
    harmonics: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "axis", whole("axis", self.axis, 0, owner="Periodic"))
        object.__setattr__(self, "period", real("period", self.period, owner="Periodic", above=0))
        harmonics = whole("harmonics", self.harmonics, 1, owner="Periodic")
        object.__setattr__(self, "harmonics", harmonics)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments as JSON values."""
        return {"axis": self.axis, "period": self.period, "harmonics": self.harmonics}


@dataclass(frozen=True)
class RandomFourier:
    r"""Replace the inputs z by waves of random frequencies, :math:`\cos(2\pi Bz),\sin(2\pi Bz)`.

    Tancik et al., arXiv:2006.10739, eq. (5): the entries of B are normal with deviation ``scale``
    and stay frozen. Large scales let a network see fine structure early, and start it rough.

    Args:
        count: number of frequencies; there are twice as many features.
        scale: deviation of the frequencies, in waves for each unit of the scaled coordinate.

    Raises:
        ValueError: if the count is below 1 or the scale not positive.

    >>> RandomFourier(64)
    RandomFourier(count=64, scale=1.0)
    """

    count: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", whole("count", self.count, 1, owner="RandomFourier"))
        scale = real("scale", self.scale, owner="RandomFourier", above=0)
        object.__setattr__(self, "scale", scale)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments as JSON values."""
        return {"count": self.count, "scale": self.scale}


class InputFeatures(nn.Module):
    """The jets that enter the first layer; no parameter, the range and frequencies are buffers.

    Args:
        dimension: number of coordinates D.
        periodic: the periodic coordinates, at most once each; the others are mapped affinely from
            [lower, upper] to [-1, 1].
        fourier: random waves of all of these, or None.

    Raises:
        ValueError: if an axis is given twice or does not exist.
    """

    lower: Tensor
    upper: Tensor
    frequencies: Tensor

    def __init__(
        self, dimension: int, periodic: Sequence[Periodic], fourier: RandomFourier | None
    ) -> None:
        super().__init__()
        self.dimension, self.fourier = dimension, fourier
        self.periodic = tuple(periodic)
        axes = [p.axis for p in self.periodic]
        if len(set(axes)) < len(axes) or max(axes, default=0) >= dimension:
            raise ValueError(
                f"periodic axes must be different and from 0 to {dimension - 1}; got {axes}."
            )
        self.free = tuple(i for i in range(dimension) if i not in axes)
        self.register_buffer("lower", -torch.ones(dimension, dtype=torch.float64))
        self.register_buffer("upper", torch.ones(dimension, dtype=torch.float64))
        plain = len(self.free) + 2 * sum(p.harmonics for p in self.periodic)
        self.size = plain
        if fourier is not None:
            frequencies = torch.zeros(fourier.count, plain, dtype=torch.float64)
            self.register_buffer("frequencies", frequencies)
            self.size = 2 * fourier.count

    def set_range(self, lower: Sequence[float] | None, upper: Sequence[float] | None) -> None:
        """Set the box that is mapped to [-1, 1]^D, in place; None leaves a side as it is.

        Raises:
            ValueError: for a wrong number of values, or if lower is not below upper.
        """
        checks.set_range(self, lower, upper, owner=type(self).__name__)

    def draw(self, generator: np.random.Generator) -> None:
        """Draw the random frequencies anew, in place."""
        if self.fourier is not None:
            normal = generator.normal(scale=self.fourier.scale, size=tuple(self.frequencies.shape))
            self.frequencies.copy_(torch.as_tensor(normal))

    def jets(self, x: Tensor, layout: JetLayout) -> Tensor:
        """Return the jets of all features at points x (N, D), shape (size, S, N)."""
        coordinates = coordinate_jet(x, layout)
        half = ((self.upper - self.lower) / 2)[:, None, None]
        centre = ((self.upper + self.lower) / 2)[:, None]
        scaled = coordinates / half
        scaled[:, 0] = (coordinates[:, 0] - centre) / half[:, 0]
        blocks = [scaled[list(self.free)]]
        for p in self.periodic:
            k = torch.arange(1, p.harmonics + 1, dtype=x.dtype, device=x.device)
            angles = (2 * pi / p.period) * k[:, None, None] * coordinates[p.axis]
            blocks.append(_waves(angles, layout))
        features = torch.cat(blocks)
        if self.fourier is None:
            return features
        angles = 2 * pi * self.frequencies @ features.flatten(1)
        return _waves(angles.view(len(angles), *features.shape[1:]), layout)


def _waves(angles: Tensor, layout: JetLayout) -> Tensor:
    """Return the jets of cos and sin of angles (F, S, N), shape (2 F, S, N)."""
    sines = Sine().evaluate(angles[:, 0], layout.order + 1)
    return torch.cat([compose(table, angles, layout) for table in (sines[1:], sines[:-1])])
