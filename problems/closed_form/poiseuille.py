"""Flow in a channel, u'' = -8: u = 4 y (1 - y)."""

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

y = coordinates("y")
u = unknown("u", y)
channel = Interval(y=(0, 1))

problem = Problem(
    channel,
    equations={"stokes": u.diff(y, 2) + 8},
    conditions=[Dirichlet(u, 0, on=channel.boundary)],
)
