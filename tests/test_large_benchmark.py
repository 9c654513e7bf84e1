"""benchmarks/large.py: its fitted laws, and one row of each kind."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def large():
    spec = importlib.util.spec_from_file_location("large", FOLDER / "large.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["large"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["large"]


def test_the_laws_are_those_of_the_measurements(large) -> None:
    sizes = [(1_000, 2), (1_000, 8), (10_000, 8), (10_000, 64), (100_000, 8)]
    results = []
    for n, width in sizes:
        p = 42 * width
        value = {"parameters": p, "residual": 2e-3 + 3e-9 * n * p, "jacobian": 4e-12 * n * p**2}
        value |= {
            "product": 0.0,
            "factor": 5e-11 * p**3,
            "before_mib": 300.0,
            "peak_mib": 350.0 + 2e-3 * n,
        }
        results.append((large.Row("memory", n, width=width), value))
    laws = large.laws(results)
    assert "residual [s] = 0.002 + 3e-09 N P   (largest relative misfit 0%)" in laws
    assert "jacobian and product [s] = 4e-12 N P^2   (largest relative misfit 0%)" in laws
    assert "factor [s] = 5e-11 P^3   (largest relative misfit 0%)" in laws
    assert "memory [MiB] = 50 + 0.002 N   (largest relative misfit 0%)" in laws


def test_weak_scaling_is_one_over_the_other(large) -> None:
    one = large.Row("processes", 100)
    results = [(one, {"jacobian": 2.0}), (replace(one, processes=2), {"jacobian": 2.5})]
    assert large.laws(results) == ["weak scaling of the Jacobian, 1 -> 2 processes: 0.80"]


@pytest.mark.parametrize("way", ["whole", "krylov", "solve"])
def test_a_row_is_measured_in_a_process_of_its_own(large, way) -> None:
    row = large.Row("points", 300, width=2, way=way)
    found = large.in_its_own_process(row, 1)
    assert found["parameters"] == (28 if way == "solve" else 84)
    assert 0 < found["before_mib"] <= found["peak_mib"]
    assert all(value > 0 for value in found.values())
    assert large.line(row, found).count("|") == 13
