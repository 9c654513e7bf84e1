"""Convection and diffusion with boundary layers: NISTIR 7668, problem 6, eps = 0.1.

-eps laplacian(u) + 2 u_x + u_y = f on [-1, 1]^2, u given on the boundary;
u = (1 - exp(-(1 - x) / eps)) (1 - exp(-(1 - y) / eps)) cos(pi (x + y)).
"""

from sympy import Rational, cos, exp, pi

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
eps = Rational(1, 10)
exact = (1 - exp(-(1 - x) / eps)) * (1 - exp(-(1 - y) / eps)) * cos(pi * (x + y))


def operator(f):
    return -eps * laplacian(f, x, y) + 2 * f.diff(x) + f.diff(y)


problem = Problem(
    square,
    equations={"transport": operator(u) - operator(exact)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
