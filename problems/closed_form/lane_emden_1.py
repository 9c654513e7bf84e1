"""Lane and Emden's equation of index 1: u = sin(r)/r."""

from sympy import sin

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

r = coordinates("r")
u = unknown("u", r)
shell = Interval(r=(0.1, 2))

problem = Problem(
    shell,
    equations={"lane_emden": u.diff(r, 2) + 2 / r * u.diff(r) + u},
    conditions=[Dirichlet(u, sin(r) / r, on=shell.boundary)],
)
