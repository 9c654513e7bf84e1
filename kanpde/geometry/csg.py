"""Loops of a union, intersection or difference, from the loops of the operands.

Every edge is cut where it meets an edge of the other operand; a stretch is kept or dropped by the
side its inside point has; what is kept is chained to closed loops. No curve is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from kanpde.geometry.crossings import meetings
from kanpde.geometry.curves import Curve
from kanpde.geometry.regions import INSIDE, ON, OUTSIDE, Edge, Loop, Region

_PROBE = 0.4371
"""Where a stretch is asked for its side: no place at which anything symmetric meets."""

_KEPT = {
    "union": (OUTSIDE, OUTSIDE),
    "intersection": (INSIDE, INSIDE),
    "difference": (OUTSIDE, INSIDE),
}


def combined_loops(
    operation: str,
    first: tuple[Sequence[Loop], Region],
    second: tuple[Sequence[Loop], Region],
    slack: float,
) -> tuple[Loop, ...]:
    """Return the loops of the combination, those with positive area first, largest first.

    Args:
        operation: "union", "intersection" or "difference".
        first: loops and region of the one operand.
        second: of the other.
        slack: lengths that count as none.

    Raises:
        ValueError: if nothing is left, or two parts of the boundary touch in a point.
    """
    edges = [[edge for loop in loops for edge in loop] for loops, _ in (first, second)]
    cuts: list[list[list[float]]] = [[[] for _ in mine] for mine in edges]
    places = []
    for i, a in enumerate(edges[0]):
        for j, b in enumerate(edges[1]):
            if _apart(a.curve, b.curve, slack):
                continue
            pairs = meetings(a.curve, b.curve, slack)
            cuts[0][i] += list(pairs[:, 0])
            cuts[1][j] += list(pairs[:, 1])
            places.append(a.curve.point(pairs[:, 0]))
    same = operation != "difference"
    kept: list[Edge] = []
    for edge, own in zip(edges[0], cuts[0], strict=True):
        keep = _rule(edges[1], second[1], _KEPT[operation][0], same, slack)
        kept += _stretches(edge, own, keep, slack)
    for edge, own in zip(edges[1], cuts[1], strict=True):
        stretches = _stretches(
            edge, own, _rule(edges[0], first[1], _KEPT[operation][1], None, slack), slack
        )
        kept += stretches if same else [e.with_curve(e.curve.reversed()) for e in stretches]
    meeting = np.concatenate(places) if places else np.empty((0, 2))
    if not kept:
        touch = "; they touch in ({:.6g}, {:.6g})".format(*meeting[0]) if len(meeting) else ""
        raise ValueError(
            f"nothing is left: the shapes do not overlap as the operation needs{touch}."
        )
    _check_pinches(kept, meeting, slack)
    return ordered(chained(kept, slack))


def ordered(loops: Sequence[Loop]) -> tuple[Loop, ...]:
    """Return loops with positive area first, the largest first; holes in the order given."""
    areas = [sum(edge.curve.area() for edge in loop) for loop in loops]
    order = sorted(
        range(len(loops)), key=lambda i: (areas[i] < 0, -areas[i] if areas[i] > 0 else i)
    )
    return tuple(loops[i] for i in order)


def chained(edges: Sequence[Edge], slack: float) -> list[Loop]:
    """Return closed loops of edges that follow each other.

    Raises:
        ValueError: if an edge ends where no other begins.
    """
    loops: list[Loop] = [(edge,) for edge in edges if edge.curve.is_closed]
    open_edges = [edge for edge in edges if not edge.curve.is_closed]
    if not open_edges:
        return loops
    starts, stops = (np.array([e.curve.ends[k] for e in open_edges]) for k in (0, 1))
    left = list(range(len(open_edges)))
    while left:
        loop = [left.pop(0)]
        while np.linalg.norm(stops[loop[-1]] - starts[loop[0]]) > 64 * slack:
            gaps = [float(np.linalg.norm(stops[loop[-1]] - starts[i])) for i in left]
            if not gaps or min(gaps) > 64 * slack:
                x, y = stops[loop[-1]]
                raise ValueError(
                    f"the boundary is open at ({x:.6g}, {y:.6g}): no piece begins there. Shapes "
                    "that almost touch there may be the cause; move one a little."
                )
            loop.append(left.pop(int(np.argmin(gaps))))
        loops.append(tuple(open_edges[i] for i in loop))
    return loops


def _apart(first: Curve, second: Curve, slack: float) -> bool:
    """Whether the bounding boxes of points on the curves, and a margin for the arcs, are apart."""
    boxes = []
    for curve in (first, second):
        z = curve.polyline()
        # The arc between two points of the polyline is within the largest step of both.
        margin = slack + (0.0 if len(z) == 9 else float(np.abs(np.diff(z, axis=0)).max()))
        boxes.append((z.min(axis=0) - margin, z.max(axis=0) + margin))
    return bool((boxes[0][0] > boxes[1][1]).any() or (boxes[1][0] > boxes[0][1]).any())


def _rule(
    others: Sequence[Edge], region: Region, keep: int, coincident: bool | None, slack: float
) -> Callable[[Curve], bool]:
    """Return whether to keep a curve: by its side, or by its direction where it runs along others.

    ``coincident``: keep if the directions are the same (True), opposite (False), never (None).
    """

    def kept(curve: Curve) -> bool:
        t = np.array([_PROBE])
        point = curve.point(t)
        side = int(region.side(point, 4 * slack)[0])
        if side != ON:
            return side == keep
        if coincident is None:
            return False
        away = [other.curve.nearest(point) for other in others]
        nearest = int(np.argmin([d[0] for _, d in away]))
        other = others[nearest].curve.derivative(away[nearest][0], 1)[0]
        same = bool(curve.derivative(t, 1)[0] @ other > 0)
        return same == coincident

    return kept


def _stretches(
    edge: Edge, cuts: Sequence[float], keep: Callable[[Curve], bool], slack: float
) -> list[Edge]:
    """Return the kept stretches of an edge; neighbours that are both kept stay in one piece."""
    curve = edge.curve
    near = slack / curve.length
    stops: list[float] = []
    for t in sorted(float(t) % 1.0 if curve.is_closed else float(t) for t in cuts):
        if not stops or t - stops[-1] > near:
            stops.append(t)
    if curve.is_closed:
        if not stops:
            return [edge] if keep(curve) else []
        if len(stops) > 1 and stops[0] + 1.0 - stops[-1] <= near:
            stops.pop()
        stops.append(stops[0] + 1.0)
    else:
        stops = [0.0, *(t for t in stops if near < t < 1 - near), 1.0]
    spans: list[list[float]] = []
    for a, b in pairwise(stops):
        if keep(curve.part(a, b)):
            if spans and spans[-1][1] == a:
                spans[-1][1] = b
            else:
                spans.append([a, b])
    if len(spans) > 1 and curve.is_closed and spans[-1][1] == stops[-1] and spans[0][0] == stops[0]:
        spans[-1][1] = spans.pop(0)[1] + 1.0
    if spans and (spans == [[0.0, 1.0]] or (curve.is_closed and spans == [[stops[0], stops[-1]]])):
        return [edge]
    return [edge.with_curve(curve.part(a, b)) for a, b in spans]


def _check_pinches(kept: Sequence[Edge], places: np.ndarray, slack: float) -> None:
    """Raise a ValueError if more than one way leads through a meeting point."""
    for place in places:
        ways = 0.0
        for edge in kept:
            t, away = edge.curve.nearest(place[None])
            if away[0] > 16 * slack:
                continue
            near = 32 * slack / edge.curve.length
            ways += 1.0 if edge.curve.is_closed or near < t[0] < 1 - near else 0.5
            if not edge.curve.is_closed:  # both ends in one point
                a, b = edge.curve.ends
                ways += 0.5 if np.linalg.norm(a - b) <= 16 * slack else 0.0
        if ways > 1:
            raise ValueError(
                f"two parts of the boundary touch at ({place[0]:.6g}, {place[1]:.6g}) without "
                "crossing, so that the domain is pinched there; move or resize one of the shapes."
            )
