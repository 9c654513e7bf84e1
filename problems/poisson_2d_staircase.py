"""The staircase of the KAN paper: a compact KAN, trained while its grid is extended 5 -> 10 -> 20.

u = sin(pi x) sin(pi y) on [-1, 1]^2 by a B-spline KAN [2, 5, 1] with 405 parameters at the end
(arXiv:2404.19756, sections 2.4 and 3.4; there [2, 10, 1] reaches about 6e-4 relative L2 error).
"""

from sympy import pi, sin

from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    staircase,
    unknown,
)

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
exact = sin(pi * x) * sin(pi * y)

problem = Problem(
    square,
    equations={"poisson": laplacian(u) + 2 * pi**2 * exact},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
    exact={u: exact},
)
network = KAN([2, 5, 1], basis=BSpline(degree=7, intervals=5), activation=None)
plan = staircase(5, 10, 20, iterations=50)
