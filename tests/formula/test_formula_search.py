"""From solve() to a certificate, to a file and back; what has no closed form says so."""

import json

import numpy as np
import pytest
from sympy import Function, exp, simplify, sin, srepr

import kanpde
from kanpde import (
    KAN,
    Data,
    Dirichlet,
    Initial,
    Interval,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    time,
    unknown,
)
from kanpde.cli import main
from kanpde.formula import Level, find_formula, load_formula

x, y = coordinates("x y")


def the_square():
    u = unknown("u", x, y)
    square = Rectangle(x=(-1, 1), y=(-1, 1))
    return Problem(
        square,
        equations={"poisson": laplacian(u) + 1},
        conditions=[Dirichlet(u, 0, on=square.boundary)],
        name="torsion",
    )


@pytest.fixture(scope="module")
def solved():
    u = unknown("u", x)
    line = Interval(x=(0, 2))
    problem = Problem(
        line,
        equations={"pull": u.diff(x, 2) + 3 * u.diff(x) + 2 * u},
        conditions=[Dirichlet(u, exp(-x) + 2 * exp(-2 * x), on=line.boundary)],
        name="overdamped",
    )
    return kanpde.solve(problem)


@pytest.fixture(scope="module")
def found(solved):
    return solved.formula()


@pytest.mark.parametrize("name", ["square_sines", "heat_mode", "bratu_line", "lane_emden_1"])
def test_a_solved_problem_gives_a_proved_formula(name, problem_named):
    problem = problem_named(name)
    assert not problem.exact  # no hint
    formula = kanpde.solve(problem).formula()
    assert formula.is_proved, "\n".join(formula.report)


@pytest.mark.slow
def test_every_closed_form_is_found(closed_form, load_named):
    problem, formulas = closed_form
    loaded = load_named(problem.name)
    formula = kanpde.solve(loaded.problem, loaded.network, loaded.plan).formula()
    assert formula.is_proved, "\n".join(formula.report)
    assert set(formula.expressions) == set(formulas)


def test_the_formula_is_the_solution_in_every_form(found):
    exact = exp(-x) + 2 * exp(-2 * x)
    assert found.is_proved
    assert simplify(found.expression - exact) == 0
    assert float(found.python(0.5)) == pytest.approx(float(exact.subs(x, 0.5)), rel=1e-14)
    assert found.python([0.0, 1.0]).shape == (2,)
    assert "e^{- 2 x}" in found.latex
    assert found.complexity < 30
    assert found.report
    levels = [a.level for a in found.pareto]
    errors = [a.error for a in found.pareto]
    assert max(levels) is Level.PROVED
    assert errors == sorted(errors, reverse=True)


def test_a_formula_file_is_checked_and_not_believed(found, tmp_path):
    path = found.save(tmp_path / "formula.json")
    again = load_formula(path)
    assert again.is_proved
    assert again.expressions == found.expressions
    assert again.verify().level is Level.PROVED
    data = json.loads(path.read_text())
    (pair,) = data["expressions"]
    pair[1] = srepr(found.expression + x / 10**6)
    path.write_text(json.dumps(data))
    assert load_formula(path).certificate.level is Level.NONE


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"format": "kanpde-formula"}', '{"format": "other"}']
)
def test_what_is_no_formula_file_is_refused(text, tmp_path):
    path = tmp_path / "formula.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no kanpde formula"):
        load_formula(path)
    with pytest.raises(FileNotFoundError):
        load_formula(tmp_path / "nothing.json")


def test_the_command_line_finds_and_verifies(solved, tmp_path, capsys):
    solved.save(tmp_path / "solution.h5")
    assert main(["formula", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["certificate"]["level"] == "proved"
    file = tmp_path / "formula.json"
    assert main(["verify", str(file)]) == 0
    assert "proved" in capsys.readouterr().out
    data = json.loads(file.read_text())
    data["expressions"][0][1] = srepr(sin(x))
    file.write_text(json.dumps(data))
    assert main(["verify", str(file), "--json"]) == 1
    assert "does not hold" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "none.json")]) == 2
    assert main(["formula", str(tmp_path / "none")]) == 2


def test_no_closed_form_is_an_honest_none():
    formula = find_formula(kanpde.solve(the_square(), tol=1e-8), budget="3s")
    assert formula.certificate.level is Level.NONE
    assert formula.certificate.text.startswith("none")
    assert formula.pareto  # the best compact approximations instead
    assert formula.pareto[-1].error < 1e-2
    assert formula.expression.free_symbols == {x, y}


def test_a_solution_that_has_not_converged_is_refused():
    u = unknown("u", x)
    line = Interval(x=(-1, 1))
    problem = Problem(
        line,
        equations=u.diff(x, 2) + 400 * sin(20 * x),
        conditions=[Dirichlet(u, sin(20 * x), on=line.boundary)],
    )
    start = kanpde.solve(problem, KAN([1, 1]), [LevenbergMarquardt(iterations=1)], hard=False)
    formula = find_formula(start)
    assert formula.certificate.level is Level.NONE
    assert "not converged" in formula.certificate.text
    with pytest.raises(ValueError, match="formula is of nothing"):
        _ = formula.expression


def test_other_waves_of_the_same_kind_are_found():
    t = time("t")
    u = Function("u", real=True)(x, t)
    exact = exp(-t / 2) * sin(3 * x)
    problem = Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 1)),
        equations=u.diff(t) - u.diff(x, 2) / 18,
        conditions=[
            Initial(u, exact.subs(t, 0)),
            Dirichlet(u, exact, on=("left", "right")),
        ],
    )
    formula = kanpde.solve(problem, tol=1e-9).formula()
    assert formula.is_proved
    assert simplify(formula.expression - exact) == 0


def test_data_without_an_equation_are_fitted_and_not_proved():
    import numpy as np

    u = unknown("u", x)
    places = np.linspace(-1, 1, 60)[:, None]
    problem = Problem(Interval(x=(-1, 1)), conditions=[Data(u, places, np.sin(3 * places[:, 0]))])
    formula = kanpde.solve(problem, tol=1e-10).formula()
    assert formula.certificate.level is Level.NUMERIC
    assert simplify(formula.expression - sin(3 * x)) == 0


class _Spoiled:
    """A solution with a smooth error, which it admits."""

    def __init__(self, solution, error):
        self.problem, self.estimate = solution.problem, error
        self._solution, self._error = solution, error

    def at(self, points):
        values = self._solution.at(points)
        wave = np.cos(points @ np.array([7.0, 5.0, 3.0])[: points.shape[1]])[:, None]
        return values + self._error * np.sqrt((values**2).mean(axis=0)) * wave


@pytest.mark.parametrize("name", ["sine_load", "heat_mode", "square_sines"])
def test_a_field_known_to_four_digits_is_enough(name, problem_named):
    formula = find_formula(_Spoiled(kanpde.solve(problem_named(name)), 1e-4))
    assert formula.is_proved, "\n".join(formula.report)


@pytest.mark.slow
def test_fields_known_to_five_digits_are_read(names, load_named):
    proved = 0
    for name in names:
        loaded = load_named(name)
        solution = kanpde.solve(loaded.problem, loaded.network, loaded.plan)
        proved += find_formula(_Spoiled(solution, 1e-5)).is_proved
    assert proved >= 22


def test_a_field_that_is_not_finite_is_refused(solved):
    spoiled = _Spoiled(solved, float("nan"))
    formula = find_formula(spoiled)
    assert formula.certificate.level is Level.NONE
    assert "not finite" in formula.certificate.text
