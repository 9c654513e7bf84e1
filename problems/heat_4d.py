"""The heat equation in four dimensions and time: a sum of modes.

u_t = laplacian(u) / 10 on [0, 1]^4 for 0 < t < 1, u given at t = 0 and on the faces;
u = sum sin(pi x_i) exp(-pi^2 t / 10).
"""

from sympy import exp, pi, sin

from kanpde import Box, Dirichlet, Problem, coordinates, laplacian, unknown

*space, t = coordinates("x1 x2 x3 x4 t")
u = unknown("u", *space, t)
box = Box(**{c.name: (0, 1) for c in (*space, t)})
exact = sum(sin(pi * c) for c in space) * exp(-(pi**2) * t / 10)

problem = Problem(
    box,
    equations={"heat": u.diff(t) - laplacian(u, *space) / 10},
    conditions=[Dirichlet(u, exact, on=[n for n in box.boundary.names if n != "t=1"])],
    exact={u: exact},
)
