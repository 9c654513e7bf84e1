"""benchmarks/peers.py: its references, its table and figure, a run of one solve."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Return the function that imports a module of benchmarks/ by its file."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER / "peer_runs"))
    before = set(sys.modules)

    def load(name):
        path = next(f for f in (FOLDER, FOLDER / "peer_runs") if (f / f"{name}.py").exists())
        spec = importlib.util.spec_from_file_location(name, path / f"{name}.py")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded
        spec.loader.exec_module(loaded)
        return loaded

    yield load
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(FOLDER) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def test_the_field_around_four_holes_is_harmonic_and_has_its_boundary_values(module):
    field = module("references").four_holes
    centre, h = np.array([[0.05, 0.11]]), 1e-3
    steps = np.array([[0, 0], [h, 0], [-h, 0], [0, h], [0, -h]])
    values, bound = field(centre + steps)
    assert bound < 1e-13
    assert abs(values[1:].sum() - 4 * values[0]) < 1e-9
    on = np.array([[0.5, 0.2], [-0.31, 0.5], [0.4, 0.3], [-0.3, -0.2]])
    assert np.abs(field(on)[0] - [1, 1, 0, 0]).max() < 1e-13


def test_a_time_between_two_records_is_interpolated_in_logarithms(module):
    time_to = module("peers_report").time_to
    curve = [(1.0, 1e-2), (100.0, 1e-6)]
    assert time_to(curve, 1e-4, between=True) == pytest.approx(10.0)
    assert time_to(curve, 1e-4, between=False) == 100.0
    assert time_to(curve, 1e-2, between=True) == 1.0
    assert time_to(curve, 1e-7, between=True) is None


def test_the_table_tells_ratios_what_was_not_reached_and_how_a_peer_fails(module, tmp_path):
    report = module("peers_report")

    def run(*pairs, **more):
        return {"curve": [{"seconds": s, "error": e} for s, e in pairs], "end": "budget", **more}

    results = {
        "poisson_2d": {
            "kanpde": run((0.1, 1e-4), (0.2, 1e-8)),
            "deepxde": run((10.0, 1e-1), (50.0, 1e-3)),
            "pina": {"curve": [], "end": "failed", "failure": "ValueError: a | b"},
        }
    }
    ours, theirs, failed = report.table(results).splitlines()[2:]
    assert "| 0.1 | 0.1 | 0.2 |" in ours
    assert "50 (500x) | not in 50 (> 250x)" in theirs
    assert "fails: ValueError: a / b" in failed
    report.figure(results, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").stat().st_size > 10_000


def test_a_table_is_written_between_its_lines(module, tmp_path):
    peers = module("peers")
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table -->\nold\n<!-- end of table -->\nb\n")
    for _ in range(2):
        peers._write(page, "| new |\n")
    assert page.read_text() == "a\n<!-- table -->\n\n| new |\n\n<!-- end of table -->\nb\n"


def test_the_residuals_of_the_peers_vanish_for_the_exact_fields(module):
    cases = module("cases")
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 50))
    p = np.pi
    u = np.sin(p * x) * np.sin(p * y)
    parts = (u, None, None, -(p**2) * u, -(p**2) * u)
    assert np.abs(cases.CASES["poisson_2d"].residual(np, x, y, *parts)).max() < 1e-12
    u = np.sin(p * x) * np.sin(4 * p * y)
    parts = (u, None, None, -(p**2) * u, -16 * p**2 * u)
    assert np.abs(cases.CASES["helmholtz_1_4"].residual(np, x, y, *parts)).max() < 1e-12
    plate = cases.CASES["poisson_four_holes"]
    on = plate.boundary(40)
    assert len(on) == 4 * 40 + 4 * 40
    assert plate.values(on).sum() == 4 * 40
    assert np.all(cases.CASES["burgers_1d"].boundary(9)[:, 1] < 1 + 1e-9)


def test_a_run_leaves_the_measuring_out_of_its_seconds_and_ends_with_its_budget(module):
    record = module("record")

    class Lines(list):
        def write(self, **fields):
            self.append(json.loads(json.dumps(fields)))

    lines = Lines()
    points = np.zeros((5, 2))
    run = record.Run(lines, points, np.ones(5), budget=0.05)

    def slow(at):
        end = record.time.process_time() + 0.2
        while record.time.process_time() < end:
            pass
        return np.full(len(at), 1.5)

    run.record(slow, 3)
    assert lines[0]["error"] == 0.5
    assert run.seconds < 0.05
    run.record(lambda at: np.full(5, np.nan), 4)
    assert lines[1]["error"] is None
    slow(points)
    with pytest.raises(record.OutOfBudget):
        run.check()
