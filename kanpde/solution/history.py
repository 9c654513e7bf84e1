"""The history of a solve as a table of an HDF5 file: a row for each record, NaN for no number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np

from kanpde.control import Record

WHOLE = ("iteration", "parameters")
NUMBERS = ("loss", "held_out", "estimate", "error", "seconds", "damping")
COLUMNS = np.dtype(
    [
        ("stage", h5py.string_dtype()),
        *((name, "i8") for name in WHOLE),
        *((name, "f8") for name in NUMBERS),
    ]
)


def to_table(history: Iterable[Record]) -> np.ndarray:
    """Return records as a structured array, one row for each."""
    rows = []
    for record in history:
        values = [getattr(record, name) for name in ("stage", *WHOLE, *NUMBERS)]
        rows.append(tuple(np.nan if v is None else v for v in values))
    return np.array(rows, dtype=COLUMNS)


def from_table(table: np.ndarray) -> tuple[Record, ...]:
    """Return the records of a table that :func:`to_table` made.

    >>> record = Record("ladder", 8, 45, None, 1e-3, None, None, 0.25)
    >>> from_table(to_table([record])) == (record,)
    True
    """
    return tuple(_record(row) for row in table)


def _record(row: np.void) -> Record:
    stage = row["stage"]
    values: dict[str, Any] = {"stage": stage.decode() if isinstance(stage, bytes) else stage}
    values |= {name: int(row[name]) for name in WHOLE}
    values |= {name: None if np.isnan(row[name]) else float(row[name]) for name in NUMBERS}
    return Record(**values)
