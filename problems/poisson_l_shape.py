"""Poisson's equation with a constant source on an L-shaped domain.

-laplacian(u) = 1 on [-1, 1]^2 without the quadrant x > 0, y < 0; u = 0 on the boundary. No exact
solution is known; the integral of u is 0.214075802704.
"""

from kanpde import Dirichlet, Polygon, Problem, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
shape = Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])

problem = Problem(
    shape,
    equations={"poisson": -laplacian(u) - 1},
    conditions=[Dirichlet(u, 0, on=shape.boundary)],
)
