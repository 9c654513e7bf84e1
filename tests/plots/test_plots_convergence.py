"""The convergence figure: all curves there are, staircases marked, gaps tolerated."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kanpde.plots import plot_convergence


def record(stage, iteration, **given):
    keys = ("parameters", "loss", "held_out", "estimate", "error", "seconds")
    return {"stage": stage, "iteration": iteration, **dict.fromkeys(keys), **given}


def staircase():
    records = []
    for number, (name, count, parameters) in enumerate(
        [("lm", 20, 60), ("regrid", 1, 60), ("lm", 20, 60), ("refine", 1, 105), ("lm", 20, 105)]
    ):
        for i in range(count):
            n = len(records)
            records.append(
                record(f"{number + 1} {name}", i + 1, parameters=parameters, loss=0.8**n,
                       error=0.9**n if n % 5 == 0 else None, seconds=0.1 * (n + 1))
            )  # fmt: skip
    return records


def ladder():
    degrees = (6, 8, 10, 14, 20)
    return [
        record("ladder", k, parameters=k * k, held_out=10.0**-k, error=10.0 ** (-k - 1),
               estimate=None if k == 6 else 3 * 10.0 ** (-k - 1), seconds=1e-3 * k**3)
        for k in degrees
    ]  # fmt: skip


def labels(axes):
    return [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]


def texts(axes):
    return [t.get_text() for t in axes.texts]


def test_a_staircase_shows_its_steps():
    figure = plot_convergence(staircase(), title="staircase")
    figure.canvas.draw()
    by_step, by_time = figure.axes
    assert by_step.get_xlabel() == "step"
    assert labels(by_step) == labels(by_time) == ["loss", "error against the exact field"]
    assert sorted(texts(by_step)) == ["refine\n105 parameters", "regrid"]
    marks = [line.get_xdata()[0] for line in by_step.lines if line.get_label().startswith("_")]
    assert marks == [21, 42]


def test_a_change_of_method_is_marked():
    history = [record(s, i, loss=1.0 / (i + 1), seconds=i + 1.0)
               for s in ("1 adam", "2 lbfgs") for i in range(5)]  # fmt: skip
    assert texts(plot_convergence(history).axes[0]) == ["lbfgs"]


def test_a_ladder_has_degrees_and_parameters():
    figure = plot_convergence(ladder())
    figure.canvas.draw()
    by_step, by_time = figure.axes
    assert by_step.get_xlabel() == "degree"
    assert by_time.get_xscale() == "log"
    assert list(by_step.lines[-1].get_xdata()) == [6, 8, 10, 14, 20]
    above = by_step.child_axes[0]
    assert next(t.get_text() for t in above.get_xticklabels()) == "400"


@pytest.mark.parametrize(
    "history",
    [
        [record("ladder", 6)],
        [record("1 lm", 1)],
        [record("1 lm", None), record("2 refine", None, loss=0.0), record("3 lm", 1, loss=-1.0)],
        [record("1 lm", 1, loss=float("nan"), error=float("inf"), seconds=0.0)],
        [record("ladder", 6, error=0.1, parameters=3, seconds=0.0)],
        [record("1 lm", 1, loss=1.0, seconds=1.0), record("2 refine", 1, loss=1.0)],
    ],
)
def test_gaps_are_tolerated(history):
    figure = plot_convergence(history)
    figure.canvas.draw()
    for axes in figure.axes:
        assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
    assert plt.get_fignums() == []


def test_many_stages_keep_their_labels_apart():
    history = [
        record(
            f"{n} refine" if n % 2 else f"{n} lm", 1, parameters=n, loss=1.0 / n, seconds=1.0 * n
        )
        for n in range(1, 200)
    ]
    assert len(texts(plot_convergence(history).axes[0])) <= 12


def test_no_record_is_an_error():
    with pytest.raises(ValueError, match="history is empty"):
        plot_convergence([])
