"""Problems with Python functions in files: the field is kept, the functions are given again."""

import json
import sys

import h5py
import numpy as np
import pytest
import torch

from kanpde import (
    KAN,
    Dirichlet,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    coordinates,
    div,
    given,
    grad,
    laplacian,
    load,
    solve,
    unknown,
)
from kanpde.solution.storage import problem_from_dict, problem_to_dict

x, y = coordinates("x y")
u = unknown("u", x, y)
SQUARE = Rectangle(x=(0, 1), y=(0, 1))


def layers(x, y):
    return np.where(x < 0.5, 1.0, 2.0) + 0 * y


def edge(x, y):
    return np.sin(3 * x) + y


K = given("k", x, y, values=layers)
PROBLEM = Problem(SQUARE, {"flow": K * laplacian(u) - 1}, Dirichlet(u, edge, on=SQUARE.boundary))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    solution = solve(PROBLEM, KAN([2, 1]), [LevenbergMarquardt(iterations=2)])
    return solution, solution.save(tmp_path_factory.mktemp("given") / "solution.h5")


def test_the_field_is_there_without_the_functions(saved) -> None:
    solution, path = saved
    again = load(path)
    points = SQUARE.interior(50)
    np.testing.assert_array_equal(again.fields(points)["u"], solution.fields(points)["u"])
    assert torch.equal(again.network.vector(), solution.network.vector())
    assert again.problem.condition_names == PROBLEM.condition_names
    assert str(again.problem.equations["flow"]) == str(PROBLEM.equations["flow"])
    with pytest.raises(ValueError, match=r"values of the given function k are in no file.*given="):
        again.residual_rms()


def test_a_page_asks_for_the_functions(saved) -> None:
    _, path = saved
    with pytest.raises(ValueError, match=r'function edge, k of .*given=\{"edge": ..., "k": ...\}'):
        load(path).report(path.parent / "page.html")
    page = load(path, given={"k": layers, "edge": edge}).report(path.parent / "page.html")
    assert "residual" in page.read_text()


def test_the_functions_are_given_again(saved) -> None:
    solution, path = saved
    again = load(path, given={"k": layers, "edge": edge})
    assert again.residual_rms() == solution.residual_rms()
    assert load(path, given={"k": K, "edge": edge}).residual_rms() == solution.residual_rms()
    twice = again.save(path.parent / "twice.h5")
    assert load(twice, given={"k": layers, "edge": edge}).residual_rms() == solution.residual_rms()
    half = load(path, given={"edge": edge})
    with pytest.raises(ValueError, match="function k are in no file"):
        half.residual_rms()
    assert load(half.save(path.parent / "half.h5")).problem.name == PROBLEM.name


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"k": lambda x, y: 1 + x}, r"k is not the one of the file: it is .* at x = .*, and was"),
        ({"conductivity": layers}, r"names no function of the file; its functions are: k, edge"),
        ({"k": 3.0}, "that is no function"),
        ({"k": lambda x: x}, "cannot be called"),
    ],
)
def test_another_function_is_refused(saved, functions, message) -> None:
    with pytest.raises(ValueError, match=message):
        load(saved[1], given=functions)


def test_nothing_of_the_file_is_imported_or_run(saved, tmp_path) -> None:
    path = tmp_path / "stranger.h5"
    path.write_bytes(saved[1].read_bytes())
    with h5py.File(path, "r+") as file:
        data = json.loads(file["problem"].asstr()[()])
        for function in data["given"]:
            function["origin"] = "antigravity:os.system"
        del file["problem"]
        file.create_dataset("problem", data=json.dumps(data), dtype=h5py.string_dtype())
    assert load(path).problem.name == "problem"
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["Given:other", "Given:k:x"])
def test_a_function_that_the_file_does_not_describe_is_refused(name) -> None:
    data = problem_to_dict(PROBLEM)
    data["equations"]["flow"] = data["equations"]["flow"].replace("Given:k", name)
    with pytest.raises(ValueError, match="no description of the function"):
        problem_from_dict(data)


def test_derivatives_come_with_what_given_returns() -> None:
    def conductivity():
        slopes = {x: lambda x, y: 2 * x + 0 * y, y: lambda x, y: np.cos(y) + 0 * x}
        return given("k", x, y, values=lambda x, y: 1 + x**2 + np.sin(y), derivatives=slopes)

    problem = Problem(
        SQUARE, div(conductivity() * grad(u)) - 1, Dirichlet(u, 0, on=SQUARE.boundary)
    )
    data = json.loads(json.dumps(problem_to_dict(problem)))
    again = problem_from_dict(data, given={"k": conductivity()})
    assert again.is_linear
    assert problem_to_dict(again) == problem_to_dict(problem)
    with pytest.raises(ValueError, match="needs derivatives of k too"):
        problem_from_dict(data, given={"k": lambda x, y: 1 + x**2 + np.sin(y)})
    wrong = given("k", x, y, values=lambda x, y: 1 + x**2 + np.sin(y))
    with pytest.raises(ValueError, match="lacks the derivative by"):
        problem_from_dict(data, given={"k": wrong})


def test_functions_of_one_name_stay_apart() -> None:
    conditions = [Dirichlet(u, lambda x, y: x + 0 * y, on=face) for face in ("bottom", "top")]
    sides = [Dirichlet(u, lambda x, y: x + x * y * (1 - y), on=("left", "right"))]
    problem = Problem(SQUARE, laplacian(u), [*conditions, *sides])
    data = problem_to_dict(problem)
    assert [f["name"] for f in data["given"]] == ["value", "value_2", "value_3"]
    one, two = (lambda x, y: x + 0 * y), (lambda x, y: x + x * y * (1 - y))
    again = problem_from_dict(data, given={"value": one, "value_2": one, "value_3": two})
    assert problem_to_dict(again)["given"][2]["values"] == data["given"][2]["values"]
