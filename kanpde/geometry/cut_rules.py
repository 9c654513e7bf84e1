"""Quadrature on bodies and faces that planes and spheres cut, by iterated Gauss rules.

Between two extreme places of everything the sheets share, an integral over a slice is smooth but
for roots at the ends, which x = sin(pi s / 2) makes smooth as well. So intervals end there, and
rules converge geometrically with the points of an interval (compare Saye, SIAM J. Sci. Comput. 37,
2015, for one level set).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kanpde.geometry.strata import Sheet, strata, uneven

Predicate = Callable[[np.ndarray], np.ndarray]
Rule = tuple[np.ndarray, np.ndarray]

_STEP = 1e-7
"""How far next to a place is, relative to the box."""

_SHORT = 1e-13
"""Intervals shorter than this, relative to the range, are rounding."""


def volume_rule(
    sheets: Sequence[Sheet], keeps: Predicate, lower: np.ndarray, upper: np.ndarray, n: int
) -> Rule:
    """Return points (N, D) and weights (N,) of a rule on the part of a box that is kept.

    Args:
        sheets: that bound it.
        keeps: maps points (N, D) to which are kept, (N,) bool; it may change at sheets only.
        lower: corner of the box, (D,).
        upper: corner of the box, (D,).
        n: points of each interval.
    """
    lines, weights = _lines(list(sheets), keeps, lower, upper, n)
    roots = [sheet.roots(lines) for sheet in sheets]
    place, along = _between(roots, float(lower[-1]), float(upper[-1]), n)
    return _kept(lines, weights, place, along, lambda x, z: np.column_stack([x, z]), keeps)


def plane_rule(
    place: np.ndarray,
    axes: np.ndarray,
    sheets: Sequence[Sheet],
    keeps: Predicate,
    corners: np.ndarray,
    n: int,
) -> Rule:
    """Return a rule on the part of a plane that is kept.

    Args:
        place: of the plane, (D,).
        axes: orthonormal columns that span it, (D, D - 1).
        sheets: that cut it.
        keeps: as in :func:`volume_rule`.
        corners: points (M, D) whose convex hull holds the part.
        n: points of each interval.
    """
    within = (corners - place) @ axes
    cut = [sheet.on(place, axes) for sheet in sheets]
    cut = [sheet for sheet in cut if sheet.a or np.linalg.norm(sheet.b) > 1e-12]
    cut = [Sheet(s.a, s.b, s.c) if s.a else _unit(s) for s in cut]

    def inside(points: np.ndarray) -> np.ndarray:
        return keeps(place + points @ axes.T)

    points, weights = volume_rule(cut, inside, within.min(axis=0), within.max(axis=0), n)
    return place + points @ axes.T, weights


def sphere_rule(
    centre: np.ndarray, radius: float, sheets: Sequence[Sheet], keeps: Predicate, n: int
) -> Rule:
    """Return a rule on the part of a sphere in space that is kept.

    By the height above the equator, which is even in area, and the angle around the axis.
    """
    own = Sheet.sphere(centre, radius)
    heights = [-1.0, 1.0]
    for stratum in strata([own, *sheets], 3):
        if stratum.sheets[0] == 0:
            heights += [(place[2] - centre[2]) / radius for place in stratum.extremes(2)]
    t, weights = _intervals(np.array(heights), -1.0, 1.0, n, smooth=False)
    around = radius * np.sqrt(1 - t**2)
    turns = [np.full((len(t), 1), np.pi)]
    for sheet in sheets:
        # On the sphere |x|^2 is linear, so every sheet is a plane there.
        normal = sheet.b + 2 * sheet.a * centre
        level = sheet.c + sheet.a * (radius**2 - centre @ centre) + normal @ centre
        level = -(level + normal[2] * radius * t)
        phase = np.arctan2(normal[1], normal[0])
        with np.errstate(all="ignore"):
            half = np.arccos(level / (around * np.hypot(normal[0], normal[1])))
        turns.append(np.stack([phase - half, phase + half], axis=1) % (2 * np.pi))
    angle, along = _between(turns, 0.0, 2 * np.pi, n)

    def placed(height: np.ndarray, turn: np.ndarray) -> np.ndarray:
        t = height[:, 0]
        flat = np.sqrt(1 - t**2)
        unit = np.stack([flat * np.cos(turn), flat * np.sin(turn), t], axis=1)
        return centre + radius * unit

    return _kept(t[:, None], radius**2 * weights, angle, along, placed, keeps)


def _lines(
    sheets: list[Sheet], keeps: Predicate, lower: np.ndarray, upper: np.ndarray, n: int
) -> Rule:
    """Return a rule (M, D - 1) for all coordinates but the last."""
    d = len(lower)
    if d == 1:
        return np.empty((1, 0)), np.ones(1)
    ends = _ends(sheets, keeps, lower, upper)
    smooth = all(sheet.a == 0 for sheet in sheets)
    x, w = _intervals(ends, float(lower[0]), float(upper[0]), n, smooth=smooth)
    if d == 2:
        return x[:, None], w
    points, weights = [], []
    for value, weight in zip(x, w, strict=True):
        slices = [sheet.sliced(float(value)) for sheet in sheets]
        slices = [s if s.a else _unit(s) for s in slices if s.a or np.linalg.norm(s.b) > 1e-12]

        def on_slice(p: np.ndarray, value: float = float(value)) -> np.ndarray:
            return keeps(np.column_stack([np.full(len(p), value), p]))

        below, own = _lines(slices, on_slice, lower[1:], upper[1:], n)
        points.append(np.column_stack([np.full(len(below), value), below]))
        weights.append(weight * own)
    return np.concatenate(points), np.concatenate(weights)


def _ends(
    sheets: list[Sheet], keeps: Predicate, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Return the first coordinate where what the sheets share begins or ends, at the kept part."""
    by_count: dict[int, list[tuple[np.ndarray, list[Sheet]]]] = {}
    slack = 1e-9 * (upper - lower)
    ends = []
    for stratum in strata(sheets, len(lower)):
        if stratum.is_level(0):
            ends.append(stratum.centre[:1])
            continue
        active = [sheets[k] for k in stratum.sheets]
        for place in stratum.extremes(0):
            if (place >= lower - slack).all() and (place <= upper + slack).all():
                by_count.setdefault(len(active), []).append((place, active))
    reach = _STEP * float(np.max(upper - lower))
    for found in by_count.values():
        places = np.array([place for place, _ in found])
        gradients = np.array([[s.normals(p[None])[0] for s in own] for p, own in found])
        ends.append(places[uneven(keeps, places, gradients, reach), 0])
    return np.concatenate(ends) if ends else np.empty(0)


