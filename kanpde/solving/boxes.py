"""The boxes of a k-d tree: splitting them, and which of them share a face."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np


@dataclass(frozen=True)
class Faces:
    """All pairs of boxes that share a piece of a face across one axis.

    Args:
        axis: that they are neighbours along.
        below, above: indices of the two boxes, (F,).
        lower, upper: corners of the shared piece in the other axes, (F, D - 1).
    """

    axis: int
    below: np.ndarray
    above: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def first_boxes(
    ranges: tuple[tuple[float, float], ...], cuts: tuple[tuple[float, ...], ...]
) -> np.ndarray:
    """Return boxes (B, 2, D): the domain, halved along each axis, or cut where it is said to be."""
    axes = []
    for (low, high), places in zip(ranges, cuts, strict=True):
        knots = [low, *(places or ((low + high) / 2,)), high]
        axes.append(list(pairwise(knots)))
    return np.array([np.array(box).T for box in product(*axes)])


def split(boxes: np.ndarray, halvings: np.ndarray) -> np.ndarray:
    """Return the boxes with each one halved as often along each axis as is said.

    Args:
        boxes: (B, 2, D).
        halvings: (B, D) bool or whole numbers; a box with zeros stays as it is.

    Halves of equal boxes have bitwise equal corners.
    """
    halvings = halvings.astype(int)
    for axis in range(boxes.shape[2]):
        while (halvings[:, axis] > 0).any():
            chosen = halvings[:, axis] > 0
            parents, left = boxes[chosen], halvings[chosen]
            left[:, axis] -= 1
            middle = (parents[:, 0, axis] + parents[:, 1, axis]) / 2
            low, high = parents.copy(), parents.copy()
            low[:, 1, axis] = middle
            high[:, 0, axis] = middle
            boxes = np.concatenate([boxes[~chosen], low, high])
            halvings = np.concatenate([halvings[~chosen], left, left])
    return boxes


def shared_faces(boxes: np.ndarray) -> list[Faces]:
    """Return for each axis which boxes (B, 2, D) touch along it, and where."""
    return [_faces_along(boxes, axis) for axis in range(boxes.shape[2])]


def _faces_along(boxes: np.ndarray, axis: int) -> Faces:
    low, high = boxes[:, 0, axis], boxes[:, 1, axis]
    by_low = np.argsort(low, kind="stable")
    first = np.searchsorted(low[by_low], high, side="left")
    last = np.searchsorted(low[by_low], high, side="right")
    below = np.repeat(np.arange(len(boxes)), last - first)
    starts = np.repeat(first - np.concatenate([[0], np.cumsum(last - first)[:-1]]), last - first)
    return _shared(boxes, axis, below, by_low[starts + np.arange(len(below))])


def opposite_faces(boxes: np.ndarray, axis: int, low: float, high: float) -> Faces:
    """Return the pairs of boxes that meet when the upper end of an axis is glued to the lower."""
    last, first = on_face(boxes, axis, 1, high), on_face(boxes, axis, -1, low)
    return _shared(boxes, axis, np.repeat(last, len(first)), np.tile(first, len(last)))


def _shared(boxes: np.ndarray, axis: int, below: np.ndarray, above: np.ndarray) -> Faces:
    """Return those pairs that overlap in the other axes."""
    others = [a for a in range(boxes.shape[2]) if a != axis]
    lower = np.maximum(boxes[below, 0][:, others], boxes[above, 0][:, others])
    upper = np.minimum(boxes[below, 1][:, others], boxes[above, 1][:, others])
    touch = (lower < upper).all(axis=1)
    return Faces(axis, below[touch], above[touch], lower[touch], upper[touch])


def on_face(boxes: np.ndarray, axis: int, side: int, value: float) -> np.ndarray:
    """Return the indices of the boxes that lie on a face of the domain."""
    return np.flatnonzero(boxes[:, int(side > 0), axis] == value)
