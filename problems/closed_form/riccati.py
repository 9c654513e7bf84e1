"""Riccati's equation u' = 1 + u^2 from u(0) = 0: the tangent."""

from kanpde import Initial, Problem, TimeInterval, time, unknown

t = time("t")
u = unknown("u", t)

problem = Problem(
    TimeInterval(t=(0, 1)),
    equations={"riccati": u.diff(t) - 1 - u**2},
    conditions=[Initial(u, 0)],
)
