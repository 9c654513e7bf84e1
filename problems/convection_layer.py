"""Convection across a channel into an exponential layer, epsilon = 0.01.

-epsilon laplacian u + u_x = f on [0, 1]^2 with u = sin(pi y) (x - (e^{(x-1)/epsilon} -
e^{-1/epsilon}) / (1 - e^{-1/epsilon})): the layer of width epsilon at x = 1 is the textbook test of
stabilised methods (Roos, Stynes, Tobiska, Robust Numerical Methods, 2008). Only x is refined.
"""

from sympy import Rational, exp, pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
epsilon = Rational(1, 100)
layer = (exp(-(1 - x) / epsilon) - exp(-1 / epsilon)) / (1 - exp(-1 / epsilon))
exact = sin(pi * y) * (x - layer)


def operator(v):
    return -epsilon * laplacian(v, x, y) + v.diff(x)


problem = Problem(
    square,
    equations={"convection-diffusion": operator(u) - operator(exact)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
