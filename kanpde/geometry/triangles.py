"""Triangles in space: the nearest of them to points, and which points a closed surface contains."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

_CHUNK = 2**20
"""Pairs of a point and a triangle that are looked at at once."""

_TURN = Rotation.from_rotvec([0.3141, 0.8712, 0.5301]).as_matrix()
"""Rays run in a direction in which nobody builds."""


class Triangles:
    """A set of triangles.

    Args:
        corners: (K, 3, 3); of a closed surface counter-clockwise as seen from outside.

    Attributes:
        areas: (K,).
        normals: unit, (K, 3).
        lower, upper: corners of the bounding box, (3,).
    """

    def __init__(self, corners: np.ndarray) -> None:
        self.corners = corners
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        size = np.linalg.norm(cross, axis=1)
        self.areas = size / 2
        self.normals = cross / np.where(size > 0, size, 1.0)[:, None]
        self.lower, self.upper = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))

    # Distance --------------------------------------------------------------------------------

    @cached_property
    def _spheres(self) -> tuple[cKDTree, np.ndarray, cKDTree]:
        """Centres and radii of spheres about the triangles, and the corners."""
        centres = self.corners.mean(axis=1)
        radii = np.linalg.norm(self.corners - centres[:, None], axis=2).max(axis=1)
        return cKDTree(centres), radii, cKDTree(self.corners.reshape(-1, 3))

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances of points (N, 3) and the numbers of the nearest triangles, (N,).

        A triangle can be nearest only if its sphere comes nearer than the nearest corner.
        """
        best, which = np.full(len(points), np.inf), np.zeros(len(points), dtype=np.int64)
        count = len(self.corners)
        if len(points) * count <= _CHUNK:
            pairs = np.repeat(np.arange(len(points)), count), np.tile(np.arange(count), len(points))
            return self._improved(points, pairs, best, which)
        centres, radii, corners = self._spheres
        bound = corners.query(points)[0]
        for part in np.array_split(np.arange(len(points)), max(1, len(points) // 4096)):
            reach = bound[part] * (1 + 1e-12) + radii.max()
            found = centres.query_ball_point(points[part], reach)
            sizes = np.array([len(f) for f in found])
            near = np.concatenate([np.asarray(f, dtype=np.int64) for f in found])
            own = np.repeat(part, sizes)
            away = np.linalg.norm(points[own] - centres.data[near], axis=1)
            kept = away <= bound[own] * (1 + 1e-12) + radii[near]
            best, which = self._improved(points, (own[kept], near[kept]), best, which)
        return best, which

    def _improved(
        self,
        points: np.ndarray,
        pairs: tuple[np.ndarray, np.ndarray],
        best: np.ndarray,
        which: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return least distances and their triangles after a look at pairs sorted by point."""
        own, near = pairs
        for start in range(0, len(own), _CHUNK):
            i, k = own[start : start + _CHUNK], near[start : start + _CHUNK]
            away = self.distance(points[i], k)
            order = np.lexsort((away, i))
            first = order[np.flatnonzero(np.diff(i[order], prepend=-1))]
            better = first[away[first] < best[i[first]]]
            best[i[better]], which[i[better]] = away[better], k[better]
        return best, which

    def distance(self, points: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the distance (N,) of each point (N, 3) to the triangle of that number."""
        corners, normal = self.corners[which], self.normals[which]
        result = np.full(len(points), np.inf)
        above = np.ones(len(points), dtype=bool)
        for j in range(3):
            a = corners[:, j]
            along, gap = corners[:, (j + 1) % 3] - a, points - a
            above &= np.einsum("ij,ij->i", np.cross(along, gap), normal) >= 0
            share = np.einsum("ij,ij->i", gap, along) / np.einsum("ij,ij->i", along, along)
            foot = gap - np.clip(share, 0.0, 1.0)[:, None] * along
            np.minimum(result, np.linalg.norm(foot, axis=1), out=result)
        height = np.abs(np.einsum("ij,ij->i", points - corners[:, 0], normal))
        return np.where(above, height, result)

    # Inside ----------------------------------------------------------------------------------

    @cached_property
    def _voxels(self) -> Voxels:
        return Voxels(self)

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside a closed surface, 0 on it (within slack), 1 outside, for (N, 3)."""
        return self._voxels.side(points, slack)

    @cached_property
    def _shadow(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turned corners (K, 3, 3), and the order of the triangles by columns of the shadow."""
        turned = self.corners @ _TURN.T
        low, high = turned[:, :, :2].min(axis=1), turned[:, :, :2].max(axis=1)
        return turned, low, high

    @cached_property
    def _columns(self) -> tuple[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray]:
        """Bins of the shadow, each with the triangles that it meets: starts and numbers."""
        _, low, high = self._shadow
        corner, width = low.min(axis=0), np.ptp(np.concatenate([low, high]), axis=0)
        count = int(np.clip(np.sqrt(2 * len(low)), 1, 1024))
        first = np.clip(((low - corner) / width * count).astype(int), 0, count - 1)
        last = np.clip(((high - corner) / width * count).astype(int), 0, count - 1)
        spans = last - first + 1
        bins, owner = _spread(first, spans, (count, count))
        order = np.argsort(bins, kind="stable")
        starts = np.searchsorted(bins[order], np.arange(count * count + 1))
        return corner, width, count, starts, owner[order]

    def winding(self, points: np.ndarray) -> np.ndarray:
        """Return how often a closed surface goes round points (N, 3) off it: 1 inside, 0 outside.

        A ray from the point counts the triangles that it leaves through. Whether it passes left or
        right of an edge is asked the same way from both sides, so that none is missed.
        """
        turned, _, _ = self._shadow
        corner, width, count, starts, numbers = self._columns
        p = points @ _TURN.T
        place = (p[:, :2] - corner) / width * count
        within = ((place >= 0) & (place <= count)).all(axis=1)
        result = np.zeros(len(points), dtype=np.int64)
        index = np.flatnonzero(within)
        cell = np.minimum(place[index].astype(int), count - 1)
        bins = cell[:, 0] * count + cell[:, 1]
        sizes = starts[bins + 1] - starts[bins]
        ends = np.cumsum(sizes)
        begin = 0
        while begin < len(index):
            done = ends[begin - 1] if begin else 0
            stop = max(begin + 1, int(np.searchsorted(ends, done + _CHUNK, side="right")))
            part = slice(begin, stop)
            own = np.repeat(np.arange(begin, stop), sizes[part])
            offset = np.arange(len(own)) - np.repeat(ends[part] - sizes[part] - done, sizes[part])
            near = numbers[starts[bins[own]] + offset]
            signs = _crossings(p[index[own]], turned[near])
            result[index[part]] = np.bincount(own - begin, signs, minlength=stop - begin)
            begin = stop
        return result


class Voxels:
    """A grid over a closed surface: what no triangle meets is inside or outside as a whole."""

    def __init__(self, triangles: Triangles) -> None:
        self._triangles = triangles
        corners = triangles.corners
        size = triangles.upper - triangles.lower
        pad = 1e-6 * size.max() + 1e-9 * np.abs([triangles.lower, triangles.upper]).max()
        self._lower = triangles.lower - pad
        edge = (np.prod(size + 2 * pad) / np.clip(8 * len(corners), 4096, 2**18)) ** (1 / 3)
        self._shape = np.clip(np.ceil((size + 2 * pad) / edge).astype(int), 1, 512)
        self._step = (size + 2 * pad) / self._shape
        first = ((corners.min(axis=1) - pad - self._lower) / self._step).astype(int)
        last = ((corners.max(axis=1) + pad - self._lower) / self._step).astype(int)
        first, last = np.maximum(first, 0), np.minimum(last, self._shape - 1)
        cells, owner = _spread(first, last - first + 1, tuple(self._shape))
        normal = triangles.normals[owner]
        middle = self._middle(cells)
        height = np.einsum("ij,ij->i", middle - corners[owner, 0], normal)
        met = np.abs(height) <= np.abs(normal) @ (self._step / 2) + pad
        cells, owner = cells[met], owner[met]
        order = np.argsort(cells, kind="stable")
        total = int(np.prod(self._shape))
        self._starts = np.searchsorted(cells[order], np.arange(total + 1))
        self._owner = owner[order]
        self._met = np.diff(self._starts) > 0
        free = np.flatnonzero(~self._met)
        self._sign = np.zeros(total, dtype=np.int8)
        self._sign[free] = np.where(triangles.winding(self._middle(free)) > 0, -1, 1)

    def _middle(self, cells: np.ndarray) -> np.ndarray:
        index = np.stack(np.unravel_index(cells, tuple(self._shape)), axis=1)
        return self._lower + (index + 0.5) * self._step

    def side(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Return -1 inside, 0 on the surface (within slack), 1 outside, for points (N, 3)."""
        with np.errstate(invalid="ignore"):
            place = (points - self._lower) / self._step
            within = ((place >= 0) & (place < self._shape)).all(axis=1)
        sides = np.ones(len(points), dtype=np.int8)
        index = np.flatnonzero(within)
        cell = np.ravel_multi_index(tuple(place[index].astype(int).T), tuple(self._shape))
        sides[index] = self._sign[cell]
        near = np.flatnonzero(self._met[cell])
        if len(near):
            own, cell = index[near], cell[near]
            sides[own] = np.where(self._triangles.winding(points[own]) > 0, -1, 1)
            sides[own[self._touching(points[own], cell, slack)]] = 0
        return sides

    def _touching(self, points: np.ndarray, cells: np.ndarray, slack: float) -> np.ndarray:
        """Return which points (N, 3) are within slack of a triangle of their cell."""
        sizes = self._starts[cells + 1] - self._starts[cells]
        found = np.zeros(len(points), dtype=bool)
        triangles = self._triangles
        for turn in range(int(sizes.max())):
            own = np.flatnonzero(sizes > turn)
            which = self._owner[self._starts[cells[own]] + turn]
            gap = points[own] - triangles.corners[which, 0]
            level = np.abs(np.einsum("ij,ij->i", gap, triangles.normals[which]))
            close = np.flatnonzero(level <= slack)  # few are, and only these need a distance
            if len(close):
                away = triangles.distance(points[own[close]], which[close])
                found[own[close[away <= slack]]] = True
        return found


def _crossings(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return +1 where an upward ray leaves through the triangle, -1 where it enters, else 0."""
    x, y = points[:, 0], points[:, 1]
    left = []
    for j in range(3):
        a, b = corners[:, j], corners[:, (j + 1) % 3]
        swap = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
        p, q = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
        turn = (q[:, 0] - p[:, 0]) * (y - p[:, 1]) - (q[:, 1] - p[:, 1]) * (x - p[:, 0])
        left.append((turn > 0) != swap)
    ccw, cw = left[0] & left[1] & left[2], ~(left[0] | left[1] | left[2])
    sign = np.where(ccw, 1.0, np.where(cw, -1.0, 0.0))
    hit = np.flatnonzero(sign)
    a, b, c = corners[hit].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    height = np.einsum("ij,ij->i", a - points[hit], normal)  # of the plane above the point
    above = height * normal[:, 2] > 0
    sign[hit[~above]] = 0.0
    return sign


def _spread(
    first: np.ndarray, spans: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat numbers of all grid cells of boxes of cells, and the box of each."""
    counts = spans.prod(axis=1)
    owner = np.repeat(np.arange(len(first)), counts)
    rest = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = []
    for axis in range(len(shape) - 1, -1, -1):
        index.append(first[owner, axis] + rest % spans[owner, axis])
        rest = rest // spans[owner, axis]
    return np.ravel_multi_index(tuple(index[::-1]), shape), owner
