"""Bratu's equation on a square, the lower of its two solutions: a classic of continuation.

laplacian(u) + exp(u) = 0 on [0, 1]^2, u = 0 on the boundary. No exact solution is known; near the
corners it is not smooth.
"""

from sympy import exp

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))

problem = Problem(
    square,
    equations={"bratu": laplacian(u) + exp(u)},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
)
