"""Flow behind a grid, Reynolds number 40 (Kovasznay), given by its values on the boundary."""

from sympy import Rational, cos, exp, pi, sin, sqrt

from kanpde import Dirichlet, Problem, Rectangle, coordinates, unknowns

x, y = coordinates("x y")
u, v, p = unknowns("u v p", x, y)
domain = Rectangle(x=(-0.5, 1), y=(-0.5, 1.5))
re = 40
rate = Rational(re, 2) - sqrt(Rational(re, 2) ** 2 + 4 * pi**2)
flow = {
    u: 1 - exp(rate * x) * cos(2 * pi * y),
    v: rate / (2 * pi) * exp(rate * x) * sin(2 * pi * y),
    p: (1 - exp(2 * rate * x)) / 2,
}

problem = Problem(
    domain,
    equations={
        "x momentum": u * u.diff(x)
        + v * u.diff(y)
        + p.diff(x)
        - (u.diff(x, 2) + u.diff(y, 2)) / re,
        "y momentum": u * v.diff(x)
        + v * v.diff(y)
        + p.diff(y)
        - (v.diff(x, 2) + v.diff(y, 2)) / re,
        "continuity": u.diff(x) + v.diff(y),
    },
    conditions=[Dirichlet(w, flow[w], on=domain.boundary) for w in (u, v, p)],
)
