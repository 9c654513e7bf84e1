"""Networks beside each other: the same points, seeds and time for all, and nothing hidden."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sympy import Rational, exp, pi, sin

import kanpde
from kanpde import (
    KAN,
    MLP,
    BSpline,
    Dirichlet,
    Entrant,
    Interval,
    Ladder,
    LevenbergMarquardt,
    Outcome,
    Problem,
    coordinates,
    unknown,
)
from kanpde.cli import main
from kanpde.comparison import DIRECT, REFERENCE, best_entrants, gives_away, usual_entrants
from kanpde.comparison.entrants import final_parameters
from kanpde.networks import LinearKAN
from kanpde.problem_file import load_problem_file

PROBLEMS = Path(__file__).parent.parent / "problems"
x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))


def problem(known: bool = True) -> Problem:
    exact = sin(pi * x) * exp(x)
    return Problem(
        line,
        {"poisson": u.diff(x, 2) - exact.diff(x, 2)},
        [Dirichlet(u, 0, on=line.boundary)],
        exact={u: exact} if known else None,
        name="line",
    )


SHORT = (LevenbergMarquardt(iterations=12),)
PAIR = (
    Entrant("kan", KAN([1, 1], basis=BSpline(5, 6), activation=None), SHORT),
    Entrant("mlp", MLP([1, 4, 1]), SHORT),
)


@pytest.fixture(scope="module")
def both() -> kanpde.Comparison:
    return kanpde.compare(problem(), [*PAIR, Ladder()], seeds=2, budget="20s", points=200)


def test_every_network_runs_with_every_seed_and_a_direct_way_once(both):
    pairs = [(r.name, r.seed) for r in both.runs]
    assert pairs == [("kan", 0), ("kan", 1), ("mlp", 0), ("mlp", 1), ("Ladder", 0)]
    assert [row.name for row in both.rows] == ["kan", "mlp", "Ladder"]


def test_the_error_is_that_of_the_field_and_the_curve_ends_there(both):
    direct = both.runs[-1]
    again = kanpde.solve(problem(), Ladder())
    assert direct.error == pytest.approx(again.errors()["u"]["relative_l2"], rel=1e-6)
    for run in both.runs:
        assert run.curve[-1].tolist() == [run.seconds, run.error]
        assert (np.diff(run.curve[:, 0]) >= 0).all()
    # a spline is linear in its coefficients: it ends at the best for its points from every start
    kan = [r.error for r in both.runs if r.name == "kan"]
    assert max(kan) < 1e-6
    assert max(kan) < 3 * min(kan)
    mlp = [r.error for r in both.runs if r.name == "mlp"]
    assert mlp[0] != mlp[1]


def test_a_comparison_is_the_same_again(both):
    again = kanpde.compare(problem(), PAIR, seeds=2, budget="20s", points=200)
    assert [r.error for r in again.runs] == [r.error for r in both.runs[:4]]


def test_the_row_holds_median_and_range(both):
    row = both.rows[1]
    errors = sorted(r.error for r in both.runs if r.name == "mlp")
    assert (row.least, row.greatest) == (errors[0], errors[1])
    assert row.error == pytest.approx(sum(errors) / 2)
    assert row.steps <= 12
    assert row.failed == 0


def test_table_figure_and_json(both):
    table = both.table()
    assert table.count("\n") == 4
    assert f"{both.rows[0].error:.1e}" in table
    assert len(both.plot().axes[0].lines) == 2 * 5 + 3
    data = json.loads(json.dumps(both.to_dict(), allow_nan=False))
    assert data["against"] == "the exact field"
    assert [run["error"] for run in data["runs"]] == [r.error for r in both.runs]


def test_all_networks_train_on_the_same_points():
    seen = []

    class Watch(LevenbergMarquardt):
        def init(self, task, network):
            seen.append(task.interior(network))
            return super().init(task, network)

    entrants = [Entrant(e.name, e.network, (Watch(iterations=1),)) for e in PAIR]
    found = kanpde.compare(problem(), entrants, seeds=1, points=150)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0], seen[1])
    assert len(seen[0]) == found.points == 150


def test_by_default_the_largest_network_says_how_many_points():
    big = Entrant("big", KAN([1, 1], basis=BSpline(5, 400), activation=None), SHORT[:1])
    found = kanpde.compare(problem(), [big], seeds=1, budget="20s")
    assert found.points == 4 * 405


def test_without_an_exact_field_kanpde_makes_the_reference():
    known = kanpde.compare(problem(), PAIR[:1], seeds=1, points=200)
    found = kanpde.compare(problem(known=False), PAIR[:1], seeds=1, points=200)
    assert found.against.startswith("kanpde's own solution, estimated to ")
    assert found.runs[0].error == pytest.approx(known.runs[0].error, rel=0.05)


def test_the_making_of_a_reference_is_told_and_has_a_budget(monkeypatch):
    seen = []
    budgets = []
    solved = kanpde.comparison.measure.solve

    def watched(problem, **how):
        budgets.append(how["budget"])
        return solved(problem, **how)

    monkeypatch.setattr(kanpde.comparison.measure, "solve", watched)
    how = {"seeds": 1, "points": 200, "reference_budget": "7s"}
    kanpde.compare(problem(known=False), PAIR[:1], progress=lambda *a: seen.append(a), **how)
    assert budgets == [7.0]
    names = [name for name, _, _ in seen]
    assert names[0] == REFERENCE
    assert names[-1] == "kan"
    assert names == sorted(names, reverse=True)  # all of the reference before the first entrant


def test_a_reference_that_is_given_is_taken(monkeypatch):
    given = kanpde.solve(problem())
    monkeypatch.setattr(kanpde.comparison.measure, "solve", None)
    found = kanpde.compare(problem(known=False), PAIR[:1], seeds=1, points=200, reference=given)
    known = kanpde.compare(problem(), PAIR[:1], seeds=1, points=200)
    assert found.against == "a reference"
    assert found.runs[0].error == pytest.approx(known.runs[0].error, rel=0.05)


def test_a_reference_that_the_budget_cut_short_is_none():
    width = Rational(1, 10**4)
    steep = Problem(line, {"layer": -width * u.diff(x, 2) + u.diff(x) - 1},
                    [Dirichlet(u, 0, on=line.boundary)])  # fmt: skip
    found = kanpde.compare(steep, PAIR[:1], seeds=1, points=200, reference_budget=1e-3)
    assert found.against == "nothing"
    assert math.isnan(found.runs[0].error)


def test_time_is_the_processors_or_another_clocks():
    found = kanpde.compare(problem(), PAIR[:1], seeds=1, points=200)
    assert found.unit == "CPU seconds"
    ticks = iter(range(10**6))
    found = kanpde.compare(
        problem(), PAIR[:1], seeds=1, points=200, budget=5, clock=lambda: float(next(ticks))
    )
    assert found.unit == "seconds"
    assert found.runs[0].outcome is Outcome.BUDGET
    assert "| seconds |" in found.table()


def test_hard_conditions_that_hold_the_exact_field_are_not_built_in():
    square = kanpde.Rectangle(x=(0, 1), y=(0, 1))
    y = coordinates("y")
    v = unknown("v", x, y)
    field = sin(x) * exp(y)
    told = Problem(square, {"p": kanpde.laplacian(v)}, Dirichlet(v, field, on=square.boundary),
                   exact={v: field})  # fmt: skip
    assert gives_away(told)
    assert not gives_away(problem())
    quick = Entrant("kan", KAN([2, 2, 1]), (LevenbergMarquardt(iterations=1),))
    found = kanpde.compare(told, [quick], seeds=1, points=100)
    assert found.runs[0].error > 1e-3


@pytest.mark.parametrize(
    "name", ["poisson_1d", "poisson_2d", "poisson_front", "poisson_l_shape", "poisson_5d"]
)
def test_the_best_entrants_are_kans_and_mlps_of_their_size(name):
    own = load_problem_file(PROBLEMS / f"{name}.py").problem
    entrants = best_entrants(own)
    mlps = [e for e in entrants if isinstance(e.network, MLP)]
    kans = entrants[: -len(mlps)]
    assert all(isinstance(e.network, (KAN, LinearKAN)) for e in kans)
    assert 1 <= len(kans) <= len(mlps) == 3
    assert all(e.name.startswith("KAN") for e in kans)
    assert len({e.name for e in entrants}) == len(entrants)
    size = max(final_parameters(own, kan) for kan in kans)
    assert all(final_parameters(own, kan) <= size for kan in kans)
    for mlp in mlps:
        assert final_parameters(own, mlp) == pytest.approx(size, rel=0.15)  # widths are whole


def test_the_usual_entrants_have_as_many_parameters_and_both_kinds_of_optimiser():
    square = kanpde.Rectangle(x=(0, 1), y=(0, 1))
    y = coordinates("y")
    v = unknown("v", x, y)
    plane = Problem(square, {"p": kanpde.laplacian(v) - 1}, Dirichlet(v, 0, on=square.boundary))
    entrants = usual_entrants(plane)
    names = [e.name for e in entrants]
    assert sum("Adam and L-BFGS" in n for n in names) == 2
    assert sum("Levenberg-Marquardt" in n for n in names) == 2
    assert names[-1] == DIRECT
    sizes = [e.network.parameter_count for e in entrants if "Adam" in e.name]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)
    stack = next(e for e in entrants if "least squares" in e.name)
    assert stack.network.parameter_count == pytest.approx(sizes[0], rel=0.1)


def test_the_own_way_is_all_the_ways_that_solve_tries():
    """Here the ladder stalls and patches follow."""
    width = Rational(1, 10**4)
    exact = x - (exp((x - 1) / width) - exp(-1 / width)) / (1 - exp(-1 / width))
    steep = Problem(
        line,
        {"layer": -width * u.diff(x, 2) + u.diff(x) - 1},
        [Dirichlet(u, 0, on=line.boundary)],
        exact={u: exact},
    )
    assert len(kanpde.choose(steep).ways) == 2
    found = kanpde.compare(steep, [Entrant(DIRECT, None)], seeds=3, budget="30s")
    assert [r.seed for r in found.runs] == [0]
    own = kanpde.solve(steep)
    assert own.outcome is Outcome.SOLVED
    assert own.way.startswith("patches")
    assert found.runs[0].error == own.errors()["u"]["relative_l2"]


def test_the_budget_ends_a_run():
    forever = Entrant("slow", MLP([1, 30, 30, 1]), (kanpde.Adam(iterations=10**6),))
    found = kanpde.compare(problem(), [forever], seeds=1, budget=0.5)
    assert found.runs[0].outcome is Outcome.BUDGET
    assert found.runs[0].seconds < 5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"entrants": []}, "at least one"),
        ({"entrants": [PAIR[0], PAIR[0]]}, "names of their own"),
        ({"entrants": ["kan"]}, "no entrant"),
        ({"entrants": [KAN([2, 1])]}, "maps 2 coordinates"),
        ({"seeds": 0}, "at least one"),
        ({"budget": None}, "must be a time"),
        ({"budget": "20 iterations"}, "must be a time"),
    ],
)
def test_bad_input_is_refused(wrong, message):
    settings = {"entrants": PAIR, "seeds": 1, "budget": "1s", **wrong}
    with pytest.raises(ValueError, match=message):
        kanpde.compare(problem(), **settings)


def test_the_own_way_needs_a_problem_that_has_one():
    loaded = load_problem_file(PROBLEMS / "fokker_planck_10d.py")
    nothing = [Entrant("own way", None)]
    with pytest.raises(ValueError, match="'own way' has no network, and fokker_planck_10d is"):
        kanpde.compare(loaded.problem, nothing, seeds=1, budget="1s")


def test_a_field_that_is_not_finite_has_an_infinite_error(both):
    run = both.runs[0]
    broken = kanpde.Comparison(
        problem(), (type(run)(**{**vars(run), "error": math.inf}),), 10, 1.0, "nothing"
    )
    assert broken.rows[0].failed == 1
    assert broken.to_dict()["runs"][0]["error"] is None


@pytest.mark.slow
def test_the_command_writes_table_figure_and_json(tmp_path, capsys):
    file, out = PROBLEMS / "poisson_1d.py", tmp_path / "out"
    status = main(["compare", str(file), "--seeds", "1", "--budget", "2s", "--out", str(out)])
    printed = capsys.readouterr().out
    assert status == 0
    assert "| kanpde's own way |" in printed
    assert {p.name for p in out.iterdir()} == {
        "comparison.json", "comparison.md", "comparison.png",
    }  # fmt: skip


def test_the_command_refuses_what_is_no_file(capsys):
    assert main(["compare", "nowhere.py"]) == 2
    assert "no problem file" in capsys.readouterr().err
