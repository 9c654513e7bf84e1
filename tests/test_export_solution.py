"""Fields in time and on meshes of the user's own, read back with meshio."""

from xml.etree import ElementTree

import h5py
import meshio
import numpy as np
import pytest
from sympy import exp, pi, sin

from kanpde import (
    Dirichlet,
    Disk,
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
    unknowns,
)
from kanpde.export import write_vtkhdf

x, y = coordinates("x y")
t = time("t")


@pytest.fixture(scope="module")
def heat():
    u = unknown("u", x, t)
    problem = Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 0.1)),
        {"heat": u.diff(t) - u.diff(x, 2)},
        [Initial(u, sin(pi * x)), Dirichlet(u, 0, on=("left", "right"))],
        exact={u: sin(pi * x) * exp(-(pi**2) * t)},
    )
    return solve(problem, tol=1e-6)


@pytest.fixture(scope="module")
def flow():
    u, v = unknowns("u v", x, y)
    disk = Disk(x=0, y=0, radius=1)
    problem = Problem(
        disk,
        {"one": laplacian(u), "two": laplacian(v)},
        [Dirichlet(u, x, on="circle"), Dirichlet(v, -y, on="circle")],
        exact={u: x, v: -y},
    )
    return solve(problem, tol=1e-6)


def series(path):
    """Return the times and files of a collection."""
    steps = ElementTree.parse(path).getroot().findall("Collection/DataSet")
    return [(float(s.get("timestep")), path.parent / s.get("file")) for s in steps]


def read(path):
    return meshio.read(path)


def test_a_series_shows_space_at_the_times_given(heat, tmp_path):
    times = [0, 0.025, 0.1]
    path = heat.export(tmp_path / "sub" / "heat.pvd", times=times, resolution=11)
    steps = series(path)
    assert [s for s, _ in steps] == times
    for moment, file in steps:
        mesh = read(file)
        assert mesh.points.shape == (11, 3)
        assert (mesh.points[:, 1:] == 0).all()
        wanted = heat(x=mesh.points[:, 0], t=moment)
        np.testing.assert_allclose(mesh.point_data["u"], wanted, atol=1e-14)
        assert {"u_exact", "u_error", "residual_heat"} <= set(mesh.point_data)


def test_without_times_a_series_is_even(heat, tmp_path):
    steps = series(heat.export(tmp_path / "heat.pvd", resolution=5))
    np.testing.assert_allclose([s for s, _ in steps], np.linspace(0, 0.1, 21))


def test_one_time_is_a_snapshot(heat, tmp_path):
    mesh = read(heat.export(tmp_path / "now.vtu", times=[0.05], resolution=7))
    np.testing.assert_allclose(mesh.point_data["u"], heat(x=np.linspace(0, 1, 7), t=0.05))
    assert len(read(heat.export(tmp_path / "all.vtu", resolution=7)).points) == 49


def test_a_series_on_a_curved_domain_has_its_outline(tmp_path):
    u = unknown("u", x, y, t)
    domain = Disk(x=0, y=0, radius=1) * TimeInterval(t=(0, 1))
    problem = Problem(
        domain,
        {"heat": u.diff(t) - laplacian(u, x, y)},
        [Initial(u, x), Dirichlet(u, x, on="circle")],
        exact={u: x},
    )
    path = solve(problem, tol=1e-3).export(tmp_path / "disk.pvd", times=[0, 1], resolution=12)
    mesh = read(series(path)[1][1])
    radius = np.hypot(*mesh.points[:, :2].T)
    assert radius.max() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(mesh.point_data["u"], mesh.points[:, 0], atol=2e-3)


def test_components_make_a_vector_of_three(flow, tmp_path):
    path = flow.export(tmp_path / "a.vtu", resolution=12, vectors={"velocity": ("u", "v")})
    data = read(path).point_data
    assert data["velocity"].shape == (len(data["u"]), 3)
    np.testing.assert_array_equal(data["velocity"][:, 1], data["v"])
    assert (data["velocity"][:, 2] == 0).all()


def own_mesh(path, scale=1.0):
    """Write a mesh of the square [-1, 1]^2 times scale, with two groups and boundary lines."""
    points = scale * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0], [0, 0, 0.0]])
    triangles = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    lines = np.array([[0, 1], [1, 2]])
    marks = [np.array([7, 8]), np.array([1, 1, 2, 2])]
    mesh = meshio.Mesh(
        points,
        [("line", lines), ("triangle", triangles)],
        cell_data={"gmsh:physical": marks, "gmsh:geometrical": marks},
    )
    meshio.write(path, mesh, file_format="gmsh22")
    return path


