"""Poisson's equation on a cube: a product of sines.

laplacian(u) = -3 pi^2 u on [-1, 1]^3, u = 0 on the boundary;
u = sin(pi x) sin(pi y) sin(pi z), a full wave along every axis.
"""

from sympy import pi, sin

from kanpde import Box, Dirichlet, Problem, coordinates, laplacian, unknown

x, y, z = coordinates("x y z")
u = unknown("u", x, y, z)
cube = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))
exact = sin(pi * x) * sin(pi * y) * sin(pi * z)

problem = Problem(
    cube,
    equations={"poisson": laplacian(u) + 3 * pi**2 * exact},
    conditions=[Dirichlet(u, 0, on=cube.boundary)],
    exact={u: exact},
)
