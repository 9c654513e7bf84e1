"""The ground state of the harmonic oscillator, psi = p + i q, in time."""

from sympy import Rational, cos, exp, pi, sin

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknowns

x, t = coordinates("x"), time("t")
p, q = unknowns("p q", x, t)
domain = Interval(x=(-3, 3)) * TimeInterval(t=(0, pi))
ground = pi ** Rational(-1, 4) * exp(-(x**2) / 2)

problem = Problem(
    domain,
    equations={
        "real": -q.diff(t) + p.diff(x, 2) / 2 - x**2 * p / 2,
        "imaginary": p.diff(t) + q.diff(x, 2) / 2 - x**2 * q / 2,
    },
    conditions=[
        Initial(p, ground),
        Initial(q, 0),
        Dirichlet(p, ground * cos(t / 2), on=("left", "right")),
        Dirichlet(q, -ground * sin(t / 2), on=("left", "right")),
    ],
)
