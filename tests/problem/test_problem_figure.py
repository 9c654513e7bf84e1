"""The figure of a problem, and its summary."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sympy import Piecewise, exp, pi, sin

from kanpde import (
    Box,
    Condition,
    Data,
    Dirichlet,
    Disk,
    Initial,
    Integral,
    Interval,
    Neumann,
    Periodic,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    normal_derivative,
    parameter,
    time,
    unknown,
    unknowns,
)

x, y = coordinates("x y")
t = time("t")
u = unknown("u", x, y)
square = Rectangle(x=(0, 2), y=(0, 1))
holed = square - Disk(x=1, y=0.5, radius=0.2)
poisson = Problem(
    holed,
    {"poisson": laplacian(u) + sin(pi * x)},
    [
        Dirichlet(u, 0, on=["left", "right"]),
        Neumann(u, 1, on="circle"),
        Condition(normal_derivative(u) + u - exp(x), on=["top", "bottom"], name="exchange"),
    ],
)


def drawn(figure: Figure) -> Figure:
    figure.canvas.draw()
    return figure


def scattered(figure: Figure) -> dict[str, np.ndarray]:
    """Return the points of the plane by label."""
    (axes,) = figure.axes
    return {c.get_label(): np.asarray(c.get_offsets()) for c in axes.collections}


def texts(figure: Figure) -> list[str]:
    return [a.get_text() for a in figure.axes[0].texts]


def test_the_figure_has_the_pieces_by_name_and_the_points_of_each_condition():
    figure = drawn(poisson.plot(points=200))
    assert sorted(texts(figure)) == ["bottom", "circle", "left", "right", "top"]
    title = figure.get_suptitle()
    assert title.startswith("problem\n$u_{x x} + u_{y y} = - \\sin")
    groups = scattered(figure)
    assert len(groups) == 4
    assert len(groups["equation, inside"]) == 200
    by_name = {label.split("\n")[0]: points for label, points in groups.items()}
    values = by_name["dirichlet on left, right"]
    assert set(np.unique(values[:, 0])) == {0.0, 2.0}
    on_circle = by_name["neumann on circle"] - [1, 0.5]
    np.testing.assert_allclose(np.linalg.norm(on_circle, axis=1), 0.2)
    colours = {tuple(c.get_facecolor()[0]) for c in figure.axes[0].collections}
    assert len(colours) == 4
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "exchange on top, bottom\n$" in legend[3] or "exchange on bottom, top\n$" in legend[3]


def test_several_conditions_on_one_piece_are_drawn_beside_each_other():
    line, w = Interval(x=(0, 1)) * TimeInterval(t=(0, 1)), unknown("w", x, t)
    wave = Problem(
        line,
        w.diff(t, 2) - w.diff(x, 2),
        [Periodic(w, x), Initial(w, sin(2 * pi * x)), Initial(w.diff(t), 0)],
    )
    groups = scattered(drawn(wave.plot()))
    first, second = (p for label, p in groups.items() if label.startswith("initial"))
    np.testing.assert_array_equal(first[:, 1], 0)
    assert (second[:, 1] < -0.01).all()
    both = next(p for label, p in groups.items() if label.startswith("periodic"))
    assert {0.0, 1.0} == set(np.unique(both[:, 0].round(12)))
    assert any("equal on both" in label for label in groups)


def test_lines_boxes_and_more_dimensions_have_a_figure():
    v = unknown("v", x)
    rod = Interval(x=(0, 1))
    steps = Piecewise((1, x < 0.5), (2, True))
    problem = Problem(
        rod,
        {"rod": v.diff(x, 2) - steps},
        [Dirichlet(v, 0, on="left"), Data(v, [[0.25], [0.75]], [1, 2]), Integral(v, 0)],
    )
    figure = drawn(problem.plot())
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows[0] == "equation, inside"
    assert "data at 2 points\n$v$ = measured values" in rows
    assert "integral over the domain\nintegral of $v$ is 0" in rows
    assert texts(figure) == ["left", "right"]
    for dimension in (3, 4):
        z = coordinates(" ".join(f"z{i}" for i in range(dimension)))
        box = Box(**{str(c): (0, 1) for c in z})
        w = unknown("w", *z)
        several = Problem(box, laplacian(w) - 1, Dirichlet(w, 0, on=box.boundary))
        names = texts(drawn(several.plot(points=50)))
        assert len(names) == 2 * dimension


def test_measured_points_are_those_of_the_data():
    places = np.random.default_rng(0).random((30, 2))
    problem = Problem(square, conditions=Data(u, places, 1.0, noise=0.1))
    (points,) = scattered(drawn(problem.plot())).values()
    np.testing.assert_array_equal(points, places)


def test_long_and_unprintable_equations_are_shortened():
    source = sum(sin(k * x) * exp(k * y) for k in range(1, 12))
    names = unknowns("sxx sxy", x, y)
    problem = Problem(
        square,
        [names[0].diff(x) + laplacian(names[1]) - source, names[1] - names[0]],
        [Dirichlet(n, 0, on=square.boundary) for n in names],
    )
    title = drawn(problem.plot(points=10)).get_suptitle()
    assert "\\mathrm{known}" in title
    assert "\\mathrm{sxx}_{x}" in title
    assert max(map(len, title.split("\n"))) < 120


def test_a_figure_without_points_is_refused():
    with pytest.raises(ValueError, match="points=0 must be at least 1"):
        poisson.plot(points=0)


def test_the_summary_tells_kinds_and_numbers_sought():
    k, m = parameter("k", initial=0.5, bounds=(0, None)), parameter("m")
    w = unknown("w", t)
    problem = Problem(
        TimeInterval(t=(0, 1)),
        {"decay": w.diff(t) + k * w - m},
        [Initial(w, 1), Data(w, [[0.5], [0.7]], [0.8, 0.7], name="readings")],
        name="cooling",
    )
    lines = problem.summary().split("\n")
    assert lines[0].startswith("cooling: nonlinear, order 1, unknowns w on TimeInterval")
    assert lines[0].endswith("linear in the unknowns alone")
    assert "  sought: k, from 0.5 on, within (0.0, inf)" in lines
    assert "  sought: m, from 1 on, unbounded" in lines
    assert "  initial on the boundary: w(t) - 1 = 0 (dirichlet)" in lines
    assert "  readings at 2 points: w(t) = measured values (data)" in lines
    assert "exchange" in poisson.summary()
    assert "(robin)" in poisson.summary()
