"""Burgers' equation with viscosity 0.01/pi: a sine that steepens to a layer (Raissi et al.).

u_t + u u_x = (0.01/pi) u_xx on [-1, 1] x [0, 1], u(-1, t) = u(1, t) = 0, u(x, 0) = -sin(pi x).
The solution is known by the Cole-Hopf transformation as a quotient of integrals; see
benchmarks/references.py.

Relative L2 errors published for trained networks, as collected in the literature: 6.7e-4 (Raissi
et al., JCP 2019), 8.2e-5 (PirateNet), 4.0e-5 (SOAP), 8.3e-9 (vRBA with SSBroyden).
"""

from sympy import pi, sin

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))
nu = 0.01 / pi

problem = Problem(
    domain,
    equations={"burgers": u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)},
    conditions=[
        Dirichlet(u, 0, on=["left", "right"]),
        Initial(u, -sin(pi * x)),
    ],
)
tol = 1e-8
