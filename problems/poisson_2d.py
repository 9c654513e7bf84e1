"""Poisson's equation on a square: the KAN paper's first PDE (arXiv:2404.19756, section 3.4).

laplacian(u) = -2 pi^2 sin(pi x) sin(pi y) on [-1, 1]^2, u = 0 on the boundary;
u = sin(pi x) sin(pi y), the example that pykan ships.
"""

from sympy import pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

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
