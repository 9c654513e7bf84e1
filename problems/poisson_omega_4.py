"""Poisson's equation with four waves along each axis: a benchmark of the RGA-KANs.

laplacian(u) = -32 pi^2 sin(4 pi x) sin(4 pi y) on [-1, 1]^2, u = 0 on the boundary;
u = sin(4 pi x) sin(4 pi y).
"""

from sympy import pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
exact = sin(4 * pi * x) * sin(4 * pi * y)

problem = Problem(
    square,
    equations={"poisson": laplacian(u) + 32 * pi**2 * exact},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
    exact={u: exact},
)
