"""Liouville's equation: Bratu's with the values of a closed form on the boundary.

laplacian(u) + 4 exp(u) = 0 on [-1, 1]^2, u given on the boundary;
u = log(2 s^2 / (1 + s^2 (x^2 + y^2))^2) with s = 1/2 (Liouville, J. Math. Pures Appl. 18, 1853).
"""

from sympy import Rational, exp, log

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
s2 = Rational(1, 4)
exact = log(2 * s2 / (1 + s2 * (x**2 + y**2)) ** 2)

problem = Problem(
    square,
    equations={"liouville": laplacian(u) + 4 * exp(u)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
