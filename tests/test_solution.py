"""A solution in the hand: what it takes, what it gives back, what it refuses, and seeds."""

import json
import math
from dataclasses import replace

import h5py
import numpy as np
import pytest
import sympy
import torch
from sympy import Symbol, exp, pi, sin, sqrt

import kanpde
from kanpde import (
    KAN,
    Dirichlet,
    Interval,
    Ladder,
    LevenbergMarquardt,
    Neumann,
    Outcome,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    load,
    normal_derivative,
    solve,
    unknown,
)

x, y = coordinates("x y")
u1, u, v = unknown("u", x), unknown("u", x, y), unknown("v", x, y)
line, square = Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1))
EXACT = sin(2 * x) * exp(y)
PLATE = Problem(
    square,
    {"e": laplacian(u) - laplacian(EXACT, x, y)},
    [
        Dirichlet(u, EXACT, on=["left", "top"]),
        Neumann(u, EXACT.diff(x), on="right"),
        Dirichlet(u, EXACT, on="bottom"),
    ],
    exact={u: EXACT},
    name="plate",
)
PAIR = Problem(
    square,
    [laplacian(u) - v, v - x * y],
    [Dirichlet(u, x**3 * y / 6, on=square.boundary)],
    exact={u: x**3 * y / 6, v: x * y},
    name="pair",
)


def truth(a, b):
    return np.sin(2 * np.asarray(a)) * np.exp(np.asarray(b))


@pytest.fixture(scope="module")
def plate():
    return solve(PLATE, seed=1)


@pytest.fixture(scope="module")
def pair():
    return solve(PAIR)


# --- values -----------------------------------------------------------------------------------


def test_numbers_in_numbers_out(plate) -> None:
    for value in (
        plate(x=0.3, y=0.2),
        plate(x=np.float64(0.3), y=np.float32(0.2)),
        plate(x=sympy.Rational(3, 10), y=0.2),
    ):
        assert type(value) is float
        assert value == pytest.approx(float(truth(0.3, 0.2)), abs=1e-7)
    assert plate(x=0, y=1) == pytest.approx(0, abs=1e-9)


def test_arrays_broadcast(plate) -> None:
    a, b = np.linspace(0, 1, 4), np.linspace(0, 1, 3)
    found = plate(x=a[:, None], y=b[None])
    assert isinstance(found, np.ndarray)
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found, truth(a[:, None], b[None]), atol=1e-9)
    assert plate(x=[0.1, 0.2], y=0.5).shape == (2,)
    assert plate(x=np.zeros((0,)), y=0.5).shape == (0,)
    assert plate(x=np.arange(2), y=1).shape == (2,)


def test_tensors_in_tensors_out(plate) -> None:
    a = torch.linspace(0, 1, 5, dtype=torch.float64)
    found = plate(x=a, y=0.5)
    assert isinstance(found, torch.Tensor)
    assert not plate(x=a.clone().requires_grad_(), y=0.5).requires_grad
    np.testing.assert_allclose(found.numpy(), truth(a.numpy(), 0.5), atol=1e-9)


def test_many_points_are_the_same_as_few(plate) -> None:
    many = np.linspace(0, 1, 40_001)
    found = plate(x=many, y=0.25)
    np.testing.assert_allclose(found[::10_000], plate(x=many[::10_000], y=0.25), atol=1e-14)


def test_several_unknowns_come_by_name(pair) -> None:
    found = pair(x=0.5, y=np.array([0.0, 0.5]))
    assert list(found) == ["u", "v"]
    np.testing.assert_allclose(found["v"], [0, 0.25], atol=1e-9)
    assert pair.derivative(u.diff(x, y) + v, x=0.5, y=0.5) == pytest.approx(0.125 + 0.25)
    assert pair.at(np.array([[0.5, 0.5]])).shape == (1, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": 0.3}, "missing: y"),
        ({}, "missing: x, y"),
        ({"x": 0.3, "y": 0.1, "t": 0}, "unknown: t"),
        ({"x": np.zeros(3), "y": np.zeros(4)}, r"broadcast together \(x: \(3,\), y: \(4,\)\)"),
    ],
)
def test_wrong_coordinates(plate, given, message) -> None:
    with pytest.raises(ValueError, match=message):
        plate(**given)


