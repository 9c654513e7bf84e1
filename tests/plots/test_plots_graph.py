"""The network graph: strong edges drawn, weak ones left out and said so, insets apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from kanpde.plots import Edge, plot_graph

X = np.linspace(-1, 1, 21)


def edge(layer, source, target, importance=1.0, y=None):
    return Edge(layer, source, target, X, np.sin(3 * X) if y is None else y, importance)


def full(widths, importance=lambda layer, i, o: 1.0):
    return [
        edge(layer, i, o, importance(layer, i, o))
        for layer in range(len(widths) - 1)
        for i in range(widths[layer])
        for o in range(widths[layer + 1])
    ]


def graph(widths, edges, **options):
    names = {
        "input_names": [f"x{i}" for i in range(widths[0])],
        "output_names": [f"u{i}" for i in range(widths[-1])],
    }
    figure = plot_graph(widths, edges, **names, **options)
    figure.canvas.draw()
    return figure


def insets(figure):
    """Return the corners of every inset, one array (count, 4, 2) for each layer."""
    found = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    return [np.array([p.vertices[:4] for p in c.get_paths()]) for c in found]


def said(figure):
    return " ".join(t.get_text() for t in figure.axes[0].texts)


@pytest.mark.parametrize("widths", [[2, 5, 1], [1, 1], [3, 6, 6, 1], [2, 25, 1], [5, 1], [2, 3, 2]])
def test_insets_do_not_overlap_and_lie_inside(widths):
    figure = graph(widths, full(widths), title="A network")
    width, height = figure.get_size_inches()
    assert len(figure.axes) == 1
    for layer in insets(figure):
        left, right = layer[..., 0].min(1), layer[..., 0].max(1)
        order = np.argsort(left)
        assert (left[order][1:] > right[order][:-1]).all()
        assert np.allclose(np.diff(left[order], 2), 0)
        assert left.min() >= 0
        assert right.max() <= width
        assert layer[..., 1].max() <= height


def test_a_small_network_is_drawn_whole():
    figure = graph([2, 5, 1], full([2, 5, 1]))
    assert [len(layer) for layer in insets(figure)] == [10, 5]
    assert "left out" not in said(figure)
    assert {"x0", "x1", "u0"} <= {t.get_text() for t in figure.axes[0].texts}


def test_weak_edges_are_left_out_with_what_hangs_on_them():
    weak = graph([2, 5, 1], full([2, 5, 1], lambda layer, i, o: 0.0 if (layer, i) == (1, 3) else 1))
    assert [len(layer) for layer in insets(weak)] == [8, 4]
    assert "3 of 15 edges left out (the weakest); 4 of 5 hidden nodes drawn." in said(weak)


def test_the_most_important_edges_are_kept():
    edges = full([2, 25, 1], lambda layer, i, o: (i + 1) / 25 if layer else 1.0)
    figure = graph([2, 25, 1], edges, most=30)
    assert [len(layer) for layer in insets(figure)] == [20, 10]
    assert "45 of 75 edges left out (the weakest); 10 of 25 hidden nodes drawn." in said(figure)
    assert "10 of 25" in said(figure)


def test_no_more_than_most_edges_without_hidden_nodes():
    figure = graph([40, 1], full([40, 1], lambda layer, i, o: (i + 1) / 40), most=7)
    assert [len(layer) for layer in insets(figure)] == [7]


def test_weak_edges_fade():
    figure = graph([2, 1], [edge(0, 0, 0, 1.0), edge(0, 1, 0, 0.1)])
    wires = figure.axes[0].collections[0].get_colors()
    assert wires[0][3] > 2 * wires[2][3] > 0


def test_strange_edges_are_tolerated():
    holed = np.where(X > 0, np.nan, X)
    edges = [edge(0, 0, 0, y=holed), edge(0, 1, 0, y=0 * X + 3), edge(0, 2, 0, y=X * np.nan)]
    graph([3, 1], edges)
    graph([2, 2, 1], [])


def test_products_and_a_long_title_fit():
    figure = graph([2, 3, 1], full([2, 3, 1]), products=(1,), title="a long title " * 20, note="n.")
    box = figure.axes[0].texts[-2].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert any(line.get_marker() == "x" for line in figure.axes[0].lines)
    assert "n." in said(figure)
    assert plt.get_fignums() == []


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="edge 0 -> 4 of layer 0 joins no nodes"):
        graph([1, 2], [edge(0, 0, 4)])
    with pytest.raises(ValueError, match="joins no nodes"):
        graph([1, 2], [edge(1, 0, 0)])
    with pytest.raises(ValueError, match="need 1 input names and 2 output names"):
        plot_graph([1, 2], [], input_names=["x"], output_names=["u"])
    with pytest.raises(ValueError, match="two positive widths"):
        graph([3], [])
