"""The closed forms of the problems in problems/closed_form, which hold no solution themselves."""

from pathlib import Path

import pytest
from sympy import (
    Rational,
    Symbol,
    cos,
    cosh,
    exp,
    log,
    pi,
    sech,
    sin,
    sqrt,
    tan,
    tanh,
)

from kanpde.problem_file import load_problem_file

FOLDER = Path(__file__).parent.parent.parent / "problems" / "closed_form"
NAMES = sorted(p.stem for p in FOLDER.glob("*.py"))

x, y, t, r = (Symbol(n, real=True) for n in "xytr")
_gauss = pi ** Rational(-1, 4) * exp(-(x**2) / 2)
_rate = 20 - sqrt(400 + 4 * pi**2)
CLOSED_FORMS = {
    "advected_gaussian": {"u": exp(-((x - t) ** 2))},
    "annulus_potential": {"u": log(x**2 + y**2) / (2 * log(2))},
    "beam_vibration": {"u": sin(x) * cos(t)},
    "bratu_line": {"u": 2 * log(cosh(Rational(1, 2)) / cosh(x - Rational(1, 2)))},
    "burgers_front": {"u": (1 - tanh(5 * (x - t / 2) / 2)) / 2},
    "cantilever": {"u": x**2 * (6 - 4 * x + x**2) / 24},
    "eikonal": {"u": sqrt(x**2 + y**2)},
    "exponential_of_sum": {"u": exp(sin(pi * x) + y**2)},
    "fisher_wave": {"u": (1 + exp((x - 5 * t / sqrt(6)) / sqrt(6))) ** -2},
    "gaussian_moment": {"u": x * exp(-(x**2))},
    "harmonic_quadratic": {"u": x**2 - y**2 + 3 * x * y},
    "heat_mode": {"u": exp(-t) * sin(pi * x)},
    "kdv_soliton": {"u": sech((x - t) / 2) ** 2 / 2},
    "kovasznay": {
        "u": 1 - exp(_rate * x) * cos(2 * pi * y),
        "v": _rate / (2 * pi) * exp(_rate * x) * sin(2 * pi * y),
        "p": (1 - exp(2 * _rate * x)) / 2,
    },
    "lane_emden_0": {"u": 1 - r**2 / 6},
    "lane_emden_1": {"u": sin(r) / r},
    "laplace_strip": {"u": exp(x) * sin(y)},
    "poiseuille": {"u": 4 * y * (1 - y)},
    "quantum_oscillator": {"p": _gauss * cos(t / 2), "q": -_gauss * sin(t / 2)},
    "riccati": {"u": tan(x)},
    "sine_load": {"u": sin(pi * x)},
    "square_sines": {"u": sin(pi * x) * sin(pi * y)},
    "standing_wave": {"u": sin(pi * x) * cos(2 * pi * t)},
    "taylor_green": {
        "u": cos(x) * sin(y) * exp(-t / 50),
        "v": -sin(x) * cos(y) * exp(-t / 50),
        "p": -(cos(2 * x) + cos(2 * y)) * exp(-t / 25) / 4,
    },
}


def problem_named(name):
    return load_problem_file(FOLDER / f"{name}.py").problem


@pytest.fixture(name="problem_named")
def _problem_named():
    """A function that loads one of the problems of problems/closed_form by its name."""
    return problem_named


@pytest.fixture(params=NAMES)
def closed_form(request):
    """Each problem of problems/closed_form with its closed form."""
    problem = problem_named(request.param)
    forms = CLOSED_FORMS[request.param]
    return problem, {u: forms[u.func.__name__] for u in problem.unknowns}


@pytest.fixture
def load_named():
    """Return the function that loads the file of a closed form: problem, network and plan."""
    return lambda name: load_problem_file(FOLDER / f"{name}.py")


@pytest.fixture
def names():
    """Return the names of all closed forms."""
    return NAMES
