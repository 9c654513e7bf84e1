"""A ladder and patches taken up again end in the bits of those that never stopped."""

import json

import h5py
import pytest
import torch
from sympy import exp, sin

from kanpde import (
    Dirichlet,
    Interval,
    Ladder,
    Outcome,
    Patches,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    resume,
    solve,
    unknown,
)
from kanpde.control import Control
from kanpde.training import load_checkpoint

x, y = coordinates("x y")
line, square = Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1))
u1, u = unknown("u", x), unknown("u", x, y)
PEAK = exp(-200 * ((x - 0.4) ** 2 + (y - 0.6) ** 2))
BRATU = Problem(line, u1.diff(x, 2) + exp(u1), Dirichlet(u1, 0, on=line.boundary), name="bratu")
POISSON = Problem(
    square, laplacian(u) + 50 * sin(6 * x * y), Dirichlet(u, 0, on=square.boundary), name="poisson"
)
SHARP = Problem(square, laplacian(u) + 1e3 * PEAK, Dirichlet(u, 0, on=square.boundary), name="peak")
CUBIC = Problem(
    square, laplacian(u) - u**3 + 50 * PEAK, Dirichlet(u, 0, on=square.boundary), name="cubic"
)
COARSE = Ladder((4, 6, 8), patience=1)


def told(history):
    """Return what a history says, without its seconds."""
    return [{**r.to_dict(), "seconds": None} for r in history]


def assert_same(a, b):
    assert (a.outcome, a.estimate, a.notes, a.way) == (b.outcome, b.estimate, b.notes, b.way)
    assert a.points == b.points
    assert a.network.to_dict() == b.network.to_dict()
    assert torch.equal(a.network.vector(), b.network.vector())


CASES = [
    (BRATU, Ladder(), 1e-10),
    (POISSON, Ladder(), 1e-9),
    (SHARP, Patches(degree=8), 1e-7),
    (CUBIC, Patches(degree=8), 1e-6),
]


@pytest.mark.parametrize(("problem", "way", "tol"), CASES, ids=lambda v: getattr(v, "name", None))
def test_stopped_anywhere_it_ends_in_the_same_bits(problem, way, tol, tmp_path):
    path, once = tmp_path / "c.h5", solve(problem, way, tol=tol)
    count = len(once.history)
    assert count >= 3
    for records in range(1, count):
        part = solve(problem, way, tol=tol, budget=f"{records} iterations", checkpoint=path)
        assert part.outcome is Outcome.BUDGET
        seen = []
        again = resume(path, progress=seen.append)
        assert_same(again, once)
        assert told(again.history) == told(once.history)
        repeated = isinstance(way, Patches) and records == count - 1  # a level to be verified
        assert len(seen) == count - records + repeated


@pytest.mark.parametrize(
    ("problem", "way", "tol"), [CASES[0], CASES[3]], ids=lambda v: getattr(v, "name", None)
)
def test_stopped_within_a_level_it_is_solved_again(problem, way, tol):
    class Stopping(Control):
        """Asks to stop when it was looked at so many times."""

        asked, last_time = 0, 10**9

        @property
        def should_stop(self):
            self.asked += 1
            return self.asked >= self.last_time

    counting = Stopping()
    once = way.solve(problem, tol, counting)
    for last_time in range(2, counting.asked, 3):
        control, following = Stopping(), Control()
        control.last_time = last_time
        way.solve(problem, tol, control)
        following.memory = control.memory
        again = way.solve(problem, tol, following)
        assert again.estimate == once.estimate
        assert torch.equal(again.network.vector(), once.network.vector())
        both = told([*control.history[: control.remembered], *following.history])
        assert both == told(counting.history)


def test_the_way_after_a_ladder_goes_on(tmp_path, monkeypatch):
    from kanpde import engine
    from kanpde.solving import Choice

    choice = Choice((COARSE, Patches(degree=8)), "The test wants both.")
    monkeypatch.setattr(engine, "choose", lambda problem: choice)
    path, once = tmp_path / "c.h5", solve(SHARP, tol=1e-7)
    stages = [r.stage for r in once.history]
    assert stages[0] == "ladder"
    assert stages[-1] == "patches"
    for records in (1, stages.index("patches"), stages.index("patches") + 1):
        solve(SHARP, tol=1e-7, budget=f"{records} iterations", checkpoint=path)
        again = resume(path)
        assert_same(again, once)
        assert told(again.history) == told(once.history)


def test_a_finished_solve_is_not_made_again(tmp_path):
    path, seen = tmp_path / "c.h5", []
    once = solve(BRATU, checkpoint=path)
    assert_same(resume(path, progress=seen.append), once)
    assert seen == []


def test_levels_of_another_degree_are_refused(tmp_path):
    path = tmp_path / "c.h5"
    solve(BRATU, Ladder(), budget="2 iterations", checkpoint=path)
    assert len(load_checkpoint(path).standing.memory) == 2
    with h5py.File(path, "r+") as file:
        content = json.loads(file["content"].asstr()[()])
        content["standing"]["fields"]["memory"]["list"][1]["fields"]["degree"] = 9
        del file["content"]
        file.create_dataset("content", data=json.dumps(content), dtype=h5py.string_dtype())
    with pytest.raises(ValueError, match="levels of another version of kanpde"):
        resume(path)
