"""The live table: one row for each stage, what is left, numbers that are known."""

import io

import pytest
from rich.console import Console

from kanpde.control import Record
from kanpde.progress import Bar, LiveProgress

STEPS = [
    Record("ladder", 8, 45, None, 1e-3, None, 2e-2, 0.1),
    Record("ladder", 10, 66, None, 1e-4, 3e-3, 2e-3, 0.2),
    Record("1 levenberg-marquardt", 9, 90, 2e-3, 0.5, None, None, 0.3, damping=1.5e-6),
    Record("1 levenberg-marquardt", 10, 90, 1e-3, 0.25, None, 4e-2, 0.4, damping=2.5e-6),
    Record("2 refine", 1, 180, None, 0.25, None, 4e-2, 0.5),
]


def shown(budget, *, terminal) -> str:
    out = io.StringIO()
    with LiveProgress("plate", budget) as progress:
        progress._console = Console(file=out, width=140, force_terminal=False)
        if terminal:
            for record in STEPS:
                progress(record)
            progress._console.print(progress._table())
        else:
            for record in STEPS:
                progress(record)
    return out.getvalue()


def test_the_table_has_a_row_for_each_stage_and_degree() -> None:
    text = shown("90s", terminal=True)
    table = text[text.index("┏") :] if "┏" in text else text
    assert [table.count(n) for n in ("ladder", "1 levenberg-marquardt", "2 refine")] == [2, 1, 1]
    for heading in ("loss", "held-out", "error", "damping", "estimate"):
        assert heading in table
    assert "2.50e-06" in table
    assert "1.50e-06" not in table
    assert "plate, 90 s left" in text or "plate, 89 s left" in text


def test_iterations_that_are_left() -> None:
    assert "plate, 95 iterations left" in shown("100 iterations", terminal=True)
    assert "left" not in shown(None, terminal=True)


def test_elsewhere_every_tenth_step_is_a_line() -> None:
    lines = shown(None, terminal=False).strip().split("\n")
    assert len(lines) == 4
    assert lines[2] == (
        "1 levenberg-marquardt 10, parameters 90, loss 1.00e-03, held-out residual 2.50e-01, "
        "error 4.00e-02, damping 2.50e-06, 0.4 s"
    )


@pytest.mark.parametrize("budget", ["0 iterations", "-3 iterations", "many iterations", "5 weeks"])
def test_bad_budgets(budget) -> None:
    with pytest.raises(ValueError, match="budget"):
        LiveProgress("plate", budget)


def test_a_bar_shows_the_share_and_is_silent_elsewhere(monkeypatch, capsys) -> None:
    with Bar("field.h5") as bar:
        bar(0.5)
    assert capsys.readouterr() == ("", "")  # no terminal
    out = io.StringIO()

    def terminal(**_):
        return Console(file=out, width=80, force_terminal=True)

    monkeypatch.setattr("kanpde.progress.Console", terminal)
    with Bar("field.h5") as bar:
        bar(0.25)
    assert "field.h5" in out.getvalue()
    assert "25%" in out.getvalue()
