"""A solution is evaluated by name, saved bit for bit, and refuses what it is not."""

import json

import h5py
import meshio
import numpy as np
import pytest
import torch
import xarray
from sympy import cos, exp, pi, sin

import kanpde
from kanpde import (
    KAN,
    Box,
    Data,
    Dirichlet,
    Interval,
    Neumann,
    Problem,
    Rectangle,
    Robin,
    coordinates,
    laplacian,
    load,
    solve,
    staircase,
    unknown,
)

x, y, z = coordinates("x y z")


@pytest.fixture(scope="module")
def plate():
    u = unknown("u", x, y)
    domain = Rectangle(x=(0, 1), y=(-1, 1))
    exact = exp(x) * sin(pi * y)
    problem = Problem(
        domain,
        {"poisson": laplacian(u) - laplacian(exact, x, y)},
        [
            Dirichlet(u, exact, on=("top", "bottom")),
            Neumann(u, -exact.diff(x), on="left"),
            Robin(u, 2, exact.diff(x) + 2 * exact, on="right"),
        ],
        exact={u: exact},
        name="plate",
    )
    return solve(problem)


def test_values_by_name(plate):
    value = plate(x=0.3, y=0.5)
    assert isinstance(value, float)
    assert value == pytest.approx(np.exp(0.3), rel=1e-11)
    grid = plate(x=np.linspace(0, 1, 4)[:, None], y=np.linspace(-1, 1, 5))
    assert grid.shape == (4, 5)
    tensor = plate(x=torch.tensor([0.1, 0.2]), y=0.5)
    assert isinstance(tensor, torch.Tensor)
    assert tensor.shape == (2,)


def test_exact_derivatives(plate):
    u = plate.problem.unknowns[0]
    found = plate.derivative(u.diff(x, 2) + y * u, x=0.3, y=0.25)
    assert found == pytest.approx(np.exp(0.3) * np.sin(np.pi / 4) * 1.25, rel=1e-9)


def test_wrong_coordinates(plate):
    with pytest.raises(ValueError, match="missing: y"):
        plate(x=0.1)
    with pytest.raises(ValueError, match="unknown: t"):
        plate(x=0.1, y=0.2, t=0.0)
    with pytest.raises(ValueError, match="do not broadcast"):
        plate(x=np.zeros(3), y=np.zeros(4))


def solutions():
    u = unknown("u", x)
    line = Interval(x=(0, 2))
    trained = solve(
        Problem(line, {"e": u.diff(x, 2) + u - u**2 + cos(x)}, Dirichlet(u, x, on=line.boundary)),
        KAN([1, (1, 1), 1]),
        staircase(5, 10, iterations=3),
    )
    u = unknown("u", x, y, z)
    cube = Box(x=(0, 1), y=(0, 1), z=(0, 1))
    separable = solve(
        Problem(cube, {"e": laplacian(u) - 6}, Dirichlet(u, x**2 + y**2 + z**2, on=cube.boundary))
    )
    return {"trained, hard, product node": trained, "tensor": separable}


SOLUTIONS = solutions()


@pytest.mark.parametrize("name", ["ladder", *SOLUTIONS])
def test_saved_and_loaded_bit_for_bit(name, plate, tmp_path):
    solution = plate if name == "ladder" else SOLUTIONS[name]
    again = load(solution.save(tmp_path / "s.h5"))
    assert torch.equal(again.network.vector(), solution.network.vector())
    points = {n: np.linspace(0.01, 0.99, 50) for n in solution.problem.domain.names}
    np.testing.assert_array_equal(again(**points), solution(**points))
    assert again.problem.equations == solution.problem.equations
    assert again.problem.condition_names == solution.problem.condition_names
    assert again.problem.exact == solution.problem.exact
    assert again.outcome is solution.outcome
    assert again.history == solution.history
    assert again.residual_rms() == solution.residual_rms()
    for field in ("estimate", "points", "seconds", "seed", "notes", "way"):
        assert getattr(again, field) == getattr(solution, field)


