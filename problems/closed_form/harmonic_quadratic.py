"""Laplace's equation with a quadratic on the boundary, u = x^2 - y^2 + 3 x y."""

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))

problem = Problem(
    square,
    equations={"laplace": laplacian(u)},
    conditions=[Dirichlet(u, x**2 - y**2 + 3 * x * y, on=square.boundary)],
)
