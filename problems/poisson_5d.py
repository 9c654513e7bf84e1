"""Poisson's equation in five dimensions: PINNacle's Poisson Nd (arXiv:2306.08827).

laplacian(u) = -pi^2 / 4 sum sin(pi x_i / 2) on [0, 1]^5, u given on the boundary;
u = sum sin(pi x_i / 2). Published there: 4.7e-4 at best.
"""

from sympy import pi, sin

from kanpde import Box, Dirichlet, Problem, coordinates, laplacian, unknown

axes = coordinates("x1 x2 x3 x4 x5")
u = unknown("u", *axes)
box = Box(**{c.name: (0, 1) for c in axes})
exact = sum(sin(pi * c / 2) for c in axes)

problem = Problem(
    box,
    equations={"poisson": laplacian(u) + pi**2 / 4 * exact},
    conditions=[Dirichlet(u, exact, on=box.boundary)],
    exact={u: exact},
)
