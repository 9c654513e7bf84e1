"""Fitting data is a problem without equations."""

import numpy as np

from kanpde import LBFGS, MLP, Data, Interval, Problem, coordinates, solve, unknown
from kanpde.training import Task


def test_points_in_parts_leave_no_part_without_a_residual():
    x = coordinates("x")
    u = unknown("u", x)
    points = np.linspace(-1, 1, 40)
    problem = Problem(Interval(x=(-1, 1)), [], [Data(u, points, np.sin(points))])
    network = MLP([1, 8, 1], lower=[-1], upper=[1], seed=0)
    (part,) = Task(problem).chunks(network, 500)
    assert [block.name for block in part.blocks] == ["data"]
    start = float(np.square(solve(problem, network, [LBFGS(1)]).at(points[:, None])).mean())
    assert np.isfinite(start)