def test_points_of_a_wrong_shape(plate) -> None:
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        plate.at(np.zeros((4, 3)))


@pytest.mark.parametrize("array", [np.linspace(0, 1, 3)[::-1], np.broadcast_to(0.5, (3,))])
def test_any_array_is_taken(plate, array) -> None:
    assert plate(x=array, y=0.5).shape == (3,)


@pytest.mark.parametrize(
    "value",
    [
        "a",
        None,
    ],
)
def test_coordinates_that_are_no_numbers(plate, value) -> None:
    with pytest.raises(ValueError, match="x="):
        plate(x=value, y=0.5)


# --- derivatives ------------------------------------------------------------------------------


def test_derivatives_are_exact(plate) -> None:
    a, b = np.linspace(0.1, 0.9, 5), 0.5
    for expression in (
        u.diff(x, 2),
        u.diff(x, y),
        laplacian(u),
        u.diff(y) ** 2 + x * u,
        sqrt(2) * u * sin(y) + pi,
    ):
        found = plate.derivative(expression, x=a, y=b)
        wanted = expression.subs(u, EXACT).doit()
        reference = [float(wanted.subs({x: float(p), y: b})) for p in a]
        np.testing.assert_allclose(found, reference, rtol=1e-7, atol=1e-7)


def test_derivatives_of_constants_and_coordinates(plate) -> None:
    assert plate.derivative(sympy.Integer(3), x=0.1, y=0.2) == 3.0
    assert plate.derivative(x * y, x=np.array([0.5, 1]), y=0.5).tolist() == [0.25, 0.5]


def test_derivatives_of_other_unknowns_are_refused(plate) -> None:
    with pytest.raises(ValueError, match=r"holds v\(x, y\)"):
        plate.derivative(u + v, x=0.1, y=0.2)


@pytest.mark.parametrize(
    "expression", [u * Symbol("k"), normal_derivative(u), u * Symbol("x"), "u"]
)
def test_derivatives_of_what_has_no_value_are_refused(plate, expression) -> None:
    with pytest.raises(ValueError, match="expression"):
        plate.derivative(expression, x=0.1, y=0.2)


# --- what it knows ----------------------------------------------------------------------------


def test_errors_agree_with_the_exact_solution(plate) -> None:
    errors = plate.errors()["u"]
    points = square.interior(3000, seed=5)
    difference = plate.at(points)[:, 0] - truth(*points.T)
    relative = np.linalg.norm(difference) / np.linalg.norm(truth(*points.T))
    assert relative / 3 < errors["relative_l2"] < 3 * relative
    assert errors["max_error"] >= 0.3 * np.abs(difference).max()


def test_the_residual_is_that_of_the_equation(plate) -> None:
    rms = plate.residual_rms()
    assert set(rms) == {"e", *PLATE.condition_names}
    assert max(rms.values()) < 1e-7
    points = square.interior(500, seed=3)
    fields = plate.fields(points)
    np.testing.assert_allclose(
        fields["residual_e"],
        plate.derivative(PLATE.equations["e"], x=points[:, 0], y=points[:, 1]),
        atol=1e-9,
    )
    np.testing.assert_allclose(fields["u_error"], fields["u"] - fields["u_exact"])


def test_the_summary_is_plain_json(plate, pair) -> None:
    for solution in (plate, pair):
        summary = json.loads(json.dumps(solution.summary(), allow_nan=False))
        assert summary["outcome"] == "solved"
        assert summary["parameters"] == solution.network.parameter_count
        assert set(summary["relative_l2"]) == set(solution.problem.unknown_names)
        assert sum(stage["steps"] for stage in summary["stages"]) == len(solution.history)


