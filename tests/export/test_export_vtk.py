"""VTK files: read back by meshio, ElementTree and, where it is installed, VTK itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import meshio
import numpy as np
import pytest

from kanpde.export import grid_mesh, write_pvd, write_time_series, write_vtu

AXES = [np.array([0.0, 0.5, 2.0]), np.array([-1.0, 0.0, 1.0, 4.0]), np.array([3.0, 5.0])]
KINDS = {1: "line", 2: "quad", 3: "hexahedron"}
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
QUAD = {"quad": np.array([[0, 1, 2, 3]])}


def read_vtk(path: Path):
    vtk = pytest.importorskip("vtk")
    reader = vtk.vtkXMLUnstructuredGridReader()
    reader.SetFileName(str(path))
    reader.Update()
    assert reader.GetErrorCode() == 0
    return reader.GetOutput()


# Grids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_grid_points_are_in_the_order_of_meshgrid(dimension: int) -> None:
    axes = AXES[:dimension]
    points, cells = grid_mesh(axes)
    grids = np.meshgrid(*axes, indexing="ij")
    assert points.shape == (grids[0].size, 3)
    for i, grid in enumerate(grids):
        np.testing.assert_array_equal(points[:, i], grid.ravel())
    np.testing.assert_array_equal(points[:, dimension:], 0.0)
    assert list(cells) == [KINDS[dimension]]


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_grid_cells_fill_the_box_and_are_oriented(dimension: int) -> None:
    axes = AXES[:dimension]
    points, cells = grid_mesh(axes)
    block = cells[KINDS[dimension]]
    assert len(block) == np.prod([len(a) - 1 for a in axes])
    corner = points[block]  # VTK's order: neighbours of corner 0 are 1, (last of the base), 4
    edges = [corner[:, k] - corner[:, 0] for k in (1, 3, 4)[:dimension]]
    measures = np.linalg.det(np.stack(edges, axis=1)[:, :, :dimension])
    assert (measures > 0).all()
    assert measures.sum() == pytest.approx(np.prod([a[-1] - a[0] for a in axes]))


def test_wrong_axes_are_named() -> None:
    with pytest.raises(ValueError, match="1 to 3 axes, given 4"):
        grid_mesh([AXES[0]] * 4)
    with pytest.raises(ValueError, match="given 0"):
        grid_mesh([])
    with pytest.raises(ValueError, match="at least 2"):
        grid_mesh([AXES[0], np.array([1.0])])
    with pytest.raises(ValueError, match="axis 1 does not increase"):
        grid_mesh([AXES[0], AXES[1][::-1]])
    with pytest.raises(ValueError, match="axis 0 holds NaN"):
        grid_mesh([np.array([0.0, np.nan])])
    with pytest.raises(ValueError, match=r"axis 0 has shape \(3, 1\)"):
        grid_mesh([AXES[0][:, None]])


# .vtu --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_meshio_reads_back_what_was_written(tmp_path: Path, dimension: int) -> None:
    points, cells = grid_mesh(AXES[:dimension])
    count = len(points)
    rng = np.random.default_rng(0)
    scalar, vector = rng.normal(size=count), rng.normal(size=(count, 2))
    block = cells[KINDS[dimension]]
    size = rng.random(len(block))
    path = tmp_path / "u.vtu"
    fields = {"u": scalar, "velocity": vector, "single": scalar.astype(np.float32)}
    write_vtu(path, points[:, :dimension], cells, fields, cell_data={"size": size})
    mesh = meshio.read(path)
    np.testing.assert_array_equal(mesh.points, points)
    np.testing.assert_array_equal(mesh.cells_dict[KINDS[dimension]], block)
    np.testing.assert_array_equal(mesh.point_data["u"], scalar)
    assert mesh.point_data["single"].dtype == np.float32
    assert mesh.point_data["velocity"].shape == (count, 3)
    np.testing.assert_array_equal(mesh.point_data["velocity"][:, :2], vector)
    np.testing.assert_array_equal(mesh.point_data["velocity"][:, 2], 0.0)
    np.testing.assert_array_equal(mesh.cell_data["size"][0], size)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_vtk_reads_back_what_was_written(tmp_path: Path, dimension: int) -> None:
    pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    points, cells = grid_mesh(AXES[:dimension])
    scalar = np.sin(points.sum(axis=1))
    scalar[0] = np.nan
    vector = np.stack([scalar, 2 * scalar], axis=1)
    write_vtu(tmp_path / "u.vtu", points, cells, {"u": scalar, "velocity": vector})
    grid = read_vtk(tmp_path / "u.vtu")
    np.testing.assert_array_equal(vtk_to_numpy(grid.GetPoints().GetData()), points)
    np.testing.assert_array_equal(vtk_to_numpy(grid.GetPointData().GetArray("u")), scalar)
    assert grid.GetPointData().GetArray("velocity").GetNumberOfComponents() == 3
    from vtk import vtkCellSizeFilter

    sizes = vtkCellSizeFilter()
    sizes.SetInputData(grid)
    sizes.Update()
    name = {1: "Length", 2: "Area", 3: "Volume"}[dimension]
    measured = vtk_to_numpy(sizes.GetOutput().GetCellData().GetArray(name))
    assert (measured > 0).all()
    expected = np.prod([a[-1] - a[0] for a in AXES[:dimension]])
    assert measured.sum() == pytest.approx(expected)


def test_nan_and_infinity_in_fields_are_kept(tmp_path: Path) -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf])
    write_vtu(tmp_path / "u.vtu", SQUARE, QUAD, {"u": values})
    np.testing.assert_array_equal(meshio.read(tmp_path / "u.vtu").point_data["u"], values)


def test_several_kinds_of_cells_share_cell_data_in_order(tmp_path: Path) -> None:
    cells = {"triangle": np.array([[0, 1, 2], [0, 2, 3]]), "line": np.array([[0, 1]])}
    data = {"part": np.array([1, 2, 3])}
    write_vtu(tmp_path / "u.vtu", SQUARE, cells, {"u": np.arange(4.0)}, cell_data=data)
    mesh = meshio.read(tmp_path / "u.vtu")
    assert [block.type for block in mesh.cells] == ["triangle", "line"]
    assert [part.tolist() for part in mesh.cell_data["part"]] == [[1, 2], [3]]


def test_a_cloud_of_points_is_written_as_vertices(tmp_path: Path) -> None:
    write_vtu(tmp_path / "c.vtu", SQUARE, {"vertex": np.arange(4)[:, None]}, {"u": np.arange(4.0)})
    assert meshio.read(tmp_path / "c.vtu").cells[0].type == "vertex"


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.array([1, 2, 3, 4], dtype=np.int32), np.int32),
        (np.array([True, False, True, False]), np.uint8),
        (np.array([1, 2, 3, 4], dtype=">f8"), np.float64),
        (np.array([1, 2, 3, 4], dtype=np.float16), np.float64),
        (np.array([1, 2, 3, 4], dtype=np.longdouble), np.float64),
        ([1.0, 2.0, 3.0, 4.0], np.float64),
        (np.arange(8.0)[::2], np.float64),
        (np.arange(4.0)[:, None], np.float64),
    ],
)
def test_types_that_vtk_lacks_are_converted(tmp_path: Path, given, dtype) -> None:
    write_vtu(tmp_path / "u.vtu", SQUARE, QUAD, {"u": given})
    read = meshio.read(tmp_path / "u.vtu").point_data["u"]
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, np.asarray(given, dtype=dtype).ravel())


def test_columns_in_fortran_order_are_written_as_rows(tmp_path: Path) -> None:
    vectors = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    write_vtu(tmp_path / "u.vtu", np.asfortranarray(SQUARE), QUAD, {"v": vectors})
    mesh = meshio.read(tmp_path / "u.vtu")
    np.testing.assert_array_equal(mesh.point_data["v"], vectors)
    np.testing.assert_array_equal(mesh.points[:, :2], SQUARE)


def test_arguments_are_left_as_they_were(tmp_path: Path) -> None:
    points, cells = SQUARE.copy(), {"quad": QUAD["quad"].copy()}
    fields = {"u": np.arange(4.0), "v": np.ones((4, 2))}
    sizes = {"size": np.ones(1)}
    for array in (points, cells["quad"], *fields.values(), *sizes.values()):
        array.setflags(write=False)
    write_vtu(tmp_path / "u.vtu", points, cells, fields, cell_data=sizes)
    assert list(fields) == ["u", "v"]
    assert fields["v"].shape == (4, 2)
    assert points.shape == (4, 2)
    assert list(sizes) == ["size"]
    assert isinstance(sizes["size"], np.ndarray)


def test_greek_names_do_not_depend_on_the_locale(tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np; from kanpde.export import write_vtu\n"
        "write_vtu(sys.argv[1], np.eye(3), {'triangle': np.array([[0, 1, 2]])},"
        " {'\\u03b8': np.arange(3.0)})"
    )
    environment = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    path = tmp_path / "u.vtu"
    subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=True)
    assert list(meshio.read(path).point_data) == ["θ"]
    assert path.read_bytes().isascii()


def test_equal_arrays_give_equal_files_and_nothing_is_printed(tmp_path: Path, capfd) -> None:
    for name in ("a.vtu", "b.vtu"):
        write_vtu(tmp_path / name, SQUARE, QUAD, {"u": np.ones((4, 2))})
    assert (tmp_path / "a.vtu").read_bytes() == (tmp_path / "b.vtu").read_bytes()
    assert capfd.readouterr() == ("", "")


U = {"u": np.arange(4.0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SQUARE[:, 0], QUAD, U), r"points has shape \(4,\).*points\[:, None\]"),
        ((np.ones((4, 4)), QUAD, U), r"points has shape \(4, 4\)"),
        ((np.full((4, 2), np.nan), QUAD, U), "points holds NaN"),
        ((SQUARE[:0], QUAD, U), r"points has shape \(0, 2\)"),
        ((SQUARE, {}, U), "cells is empty.*vertex"),
        ((SQUARE, {"square": QUAD["quad"]}, U), "'square' is no kind of cell.*quad"),
        ((SQUARE, {"triangle": QUAD["quad"]}, U), r"shape \(1, 4\), expected \(M, 3\)"),
        ((SQUARE, {"quad": np.zeros((0, 4), int)}, U), r"shape \(0, 4\)"),
        ((SQUARE, {"quad": QUAD["quad"] + 1}, U), "points 1 to 4, expected 0 to 3"),
        ((SQUARE, {"quad": QUAD["quad"] - 1}, U), "points -1 to 2"),
        ((SQUARE, {"quad": QUAD["quad"] * 1.0}, U), "type float64, expected integers"),
        ((SQUARE, QUAD, {"u": np.arange(3.0)}), r"\"u\"\] has shape \(3,\), expected \(4,\)"),
        ((SQUARE, QUAD, {"u": np.ones((2, 2))}), r"shape \(2, 2\)"),
        ((SQUARE, QUAD, {"u": np.ones((4, 0))}), r"shape \(4, 0\)"),
        ((SQUARE, QUAD, {"u": np.ones((4, 2, 2))}), r"shape \(4, 2, 2\)"),
        ((SQUARE, QUAD, {"u": np.ones(4) * 1j}), "complex128.*real and .imag"),
        ((SQUARE, QUAD, {"u": np.array(["a"] * 4)}), "type <U1"),
        ((SQUARE, QUAD, {"u": [None] * 4}), "type object"),
        ((SQUARE, QUAD, {"my field": np.ones(4)}), "'my field' cannot name a field"),
        ((SQUARE, QUAD, {"u:x": np.ones(4)}), "'u:x' cannot name"),
        ((SQUARE, QUAD, {'u"': np.ones(4)}), "cannot name"),
        ((SQUARE, QUAD, {"": np.ones(4)}), "cannot name"),
        ((SQUARE, QUAD, {3: np.ones(4)}), "cannot name"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_vtu(tmp_path / "u.vtu", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_wrong_cell_data_and_suffix_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'cell_data\["c"\] has shape \(4,\), expected \(1,\)'):
        write_vtu(tmp_path / "u.vtu", SQUARE, QUAD, U, cell_data={"c": np.ones(4)})
    with pytest.raises(ValueError, match=r"must end in \.vtu"):
        write_vtu(tmp_path / "u.vtk", SQUARE, QUAD, U)


# Time --------------------------------------------------------------------------------------------


def test_pvd_holds_times_and_relative_files(tmp_path: Path) -> None:
    steps = [(0, "a&b.vtu"), (np.float64(0.1), Path("sub") / "b.vtu"), (1 / 3, 'c".vtu')]
    write_pvd(tmp_path / "u.pvd", steps)
    root = ElementTree.parse(tmp_path / "u.pvd").getroot()
    assert root.tag == "VTKFile"
    assert root.attrib["type"] == "Collection"
    sets = root.findall("Collection/DataSet")
    assert [float(s.attrib["timestep"]) for s in sets] == [0.0, 0.1, 1 / 3]
    assert [s.attrib["file"] for s in sets] == ["a&b.vtu", "sub/b.vtu", 'c".vtu']


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "at least one"),
        ([(0.0, "a.vtu"), (0.0, "b.vtu")], "must increase strictly"),
        ([(np.nan, "a.vtu")], "not finite"),
        ([(0.0, "/a.vtu")], "is absolute"),
    ],
)
def test_wrong_steps_are_named(tmp_path: Path, steps, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_pvd(tmp_path / "u.pvd", steps)


def test_time_series_reads_back_and_can_be_moved(tmp_path: Path) -> None:
    points, cells = grid_mesh(AXES[:2])
    times = np.linspace(0, 1, 3)
    steps = ((t, {"u": np.sin(t + points[:, 0])}) for t in times)
    made = write_time_series(tmp_path / "new" / "heat", "heat", steps, points=points, cells=cells)
    assert made == tmp_path / "new" / "heat" / "heat.pvd"
    moved = made.parent.rename(tmp_path / "moved")
    sets = ElementTree.parse(moved / "heat.pvd").getroot().findall("Collection/DataSet")
    assert [s.attrib["file"] for s in sets] == [f"heat_{k:04d}.vtu" for k in range(3)]
    for s in sets:
        time = float(s.attrib["timestep"])
        mesh = meshio.read(moved / s.attrib["file"])
        np.testing.assert_array_equal(mesh.point_data["u"], np.sin(time + points[:, 0]))


def test_wrong_time_series_are_named(tmp_path: Path) -> None:
    mesh = {"points": SQUARE, "cells": QUAD}
    with pytest.raises(ValueError, match=r"has the fields \['v'\], the first one has \['u'\]"):
        write_time_series(tmp_path, "s", [(0, U), (1, {"v": np.ones(4)})], **mesh)
    with pytest.raises(ValueError, match="must increase strictly"):
        write_time_series(tmp_path, "s", [(0, U), (0, U)], **mesh)
    with pytest.raises(ValueError, match="at least one"):
        write_time_series(tmp_path, "s", [], **mesh)
    with pytest.raises(ValueError, match="cannot name a time series"):
        write_time_series(tmp_path, "a/b", [(0, U)], **mesh)
    assert not (tmp_path / "s.pvd").exists()
