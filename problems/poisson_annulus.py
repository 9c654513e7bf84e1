"""Poisson's equation on a disk with a hole off its centre: a manufactured solution.

-laplacian(u) = f on the unit disk without the disk of radius 0.3 about (0.2, 0.1), u given on both
circles; u = log(r^2) cos(2 y) + (x - 0.2) / r^2, r the distance to the hole's centre.
"""

from sympy import cos, log

from kanpde import Dirichlet, Disk, Problem, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
ring = Disk(x=0, y=0, radius=1, name="outer") - Disk(x=0.2, y=0.1, radius=0.3, name="inner")
r2 = (x - 0.2) ** 2 + (y - 0.1) ** 2
exact = log(r2) * cos(2 * y) + (x - 0.2) / r2

problem = Problem(
    ring,
    equations={"poisson": -laplacian(u) + laplacian(exact, x, y)},
    conditions=[Dirichlet(u, exact, on=ring.boundary)],
    exact={u: exact},
)
