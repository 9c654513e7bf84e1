"""Poisson's equation on a square, u = sin(pi x) sin(pi y)."""

from sympy import pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))

problem = Problem(
    square,
    equations={"poisson": laplacian(u) + 2 * pi**2 * sin(pi * x) * sin(pi * y)},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
)