def _unit(plane: Sheet) -> Sheet:
    size = float(np.linalg.norm(plane.b))
    return Sheet(0.0, plane.b / size, plane.c / size)


def _intervals(ends: np.ndarray, lower: float, upper: float, n: int, *, smooth: bool) -> Rule:
    """Return points and weights of Gauss rules between the ends that lie in a range."""
    short = _SHORT * (upper - lower)
    ends = np.sort(ends[(ends > lower + short) & (ends < upper - short)])
    ends = np.concatenate([[lower], ends, [upper]])
    ends = ends[np.concatenate([[True], np.diff(ends) > short])]
    s, w = np.polynomial.legendre.leggauss(n)
    if not smooth:
        s, w = np.sin(np.pi * s / 2), w * np.pi / 2 * np.cos(np.pi * s / 2)
    middle, half = (ends[1:] + ends[:-1]) / 2, (ends[1:] - ends[:-1]) / 2
    return (middle[:, None] + half[:, None] * s).ravel(), (half[:, None] * w).ravel()


def _between(roots: list[np.ndarray], lower: float, upper: float, n: int) -> Rule:
    """Return places (M, I, n) and weights of Gauss rules between the roots on M lines."""
    count = len(roots[0]) if roots else 1
    marks = np.hstack([np.full((count, 1), lower), *roots, np.full((count, 1), upper)])
    marks = np.clip(np.where(np.isnan(marks), lower, marks), lower, upper)
    marks.sort(axis=1)
    s, w = np.polynomial.legendre.leggauss(n)
    middle, half = (marks[:, 1:] + marks[:, :-1]) / 2, (marks[:, 1:] - marks[:, :-1]) / 2
    half = np.where(half > _SHORT * (upper - lower), half, 0.0)
    return middle[..., None] + half[..., None] * s, half[..., None] * w


def _kept(
    lines: np.ndarray,
    weights: np.ndarray,
    place: np.ndarray,
    along: np.ndarray,
    placed: Callable[[np.ndarray, np.ndarray], np.ndarray],
    keeps: Predicate,
) -> Rule:
    """Return the points and weights in those intervals on lines whose middle is kept."""
    n = place.shape[2]
    line, interval = np.nonzero(along.sum(axis=2) > 0)
    middle = place[line, interval].mean(axis=1)
    kept = keeps(placed(lines[line], middle))
    line, interval = line[kept], interval[kept]
    points = placed(np.repeat(lines[line], n, axis=0), place[line, interval].ravel())
    return points, (weights[line, None] * along[line, interval]).ravel()
