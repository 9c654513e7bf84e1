"""Least squares for the coefficients of edges, whatever the basis leaves undetermined."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import Basis

CUT = 1e-13
"""Directions below this share of the largest singular value are left out."""


def solved(rows: Tensor, right: Tensor) -> Tensor:
    """Return the coefficients (F, K) of least norm that fit rows (M, F) to right (M, K).

    Functions that vanish where the fit looks (narrow bells beyond the values, say) get none.

    >>> solved(torch.tensor([[2.0, 0.0]]), torch.tensor([[6.0]])).tolist()
    [[3.0], [0.0]]
    """
    solution = np.linalg.lstsq(
        rows.detach().cpu().double().numpy(), right.detach().cpu().double().numpy(), rcond=CUT
    )[0]
    return torch.as_tensor(solution).to(right)


def derivative_scales(basis: Basis, orders: int) -> list[float]:
    """Return the weights of derivatives 0..orders in a fit of edges on [-1, 1].

    A basis of F functions resolves waves up to sin(pi F s / 2): a misfit of this kind weighs the
    same in every derivative, a smoother one mostly in the value.
    """
    return [(2 / (torch.pi * basis.size)) ** k for k in range(orders + 1)]
