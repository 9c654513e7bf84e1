"""Checks of the points given to a network, raised before they enter it."""

from __future__ import annotations

import torch
from torch import Tensor


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
