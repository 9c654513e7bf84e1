"""A march over a line or a rectangle taken up again ends in the bits of one that never stopped."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest
import torch
from sympy import cos, exp, pi, sin

from kanpde import (
    Dirichlet,
    Initial,
    Interval,
    Outcome,
    Periodic,
    Problem,
    Rectangle,
    Slabs,
    TimeInterval,
    coordinates,
    resume,
    solve,
    unknown,
)
from kanpde import time as time_coordinate
from kanpde.control import Control
from kanpde.solving.slab_march import March, MarchSettings, march
from kanpde.solving.slab_problem import system_of
from kanpde.solving.slab_step import SlabStep
from kanpde.solving.slab_time import RadauRule
from kanpde.training import load_checkpoint

x, t = coordinates("x"), time_coordinate("t")
u = unknown("u", x, t)
BURGERS = Problem(
    Interval(x=(-1, 1)) * TimeInterval(t=(0, 1)),
    u.diff(t) + u * u.diff(x) - 0.01 / pi * u.diff(x, 2),
    [Dirichlet(u, 0, on=["left", "right"]), Initial(u, -sin(pi * x))],
    name="burgers",
)
GORDON = Problem(
    Interval(x=(-pi, pi)) * TimeInterval(t=(0, 3)),
    u.diff(t, 2) - u.diff(x, 2) + sin(u),
    [Periodic(u, x), Initial(u, exp(cos(x))), Initial(u.diff(t), 0)],
    name="gordon",
)
_, y = coordinates("x y")
w = unknown("w", x, y, t)
WAVE = Problem(
    Rectangle(x=(0, 1), y=(0, 1)) * TimeInterval(t=(0, 0.5)),
    w.diff(t, 2) - w.diff(x, 2) - w.diff(y, 2),
    [
        Dirichlet(w, 0, on=["left", "right", "bottom", "top"]),
        Initial(w, sin(pi * x) * sin(2 * pi * y)),
        Initial(w.diff(t), 0),
    ],
    name="wave",
)


def told(solution):
    """Return what a history says, without its seconds."""
    return [{**r.to_dict(), "seconds": None} for r in solution.history]


def assert_same(a, b):
    assert (a.outcome, a.estimate, a.notes, a.way) == (b.outcome, b.estimate, b.notes, b.way)
    assert a.points == b.points
    assert a.network.to_dict() == b.network.to_dict()
    assert torch.equal(a.network.vector(), b.network.vector())
    assert told(a) == told(b)


@pytest.mark.parametrize(("problem", "tol"), [(BURGERS, 1e-6), (GORDON, 1e-9), (WAVE, 1e-5)])
def test_stopped_anywhere_it_ends_in_the_same_bits(problem, tol, tmp_path):
    once = solve(problem, tol=tol)
    count = len(once.history)
    path = tmp_path / "c.h5"
    assert count > 15
    for records in (1, count // 2, count - 2):
        part = solve(problem, tol=tol, budget=f"{records} iterations", checkpoint=path)
        assert part.outcome is Outcome.BUDGET
        assert len(part.history) - records in (0, 1)  # a march that is over is judged at once
        assert_same(resume(path), once)


def test_stopped_again_and_again(tmp_path):
    path, once = tmp_path / "c.h5", solve(BURGERS, tol=1e-6)
    again = solve(BURGERS, tol=1e-6, budget="1 iterations", checkpoint=path)
    for count in range(1, len(once.history) - 1):  # the last slab is judged at once
        assert len(again.history) == count
        assert again.outcome is Outcome.BUDGET
        again = resume(path, budget="1 iterations")
    assert_same(again, once)


def test_the_verifying_march_goes_on(tmp_path):
    path, way = tmp_path / "c.h5", Slabs(verify=True)
    once = solve(BURGERS, way, tol=1e-5)
    solve(BURGERS, way, tol=1e-5, budget=f"{len(once.history) - 3} iterations", checkpoint=path)
    assert_same(resume(path), once)


def test_interrupted_it_goes_on(tmp_path):
    path = tmp_path / "c.h5"

    def press(record):
        if record.iteration == 5:
            os.kill(os.getpid(), signal.SIGINT)

    part = solve(BURGERS, tol=1e-6, progress=press, checkpoint=path)
    assert part.outcome is Outcome.INTERRUPTED
    assert len(part.history) == 5
    assert_same(resume(path), solve(BURGERS, tol=1e-6))


def test_a_finished_solve_is_not_made_again(tmp_path):
    path, seen = tmp_path / "c.h5", []
    once = solve(BURGERS, tol=1e-6, checkpoint=path)
    again = resume(path, progress=seen.append)
    assert_same(again, once)
    assert seen == []


def test_the_kept_jacobian_is_made_again_to_the_same_bits():
    system = system_of(BURGERS)
    kept = None

    def note(so_far):
        nonlocal kept
        old = so_far.ahead.linearised
        if kept is None and old is not None and old.time < so_far.slabs[-1].start:
            kept = old

    march(system, March(MarchSettings(1e-9, 7, 6, 16, 400)), Control(), note)
    assert kept is not None, "no slab went on with the Jacobian of another"
    step = SlabStep(system, kept.state, RadauRule(6), kept.time, kept.length, points=5)
    right = np.random.default_rng(0).normal(size=kept.place.size)
    before = kept.factor.solve(right)
    kept.factor = None
    assert np.array_equal(kept.factor_like(step).solve(right), before)


# Refused ------------------------------------------------------------------------------------------


def stopped(path):
    return solve(BURGERS, tol=1e-6, budget="9 iterations", checkpoint=path)


def edited(path, edit):
    with h5py.File(path, "r+") as file:
        content = json.loads(file["content"].asstr()[()])
        edit(content)
        del file["content"]
        file.create_dataset("content", data=json.dumps(content), dtype=h5py.string_dtype())


def test_another_problem_is_refused(tmp_path):
    stopped(tmp_path / "c.h5")
    with pytest.raises(ValueError, match=r"of a solve of 'burgers' that is under way"):
        resume(tmp_path / "c.h5", problem=GORDON)
    assert_same(resume(tmp_path / "c.h5", problem=BURGERS), solve(BURGERS, tol=1e-6))


@pytest.mark.parametrize("problem", [BURGERS, WAVE], ids=lambda p: p.name)
def test_a_march_with_other_settings_is_refused(problem, tmp_path):
    solve(problem, tol=1e-5, budget="9 iterations", checkpoint=tmp_path / "c.h5")

    def edit(content):
        content["settings"]["dict"][0][1] = 1e-7
        assert content["settings"]["dict"][0][0] == "tol"

    edited(tmp_path / "c.h5", edit)
    with pytest.raises(ValueError, match="a march of another version of kanpde"):
        resume(tmp_path / "c.h5")


def test_a_march_with_other_fields_is_refused(tmp_path):
    stopped(tmp_path / "c.h5")
    edited(tmp_path / "c.h5", lambda c: _march_of(c).update(colour=3))
    with pytest.raises(ValueError, match="another version of kanpde, where March has other fields"):
        resume(tmp_path / "c.h5")


def _march_of(content):
    return content["standing"]["fields"]["memory"]["list"][0]["fields"]


def test_a_restart_without_a_standing_starts_anew(tmp_path):
    stopped(tmp_path / "c.h5")
    edited(tmp_path / "c.h5", lambda c: [c.pop(k) for k in ("standing", "history", "seconds")])
    assert_same(resume(tmp_path / "c.h5"), solve(BURGERS, tol=1e-6))


# Killed -------------------------------------------------------------------------------------------

KILLED = """
    import sys
    from kanpde import Checkpoints, solve
    from test_slab_checkpoints import BURGERS

    solve(BURGERS, tol=1e-8, checkpoint=Checkpoints(sys.argv[1], every=0))
"""


def test_killed_it_goes_on(tmp_path):
    script, path = tmp_path / "killed.py", tmp_path / "c.h5"
    script.write_text(textwrap.dedent(KILLED))
    here = os.path.dirname(__file__)
    paths = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    process = subprocess.Popen([sys.executable, str(script), str(path)], env=env)
    while not (path.exists() and load_checkpoint(path).history):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    found = load_checkpoint(path)
    assert found.standing.memory
    assert len(found.history) == sum(len(m.slabs) for m in found.standing.memory)
    assert_same(resume(path), solve(BURGERS, tol=1e-8))
