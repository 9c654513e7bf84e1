"""Laplace's equation at a re-entrant corner: NISTIR 7668, problem 2, angle 3 pi / 2.

laplacian(u) = 0 on [-1, 1]^2 without the quadrant x > 0, y < 0, u given on the boundary;
u = r^(2/3) sin(2 theta / 3), theta from 0 to 3 pi / 2 counter-clockwise from the x-axis.
"""

from sympy import Rational, atan2, pi, sin

from kanpde import Dirichlet, Polygon, Problem, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
shape = Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])
theta = 3 * pi / 4 + atan2(-x - y, y - x)  # from the corner's bisector: no jump in the domain
exact = (x**2 + y**2) ** Rational(1, 3) * sin(2 * theta / 3)

problem = Problem(
    shape,
    equations={"laplace": laplacian(u)},
    conditions=[Dirichlet(u, exact, on=shape.boundary)],
    exact={u: exact},
)
