"""Helmholtz's equation with wave numbers 1 and 4: a benchmark of KANs.

laplacian(u) + u = (1 - 17 pi^2) sin(pi x) sin(4 pi y) on [-1, 1]^2, u = 0 on the boundary;
u = sin(pi x) sin(4 pi y). Published: jaxKAN 1.0e-3, SPIKAN 1.3e-2.
"""

from sympy import pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
exact = sin(pi * x) * sin(4 * pi * y)

problem = Problem(
    square,
    equations={"helmholtz": laplacian(u) + u - (1 - 17 * pi**2) * exact},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
    exact={u: exact},
)
