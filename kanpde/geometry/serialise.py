"""Read domains back from the descriptions that ``to_dict`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanpde.geometry.box import Box
from kanpde.geometry.domain import Domain
from kanpde.geometry.spacetime import SpaceTime, TimeInterval


def domain_from_dict(description: Mapping[str, Any]) -> Domain:
    """Return the domain that ``domain.to_dict()`` described.

    Raises:
        ValueError: for a kind that is not known, a missing entry or a range that is none.

    >>> box = Box(x=(0, 1), y=(-1, 1))
    >>> domain_from_dict(box.to_dict()) == box
    True
    """
    kind = description.get("kind")
    if kind == "space-time":
        space, time = (domain_from_dict(description[part]) for part in ("space", "time"))
        assert isinstance(time, TimeInterval)
        return SpaceTime(space, time)
    if kind == "time":
        return TimeInterval(**{description["name"]: (description["start"], description["end"])})
    if kind != "box":
        raise ValueError(
            f'a domain of kind {kind!r} is not known; the kinds are: "box", "time", "space-time".'
        )
    return _box(description)


def _box(description: Mapping[str, Any]) -> Box:
    try:
        ends = zip(description["lower"], description["upper"], strict=True)
        ranges = dict(zip(description["names"], ends, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{dict(description)!r} describes no box; it needs names, lower and upper, one entry "
            f"each per coordinate ({error})."
        ) from None
    return Box(**ranges)
