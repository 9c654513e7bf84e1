"""Sweeps: every combination once, settings that really apply, resumable, no run lost."""

import json
import subprocess
import sys
from concurrent.futures import Future

import pytest

from kanpde.cli import main
from kanpde.problem_file import ProblemFileError, constants_of, load_problem_file
from kanpde.sweep import Run, Sweep, parse_parameters, parse_seeds, parse_setting, runs_of, sweep
from kanpde.sweep.settings import applied, check

FILE = '''
"""A layer."""
from sympy import exp, pi, sin
from kanpde import *

nu = 0.1
label = "plain"
x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))
exact = sin(pi * x) * nu
problem = Problem(line, -u.diff(x, 2) + pi**2 * exact * (-1), Dirichlet(u, 0, on=line.boundary),
                  exact={u: exact})
'''
TRAINED = (
    FILE
    + """
network = KAN([1, 3, 1], basis=BSpline(degree=5, intervals=3), activation=None)
plan = [LeastSquares(), LevenbergMarquardt(iterations=2)]
"""
)
ONE_EDGE = TRAINED.replace("[1, 3, 1]", "[1, 1]")
"""Of which the grid sets the error; with hidden nodes any grid does, to round-off."""


class Here:
    """An executor that runs at once, in this process."""

    def __init__(self):
        self.jobs = []

    def submit(self, function, *arguments):
        self.jobs.append(arguments)
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def trained(tmp_path):
    file = tmp_path / "layer.py"
    file.write_text(TRAINED)
    return file


def test_all_combinations_once() -> None:
    runs = runs_of({"a": [1, 2], "b": ["p", "q"]}, [0, 1])
    assert len(set(runs)) == 8
    assert runs[1].name == "a=1,b=p,seed=1"


@pytest.mark.parametrize("text", ["", "x", "3:1", "1;2"])
def test_wrong_seeds_are_refused(text) -> None:
    with pytest.raises(ValueError, match="seeds"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["", "nu", "=3", "nu="])
def test_wrong_settings_are_refused(text) -> None:
    with pytest.raises(ValueError, match="setting"):
        parse_setting(text)


def test_values_are_numbers_words_and_texts() -> None:
    assert parse_setting("a=1,2.5,true,none,text")[1] == [1, 2.5, True, None, "text"]
    assert parse_parameters("timeout_min=3,cluster=local") == {"timeout_min": 3, "cluster": "local"}


def test_constants_of_a_file_are_numbers_and_texts_at_its_top(trained) -> None:
    assert constants_of(trained) == {"nu": 0.1, "label": "plain"}
    loaded = load_problem_file(trained, {"nu": 0.7})
    assert "0.7" in str(next(iter(loaded.problem.exact.values())))
    assert loaded.problem.name == "layer"
    with pytest.raises(ProblemFileError, match=r"no number or text to 'mu'.*label, nu"):
        load_problem_file(trained, {"mu": 1})


def test_settings_reach_network_plan_and_solve(trained) -> None:
    run = Run((("network.intervals", 7), ("plan.1.iterations", 5), ("points", 300)), 0)
    loaded, arguments = applied(trained, run)
    assert [basis.intervals for basis in loaded.network.bases] == [7, 7]
    assert loaded.network.widths == (1, 3, 1)
    assert loaded.plan[1].iterations == 5
    assert arguments == {"points": 300}


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("mu", "no setting"),
        ("network.sides", "none of"),
        ("plan.7.iterations", "2 stages"),
        ("plan.1.sides", "LevenbergMarquardt has"),
    ],
)
def test_a_setting_that_does_not_apply_is_told_before_anything_runs(trained, name, match) -> None:
    executor = Here()
    with pytest.raises(ValueError, match=match):
        sweep(trained, runs_of({name: [1]}, [0]), trained.parent / "out", executor)
    assert not executor.jobs


def test_equal_runs_are_refused(trained) -> None:
    with pytest.raises(ValueError, match="same settings"):
        check(trained, runs_of({"nu": [1, 1]}, [0]))


def test_a_sweep_runs_once_and_is_taken_up(trained) -> None:
    trained.write_text(ONE_EDGE)
    out, first, again = trained.parent / "out", Here(), Here()
    runs = runs_of({"network.intervals": [3, 6]}, [0, 1])
    found = sweep(trained, runs, out, first)
    assert len(first.jobs) == 4
    errors = [row["median"] for row in found.rows]
    assert errors[1] < errors[0]  # a finer grid
    (out / runs[2].name / "run.json").unlink()  # as if it had been killed
    same = sweep(trained, runs, out, again)
    assert [job[1] for job in again.jobs] == [runs[2]]
    assert [row["median"] for row in same.rows] == errors
    trained.write_text(ONE_EDGE.replace("nu = 0.1", "nu = 0.2"))
    last = Here()
    sweep(trained, runs, out, last)
    assert len(last.jobs) == 4  # another file, other results


def test_a_run_that_fails_is_told_and_the_others_stay(trained) -> None:
    runs = runs_of({"points": [300, 0]}, [0])
    found = sweep(trained, runs, trained.parent / "out", Here())
    assert [row["failed"] for row in found.rows] == [0, 1]
    assert "points=0" in found.results[1][1]["failed"]
    assert "| 0 | - | - | - | - | - | 1 | 1 |" in found.table()
    found.plot()


def test_a_figure_joins_medians_of_each_line() -> None:
    def summary(error):
        return {"relative_l2": {"u": error}, "seconds": 1.0, "parameters": 9}

    runs = runs_of({"n": [5, 10, 20], "kind": ["p", "q"]}, [0, 1, 2])
    found = Sweep("t", tuple((run, summary(1e-3 / (1 + i))) for i, run in enumerate(runs)))
    (axes,) = found.plot().axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_xlabel() == "n"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["kind = p", "kind = q"]


def test_the_command_writes_a_table_and_a_figure(tmp_path, capsys) -> None:
    file = tmp_path / "layer.py"
    file.write_text(FILE)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "kanpde", "sweep", str(file), "--out", str(out)]
    command += ["--set", "nu=0.1,0.3", "--seeds", "0:2", "--workers", "2"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert (out / "sweep.png").stat().st_size > 5000
    content = json.loads((out / "sweep.json").read_text())
    assert len(content["runs"]) == 4
    assert all(row["median"] < 1e-9 for row in content["rows"])
    assert "4/4" in run.stderr
    assert main(["sweep", str(file), "--seeds", "x"]) == 2
    assert 'write "0:10"' in capsys.readouterr().err
