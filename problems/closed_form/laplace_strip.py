"""Laplace's equation between y = 0 and y = pi, u = e^x sin y."""

from sympy import E, pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
strip = Rectangle(x=(0, 1), y=(0, pi))

problem = Problem(
    strip,
    equations={"laplace": laplacian(u)},
    conditions=[
        Dirichlet(u, 0, on=("bottom", "top")),
        Dirichlet(u, sin(y), on="left"),
        Dirichlet(u, E * sin(y), on="right"),
    ],
)