def test_a_mesh_of_the_users_own_keeps_cells_and_groups(flow, tmp_path):
    file = own_mesh(tmp_path / "own.msh", scale=0.5)
    mesh = read(flow.export(tmp_path / "own.vtu", mesh=file))
    assert {c.type: len(c.data) for c in mesh.cells} == {"line": 2, "triangle": 4}
    np.testing.assert_allclose(mesh.point_data["u"], mesh.points[:, 0], atol=1e-6)
    marks = np.concatenate(mesh.cell_data["gmsh_physical"])
    assert marks.tolist() == [7, 8, 1, 1, 2, 2]


def test_points_outside_have_no_value(flow, tmp_path):
    mesh = read(flow.export(tmp_path / "own.vtu", mesh=own_mesh(tmp_path / "own.msh")))
    assert np.isnan(mesh.point_data["u"][:4]).all()  # the corners are not in the disk
    assert abs(mesh.point_data["u"][4]) < 1e-6


def test_points_on_the_boundary_count_in_spite_of_round_off(flow, tmp_path):
    angle = np.linspace(0, 2 * np.pi, 13)[:-1]
    ring = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]) * (1 + 1e-9)
    points = np.concatenate([ring, [[0, 0, 0]]])
    triangles = np.array([[i, (i + 1) % 12, 12] for i in range(12)])
    meshio.write(tmp_path / "ring.vtu", meshio.Mesh(points, [("triangle", triangles)]))
    mesh = read(flow.export(tmp_path / "out.vtu", mesh=tmp_path / "ring.vtu"))
    assert np.isfinite(mesh.point_data["u"]).all()


def test_a_series_on_a_mesh_of_the_users_own(heat, tmp_path):
    points = np.array([[0.0, 0, 0], [0.3, 0, 0], [1, 0, 0]])
    line = meshio.Mesh(points, [("line", np.array([[0, 1], [1, 2]]))])
    meshio.write(tmp_path / "line.vtu", line)
    path = heat.export(tmp_path / "h.pvd", times=[0, 0.1], mesh=tmp_path / "line.vtu")
    mesh = read(series(path)[1][1])
    assert mesh.point_data["u"][1] == pytest.approx(heat(x=0.3, t=0.1), abs=1e-14)


@pytest.mark.parametrize(
    ("name", "how", "text"),
    [
        ("a.pvd", {"times": [0, 2]}, "between 0 and 0.1"),
        ("a.pvd", {"times": [0.05, 0.02]}, "increase strictly"),
        ("a.vtu", {"times": [0, 0.1]}, r"write a \.pvd"),
        ("a.vtu", {"mesh": "mesh.vtu"}, "give times"),
        ("a.pvd", {"mesh": "missing.msh"}, "there is no mesh file"),
        ("a.pvd", {"vectors": {"w": ("u", "q")}}, "the fields are: u,"),
        ("a.h5", {"times": [0]}, "for VTK's formats"),
        ("a.xdmf", {}, "suffix"),
    ],
)
def test_bad_input_is_told(heat, tmp_path, name, how, text):
    with pytest.raises(ValueError, match=text):
        heat.export(tmp_path / name, **how)


def test_a_field_without_time_has_no_series(flow, tmp_path):
    with pytest.raises(ValueError, match="has not"):
        flow.export(tmp_path / "a.pvd")
    with pytest.raises(ValueError, match="has no time"):
        flow.export(tmp_path / "a.vtu", times=[0])


def test_a_mesh_elsewhere_or_unreadable_is_refused(flow, tmp_path):
    far = tmp_path / "far.vtu"
    points = np.array([[9.0, 9, 0], [9, 8, 0], [8, 9, 0]])
    meshio.write(far, meshio.Mesh(points, [("triangle", np.array([[0, 1, 2]]))]))
    with pytest.raises(ValueError, match="no point of"):
        flow.export(tmp_path / "a.vtu", mesh=far)
    (tmp_path / "bad.vtu").write_text("no mesh")
    with pytest.raises(ValueError, match="can be read"):
        flow.export(tmp_path / "a.vtu", mesh=tmp_path / "bad.vtu")
    tilted = tmp_path / "tilted.vtu"
    points = np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0.1]])
    meshio.write(tilted, meshio.Mesh(points, [("triangle", np.array([[0, 1, 2]]))]))
    with pytest.raises(ValueError, match="do not lie in"):
        flow.export(tmp_path / "a.vtu", mesh=tilted)


