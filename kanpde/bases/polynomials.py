"""Three-term recurrences with derivatives, shared by the polynomial families."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def three_term(
    s: Tensor, order: int, degree: int, coefficients: Callable[[int], tuple[float, float, float]]
) -> Tensor:
    """Evaluate p_0 .. p_degree of a three-term recurrence with derivatives of orders 0..order.

    With (a, b, c) = coefficients(n), p_0 = 1 and p_{-1} = 0,

        p_{n+1} = (a s + b) p_n - c p_{n-1},

    and, differentiated k times by Leibniz' rule,

        p_{n+1}^(k) = (a s + b) p_n^(k) + k a p_n^(k-1) - c p_{n-1}^(k).

    It holds for every s, outside [-1, 1] too, where it grows with p_n itself.

    Returns:
        Tensor (order + 1, degree + 1, *batch).

    >>> three_term(torch.tensor(2.0), 1, 2, lambda n: (1.0, 0.0, 0.0))     # the monomials 1, s, s^2
    tensor([[1., 2., 4.],
            [0., 1., 4.]])
    """
    # 0 * s keeps the constant function in the graph, so its gradient is zero and not an error.
    one = (1 + 0 * s)[None]
    if order == 0:
        return torch.stack(list(_series(one, torch.zeros_like(one), s, degree, coefficients)), 1)
    column = (-1,) + (1,) * s.dim()
    ranks = torch.arange(order + 1, dtype=s.dtype, device=s.device).view(column)
    zero = torch.zeros_like(one)
    start = torch.cat([one, zero.expand(order, *s.shape)])
    series = _series(start, torch.zeros_like(start), s, degree, coefficients, ranks)
    return torch.stack(list(series), dim=1)


def _series(
    current: Tensor,
    before: Tensor,
    s: Tensor,
    degree: int,
    coefficients: Callable[[int], tuple[float, float, float]],
    ranks: Tensor | None = None,
) -> Iterator[Tensor]:
    """Yield p_0 .. p_degree, each (orders, *batch); without ranks the values alone."""
    yield current
    for n in range(degree):
        a, b, c = coefficients(n)
        following = torch.addcmul(-c * before, s, current, value=a)
        if b:
            following = torch.add(following, current, alpha=b)
        if ranks is not None:
            lower = torch.cat([torch.zeros_like(current[:1]), current[:-1]])
            following = following + (a * ranks) * lower
        before, current = current, following
        yield current
