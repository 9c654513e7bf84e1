"""Decaying vortices of the Navier-Stokes equations, viscosity 1/100 (Taylor and Green)."""

from sympy import Rational, cos, exp, pi, sin

from kanpde import (
    Dirichlet,
    Initial,
    Ladder,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    time,
    unknowns,
)

x, y = coordinates("x y")
t = time("t")
u, v, p = unknowns("u v p", x, y, t)
square = Rectangle(x=(0, pi), y=(0, pi))
nu = Rational(1, 100)
decay = exp(-2 * nu * t)
flow = {
    u: cos(x) * sin(y) * decay,
    v: -sin(x) * cos(y) * decay,
    p: -(cos(2 * x) + cos(2 * y)) * decay**2 / 4,
}

problem = Problem(
    square * TimeInterval(t=(0, 1)),
    equations={
        "x momentum": u.diff(t)
        + u * u.diff(x)
        + v * u.diff(y)
        + p.diff(x)
        - nu * (u.diff(x, 2) + u.diff(y, 2)),
        "y momentum": v.diff(t)
        + u * v.diff(x)
        + v * v.diff(y)
        + p.diff(y)
        - nu * (v.diff(x, 2) + v.diff(y, 2)),
        "continuity": u.diff(x) + v.diff(y),
    },
    conditions=[
        *(Initial(w, flow[w].subs(t, 0)) for w in (u, v)),
        *(Dirichlet(w, flow[w], on=("left", "right", "bottom", "top")) for w in (u, v, p)),
    ],
)

network = Ladder()
tol = 1e-5  # enough to read the formula from; three coordinates cost