def test_vtk_reads_the_series(heat, tmp_path):
    vtk = pytest.importorskip("vtk")
    path = heat.export(tmp_path / "heat.pvd", times=[0, 0.1], resolution=5)
    reader = vtk.vtkXMLUnstructuredGridReader()
    reader.SetFileName(str(series(path)[1][1]))
    reader.Update()
    assert reader.GetOutput().GetNumberOfPoints() == 5


def test_a_rectangle_in_time_is_a_series_of_quads(tmp_path):
    u = unknown("u", x, y, t)
    square = Rectangle(x=(0, 1), y=(0, 1))
    problem = Problem(
        square * TimeInterval(t=(0, 1)),
        {"heat": u.diff(t) - laplacian(u, x, y)},
        [Initial(u, x), Dirichlet(u, x, on=square.boundary.names)],
        exact={u: x},
    )
    path = solve(problem, tol=1e-3).export(tmp_path / "q.pvd", times=[0.5], resolution=4)
    mesh = read(series(path)[0][1])
    assert mesh.cells[0].type == "quad"
    np.testing.assert_allclose(mesh.point_data["u"], mesh.points[:, 0], atol=2e-3)


def test_all_times_in_one_file_of_hdf5(heat, tmp_path):
    path = heat.export(tmp_path / "heat.vtkhdf", times=[0, 0.02, 0.1], resolution=6)
    with h5py.File(path) as file:
        root = file["VTKHDF"]
        assert root.attrs["Type"] == b"UnstructuredGrid"
        assert root["Steps"].attrs["NSteps"] == 3
        assert root["Steps/Values"][:].tolist() == [0, 0.02, 0.1]
        assert root["Points"].shape == (6, 3)
        assert root["Offsets"][:].tolist() == [0, 2, 4, 6, 8, 10]
        offsets = root["Steps/PointDataOffsets/u"][:]
        for k, moment in enumerate([0, 0.02, 0.1]):
            found = root["PointData/u"][offsets[k] : offsets[k] + 6]
            np.testing.assert_allclose(found, heat(x=np.linspace(0, 1, 6), t=moment))


def test_a_file_of_hdf5_without_time_keeps_groups(flow, tmp_path):
    file = own_mesh(tmp_path / "own.msh", scale=0.5)
    path = flow.export(tmp_path / "own.vtkhdf", mesh=file, vectors={"w": ("u", "v")})
    with h5py.File(path) as found:
        root = found["VTKHDF"]
        assert "Steps" not in root
        assert root["Types"][:].tolist() == [3, 3, 5, 5, 5, 5]
        assert root["CellData/gmsh_physical"][:].tolist() == [7, 8, 1, 1, 2, 2]
        assert root["PointData/w"].shape == (5, 3)


def test_steps_that_differ_are_refused(tmp_path):
    mesh = {"points": np.array([[0.0], [1.0]]), "cells": {"line": np.array([[0, 1]])}}
    steps = [(0.0, {"u": np.zeros(2)}), (1.0, {"v": np.zeros(2)})]
    path = tmp_path / "a.vtkhdf"
    with pytest.raises(ValueError, match="same fields"):
        write_vtkhdf(path, steps, **mesh)
    with pytest.raises(ValueError, match="increase strictly"):
        write_vtkhdf(path, [(0.0, {}), (0.0, {})], **mesh)
    with pytest.raises(ValueError, match="at least one step"):
        write_vtkhdf(path, [], **mesh)
    with pytest.raises(ValueError, match="must end in"):
        write_vtkhdf(tmp_path / "a.hdf", steps, **mesh)
    assert list(tmp_path.iterdir()) == []


def test_vtk_reads_all_steps_of_hdf5(heat, tmp_path):
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    times = [0, 0.02, 0.1]
    path = heat.export(tmp_path / "heat.vtkhdf", times=times, resolution=6)
    reader = vtk.vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    assert reader.GetNumberOfSteps() == 3
    for k, moment in enumerate(times):
        reader.SetStep(k)
        reader.Update()
        grid = reader.GetOutput()
        assert grid.GetNumberOfCells() == 5
        found = vtk_to_numpy(grid.GetPointData().GetArray("u"))
        np.testing.assert_allclose(found, heat(x=np.linspace(0, 1, 6), t=moment))
