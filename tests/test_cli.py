"""`kanpde solve`: what a person at a terminal, and a script, can rely on."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

import kanpde
from kanpde.cli import main

PROBLEMS = Path(__file__).parent.parent / "problems"

FAST = """
    from sympy import pi, sin
    from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

    x = coordinates("x")
    u = unknown("u", x)
    line = Interval(x=(0, 1))
    problem = Problem(
        line,
        equations={"poisson": u.diff(x, 2) + pi**2 * sin(pi * x)},
        conditions=[Dirichlet(u, 0, on=line.boundary)],
        exact={u: sin(pi * x)},
    )
"""


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write_file


def run(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "kanpde", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        **kwargs,
    )


def test_json_prints_exactly_one_object_and_a_run_folder(write, tmp_path, capsys):
    status = main(["solve", str(write(FAST)), "--out", str(tmp_path / "out"), "--json"])
    printed = capsys.readouterr().out
    assert status == 0
    assert printed.count("\n") == 1
    summary = json.loads(printed)
    assert summary["problem"] == "mine"
    assert summary["outcome"] == "solved"
    assert summary["relative_l2"]["u"] < 1e-11
    for key in ("max_error", "residual_rms", "parameters", "points", "seconds", "seed", "stages"):
        assert key in summary
    assert set(summary["residual_rms"]) == {"poisson", "dirichlet on the boundary"}
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"run.json", "solution.h5", "field.h5", "field.vtu", "field.png"} <= names
    assert names == {*summary["files"], "run.json"}
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert manifest["environment"]["kanpde"] == kanpde.__version__
    assert len(manifest["history"]) == summary["stages"][0]["steps"]


def test_the_saved_network_is_the_solved_one(write, tmp_path):
    assert main(["solve", str(write(FAST)), "--out", str(tmp_path / "out"), "--no-figures"]) == 0
    solution = kanpde.load(tmp_path / "out" / "solution.h5")
    x = np.linspace(0, 1, 501)
    with h5py.File(tmp_path / "out" / "field.h5") as file:
        np.testing.assert_array_equal(file["x"][()], x)
        np.testing.assert_array_equal(file["u"][()], solution(x=x))
    assert not list((tmp_path / "out").glob("*.png"))


def test_the_last_line_is_for_a_person(write, tmp_path, capsys):
    main(["solve", str(write(FAST)), "--out", str(tmp_path / "out"), "--no-figures"])
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("mine: solved, relative L2 error of u ")
    assert "parameters" in last
    assert last.endswith(" s")


def test_same_seed_same_numbers(write, tmp_path, capsys):
    summaries = []
    for out in ("a", "b"):
        main(["solve", str(write(FAST)), "--out", str(tmp_path / out), "--json", "--no-figures"])
        summary = json.loads(capsys.readouterr().out)
        summaries.append((summary["relative_l2"], summary["residual_rms"], summary["estimate"]))
    assert summaries[0] == summaries[1]


# Bad input: exit status 2, one clear message, before the first step ------------------------------


def bad(capsys, *arguments):
    status = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    return captured.err


def test_a_file_that_is_not_there(capsys, tmp_path):
    message = bad(capsys, "solve", tmp_path / "nothing.py", "--out", tmp_path / "out")
    assert "there is no problem file" in message
    assert not (tmp_path / "out").exists()


def test_a_run_folder_that_cannot_be_written(capsys, write, tmp_path):
    (tmp_path / "taken").write_text("a file")
    message = bad(capsys, "solve", write(FAST), "--out", tmp_path / "taken")
    assert "cannot write into the run folder" in message


def test_a_file_that_raises_shows_the_users_own_traceback(write, tmp_path):
    path = write("def helper():\n    return 1 / 0\n\nhelper()\n")
    result = run("solve", path, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "line 2, in helper" in result.stderr
    assert "runpy" not in result.stderr
    assert "cli.py" not in result.stderr


def test_a_syntax_error_is_shown(write, tmp_path, capsys):
    message = bad(capsys, "solve", write("problem = = 3\n"), "--out", tmp_path / "out")
    assert "SyntaxError" in message
    assert "problem = = 3" in message


def test_a_file_without_a_problem(write, tmp_path, capsys):
    message = bad(capsys, "solve", write("x = 3\n"), "--out", tmp_path / "out")
    assert "defines no name `problem`" in message


def test_a_problem_that_is_wrong(write, tmp_path, capsys):
    wrong = FAST.replace("exact={u: sin(pi * x)}", "exact={u: sin(2 * pi * x)}")
    message = bad(capsys, "solve", write(wrong), "--out", tmp_path / "out")
    assert "the exact solution does not satisfy equation" in message
    assert "Residual:" in message


@pytest.mark.parametrize("budget", ["soon", "-3s", "0"])
def test_a_budget_that_is_no_time(budget, write, tmp_path, capsys):
    message = bad(capsys, "solve", write(FAST), "--out", tmp_path / "out", f"--budget={budget}")
    assert "budget" in message


def test_a_device_that_is_not_there(write, tmp_path, capsys):
    message = bad(capsys, "solve", write(FAST), "--out", tmp_path / "o", "--device", "nonsense")
    assert "the device 'nonsense' cannot be used" in message


def test_a_tolerance_below_zero(write, tmp_path, capsys):
    message = bad(capsys, "solve", write(FAST), "--out", tmp_path / "o", "--tol=-1")
    assert "tol" in message


def test_a_singular_source_says_where(write, tmp_path, capsys):
    wrong = FAST.replace("pi**2 * sin(pi * x)", "1 / (x - x)").replace(
        "exact={u: sin(pi * x)},", ""
    )
    message = bad(capsys, "solve", write(wrong), "--out", tmp_path / "o")
    assert 'equation "poisson" is not finite' in message


def test_a_source_that_is_undefined_in_places_says_where(write, tmp_path, capsys):
    wrong = FAST.replace("pi**2 * sin(pi * x)", "log(x - 0.5)")
    wrong = wrong.replace("exact={u: sin(pi * x)},", "")
    wrong = wrong.replace("import pi, sin", "import log, pi, sin")
    message = bad(capsys, "solve", write(wrong), "--out", tmp_path / "o")
    assert 'equation "poisson" is nan at x = 0.' in message


# Not solved: exit status 1, the best field is there ----------------------------------------------


def test_a_budget_that_is_too_short_keeps_the_best_field(tmp_path, capsys):
    file = PROBLEMS / "poisson_2d_staircase.py"
    out = tmp_path / "out"
    status = main(
        ["solve", str(file), "--out", str(out), "--budget", "0.5s", "--json", "--no-figures"]
    )
    summary = json.loads(capsys.readouterr().out)
    assert status == 1
    assert summary["outcome"] == "budget"
    assert "budget" in summary["message"]
    assert kanpde.load(out / "solution.h5").outcome is kanpde.Outcome.BUDGET


@pytest.mark.parametrize("name", ["burgers_1d", "klein_gordon"])
def test_a_march_that_ends_early_says_how_far_it_came(name, tmp_path, capsys):
    options = ["--budget", "0.001s", "--out", str(tmp_path / "out"), "--no-figures"]
    assert main(["solve", str(PROBLEMS / f"{name}.py"), *options]) == 1
    printed = capsys.readouterr().out
    assert "The field is known up to t = " in printed
    assert "unknown" in printed


def test_an_unreachable_tolerance_is_not_solved(write, tmp_path, capsys):
    file = write(FAST)
    arguments = ["--tol", "1e-30", "--json", "--no-figures"]
    status = main(["solve", str(file), "--out", str(tmp_path / "out"), *arguments])
    summary = json.loads(capsys.readouterr().out)
    assert status == 1
    assert summary["outcome"] == "tolerance_not_reached"
    assert summary["relative_l2"]["u"] < 1e-10


def test_ctrl_c_saves_what_there_is_and_says_where(tmp_path):
    out = tmp_path / "out"
    file = PROBLEMS / "poisson_2d_staircase.py"
    command = [sys.executable, "-m", "kanpde", "solve", file, "--out", out, "--no-figures"]
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    lines = []
    for line in process.stderr:  # progress: the solve is running
        lines.append(line)
        if "levenberg-marquardt 10" in line:
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted" in output
    assert str(out) in output
    assert kanpde.load(out / "solution.h5").outcome is kanpde.Outcome.INTERRUPTED


# Going on --------------------------------------------------------------------------------------

TRAINED = FAST.replace(
    "from kanpde import", "from kanpde import KAN, BSpline, LevenbergMarquardt,"
) + textwrap.indent(
    textwrap.dedent("""
        network = KAN([1, 2, 1], basis=BSpline(degree=5, intervals=4))
        plan = [LevenbergMarquardt(6), LevenbergMarquardt(5)]
        """),
    "    ",
)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(write, tmp_path, capsys):
    file, quiet = str(write(TRAINED)), ["--json", "--no-figures"]
    part, whole = str(tmp_path / "part"), str(tmp_path / "whole")
    assert main(["solve", file, "--out", part, "--budget", "8 iterations", *quiet]) == 1
    assert main(["solve", file, "--out", whole, *quiet]) == 0
    assert (tmp_path / "part" / "checkpoint.h5").is_file()
    assert not (tmp_path / "whole" / "checkpoint.h5").exists()
    capsys.readouterr()
    assert main(["resume", part, *quiet]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "plan_finished"
    vectors = [kanpde.load(f"{f}/solution.h5").network.vector() for f in (part, whole)]
    np.testing.assert_array_equal(*vectors)
    manifests = [json.loads(Path(f, "run.json").read_text()) for f in (part, whole)]
    assert (
        manifests[0]["environment"]["problem_sha256"]
        == (manifests[1]["environment"]["problem_sha256"])
    )
    assert len(manifests[0]["history"]) == len(manifests[1]["history"]) == 11
    assert "there is no checkpoint" in bad(capsys, "resume", part)


def test_a_run_that_was_killed_goes_on(tmp_path, capsys):
    out, file = tmp_path / "out", PROBLEMS / "poisson_2d_staircase.py"
    command = [sys.executable, "-m", "kanpde", "solve", file, "--out", out, "--no-figures"]
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stderr:
        if line.startswith("3 levenberg-marquardt"):
            break
    process.kill()
    process.communicate()
    assert json.loads((out / "run.json").read_text())["outcome"] == "running"
    assert main(["resume", str(out), "--budget", "1 iterations", "--json", "--no-figures"]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert [s["stage"] for s in summary["stages"]] == [
        *("1 levenberg-marquardt", "2 regrid", "3 levenberg-marquardt")
    ]
    assert kanpde.load(out / "solution.h5").outcome is kanpde.Outcome.BUDGET


def test_what_no_file_keeps_comes_from_the_problem_file_again(write, tmp_path, capsys):
    text = TRAINED.replace("import Dirichlet", "import given, Dirichlet").replace(
        "pi**2 * sin(pi * x)}", "given('f', x, values=lambda x: 1 + x)}"
    )
    text = text.replace("exact={u: sin(pi * x)},", "").replace(
        "KAN, BSpline", "given, KAN, BSpline"
    )
    file, out, quiet = write(text), tmp_path / "out", ["--json", "--no-figures"]
    assert main(["solve", str(file), "--out", str(out), "--budget", "3 iterations", *quiet]) == 1
    capsys.readouterr()
    assert "problem" in bad(capsys, "resume", out)
    assert main(["resume", str(out), "--file", str(file), *quiet]) == 0


# Start-up ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["import kanpde", "import kanpde.cli; kanpde.cli._parser()"])
def test_importing_and_help_load_nothing_heavy(code):
    heavy = {"torch", "sympy", "scipy", "matplotlib", "numpy", "rich"}
    check = f"{code}; import sys; print(sorted(set(sys.modules) & {heavy}))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


def test_help_is_quick():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = run("--help")
        times.append(time.perf_counter() - start)
    assert result.returncode == 0
    assert "solve" in result.stdout
    assert min(times) < 0.5
