"""Two plane waves of wave number 30 on the unit square: Helmholtz' equation without a source.

laplacian u + 900 u = 0, u given on the boundary; about seven wave lengths along the diagonal, the
regime where low-order elements suffer from pollution (Babuska and Sauter 1997). Local KANs in
boxes: 1e-11 relative L2 error in a second.
"""

from sympy import Rational, cos, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
k = 30


def along(angle):
    return k * (x * cos(angle) + y * sin(angle))


exact = cos(along(Rational(3, 10))) + sin(along(Rational(11, 5)))

problem = Problem(
    square,
    equations={"helmholtz": laplacian(u) + k**2 * u},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
