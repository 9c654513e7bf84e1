"""The choice of the way: from the problem alone, in words that the summary and the files keep."""

import json

import pytest
from sympy import Abs, Piecewise, exp, pi, sin

import kanpde
from kanpde import (
    Box,
    Dirichlet,
    Disk,
    Initial,
    Interval,
    Ladder,
    Patches,
    PlaneSlabs,
    Problem,
    Rectangle,
    Slabs,
    TimeInterval,
    choose,
    coordinates,
    laplacian,
    solve,
    time,
    unknown,
)

x, y, z, t = coordinates("x y z t")
u1, u2, ut, u3 = (unknown("u", *c) for c in ((x,), (x, y), (x, t), (x, y, z)))
v2, vt = unknown("v", x, y), unknown("v", x, t)
square, cube = Rectangle(x=(0, 1), y=(0, 1)), Box(x=(0, 1), y=(0, 1), z=(0, 1))
strip = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))
disk = Disk(x=0, y=0, radius=1)
start = [Initial(ut, sin(pi * x)), Dirichlet(ut, 0, on="left")]


def held(domain, equation, u=u2) -> Problem:
    return Problem(domain, equation, Dirichlet(u, 0, on=domain.boundary))


CHOICES = {
    "smooth": (held(square, laplacian(u2) + 1), [Ladder, Patches], "resolve its source"),
    "peak": (held(square, laplacian(u2) + exp(-900 * x**2)), [Patches], "do not resolve"),
    "no box": (held(disk, laplacian(u2) + 1), [Ladder], "its domain is no box"),
    "space": (held(cube, laplacian(u3) + 1, u3), [Ladder, Patches], "boxes are dear"),
    "peak in space": (
        held(cube, laplacian(u3) + exp(-2000 * x**2), u3),
        [Ladder, Patches],
        "boxes are dear",
    ),
    "nonlinear": (
        held(square, laplacian(u2) + u2**3 + 1),
        [Ladder, Patches],
        "It is nonlinear, smooth",
    ),
    "nonlinear system": (
        Problem(
            square,
            [laplacian(u2) + u2 * v2, laplacian(v2) + u2**2 - 1],
            [Dirichlet(w, 0, on=square.boundary) for w in (u2, v2)],
        ),
        [Patches],
        "a nonlinear system on a box",
    ),
    "nonlinear on a disk": (
        held(disk, laplacian(u2) + u2**3 + 1),
        [Ladder],
        "its domain is no box",
    ),
    "kink": (held(square, laplacian(u2) + Abs(u2) + 1), [], "its equations have kinks"),
    "jump in u": (
        held(square, laplacian(u2) + Piecewise((u2, u2 < 1), (u2**2, True))),
        [],
        "its equations have kinks",
    ),
    "nonlinear in space": (held(cube, laplacian(u3) + u3**2 - 1, u3), [], "it has 3 coordinates"),
    "open": (
        Problem(square, laplacian(u2) + u2**2, Dirichlet(u2, 0, on="left")),
        [],
        "has no condition",
    ),
    "transport": (Problem(strip, ut.diff(t) + ut.diff(x), start), [Patches, Slabs], "waves carry"),
    "waves as a system": (
        Problem(
            strip,
            [ut.diff(t) + vt.diff(x), vt.diff(t) + ut.diff(x)],
            [
                Initial(ut, sin(pi * x)),
                Initial(vt, 0),
                Dirichlet(ut, 0, on=("left", "right")),
            ],
        ),
        [Slabs],
        "It evolves in time",
    ),
    "nonlinear waves": (
        Problem(
            strip,
            ut.diff(t, 2) - ut.diff(x, 2) + ut**3,
            [
                Initial(ut, sin(pi * x)),
                Initial(ut.diff(t), 0),
                Dirichlet(ut, 0, on=("left", "right")),
            ],
        ),
        [Slabs],
        "It evolves in time",
    ),
    "burgers": (
        Problem(
            strip,
            ut.diff(t) + ut * ut.diff(x) - ut.diff(x, 2),
            [Initial(ut, sin(pi * x)), Dirichlet(ut, 0, on=("left", "right"))],
        ),
        [Slabs],
        "It evolves in time",
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_way_follows_from_the_problem_and_is_explained(name) -> None:
    problem, ways, words = CHOICES[name]
    choice = choose(problem)
    assert [type(way) for way in choice.ways] == ways
    assert words in choice.why
    assert problem.summary().endswith(f"  way: {choice.why}")


def test_a_solution_keeps_the_reason(tmp_path) -> None:
    problem = held(square, laplacian(u2) + 1)
    solution = solve(problem, tol=1e-2)
    assert solution.why == choose(problem).why
    assert json.loads(json.dumps(solution.summary()))["why"] == solution.why
    assert kanpde.load(solution.save(tmp_path / "u.h5")).why == solution.why
    assert solve(problem, Ladder(), tol=1e-2).why == "It was asked for."


def test_an_ordinary_differential_equation_goes_to_the_ladder():
    t = time("t")
    u = unknown("u", t)
    problem = Problem(TimeInterval(t=(0, 2)), {"decay": u.diff(t) + u**2}, [Initial(u, 1)])
    assert choose(problem).ways[0] == Ladder()
    solution = solve(problem)
    assert solution(t=2.0) == pytest.approx(1 / 3, abs=1e-9)
    for way in (Slabs(), PlaneSlabs()):
        with pytest.raises(ValueError, match="it has no space"):
            solve(problem, way)
