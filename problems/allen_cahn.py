"""The Allen-Cahn equation with diffusion 1e-4, periodic: fronts that sharpen (Raissi et al.).

u_t = 1e-4 u_xx + 5 u - 5 u^3 on [-1, 1] x [0, 1], periodic, u(x, 0) = x^2 cos(pi x).
The periodic continuation of the initial value has a kink at x = 1.

Relative L2 errors published for trained networks, as collected in the literature: 5.4e-5 (jaxpi),
2.2e-5 (PirateNet), 4.0e-6 (jaxpi2), 3.5e-6 (SOAP), 1.9e-6 (vRBA with SSBroyden); the reference
of most of them is itself 1.5e-5 off.
"""

from sympy import cos, pi

from kanpde import Initial, Interval, Periodic, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"allen-cahn": u.diff(t) - u.diff(x, 2) / 10000 - 5 * u + 5 * u**3},
    conditions=[Periodic(u, x), Initial(u, x**2 * cos(pi * x))],
)
tol = 1e-6
