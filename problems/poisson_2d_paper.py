"""Poisson's equation on a square as the KAN paper prints it (arXiv:2404.19756, section 3.4).

u = sin(pi x) sin(pi y^2) on [-1, 1]^2 with u = 0 on the boundary. The paper reports a mean squared
error of 1e-7 for a KAN [2, 10, 1].
"""

from sympy import pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
exact = sin(pi * x) * sin(pi * y**2)

problem = Problem(
    square,
    equations={"poisson": laplacian(u) - laplacian(exact, x, y)},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
    exact={u: exact},
)
