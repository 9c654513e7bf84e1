"""Translates of one bell-shaped profile, shared by the Gaussian and the wavelet bases."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def centres(count: int, reach: float = 1.0) -> np.ndarray:
    """Return `count` equispaced centres from -reach to reach; a single one sits at 0.

    >>> centres(3).tolist()
    [-1.0, 0.0, 1.0]
    """
    return reach * (-1 + 2 * np.arange(count) / (count - 1)) if count > 1 else np.zeros(1)


def spacing(count: int, reach: float = 1.0) -> float:
    """Return the distance of neighbouring centres, and 2 reach for a single one."""
    return 2 * reach / max(count - 1, 1)


def offsets(s: Tensor, count: int, scale: float, *, reach: float = 1.0) -> Tensor:
    """Return (s - centre_i) / scale, shape (count, *batch)."""
    where = torch.as_tensor(centres(count, reach), dtype=s.dtype, device=s.device)
    return (s - where.view((-1,) + (1,) * s.dim())) / scale


def gaussian_derivatives(x: Tensor, order: int) -> list[Tensor]:
    """Return the derivatives of orders 0..order of g(x) = exp(-x^2 / 2).

    g^(k) = (-1)^k He_k(x) g(x), from the recurrence of the Hermite polynomials
    g^(k+1) = -x g^(k) - k g^(k-1)  (Abramowitz & Stegun 22.7.14).

    >>> [float(row) for row in gaussian_derivatives(torch.zeros(()), 4)]
    [1.0, -0.0, -1.0, 0.0, 3.0]
    """
    rows = [torch.exp(-0.5 * x * x)]
    for k in range(order):
        rows.append(-x * rows[k] - (k * rows[k - 1] if k else 0))
    return rows


def scaled(rows: list[Tensor], scale: float) -> Tensor:
    """Stack derivatives with respect to x = s / scale as derivatives with respect to s."""
    return torch.stack([row * scale**-k for k, row in enumerate(rows)])


def contains(coarse: int, fine: int) -> bool:
    """Tell whether the centres of `coarse` translates are among those of `fine`."""
    if coarse == 1:
        return fine % 2 == 1
    return (fine - 1) % (coarse - 1) == 0 and fine >= coarse


def selection(coarse: int, fine: int) -> np.ndarray:
    """Return the 0/1 matrix (fine, coarse) that puts each coarse centre at its fine place.

    >>> selection(2, 3).tolist()
    [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    """
    places = (
        np.array([fine // 2]) if coarse == 1 else np.arange(coarse) * ((fine - 1) // (coarse - 1))
    )
    return np.eye(fine)[:, places]
