"""Checks of the points given to a network, raised before they enter it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def points(x: Tensor, dimension: int, dtype: torch.dtype, *, owner: str) -> None:
    """Raise ValueError unless x has shape (N, dimension) and the dtype of the network.

    >>> points(torch.zeros(5, 2), 3, torch.float32, owner="MLP")
    Traceback (most recent call last):
    ValueError: MLP takes points of shape (N, 3); got (5, 2).
    """
    if x.ndim != 2 or x.shape[1] != dimension:
        raise ValueError(f"{owner} takes points of shape (N, {dimension}); got {tuple(x.shape)}.")
    if x.dtype != dtype:
        raise ValueError(
            f"{owner} holds {dtype} and the points {x.dtype}; write x.to({dtype}) or "
            f"network.to({x.dtype})."
        )


def coefficients(c: Tensor, shape: torch.Size, *, owner: str) -> None:
    """Raise ValueError unless the output coefficients have the given shape (outputs, C).

    >>> coefficients(torch.zeros(3, 1), torch.Size([1, 3]), owner="MLP")
    Traceback (most recent call last):
    ValueError: MLP takes output coefficients of shape (1, 3); got (3, 1).
    """
    if c.shape != shape:
        raise ValueError(
            f"{owner} takes output coefficients of shape {tuple(shape)}; got {tuple(c.shape)}."
        )


def set_range(
    module: nn.Module,
    lower: Sequence[float] | None,
    upper: Sequence[float] | None,
    *,
    owner: str,
) -> None:
    """Set the buffers ``lower`` and ``upper`` (D,) of a module in place; None leaves one as it is.

    Raises:
        ValueError: for a wrong number of values, or if lower is not below upper.
    """
    for name, given in (("lower", lower), ("upper", upper)):
        if given is None:
            continue
        values = torch.as_tensor(np.array(given, dtype=np.float64))
        buffer = module.get_buffer(name)
        if values.shape != buffer.shape:
            raise ValueError(
                f"{owner}: {name} needs {len(buffer)} numbers, one for each coordinate; got "
                f"{values.tolist()}."
            )
        buffer.copy_(values)
    low, high = module.get_buffer("lower"), module.get_buffer("upper")
    if not bool((low < high).all()):
        raise ValueError(f"{owner}: lower {low.tolist()} must be below upper {high.tolist()}.")
