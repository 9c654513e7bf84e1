"""Burgers' equation as in PDEBench: periodic, viscosity 0.01/pi, until the layer has decayed.

u_t + u u_x = (0.01/pi) u_xx on [-1, 1] x [0, 2], periodic, u(x, 0) = -sin(pi x) (its "sin"
initial value). Known by the Cole-Hopf transformation; see benchmarks/references.py.
"""

from sympy import pi, sin

from kanpde import Initial, Interval, Periodic, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 2))
nu = 0.01 / pi

problem = Problem(
    domain,
    equations={"burgers": u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)},
    conditions=[Periodic(u, x), Initial(u, -sin(pi * x))],
)
tol = 1e-8
