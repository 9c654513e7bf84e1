"""Knots: an exact relation, relations nobody asked for, and the signature from the cusp shape."""

import pytest

pytest.importorskip(
    "database_knotinfo", reason="the table of knots is an extra: pip install kanpde[knots]"
)

NAME = "studies/knots.ipynb"


def test_the_cusp_volume_is_exact_and_one_constant_beats_85_percent(run_notebook):
    results = run_notebook(
        NAME, seeds=2, sample=400, formula_points=400, folds=2, repeats=1, widths=[[3, 1]]
    )
    assert results["knots"] == 2970
    assert results["cusp_formula"] == "lam*mu_i/2"
    assert results["cusp_error"] < 1e-8
    assert results["accuracy_one_constant"] > 0.851 > results["accuracy_042"]
    assert results["accuracy_alternating_held_out"] > 0.855


@pytest.mark.slow
def test_classifiers_find_the_cusp_volume_and_the_signature(run_notebook):
    results = run_notebook(NAME)
    assert results["cusp_formula"] == "lam*mu_i/2"
    assert results["exact_relation_found"] >= results["seeds"] // 2
    assert results["second_with_signature"] >= 1
    assert results["accuracy_held_out"] > 0.85
    assert results["accuracy_two_constants"] > results["accuracy_one_constant"]
