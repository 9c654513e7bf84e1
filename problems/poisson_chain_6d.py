"""Poisson's equation in six dimensions with a solution that is no sum of few products.

-laplacian(u) = f on [0, 1]^6, u given on the boundary; u = cos(x1 x2 + x2 x3 + ... + x5 x6). Every
coordinate is bound to the next one inside of the cosine: low rank in no splitting of them, yet
short as a composition.
"""

from itertools import pairwise

from sympy import cos

from kanpde import (
    KAN,
    Box,
    Chebyshev,
    Dirichlet,
    LevenbergMarquardt,
    Problem,
    Regrid,
    coordinates,
    laplacian,
    unknown,
)

axes = coordinates("x1 x2 x3 x4 x5 x6")
u = unknown("u", *axes)
box = Box(**{c.name: (0, 1) for c in axes})
exact = cos(sum(a * b for a, b in pairwise(axes)))

problem = Problem(
    box,
    equations={"poisson": laplacian(u) - sum(exact.diff(c, 2) for c in axes)},
    conditions=[Dirichlet(u, exact, on=box.boundary)],
    exact={u: exact},
)
network = KAN([6, 8, 4, 1], basis=[Chebyshev(3), Chebyshev(4), Chebyshev(6)], activation=None)
plan = [
    LevenbergMarquardt(iterations=60),
    Regrid(),
    LevenbergMarquardt(iterations=200, stall=1e-4),
]
