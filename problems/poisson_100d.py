"""Poisson's equation in a hundred dimensions, after the deep Ritz method.

laplacian(u) = 200 on [0, 1]^100, u given on the boundary; u = sum x_i^2
(E and Yu, arXiv:1710.00211, section 3.3).
"""

from kanpde import Box, Dirichlet, Problem, coordinates, laplacian, unknown

axes = coordinates(" ".join(f"x{i}" for i in range(1, 101)))
u = unknown("u", *axes)
box = Box(**{c.name: (0, 1) for c in axes})
exact = sum(c**2 for c in axes)

problem = Problem(
    box,
    equations={"poisson": laplacian(u) - 200},
    conditions=[Dirichlet(u, exact, on=box.boundary)],
    exact={u: exact},
)
