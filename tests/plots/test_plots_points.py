"""Figures of groups of points: dimensions, legends, bad input."""

import numpy as np
import pytest

from kanpde.plots import Outline, PointGroup, plot_points

SQUARE = Outline("edge", np.array([[0.0, 0], [1, 0]]), np.array([0.5, 0]), np.array([0.0, -1]))


def test_every_group_is_in_the_legend_and_told_apart():
    groups = [PointGroup(f"group {i}", np.full((3, 2), 0.1 * i)) for i in range(9)]
    groups.append(PointGroup("nowhere", np.empty((0, 2))))
    figure = plot_points(groups, [SQUARE], "xy", title="title")
    figure.canvas.draw()
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [g.label for g in groups]
    looks = [
        (
            tuple(c.get_facecolor()[0]),
            len(c.get_paths()[0].vertices),
            c.get_paths()[0].vertices[0, 0],
        )
        for c in figure.axes[0].collections
    ]
    assert len(set(looks)) == len(looks)
    assert figure.get_suptitle() == "title"


def test_a_group_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match=r'"a" have shape \(4, 3\); expected \(N, 2\)'):
        plot_points([PointGroup("a", np.zeros((4, 3)))], [SQUARE], "xy")
    with pytest.raises(ValueError, match="no group"):
        plot_points([], [SQUARE], "xy")
