"""A pendulum that swings wide: an ordinary differential equation from its initial values.

u'' + sin(u) = 0 for 0 < t < 10, u(0) = 2, u'(0) = 0. Its period is 4 K(sin 1), K the complete
elliptic integral of the first kind, 8.3497...
"""

from sympy import sin

from kanpde import Condition, Initial, Problem, TimeInterval, time, unknown

t = time("t")
u = unknown("u", t)
interval = TimeInterval(t=(0, 10))

problem = Problem(
    interval,
    equations={"pendulum": u.diff(t, 2) + sin(u)},
    conditions=[Initial(u, 2), Condition(u.diff(t), on="initial", name="velocity")],
)