def test_an_equation_may_not_be_called_like_a_condition() -> None:
    try:
        problem = Problem(
            line,
            {"dirichlet on the boundary": u1.diff(x, 2) + 1},
            Dirichlet(u1, 0, on=line.boundary),
        )
    except ValueError:
        return
    assert len(solve(problem).residual_rms()) == 2


# --- files ------------------------------------------------------------------------------------


def test_what_was_saved_comes_back(plate, pair, tmp_path) -> None:
    trained = solve(PLATE, KAN([2, 2, 1]), [LevenbergMarquardt(iterations=2)])
    for i, solution in enumerate((plate, pair, trained)):
        again = load(solution.save(tmp_path / f"{i}.h5"))
        points = solution.problem.domain.interior(50)
        assert np.array_equal(again.at(points), solution.at(points))
        assert again.problem == solution.problem
        assert again.history == solution.history
        for name in ("outcome", "estimate", "points", "seconds", "seed", "notes", "way"):
            assert getattr(again, name) == getattr(solution, name), name
        w = solution.problem.unknowns[0].diff(x)
        assert again.derivative(w, x=0.3, y=0.2) == solution.derivative(w, x=0.3, y=0.2)


def test_long_texts_can_be_saved(plate, tmp_path) -> None:
    """HDF5 attributes are said to hold 64 kB; a problem or the notes may be longer."""
    long = replace(plate, notes=("note" * 30_000,), problem=plate.problem.renamed("n" * 90_000))
    again = load(long.save(tmp_path / "long.h5"))
    assert again.notes == long.notes
    assert again.problem == long.problem


