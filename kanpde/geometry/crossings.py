"""Where two plane curves meet: in closed form for segments and arcs, by Newton steps otherwise."""

from __future__ import annotations

from math import hypot

import numpy as np
import shapely

from kanpde.geometry.curves import Arc, Curve, Segment

_ALMOST = 1e-13
"""By so much, relative to one, a double root may miss the real axis by rounding."""


def meetings(first: Curve, second: Curve, slack: float) -> np.ndarray:
    """Return (t on first, t on second) of all common points, (M, 2); ends on the other count.

    Curves that run along each other meet at the ends of the shared stretch.
    """
    if isinstance(first, Segment) and isinstance(second, Segment):
        found = _lines(first, second)
    elif isinstance(first, Segment) and isinstance(second, Arc):
        found = _line_arc(first, second)
    elif isinstance(first, Arc) and isinstance(second, Segment):
        found = _line_arc(second, first)[:, ::-1]
    elif isinstance(first, Arc) and isinstance(second, Arc):
        found = _arcs(first, second)
    else:
        found = _any(first, second)
    pairs = [_near_ends(found, first, second, slack)]
    for one, other, swap in ((first, second, 1), (second, first, -1)):
        if not one.is_closed:
            t, away = other.nearest(one.ends)
            on = np.flatnonzero(away <= slack)
            pairs.append(np.stack([np.array([0.0, 1.0])[on], t[on]], axis=1)[:, ::swap])
    return np.concatenate(pairs)


def _near_ends(found: np.ndarray, first: Curve, second: Curve, slack: float) -> np.ndarray:
    """Return the pairs on both curves, those within slack of an end moved to that end."""
    for column, curve in enumerate((first, second)):
        t = found[:, column]
        if not curve.is_closed:
            near = slack / curve.length
            t = np.where(np.abs(t) <= near, 0.0, np.where(np.abs(t - 1) <= near, 1.0, t))
        found = np.column_stack([t, found[:, 1]] if column == 0 else [found[:, 0], t])
    return found[((found >= 0) & (found <= 1)).all(axis=1)]


def _lines(first: Segment, second: Segment) -> np.ndarray:
    a, b = np.array(first.start), np.array(second.start)
    along, across = np.subtract(first.stop, a), np.subtract(second.stop, b)
    size = hypot(*along) * hypot(*across)
    cross = along[0] * across[1] - along[1] * across[0]
    if abs(cross) <= _ALMOST * size:
        return np.empty((0, 2))
    gap = b - a
    t = (gap[0] * across[1] - gap[1] * across[0]) / cross
    return np.array([[t, (gap[0] * along[1] - gap[1] * along[0]) / cross]])


def _line_arc(line: Segment, arc: Arc) -> np.ndarray:
    """Return the roots of |p(t)| = 1 where the ellipse is the unit circle."""
    p, q = arc.unit(line.ends)
    along = q - p
    foot = -(p @ along) / (along @ along)
    nearest = p + foot * along
    inside = 1.0 - nearest @ nearest
    if inside < -_ALMOST:
        return np.empty((0, 2))
    half = np.sqrt(max(inside, 0.0) / (along @ along))
    t = np.array([foot - half, foot + half])
    return np.stack([t, arc.place(p + t[:, None] * along)], axis=1)


def _arcs(first: Arc, second: Arc) -> np.ndarray:
    r"""Return the common points of two ellipses, the first as the unit circle.

    With z = e^{ia} on the second, |p|^2 = 1 is a polynomial of degree four in z.
    """
    c = first.unit(np.array([second.centre]))[0]
    u, v = first.unit(np.array([second.u, second.v]) + first.centre)
    w, d = complex(*u) - 1j * complex(*v), complex(*u) + 1j * complex(*v)
    centre = complex(*c)
    # p = centre + (w z + d / z) / 2
    plus = np.array([w / 2, centre, d / 2])  # times z: z^2, z, 1
    conjugate = np.array([d.conjugate() / 2, centre.conjugate(), w.conjugate() / 2])
    polynomial = np.convolve(plus, conjugate) - np.array([0, 0, 1, 0, 0])
    if np.abs(polynomial).max() <= 1e-12 * max(1.0, abs(centre) ** 2):
        return np.empty((0, 2))  # the same ellipse
    tiny = np.abs(polynomial) <= 1e-15 * np.abs(polynomial).max()
    roots = np.roots(np.where(tiny, 0, polynomial))
    angle = np.angle(roots[np.abs(np.abs(roots) - 1) <= 1e-6])
    for _ in range(3):  # real Newton steps on |p|^2 - 1
        p = centre + (w * np.exp(1j * angle) + d * np.exp(-1j * angle)) / 2
        slope = 1j * (w * np.exp(1j * angle) - d * np.exp(-1j * angle)) / 2
        level, change = np.abs(p) ** 2 - 1, 2 * (p.conjugate() * slope).real
        safe = np.abs(change) > 1e-7 * np.abs(slope)
        angle = angle - np.where(safe, level / np.where(safe, change, 1.0), 0.0)
    p = centre + (w * np.exp(1j * angle) + d * np.exp(-1j * angle)) / 2
    angle, p = angle[np.abs(np.abs(p) - 1) <= 1e-12], p[np.abs(np.abs(p) - 1) <= 1e-12]
    on_second = second.place(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.stack([first.place(np.stack([p.real, p.imag], axis=1)), on_second], axis=1)


def _any(first: Curve, second: Curve) -> np.ndarray:
    """Return the crossings of two polylines, sharpened by Newton steps on both parameters."""
    grids = [np.linspace(0.0, 1.0, 64 * c.panels + 1) for c in (first, second)]
    lines = []
    for curve, grid in zip((first, second), grids, strict=True):
        z = curve.point(grid)
        lines.append(shapely.linestrings(np.stack([z[:-1], z[1:]], axis=1)))
    pairs = shapely.STRtree(lines[1]).query(lines[0], predicate="intersects")
    t = np.stack(
        [(grid[i] + grid[i + 1]) / 2 for grid, i in zip(grids, pairs, strict=True)], axis=1
    )
    for _ in range(12):
        gap = first.point(t[:, 0]) - second.point(t[:, 1])
        a, b = first.derivative(t[:, 0], 1), second.derivative(t[:, 1], 1)
        cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        cross = np.where(np.abs(cross) > 1e-300, cross, np.inf)
        t = t - np.stack(
            [
                (gap[:, 0] * b[:, 1] - gap[:, 1] * b[:, 0]) / cross,
                (gap[:, 0] * a[:, 1] - gap[:, 1] * a[:, 0]) / cross,
            ],
            axis=1,
        )
    gap = np.linalg.norm(first.point(t[:, 0]) - second.point(t[:, 1]), axis=1)
    size = max(np.abs(first.ends).max(), np.abs(second.ends).max(), first.length)
    return t[gap <= 1e-12 * size]
