"""Laplace's equation in ten dimensions: the first example of the deep Ritz method for many.

laplacian(u) = 0 on [0, 1]^10, u given on the boundary; u = x1 x2 + x3 x4 + ... + x9 x10
(E and Yu, arXiv:1710.00211, section 3.3).
"""

from kanpde import Box, Dirichlet, Problem, coordinates, laplacian, unknown

axes = coordinates(" ".join(f"x{i}" for i in range(1, 11)))
u = unknown("u", *axes)
box = Box(**{c.name: (0, 1) for c in axes})
exact = sum(a * b for a, b in zip(axes[::2], axes[1::2], strict=True))

problem = Problem(
    box,
    equations={"laplace": laplacian(u)},
    conditions=[Dirichlet(u, exact, on=box.boundary)],
    exact={u: exact},
)
