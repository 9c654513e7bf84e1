"""Mobility edges: the exact ones from states that are localised or extended."""

import pytest

NAME = "studies/mobility_edges.ipynb"


def test_the_edge_of_gaam_is_recovered_exactly(run_notebook):
    results = run_notebook(
        NAME,
        models=["GAAM"],
        sites={"GAAM": 233},
        draws=80,
        held_draws=10,
        fresh_draws=20,
        states=2000,
        screened=500,
        most=3,
        starts=2,
    )
    assert results["exact_edges"] == results["models"] == 1
    assert results["GAAM_accuracy"] == results["GAAM_theory"] > 0.97


@pytest.mark.slow
def test_all_four_edges_are_recovered_exactly(run_notebook):
    results = run_notebook(NAME)
    assert results["exact_edges"] == results["models"] == 4
    for model in ("mosaic2", "mosaic3", "GAAM", "MAAM"):
        assert results[f"{model}_accuracy"] == results[f"{model}_theory"] > 0.95
        assert results[f"{model}_kan"] > 0.95
        assert results[f"{model}_gap"] > 1.05
