"""A cantilever under its own weight: the Euler beam, an example of DeepXDE.

u'''' = -1 on [0, 1], clamped u(0) = u'(0) = 0, free u''(1) = u'''(1) = 0;
u = -x^4/24 + x^3/6 - x^2/4.
"""

from sympy import Rational

from kanpde import Condition, Dirichlet, Interval, Neumann, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)

problem = Problem(
    Interval(x=(0, 1)),
    equations={"beam": u.diff(x, 4) + 1},
    conditions=[
        Dirichlet(u, 0, on="left"),
        Neumann(u, 0, on="left"),
        Condition(u.diff(x, 2), on="right", name="no moment"),
        Condition(u.diff(x, 3), on="right", name="no force"),
    ],
    exact={u: -(x**4) / 24 + x**3 * Rational(1, 6) - x**2 / 4},
)
tol = 1e-12
