"""Poisson's equation with u = exp(sin(pi x) + y^2), a product in disguise."""

from sympy import exp, pi, sin

from kanpde import Dirichlet, Ladder, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
exact = exp(sin(pi * x) + y**2)

problem = Problem(
    square,
    equations={"poisson": laplacian(u) - exact.diff(x, 2) - exact.diff(y, 2)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
)

network = Ladder(patience=6)  # sin inside exp: the first degrees gain little
