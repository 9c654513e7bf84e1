"""Large fields piece by piece: the same files, little memory, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import h5py
import meshio
import numpy as np
import pytest

from kanpde import (
    Dirichlet,
    Disk,
    Problem,
    Rectangle,
    Solution,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.export import (
    GridMesh,
    MeshArrays,
    grid_mesh,
    stream_grid_field,
    stream_point_field,
    stream_vtkhdf,
    stream_vtu,
    write_grid_field,
    write_point_field,
    write_vtkhdf,
    write_vtu,
)
from kanpde.export.pieces import PIECE, ranges
from kanpde.solution import files

SMALL = 700
"""Points of a piece in these tests: no multiple of anything."""
x, y = coordinates("x y")
u = unknown("u", x, y)


def solved(domain):
    problem = Problem(
        domain, {"p": laplacian(u)}, [Dirichlet(u, x * y + 1, on=domain.boundary)],
        exact={u: x * y + 1},
    )  # fmt: skip
    return solve(problem)


@pytest.fixture(scope="module")
def square():
    return solved(Rectangle(x=(0, 1), y=(0, 2)))


@pytest.fixture(scope="module")
def disk():
    return solved(Disk(x=0, y=0, radius=1))


@pytest.fixture
def asked(monkeypatch):
    """Return how many points every evaluation asked for, pieces being small."""
    counts: list[int] = []
    fields = Solution.fields

    def counting(self, points):
        counts.append(len(points))
        return fields(self, points)

    monkeypatch.setattr(Solution, "fields", counting)
    monkeypatch.setattr(files, "CHUNK", SMALL)
    return counts


# The same files ----------------------------------------------------------------------------------


def whole(solution, points):
    """Return the fields at all points at once, NaN outside."""
    inside = files._inside(solution.problem.domain, points)
    return files._spread(solution, points, np.flatnonzero(inside))


@pytest.mark.parametrize("suffix", ["vtu", "vtkhdf"])
def test_a_mesh_in_pieces_is_the_same_file(square, tmp_path, asked, suffix):
    path = square.export(tmp_path / f"pieces.{suffix}", resolution=61)
    assert max(asked) == SMALL
    assert sum(asked) == 61**2
    points, cells = grid_mesh([np.linspace(0, 1, 61), np.linspace(0, 2, 61)])
    data = whole(square, points[:, :2])
    other = tmp_path / f"whole.{suffix}"
    if suffix == "vtu":
        write_vtu(other, points, cells, data)
    else:
        write_vtkhdf(other, [(None, data)], points=points, cells=cells)
    assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("where", ["square", "disk"])
def test_a_grid_in_pieces_is_the_same_file(where, tmp_path, asked, request):
    solution = request.getfixturevalue(where)
    domain = solution.problem.domain
    path = solution.export(tmp_path / "pieces.h5", resolution=61)
    assert max(asked) <= SMALL
    axes = [np.linspace(*ends, 61) for ends in zip(domain.lower, domain.upper, strict=True)]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    inside = np.asarray(domain.contains(points))
    data = files._spread(solution, points, np.flatnonzero(inside))
    other = tmp_path / "whole.h5"
    write_grid_field(
        other,
        dict(zip(domain.names, axes, strict=True)),
        {name: values.reshape(61, 61) for name, values in data.items()},
        mask=None if inside.all() else inside.reshape(61, 61),
        attributes=files._provenance(solution),
    )
    with h5py.File(path) as found, h5py.File(other) as wanted:
        assert dict(found.attrs) == dict(wanted.attrs)
        assert set(found) == set(wanted)
        for name in wanted:  # a product of matrices may be rounded otherwise in other pieces
            np.testing.assert_allclose(found[name][...], wanted[name][...], rtol=1e-12, atol=1e-14)
            assert found[name].dtype == wanted[name].dtype
            assert set(found[name].attrs) == set(wanted[name].attrs)


def test_a_grid_of_many_blocks_is_written_in_their_order(tmp_path):
    axes = {"a": np.arange(3.0), "b": np.arange(400.0), "c": np.arange(500.0)}
    values = np.random.default_rng(0).normal(size=(3, 400, 500))
    blocks = []

    def of_block(block):
        blocks.append(values[block].size)
        return {"u": values[block]}

    stream_grid_field(tmp_path / "a.h5", axes, ["u"], of_block)
    write_grid_field(tmp_path / "b.h5", axes, {"u": values})
    assert len(blocks) == 6
    assert max(blocks) * 8 <= 2**20
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["u"][:], values)


def test_points_in_pieces_are_the_same_file(tmp_path):
    rng = np.random.default_rng(0)
    points, u = rng.random((1000, 2)), rng.random(1000)
    pieces = ({"u": u[a:b]} for a, b in ranges(1000, 300))
    stream_point_field(tmp_path / "a.h5", points, ["x", "y"], ["u"], pieces)
    write_point_field(tmp_path / "b.h5", points, ["x", "y"], {"u": u})
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_a_grid_is_the_same_by_number(dimension):
    axes = [np.linspace(0, 1, 5), np.linspace(-1, 1, 4), np.linspace(2, 3, 3)][:dimension]
    mesh = GridMesh.of(axes)
    points, cells = grid_mesh(axes)
    ((kind, block),) = cells.items()
    assert (mesh.count, mesh.kinds) == (len(points), {kind: len(block)})
    for start, stop in ranges(mesh.count, 7):
        np.testing.assert_array_equal(mesh.points(start, stop), points[start:stop])
    for start, stop in ranges(len(block), 5):
        np.testing.assert_array_equal(mesh.cells(kind, start, stop), block[start:stop])


def test_pieces_that_do_not_fit_are_refused(tmp_path):
    mesh = MeshArrays.of(np.array([[0.0], [1.0], [2.0]]), {"line": np.array([[0, 1], [1, 2]])})
    two, other = {"u": np.zeros(2)}, {"v": np.zeros(1)}
    for suffix, write in (("vtu", stream_vtu), ("vtkhdf", written_by_hdf)):
        path = tmp_path / f"a.{suffix}"
        with pytest.raises(ValueError, match="2 points together, expected 3"):
            write(path, mesh, [two])
        with pytest.raises(ValueError, match="a piece has the fields"):
            write(path, mesh, [two, other])
    with pytest.raises(ValueError, match="2 points together, expected 3"):
        stream_point_field(tmp_path / "a.h5", np.zeros((3, 1)), ["x"], ["u"], [two])
    assert list(tmp_path.iterdir()) == []


def written_by_hdf(path, mesh, pieces):
    stream_vtkhdf(path, [(None, pieces)], mesh=mesh)


# Little memory -----------------------------------------------------------------------------------

SIDE = 90
"""0.7 million points in space: coordinates and cells alone would be 61 MiB in memory."""
MOST = 20 * 2**20


def pieces_of(mesh):
    for start, stop in ranges(mesh.count, PIECE):
        yield {"u": np.arange(float(start), float(stop)), "v": np.zeros(stop - start)}


def by_vtu(path):
    mesh = GridMesh.of([np.linspace(0, 1, SIDE)] * 3)
    stream_vtu(path, mesh, pieces_of(mesh))


def by_vtkhdf(path):
    mesh = GridMesh.of([np.linspace(0, 1, SIDE)] * 3)
    written_by_hdf(path, mesh, pieces_of(mesh))


def by_hdf5(path):
    axes = {name: np.linspace(0, 1, SIDE) for name in "xyz"}

    def block_of(block):
        shape = [part.stop - part.start for part in block]
        return {"u": np.full(shape, float(block[0].start)), "v": np.zeros(shape)}

    stream_grid_field(path, axes, ["u", "v"], block_of)


@pytest.mark.parametrize(
    ("write", "name"), [(by_vtu, "a.vtu"), (by_vtkhdf, "a.vtkhdf"), (by_hdf5, "a.h5")]
)
def test_memory_stays_bounded(tmp_path, write, name):
    import h5py  # noqa: F401 - its own memory does not count

    tracemalloc.start()
    try:
        write(tmp_path / name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST


# Whole or not at all -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.vtu", "a.vtkhdf", "a.h5"])
def test_an_export_that_is_stopped_leaves_what_was_there(square, tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "CHUNK", SMALL)
    path = square.export(tmp_path / name, resolution=11)
    before = path.read_bytes()
    shares = []

    def stop_half_way(share):
        shares.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        square.export(path, resolution=61, progress=stop_half_way)
    assert shares == sorted(shares)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "kill") or os.name == "nt", reason="needs SIGKILL")
def test_an_export_that_is_killed_leaves_no_half_file(tmp_path):
    script = (
        "import os, signal, sys, numpy as np\n"
        "from kanpde.export import GridMesh, stream_vtu\n"
        "def pieces():\n"
        "    yield {'u': np.zeros(50)}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "stream_vtu(sys.argv[1], GridMesh.of([np.linspace(0, 1, 10)] * 2), pieces())\n"
    )
    path = tmp_path / "a.vtu"
    path.write_text("earlier")
    done = subprocess.run([sys.executable, "-c", script, str(path)])
    assert done.returncode < 0
    assert path.read_text() == "earlier"


def test_progress_ends_at_one(square, tmp_path):
    for name in ("a.vtu", "a.vtkhdf", "a.h5"):
        shares: list[float] = []
        square.export(tmp_path / name, resolution=31, progress=shares.append)
        assert shares[-1] == 1


# Scattered points in HDF5 ------------------------------------------------------------------------


def test_a_mesh_of_the_users_own_is_scattered_points_in_hdf5(disk, tmp_path):
    points = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [3, 3, 0.0]])
    cells = [("line", np.array([[0, 1]])), ("triangle", np.array([[0, 1, 2], [1, 2, 3]]))]
    meshio.write(tmp_path / "own.vtu", meshio.Mesh(points, cells))
    path = disk.export(tmp_path / "own.h5", mesh=tmp_path / "own.vtu")
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["x"][:], points[:, 0])
        np.testing.assert_allclose(file["u"][:3], 1 + points[:3, 0] * points[:3, 1], atol=1e-12)
        assert np.isnan(file["u"][3])  # outside
        assert file["mesh_cells"][:].tolist() == [[0, 1, 2], [1, 2, 3]]
        assert "seed" in file.attrs
