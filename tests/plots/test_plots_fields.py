"""Figures of fields: the right panels, scales and holes, and nothing left behind."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from kanpde.plots import PLACE, Slice, plot_field, plot_magnitude, plot_slices, slices_of_grid

mpl.use("Agg")


def grid(dimension, count=17):
    axes = [np.linspace(0, 1 + i, count + i) for i in range(dimension)]
    return axes, np.meshgrid(*axes, indexing="ij")


def maps(figure):
    return [a for a in figure.axes if any(isinstance(c, QuadMesh) for c in a.collections)]


def panels(figure):
    """Return the axes that are no colour bars."""
    return [a for a in figure.axes if a.get_label() != "<colorbar>"]


def drawn(figure):
    figure.canvas.draw()
    for axes in figure.axes:
        assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
    return figure


@pytest.mark.parametrize(("dimension", "count"), [(1, 1), (2, 1), (3, 3), (4, 1)])
@pytest.mark.parametrize("plot", [plot_field, plot_magnitude])
def test_every_dimension_has_its_panels(dimension, count, plot):
    axes, mesh = grid(dimension)
    names = [f"x{i}" for i in range(dimension)]
    figure = drawn(plot(axes, {"u": sum(mesh)}, names, title="title"))
    assert isinstance(figure, Figure)
    assert len(panels(figure)) == count
    assert panels(figure)[0].get_xlabel().startswith("x0")


def test_the_exact_field_is_beside_with_the_same_scale():
    axes, (x, y) = grid(2)
    u, v = np.sin(6 * x) * y, 2 + x
    figure = drawn(plot_field(axes, {"u": u, "v": v}, "xy", exact={"u": 3 * u}))
    found = maps(figure)
    assert [a.get_title() for a in panels(figure)] == ["u", "u exact", "v"]
    first, second = (a.collections[0].norm for a in found[:2])
    assert first is second
    assert first.vmax == -first.vmin == pytest.approx(3 * np.abs(u).max())
    assert found[0].collections[0].cmap.name == "RdBu_r"


def test_a_field_of_one_sign_has_a_sequential_scale():
    axes, (x, y) = grid(2)
    figure = drawn(plot_field(axes, {"u": 1 + x * y}, "xy"))
    mesh = maps(figure)[0].collections[0]
    assert mesh.cmap.name == "viridis"
    assert (mesh.norm.vmin, mesh.norm.vmax) == (1.0, 3.0)


def test_the_map_has_index_order_ij():
    axes, (x, y) = grid(2)
    mesh = maps(drawn(plot_field(axes, {"u": x + 10 * y}, "xy")))[0].collections[0]
    values = np.asarray(mesh.get_array()).reshape(len(axes[1]), len(axes[0]))
    assert np.array_equal(values, (x + 10 * y).T)


@pytest.mark.parametrize("plot", [plot_field, plot_magnitude])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_holes_and_fields_of_nothing_are_tolerated(plot, dimension):
    axes, mesh = grid(dimension)
    holed = np.where(mesh[0] > 0.5, np.nan, sum(mesh))
    nothing, zero = np.full_like(holed, np.nan), np.zeros_like(holed)
    fields = {"holed": holed, "nothing": nothing, "zero": zero}
    drawn(plot(axes, fields, ["x", "y", "z"][:dimension]))


def test_magnitudes_are_logarithms():
    axes, (x, _) = grid(2)
    figure = drawn(plot_magnitude(axes, {"error": -(10.0 ** (-3 - 2 * x))}, "xy"))
    values = np.asarray(maps(figure)[0].collections[0].get_array())
    assert values.min() == pytest.approx(-5)
    assert values.max() == pytest.approx(-3)


def test_maps_are_to_scale_only_where_the_units_agree():
    axes, (x, y) = grid(2)
    values = {"u": x + y}
    aspect = [
        maps(plot_field(a, values, names, units=units))[0].get_aspect()
        for a, names, units in [
            (axes, "xy", None),
            (axes, "xy", {"x": "m", "y": "K"}),
            (axes, "xt", None),
            ([100 * axes[0], axes[1]], "xy", None),
        ]
    ]
    assert aspect == [1.0, "auto", "auto", "auto"]
    labelled = plot_field(axes, values, "xy", units={"x": "m", "y": "K"})
    assert panels(labelled)[0].get_xlabel() == "x [m]"


def test_slices_lie_off_the_middle():
    axes = [np.linspace(0, 1, 9)] * 3
    x, y, z = np.meshgrid(*axes, indexing="ij")
    found = slices_of_grid(axes, {"u": x + 10 * y + 100 * z}, "xyz")
    assert [s.names for s in found] == [("x", "y"), ("x", "z"), ("y", "z")]
    assert found[0].at == f"z = {PLACE}"
    assert np.allclose(found[0].values["u"], x[..., 0] + 10 * y[..., 0] + 100 * PLACE)


def test_nothing_is_left_behind():
    before = dict(mpl.rcParams)
    axes, mesh = grid(2)
    drawn(plot_field(axes, {"u": sum(mesh)}, "xy"))
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_fonts_are_readable():
    axes, mesh = grid(3)
    figure = drawn(plot_field(axes, {"u": sum(mesh)}, "xyz", title="t"))
    sizes = [t.get_fontsize() for t in figure.findobj(mpl.text.Text) if t.get_text()]
    assert min(sizes) >= 9


def test_mistakes_are_named():
    axes, mesh = grid(2)
    with pytest.raises(ValueError, match=r'"u" has shape \(3,\)'):
        plot_field(axes, {"u": np.zeros(3)}, "xy")
    with pytest.raises(ValueError, match='"exact u" has shape'):
        plot_field(axes, {"u": sum(mesh)}, "xy", exact={"u": np.zeros(3)})
    with pytest.raises(ValueError, match="2 axes need as many names"):
        plot_field(axes, {"u": sum(mesh)}, "x")
    with pytest.raises(ValueError, match="no field to plot"):
        plot_field(axes, {}, "xy")
    with pytest.raises(ValueError, match="no field to plot"):
        plot_slices([])
    with pytest.raises(ValueError, match="one or two axes"):
        Slice(("x",), (), {})
    line = Slice(("x",), (axes[0],), {"u": axes[0]})
    with pytest.raises(ValueError, match="same fields as the first: u"):
        plot_slices([line, Slice(("x",), (axes[0],), {"v": axes[0]})])
