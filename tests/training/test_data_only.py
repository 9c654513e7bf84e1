"""Fitting data is a problem without equations."""

import numpy as np

from kanpde import MLP, Data, Interval, Problem, coordinates, unknown
from kanpde.training import Task


def test_points_in_parts_leave_no_part_without_a_residual():
    x = coordinates("x")
    u = unknown("u", x)
    points = np.linspace(-1, 1, 40)
    problem = Problem(Interval(x=(-1, 1)), [], [Data(u, points, np.sin(points))])
    network = MLP([1, 8, 1], lower=[-1], upper=[1], seed=0)
    task = Task(problem)
    assert len(task.interior(network)) > 1000
    (chunk,) = task.chunks(network, 500)
    assert len(chunk.collocation.blocks) == 1
    loss, gradient = chunk.collocation.gradient(network, chunk.ready(network))
    assert loss > 0
    assert gradient.shape == network.vector().shape
