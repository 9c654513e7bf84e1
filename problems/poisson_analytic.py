"""Poisson's equation with a polynomial of degree 40 as its solution: NISTIR 7668, problem 1.

laplacian(u) = 2^40 (g''(x) g(y) + g(x) g''(y)) on [0, 1]^2 with g(s) = s^10 (1 - s)^10, u = 0 on
the boundary; u = 2^40 g(x) g(y), a bump of height 1.
"""

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))


def g(s):
    return (4 * s * (1 - s)) ** 10


def curvature(s):
    return 10 * (4 * s * (1 - s)) ** 8 * 16 * (38 * s**2 - 38 * s + 9)


problem = Problem(
    square,
    equations={"poisson": laplacian(u) - curvature(x) * g(y) - g(x) * curvature(y)},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
    exact={u: g(x) * g(y)},
)
