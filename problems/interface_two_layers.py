"""Heat through two layers: an interface where the flux goes on and the slope jumps.

The layers [0, 1] and [1, 3] with conductivities 1 and 4 are folded onto one interval s in [0, 1]:
v(s) is the temperature at x = s, w(s) that at x = 3 - 2 s, so that both meet at s = 1. There
v = w and v_x = 4 w_x, that is v_s = -2 w_s. Both are heated by exp(-x), the far ends are at 0.
"""

from sympy import exp

from kanpde import Condition, Dirichlet, Interval, Problem, coordinates, unknown

s = coordinates("s")
v, w = (unknown(name, s) for name in "vw")
fold = Interval(s=(0, 1))
far = 3 - 2 * s

slope = (exp(-3) + 3 * exp(-1) - 4) / 6
exact = {
    v: 1 - exp(-s) + slope * s,
    w: (exp(-3) - exp(-far)) / 4 + slope * (far - 3) / 4,
}

problem = Problem(
    fold,
    equations={
        "first layer": v.diff(s, 2) + exp(-s),
        "second layer": w.diff(s, 2) + exp(-far),  # 4 w_xx = w_ss
    },
    conditions=[
        Dirichlet(v, 0, on="left"),
        Dirichlet(w, 0, on="left", name="far end"),
        Condition(v - w, on="right", name="temperature"),
        Condition(v.diff(s) + 2 * w.diff(s), on="right", name="flux"),
    ],
    exact=exact,
)
