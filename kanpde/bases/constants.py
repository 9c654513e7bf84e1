"""The numbers of a basis as tensors: made once for each dtype and device they are used on."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

B = TypeVar("B")


def constant(numbers: Callable[[B], np.ndarray], basis: B, like: Tensor) -> Tensor:
    """Return the numbers of a basis as a tensor of another's dtype and device; not to be changed.

    Args:
        numbers: the method that gives them, such as ``BSpline.breakpoints``.
        basis: the basis, a value.
        like: the tensor they will meet.
    """
    return _placed(numbers, basis, like.dtype, like.device)


@lru_cache(maxsize=1024)
def _placed(
    numbers: Callable[[B], np.ndarray], basis: B, dtype: torch.dtype, device: torch.device
) -> Tensor:
    return torch.tensor(numbers(basis), dtype=dtype, device=device)
