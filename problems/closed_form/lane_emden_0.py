"""Lane and Emden's equation of index 0: u = 1 - r^2/6."""

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

r = coordinates("r")
u = unknown("u", r)
shell = Interval(r=(0.1, 2))

problem = Problem(
    shell,
    equations={"lane_emden": u.diff(r, 2) + 2 / r * u.diff(r) + 1},
    conditions=[Dirichlet(u, 1 - r**2 / 6, on=shell.boundary)],
)
