"""Read domains back from the descriptions that ``to_dict`` wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kanpde.geometry.ball import Ball
from kanpde.geometry.box import Box
from kanpde.geometry.curves import Wave
from kanpde.geometry.domain import Domain
from kanpde.geometry.half_space import half_space_from_dict
from kanpde.geometry.inlaid import inlaid_from_dict
from kanpde.geometry.outline import MeshRegion
from kanpde.geometry.planar import HalfPlane, Planar
from kanpde.geometry.polyhedron import Polyhedron
from kanpde.geometry.regions import EllipseRegion, PolygonRegion, Primitive, WaveRegion
from kanpde.geometry.solid import Solid
from kanpde.geometry.spacetime import SpaceTime, TimeInterval
from kanpde.geometry.turned import turned_from_dict


def domain_from_dict(description: Mapping[str, Any]) -> Domain:
    """Return the domain that ``domain.to_dict()`` described.

    Raises:
        ValueError: for a kind that is not known, a missing entry or a shape that is none.

    >>> box = Box(x=(0, 1), y=(-1, 1))
    >>> domain_from_dict(box.to_dict()) == box
    True
    """
    kind = description.get("kind")
    if kind not in _READERS:
        known = ", ".join(f'"{k}"' for k in _READERS)
        raise ValueError(f"a domain of kind {kind!r} is not known; the kinds are: {known}.")
    try:
        return _READERS[kind](description)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{_short(description)} describes no {kind}: {error}.") from None


def _box(description: Mapping[str, Any]) -> Box:
    ends = zip(description["lower"], description["upper"], strict=True)
    return Box(**dict(zip(description["names"], ends, strict=True)))


def _ball(description: Mapping[str, Any]) -> Ball:
    centre = dict(zip(description["names"], description["centre"], strict=True))
    return Ball(radius=description["radius"], name=description["label"], **centre)


def _planar(description: Mapping[str, Any]) -> Planar:
    names = tuple(description["names"])
    made = _region(names, description["region"])
    if not isinstance(made, Planar):
        raise ValueError("a half-plane alone is not bounded")
    return made


def _region(names: tuple[str, ...], d: Mapping[str, Any]) -> Planar | HalfPlane:
    """Return the domain of a region; combinations are made anew from their operands."""
    kind = d["kind"]
    if kind in ("union", "intersection", "difference"):
        first, second = _region(names, d["first"]), _region(names, d["second"])
        if not isinstance(first, Planar):
            raise ValueError("a half-plane may only be the second operand")
        if kind == "union":
            return first | second
        return first & second if kind == "intersection" else first - second
    if kind == "half-plane":
        place = dict(zip(names, d["place"], strict=True))
        return HalfPlane(normal=d["normal"], name=d["name"], **place)
    return Planar.of(names, _primitive(kind, d))


def _primitive(kind: str, d: Mapping[str, Any]) -> Primitive:
    if kind == "ellipse":
        (x, y), (a, b) = d["centre"], d["axes"]
        return EllipseRegion((float(x), float(y)), (float(a), float(b)), d["angle"], d["name"])
    if kind == "polygon":
        rings = tuple(tuple((float(x), float(y)) for x, y in ring) for ring in d["rings"])
        return PolygonRegion(rings, tuple(d["sides"]), tuple(tuple(a) for a in d["aliases"]))
    if kind == "curve":
        pairs = zip(d["re"], d["im"], strict=True)
        return WaveRegion(Wave(tuple(complex(a, b) for a, b in pairs)), d["name"])
    if kind == "mesh":
        return replace(MeshRegion.of(d["nodes"], d["cells"], d["groups"]), note=str(d["note"]))
    raise ValueError(f"{kind!r} is no region")


def _short(description: Mapping[str, Any]) -> str:
    text = repr(dict(description))
    return text if len(text) < 200 else text[:200] + "..."


def _time(description: Mapping[str, Any]) -> TimeInterval:
    return TimeInterval(**{description["name"]: (description["start"], description["end"])})


def _space_time(description: Mapping[str, Any]) -> SpaceTime:
    return SpaceTime(domain_from_dict(description["space"]), _time(description["time"]))


def _solid(d: Mapping[str, Any]) -> Solid:
    second = d["second"]
    is_half = second["kind"] == "half-space"
    other = half_space_from_dict(second) if is_half else domain_from_dict(second)
    return Solid(d["operation"], domain_from_dict(d["first"]), other)


_READERS: dict[str, Callable[[Mapping[str, Any]], Domain]] = {
    "box": _box,
    "ball": _ball,
    "solid": _solid,
    "inlaid": lambda d: inlaid_from_dict(d, domain_from_dict),
    "turned": lambda d: turned_from_dict(domain_from_dict(d["inner"]), d),
    "polyhedron": Polyhedron.from_dict,
    "planar": _planar,
    "time": _time,
    "space-time": _space_time,
}
