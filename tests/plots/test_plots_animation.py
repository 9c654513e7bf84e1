from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from sympy import exp, pi, sin

from kanpde import (
    Dirichlet,
    Initial,
    Interval,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    solve,
    time,
    unknown,
)
from kanpde.plots import animate_field

MOMENTS = np.linspace(0, 1, 4)


@pytest.mark.parametrize("axes", [1, 2])
def test_frames_differ_as_the_field_does(axes, tmp_path):
    grid = [np.linspace(0, 1, 9), np.linspace(0, 2, 7)][:axes]
    shape = tuple(len(g) for g in grid)
    values = np.array([m * np.ones(shape) for m in MOMENTS])
    values[0].flat[0] = np.nan
    moving = animate_field(grid, ["x", "y"][:axes], MOMENTS, {"u": values}, title="a")
    moving.save(tmp_path / "a.gif", writer="pillow")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 4
        frames = []
        for k in range(4):
            image.seek(k)
            frames.append(np.asarray(image.convert("RGB")))
    assert all((a != b).any() for a, b in pairwise(frames))


def test_wrong_shapes_are_told():
    with pytest.raises(ValueError, match=r"need \(4, 9\)"):
        animate_field([np.linspace(0, 1, 9)], ["x"], MOMENTS, {"u": np.zeros((4, 8))})


def test_a_solution_in_time_is_written(tmp_path):
    x, t = coordinates("x"), time("t")
    u = unknown("u", x, t)
    problem = Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 0.1)),
        {"heat": u.diff(t) - u.diff(x, 2)},
        [Initial(u, sin(pi * x)), Dirichlet(u, 0, on=("left", "right"))],
        exact={u: sin(pi * x) * exp(-(pi**2) * t)},
    )
    solution = solve(problem, tol=1e-4)
    path = solution.animate(tmp_path / "heat.gif", frames=3, resolution=21)
    with Image.open(path) as image:
        assert image.n_frames == 3
    with pytest.raises(ValueError, match="two frames"):
        solution.animate(tmp_path / "heat.gif", frames=1)


def test_a_plane_field_without_time_does_not_move(tmp_path):
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    solution = solve(
        Problem(square, laplacian(u) - 1, [Dirichlet(u, 0, on=square.boundary)]), tol=1
    )
    with pytest.raises(ValueError, match="no time"):
        solution.animate(tmp_path / "a.gif")