def test_files_that_are_no_solution(tmp_path, plate):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(ValueError, match="damaged or no kanpde solution"):
        load(tmp_path / "text.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(ValueError, match="not a kanpde solution"):
        load(tmp_path / "foreign.h5")
    whole = plate.save(tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged or no kanpde solution"):
        load(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "whole.h5", "a") as file:
        del file["state"]
    with pytest.raises(ValueError, match="damaged or no kanpde solution"):
        load(tmp_path / "whole.h5")
    with pytest.raises(OSError, match="does not exist"):
        plate.save(tmp_path / "no" / "folder.h5")


def test_a_saved_file_holds_no_code(tmp_path, plate):
    path = plate.save(tmp_path / "s.h5")
    with h5py.File(path, "a") as file:
        problem = json.loads(file["problem"].asstr()[()])
        problem["equations"]["poisson"] = "__import__('os').system('true')"
        file["problem"][()] = json.dumps(problem)
    with pytest.raises(ValueError, match="may not occur in a saved expression"):
        load(path)


def test_the_history_is_a_table(tmp_path):
    solution = SOLUTIONS["trained, hard, product node"]
    with h5py.File(solution.save(tmp_path / "s.h5"), "r") as file:
        table = file["history"][()]
    assert table["stage"][0] == b"1 levenberg-marquardt"
    np.testing.assert_array_equal(table["loss"], [_nan(r.loss) for r in solution.history])
    np.testing.assert_array_equal(table["damping"], [_nan(r.damping) for r in solution.history])
    assert (np.diff(table["seconds"]) >= 0).all()
    assert table.dtype.names == (
        *("stage", "iteration", "parameters", "loss", "held_out", "estimate", "error", "seconds"),
        "damping",
    )


def _nan(value):
    return np.nan if value is None else value


def test_many_measured_values_are_kept(tmp_path):
    u = unknown("u", x)
    points = np.linspace(0, 1, 9000)
    problem = Problem(Interval(x=(0, 1)), conditions=[Data(u, points[:, None], points**2)])
    again = load(solve(problem).save(tmp_path / "s.h5"))
    np.testing.assert_array_equal(again.problem.conditions[0].on.points[:, 0], points)


def test_files_of_an_older_kanpde(plate, tmp_path):
    path = plate.save(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 1
    with pytest.raises(ValueError, match="older than this kanpde"):
        load(path)


def test_exports_open_in_other_tools(tmp_path, plate):
    mesh = meshio.read(plate.export(tmp_path / "f.vtu", resolution=9))
    assert mesh.points.shape == (81, 3)
    np.testing.assert_array_equal(
        mesh.point_data["u"], plate(x=mesh.points[:, 0], y=mesh.points[:, 1])
    )
    with xarray.open_dataset(
        plate.export(tmp_path / "f.h5", resolution=9), engine="h5netcdf"
    ) as data:
        assert data["u"].dims == ("x", "y")
        assert float(abs(data["u_error"]).max()) < 1e-10
        assert data.attrs["title"] == "plate"
    with pytest.raises(ValueError, match="suffix"):
        plate.export(tmp_path / "f.xyz")


def test_the_summary_is_json(plate):
    summary = json.loads(json.dumps(plate.summary()))
    assert summary["relative_l2"]["u"] < 1e-10
    assert set(summary["residual_rms"]) == {"poisson", *plate.problem.condition_names}


def test_errors_need_an_exact_solution():
    with pytest.raises(ValueError, match="no exact solution"):
        SOLUTIONS["tensor"].errors()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tol": 0}, "tol"),
        ({"budget": "long"}, "is no time"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_options(options, message, plate):
    with pytest.raises(ValueError, match=message):
        solve(plate.problem, **options)


def test_solving_leaves_the_number_of_threads(plate):
    before = torch.get_num_threads()
    solve(plate.problem, tol=1e-3, threads=2)
    assert torch.get_num_threads() == before
    assert kanpde.Outcome.SOLVED.is_success
