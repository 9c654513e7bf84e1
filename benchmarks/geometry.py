"""Seconds that domains take for many points, CPU time of one thread, best of three.

    python benchmarks/geometry.py

The polygon has 50 vertices and 4 holes; goals are one second for a million points inside, and for
a hundred thousand on the boundary with normals. The surface is a sphere of 10,224 triangles.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from kanpde.geometry import Ball, Box, Planar, Polygon, Polyhedron, Surface


def polygon() -> Planar:
    angle = 2 * np.pi * np.arange(50) / 50
    radius = 1 + 0.2 * np.cos(5 * angle)
    outer = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    hole = 0.1 * np.stack([np.cos(angle[::5]), np.sin(angle[::5])], axis=1)
    centres = [(0.4, 0), (-0.4, 0), (0, 0.4), (0, -0.4)]
    return Polygon(outer, holes=[hole + np.array(c) for c in centres])


def sphere(n: int) -> Polyhedron:
    theta, phi = np.pi * np.arange(1, n) / n, 2 * np.pi * np.arange(2 * n) / (2 * n)
    t, p = (a.ravel() for a in np.meshgrid(theta, phi, indexing="ij"))
    ring = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=1)
    nodes = np.concatenate([ring, [[0, 0, 1], [0, 0, -1]]])
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n - 2), np.arange(2 * n), indexing="ij"))
    k, row = (j + 1) % (2 * n), 2 * n
    a, b, c, d = i * row + j, (i + 1) * row + j, (i + 1) * row + k, i * row + k
    j, top, last = np.arange(row), len(ring), (n - 2) * row
    k = (j + 1) % row
    caps = [
        np.stack([0 * j + top, j, k], axis=1),
        np.stack([0 * j + top + 1, last + k, last + j], axis=1),
    ]
    return Surface(nodes, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1), *caps]))


def best(act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        start = time.process_time()
        act()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    shape, surface = polygon(), sphere(72)
    solid = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1)) - Ball(x=0, y=0, z=0, radius=0.5)
    plane = np.random.default_rng(0).uniform(-1.2, 1.2, (10**6, 2))
    space = np.random.default_rng(0).uniform(-1, 1, (10**6, 3))
    surface.contains(space[:1])  # makes its grid
    acts = {
        "polygon: 10^6 points, contained or not": lambda: shape.contains(plane),
        "polygon: 10^6 points inside": lambda: shape.interior(10**6),
        "polygon: 10^5 boundary points and normals": lambda: shape.boundary.sample(10**5),
        "polygon: signed distance of 10^5 points": lambda: shape.signed_distance(plane[: 10**5]),
        "surface: 10^6 points, contained or not": lambda: surface.contains(space),
        "surface: 10^5 boundary points and normals": lambda: surface.boundary.sample(10**5),
        "surface: signed distance of 10^4 points": lambda: surface.signed_distance(space[: 10**4]),
        "box - ball: 10^6 points, contained or not": lambda: solid.contains(space),
        "box - ball: 10^5 boundary points and normals": lambda: solid.boundary.sample(10**5),
        "ball in 5-D: 10^6 points inside": lambda: five().interior(10**6),
    }
    print("| what | seconds |\n|---|---|")
    for name, act in acts.items():
        print(f"| {name} | {best(act):.2f} |", flush=True)


def five() -> Ball:
    return Ball(**{f"x{i}": 0 for i in range(5)}, radius=1)


if __name__ == "__main__":
    main()
