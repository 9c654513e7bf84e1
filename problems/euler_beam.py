"""A beam clamped at one end under a constant load: an example of DeepXDE.

u'''' = -1 on [0, 1], u = u' = 0 at 0, u'' = u''' = 0 at 1; u = -x^4/24 + x^3/6 - x^2/4.
"""

from sympy import Rational

from kanpde import Condition, Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
beam = Interval(x=(0, 1))

problem = Problem(
    beam,
    equations={"beam": u.diff(x, 4) + 1},
    conditions=[
        Dirichlet(u, 0, on="left"),
        Condition(u.diff(x), on="left", name="clamped"),
        Condition(u.diff(x, 2), on="right", name="no moment"),
        Condition(u.diff(x, 3), on="right", name="no force"),
    ],
    exact={u: -(x**4) * Rational(1, 24) + x**3 / 6 - x**2 / 4},
)
