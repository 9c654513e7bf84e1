"""The folder that a solve leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kanpde.solution import Solution

CHECKPOINT = "checkpoint.h5"
"""In a run folder, as long as the run is not over."""


def write_run(
    solution: Solution, out: Path, origin: dict[str, Any], *, figures: bool = True
) -> dict[str, Any]:
    """Write a run folder - solution.h5, run.json, field.h5, field.vtu, figures - and its summary.

    The network is written first: whatever goes wrong later, it is there. A solution that no file
    can keep (its problem holds a Python function, its network is a foreign module) has all but
    solution.h5; the summary says so under "not_saved".

    Args:
        solution: what to write.
        out: the folder.
        origin: where the run came from; see :func:`kanpde.provenance.environment`.
        figures: whether to draw them.

    Raises:
        OSError: if a file cannot be written.
    """
    files, not_saved = ["solution.h5"], ""
    try:
        solution.save(out / "solution.h5")
    except ValueError as error:
        (out / "solution.h5").unlink(missing_ok=True)  # of another run
        files, not_saved = [], str(error)
    summary = finite(solution.summary())
    if not_saved:
        summary["not_saved"] = not_saved
    summary["files"] = [*files, "field.h5"]
    solution.export(out / "field.h5")
    if solution.problem.dimension <= 3:
        solution.export(out / "field.vtu")
        summary["files"].append("field.vtu")
    if figures:
        for name, figure in solution.plot().items():
            figure.savefig(out / f"{name}.png", dpi=160)
            summary["files"].append(f"{name}.png")
    manifest = {
        **summary,
        "environment": origin,
        "history": finite([record.to_dict() for record in solution.history]),
        "notes": list(solution.notes),
    }
    (out / "run.json").write_text(json.dumps(manifest, indent=2, allow_nan=False) + "\n")
    return summary


def finite(value: Any) -> Any:
    """Replace numbers that are not finite, which JSON has no word for, by None."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value
