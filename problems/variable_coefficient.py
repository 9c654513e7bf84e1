"""Diffusion with a variable coefficient: a manufactured solution.

div((1 + x^2) grad(u)) = f on [-1, 1]^2, u given on the boundary; u = sin(2 x + 1) exp(y).
"""

from sympy import exp, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, div, grad, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
exact = sin(2 * x + 1) * exp(y)


def operator(f):
    return div((1 + x**2) * grad(f, x, y), x, y)


problem = Problem(
    square,
    equations={"diffusion": operator(u) - operator(exact)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
