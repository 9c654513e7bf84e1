"""Names that VTK, ParaView's calculator, HDF5 and CF all read as one word."""

from __future__ import annotations

import re
from collections.abc import Iterable


def field_name(text: str) -> str:
    """Return the nearest name that a file can hold: letters, digits and underscores.

    Raises:
        ValueError: if nothing is left of the text.

    >>> field_name("residual: mass balance (2)")
    'residual_mass_balance_2'
    >>> field_name("2u")
    '_2u'
    """
    words = "_".join(re.findall(r"\w+", text))
    name = words if words.isidentifier() else f"_{words}"
    if not words or not name.isidentifier():
        raise ValueError(f"{text!r} has no letter or digit to make a name of; write, e.g., 'u'.")
    return name


def checked_name(role: str, name: str) -> str:
    """Return the name, or raise ValueError unless it is one word (a Python identifier)."""
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"{name!r} cannot name a {role}: names are letters, digits and underscores, a letter "
            "first, because spaces and signs break VTK, ParaView's calculator and netCDF; "
            "kanpde.export.field_name(text) makes such a name."
        )
    return name


def check_distinct(names: Iterable[str], reserved: Iterable[str]) -> None:
    """Raise ValueError if two of the names agree, or one is reserved by the file's layout."""
    kept = tuple(reserved)
    seen: set[str] = set()
    for name in names:
        if name in kept:
            raise ValueError(
                f"{name!r} is kept for the layout of the file, as are {', '.join(kept)}; "
                "choose another name."
            )
        if name in seen:
            raise ValueError(
                f"{name!r} is given twice; coordinates and fields need distinct names."
            )
        seen.add(name)