def test_saving_replaces_a_file_and_leaves_nothing_else(plate, tmp_path) -> None:
    path = tmp_path / "a.h5"
    path.write_text("old")
    plate.save(path)
    assert load(path).outcome is Outcome.SOLVED
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_files_that_cannot_be_read(plate, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.h5"):
        load(tmp_path / "none.h5")
    with pytest.raises(OSError, match=r"folder .* does not exist"):
        plate.save(tmp_path / "missing" / "a.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    with pytest.raises(ValueError, match="damaged or no kanpde solution"):
        load(text)
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["u"] = np.zeros(3)
    with pytest.raises(ValueError, match="not a kanpde solution"):
        load(foreign)
    good = plate.save(tmp_path / "good.h5").read_bytes()
    for cut in (100, len(good) // 2):
        (tmp_path / "cut.h5").write_bytes(good[:cut])
        with pytest.raises(ValueError, match=r"cut\.h5 is damaged"):
            load(tmp_path / "cut.h5")


@pytest.mark.parametrize("key", ["network", "problem", "outcome", "seed"])
def test_files_that_lack_something(plate, tmp_path, key) -> None:
    path = plate.save(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        if key in file.attrs:
            del file.attrs[key]
        else:
            del file[key]
    with pytest.raises(ValueError, match="damaged"):
        load(path)


def test_files_of_a_newer_kanpde(plate, tmp_path) -> None:
    path = plate.save(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 99
    with pytest.raises(ValueError, match="upgrade kanpde"):
        load(path)


# --- solve ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["ladder", "trained"])
def test_same_seed_same_bits(way) -> None:
    def run(seed):
        if way == "ladder":
            return solve(PLATE, Ladder(degrees=(6, 8)), tol=1e-15, seed=seed)
        return solve(PLATE, KAN([2, 3, 1]), [LevenbergMarquardt(iterations=3)], seed=seed)

    np.random.seed(0)  # noqa: NPY002 - the global generators must play no part
    torch.manual_seed(0)
    a = run(3)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    b, c = run(3), run(4)
    assert torch.equal(a.network.vector(), b.network.vector())
    assert not torch.equal(a.network.vector(), c.network.vector())
    assert [r.loss for r in a.history] == [r.loss for r in b.history]


def test_solving_leaves_the_global_state_alone() -> None:
    torch.manual_seed(5)
    state, threads, dtype = (
        torch.get_rng_state(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
    )
    solve(PLATE, KAN([2, 2, 1]), [LevenbergMarquardt(iterations=1)], threads=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == dtype


def test_ctrl_c_ends_gently_and_keeps_the_field() -> None:
    import os
    import signal

    handler = signal.getsignal(signal.SIGINT)

    def press(record) -> None:
        if record.iteration == 2:
            os.kill(os.getpid(), signal.SIGINT)

    solution = solve(PLATE, KAN([2, 2, 1]), [LevenbergMarquardt(iterations=50)], progress=press)
    assert solution.outcome is Outcome.INTERRUPTED
    assert len(solution.history) == 2
    assert math.isfinite(solution(x=0.5, y=0.5))
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {"tol": 0}, "tol=0 must be positive"),
        ((), {"tol": float("nan")}, "must be positive"),
        ((), {"budget": "soon"}, "'soon' is no time"),
        ((), {"budget": 0}, "must be positive"),
        ((), {"threads": 0}, "at least 1"),
        ((), {"seed": -1}, "seed"),
        ((), {"seed": 0.5}, "seed"),
        ((KAN([1, 3, 1]),), {}, r"maps 1 coordinates to 1 outputs.*has 2 .*KAN\(\[2, \.\.\., 1\]"),
        ((KAN([2, 3, 2]),), {}, "to 2 outputs"),
        ((KAN([2, 3, 1]),), {"hard": True, "plan": []}, None),
    ],
)
def test_bad_arguments(arguments, options, message) -> None:
    if message is None:
        assert solve(PLATE, *arguments, **options).outcome is Outcome.PLAN_FINISHED
        return
    with pytest.raises(ValueError, match=message):
        solve(PLATE, *arguments, **options)


def test_conditions_that_cannot_be_hard() -> None:
    flux = Problem(line, u1.diff(x, 2) - u1, Neumann(u1, 1, on=line.boundary))
    with pytest.raises(ValueError, match="hard=True, but"):
        solve(flux, KAN([1, 2, 1]), [], hard=True)


@pytest.mark.parametrize("options", [{"plan": [LevenbergMarquardt(1)]}, {"hard": True}])
def test_what_a_ladder_cannot_heed_is_refused(options) -> None:
    with pytest.raises(ValueError, match="ladder"):
        solve(PLATE, Ladder(degrees=(4,)), **options)


@pytest.mark.parametrize(
    ("network", "plan"),
    [
        ("kan", None),
        (KAN([2, 2, 1]), LevenbergMarquardt(1)),
        (KAN([2, 2, 1]), [LevenbergMarquardt]),
    ],
)
def test_values_of_the_wrong_kind(network, plan) -> None:
    with pytest.raises(ValueError, match=r"network|plan"):
        solve(PLATE, network, plan)


def test_a_single_precision_network_can_be_trained() -> None:
    solution = solve(PLATE, KAN([2, 2, 1]).float(), [LevenbergMarquardt(iterations=2)])
    assert math.isfinite(solution(x=0.5, y=0.5))


def test_a_solution_that_is_not_unique_is_not_silently_one_of_them() -> None:
    exact = sympy.cos(pi * x) + 5
    with pytest.warns(kanpde.NotWellPosedWarning, match="a constant can be added"):
        Problem(
            line,
            u1.diff(x, 2) + pi**2 * (exact - 5),
            Neumann(u1, 0, on=line.boundary),
            exact={u1: exact},
        )


def test_a_problem_without_conditions_warns_once_and_is_read_back(tmp_path) -> None:
    with pytest.warns(kanpde.NotWellPosedWarning):
        problem = Problem(line, u1.diff(x) - 1)
    path = solve(problem, Ladder(degrees=(4,))).save(tmp_path / "a.h5")
    with pytest.warns(kanpde.NotWellPosedWarning):
        assert load(path).problem == problem
