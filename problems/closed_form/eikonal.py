"""The distance from the origin: |grad u| = 1, u = sqrt(x^2 + y^2)."""

from sympy import sqrt

from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    coordinates,
    unknown,
)

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0.5, 2), y=(0.5, 2))

problem = Problem(
    square,
    equations={"eikonal": u.diff(x) ** 2 + u.diff(y) ** 2 - 1},
    conditions=[Dirichlet(u, sqrt(x**2 + y**2), on=square.boundary)],
)

network = KAN([2, 4, 1], basis=BSpline(degree=7, intervals=3), activation=None)
plan = [LevenbergMarquardt(iterations=60)]
