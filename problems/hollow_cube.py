"""A cube with a ball taken out, and a flux through the sphere: set operations in space.

u_xx + u_yy + u_zz = -u in [-1, 1]^3 without the ball of radius 1/2 about (0.2, 0, 0); u is given on
the faces, du/dn on the sphere; u = sin(x) cosh(y) cos(z) + cos(x + z/2) cosh(y/2).
"""

from sympy import cos, cosh, sin

from kanpde import Ball, Box, Dirichlet, Neumann, Problem, coordinates, laplacian, unknown

x, y, z = coordinates("x y z")
u = unknown("u", x, y, z)
cube = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))
hollow = cube - Ball(x=0.2, y=0, z=0, radius=0.5)
exact = sin(x) * cosh(y) * cos(z) + cos(x + z / 2) * cosh(y / 2)
outward = (0.2 - x, -y, -z)
slope = sum(2 * n * exact.diff(c) for n, c in zip(outward, (x, y, z), strict=True))

problem = Problem(
    hollow,
    equations={"helmholtz": laplacian(u) + u},
    conditions=[
        Dirichlet(u, exact, on=cube.boundary.names),
        Neumann(u, slope, on="sphere"),
    ],
    exact={u: exact},
)
