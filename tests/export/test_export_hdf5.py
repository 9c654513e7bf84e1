"""HDF5 files: read back by h5py and xarray, without a warning."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from kanpde.export import grid_mesh, read_attributes, write_grid_field, write_point_field

xr = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")

AXES = {"t": np.linspace(0, 1, 4), "y": np.linspace(-1, 1, 5), "x": np.array([0.0, 0.1, 3.0])}
SHAPE = (4, 5, 3)
U = np.arange(60.0).reshape(SHAPE)
POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def opened(path: Path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


# Grids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("x",), ("t", "x"), ("t", "y", "x")])
def test_xarray_reads_named_coordinates(tmp_path: Path, names: tuple[str, ...]) -> None:
    axes = {name: AXES[name] for name in names}
    values = np.random.default_rng(0).normal(size=[len(a) for a in axes.values()])
    write_grid_field(tmp_path / "u.h5", axes, {"u": values, "v": values.astype(np.float32)})
    data = opened(tmp_path / "u.h5")
    assert data["u"].dims == names
    assert set(data.coords) == set(names)
    for name in names:
        np.testing.assert_array_equal(data[name], axes[name])
    np.testing.assert_array_equal(data["u"], values)
    assert data["v"].dtype == np.float32
    last = {name: axis[-1] for name, axis in axes.items()}
    assert data["u"].sel(last).item() == values.ravel()[-1]


def test_attributes_units_and_long_names(tmp_path: Path) -> None:
    long_text = "Integer(1)" * 20_000  # past the 64 KiB of HDF5's compact attributes
    given = {"title": "Wärme ∂u", "seed": 7, "estimate": np.nan, "srepr": long_text, "empty": ""}
    given |= {f"extra{i}": i / 3 for i in range(20)} | {"ok": True, "count": np.int32(3)}
    given |= {"single": np.float32(0.5), "truth": np.bool_(False), "big": 1 - 2**63}
    write_grid_field(
        tmp_path / "u.h5",
        AXES,
        {"u": U},
        attributes=given,
        units={"x": "m", "t": "seconds", "u": "K"},
        long_names={"u": "temperature", "x": "position"},
    )
    data = opened(tmp_path / "u.h5")
    assert data["u"].attrs == {"units": "K", "long_name": "temperature"}
    assert data["x"].attrs == {"units": "m", "long_name": "position"}
    assert data["t"].attrs == {"units": "s"}
    assert data["t"].dtype == np.float64
    assert data.attrs["Conventions"] == "CF-1.11"
    assert data.attrs["kanpde_schema"] == 1
    read = read_attributes(tmp_path / "u.h5")
    assert np.isnan(read.pop("estimate"))
    expected = {k: v for k, v in given.items() if k != "estimate"}
    assert read == {"Conventions": "CF-1.11", "kanpde_schema": 1} | expected
    assert {type(v) for v in read.values()} == {str, int, float}


def test_the_layout_is_compressed_dimension_scales(tmp_path: Path) -> None:
    write_grid_field(tmp_path / "u.h5", AXES, {"u": U})
    with h5py.File(tmp_path / "u.h5") as file:
        variable = file["u"]
        assert (variable.compression, variable.compression_opts, variable.shuffle) == (
            "gzip",
            4,
            True,
        )
        assert np.isnan(variable.fillvalue)
        assert np.isnan(variable.attrs["_FillValue"])
        assert [d[0].name for d in variable.dims] == ["/t", "/y", "/x"]
        assert all(file[name].is_scale for name in AXES)
        assert "_FillValue" not in file["x"].attrs


def test_a_large_field_has_one_chunk_for_each_time(tmp_path: Path) -> None:
    axes = {"t": np.arange(3.0), "y": np.arange(512.0), "x": np.arange(256.0)}
    write_grid_field(tmp_path / "u.h5", axes, {"u": np.zeros((3, 512, 256))})
    with h5py.File(tmp_path / "u.h5") as file:
        assert file["u"].chunks == (1, 512, 256)


def test_fields_are_nan_outside_the_mask(tmp_path: Path) -> None:
    mask = U % 3 != 0
    fields = {"u": U, "v": U.astype(np.float32), "n": np.ones(SHAPE, dtype=int)}
    write_grid_field(tmp_path / "u.h5", AXES, fields, mask=mask)
    data = opened(tmp_path / "u.h5")
    for name, values in fields.items():
        np.testing.assert_array_equal(data[name], np.where(mask, values, np.nan))
    assert data["mask"].dims == ("t", "y", "x")
    assert data["mask"].dtype == np.int8
    np.testing.assert_array_equal(data["mask"], mask)
    assert data["mask"].attrs["flag_meanings"] == "outside inside"


def test_integers_bools_and_missing_values(tmp_path: Path) -> None:
    gaps = np.where(U > 30, np.nan, U)
    fields = {"n": U.astype(np.int32), "b": U > 3, "gaps": gaps, "big": U.astype(">f8")}
    write_grid_field(tmp_path / "u.h5", AXES, fields)
    data = opened(tmp_path / "u.h5")
    assert data["n"].dtype == np.int32
    assert data["b"].dtype == np.uint8
    np.testing.assert_array_equal(data["gaps"], gaps)
    np.testing.assert_array_equal(data["big"], U)


def test_arguments_are_left_as_they_were(tmp_path: Path) -> None:
    axes, u, mask = {k: v.copy() for k, v in AXES.items()}, U.copy(), U > 3
    for array in (*axes.values(), u, mask):
        array.setflags(write=False)
    write_grid_field(tmp_path / "u.h5", axes, {"u": u}, mask=mask)
    np.testing.assert_array_equal(u, U)


def test_equal_arrays_give_equal_files_and_nothing_is_printed(tmp_path: Path, capfd) -> None:
    for name in ("a.h5", "b.h5"):
        write_grid_field(tmp_path / name, AXES, {"u": U}, attributes={"title": "u"}, mask=U > 3)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("axes", "fields", "more", "message"),
    [
        ({}, {"u": U}, {}, "axes is empty"),
        (AXES, {}, {}, "fields is empty"),
        (AXES | {"x": [0.0, np.nan, 1.0]}, {"u": U}, {}, 'axes\\["x"\\] holds NaN'),
        (AXES | {"x": [0.0, np.inf, 1.0]}, {"u": U}, {}, "infinity"),
        (AXES | {"x": [0.0, 0.0, 1.0]}, {"u": U}, {}, "does not increase"),
        (AXES | {"x": np.zeros((3, 1))}, {"u": U}, {}, r"shape \(3, 1\), expected \(n,\)"),
        ({"my x": AXES["x"]}, {"u": U[0, 0]}, {}, "'my x' cannot name a coordinate"),
        (AXES, {"u": U.T}, {}, r"shape \(3, 5, 4\), expected \(4, 5, 3\).*axes t, y, x"),
        (AXES, {"u": U[..., None]}, {}, "each component"),
        (AXES, {"u": U * 1j}, {}, "complex128"),
        (AXES, {"a/b": U}, {}, "'a/b' cannot name a field"),
        (AXES, {"x": U}, {}, "'x' is given twice"),
        (AXES, {"mask": U}, {}, "'mask' is kept"),
        (AXES, {"u": U}, {"mask": np.ones(SHAPE)}, "mask has type float64"),
        (AXES, {"u": U}, {"mask": U[0] > 3}, r"shape \(5, 3\)"),
        (AXES, {"u": U}, {"units": {"w": "m"}}, 'units of "w" are given.*t, y, x, u'),
        (AXES, {"u": U}, {"long_names": {"u": 3}}, "expected text"),
        (AXES, {"u": U}, {"attributes": {"a": None}}, "'a' is None.*json.dumps"),
        (AXES, {"u": U}, {"attributes": {"a": [1]}}, "json.dumps"),
        (AXES, {"u": U}, {"attributes": {"a": 2**63}}, "64 bits"),
        (AXES, {"u": U}, {"attributes": {"a": "x\0y"}}, "json.dumps"),
        (AXES, {"u": U}, {"attributes": {"Conventions": "x"}}, "'Conventions' is kept"),
        (AXES, {"u": U}, {"attributes": {"a b": 1}}, "'a b' cannot name"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, axes, fields, more, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_grid_field(tmp_path / "u.h5", axes, fields, **more)
    assert list(tmp_path.iterdir()) == []


# Points ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_points_have_their_coordinates(tmp_path: Path, dimension: int) -> None:
    names = ["x", "y", "z", "t", "mu"][:dimension]
    points = np.random.default_rng(0).normal(size=(7, dimension))
    u = np.arange(7.0)
    u[3] = np.nan
    write_point_field(
        tmp_path / "u.h5", points, names, {"u": u}, units={"x": "m"}, attributes={"seed": 1}
    )
    data = opened(tmp_path / "u.h5")
    assert data["u"].dims == ("point",)
    assert dict(data.sizes) == {"point": 7}
    assert set(data["u"].coords) == set(names)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(data[name], points[:, i])
    np.testing.assert_array_equal(data["u"], u)
    assert data["x"].attrs == {"units": "m"}
    assert data.attrs == {"Conventions": "CF-1.11", "kanpde_schema": 1, "seed": 1}


@pytest.mark.parametrize(
    ("kind", "dimension", "role"),
    [
        ("line", 1, "edge_node_connectivity"),
        ("quad", 2, "face_node_connectivity"),
        ("hexahedron", 3, "volume_node_connectivity"),
    ],
)
def test_cells_make_a_ugrid_mesh(tmp_path: Path, kind: str, dimension: int, role: str) -> None:
    points, cells = grid_mesh([np.arange(3.0)] * dimension)
    names = ["x", "y", "z"][:dimension]
    u = points.sum(axis=1)
    write_point_field(tmp_path / "u.h5", points[:, :dimension], names, {"u": u}, cells=cells)
    data = opened(tmp_path / "u.h5")
    mesh = data["mesh"].attrs
    assert mesh["cf_role"] == "mesh_topology"
    assert mesh["topology_dimension"] == dimension
    assert mesh["node_coordinates"].split() == names
    np.testing.assert_array_equal(data[mesh[role]], cells[kind])
    assert data[mesh[role]].attrs["start_index"] == 0
    assert data["u"].attrs == {"mesh": "mesh", "location": "node"}
    assert data.attrs["Conventions"] == "CF-1.11 UGRID-1.0"
    if dimension == 3:
        shape = data[mesh["volume_shape_type"]]
        meanings = dict(
            zip(shape.attrs["flag_values"], shape.attrs["flag_meanings"].split(), strict=True)
        )
        assert {meanings[v] for v in shape.values} == {"hexahedron"}


@pytest.mark.parametrize(
    ("arguments", "cells", "message"),
    [
        ((POINTS, ["x"], {"u": np.ones(4)}), None, r"names is \['x'\], expected .* 2 names"),
        ((POINTS, "xy", {"u": np.ones(4)}), None, "names is 'xy'"),
        ((POINTS, ["x", "x"], {"u": np.ones(4)}), None, "'x' is given twice"),
        ((POINTS, ["x", "point"], {"u": np.ones(4)}), None, "'point' is kept"),
        ((POINTS, ["x", "y"], {"y": np.ones(4)}), None, "'y' is given twice"),
        ((POINTS, ["x", "y"], {"u": np.ones(3)}), None, r"expected \(4,\), the number of points"),
        ((POINTS, ["x", "y"], {"u": np.ones((4, 2))}), None, "each component"),
        ((POINTS + np.inf, ["x", "y"], {"u": np.ones(4)}), None, "points holds NaN"),
        ((POINTS, ["x", "y"], {"u": np.ones(4)}), {"vertex": [[0]]}, "kinds vertex"),
        (
            (POINTS, ["x", "y"], {"u": np.ones(4)}),
            {"triangle": [[0, 1, 2]], "line": [[0, 1]]},
            "kinds triangle, line",
        ),
        ((POINTS, ["x", "y"], {"u": np.ones(4)}), {"triangle": [[0, 1, 4]]}, "0 to 3"),
    ],
)
def test_wrong_points_are_named(tmp_path: Path, arguments, cells, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_point_field(tmp_path / "u.h5", *arguments, cells=cells)
    assert list(tmp_path.iterdir()) == []


# Reading -----------------------------------------------------------------------------------------


def test_reading_attributes_of_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"no\.h5.*no such file"):
        read_attributes(tmp_path / "no.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(OSError, match=r"text\.h5.*cannot be read as HDF5"):
        read_attributes(tmp_path / "text.h5")


def test_foreign_attributes_become_plain_python(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.attrs["list"] = np.array([1, 2])
    assert read_attributes(tmp_path / "f.h5") == {"list": [1, 2]}
