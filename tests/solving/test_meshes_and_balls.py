"""Equations on meshes, balls and solids: the direct ways and training take every domain."""

import meshio
import numpy as np
import pytest
from sympy import exp, pi, sin

from kanpde import (
    Ball,
    Chebyshev,
    Dirichlet,
    Disk,
    LevenbergMarquardt,
    Mesh,
    Neumann,
    Outcome,
    Problem,
    SeparableKAN,
    coordinates,
    laplacian,
    load,
    read_mesh,
    solve,
    unknown,
)
from kanpde.geometry import triangulate

x, y, z = coordinates("x y z")
u, v = unknown("u", x, y), unknown("v", x, y, z)
FLAT = exp(x) * sin(y) + x**2
DEEP = sin(pi * x) * sin(pi * y) * exp(z)


def box_mesh() -> tuple[np.ndarray, np.ndarray]:
    """Eight corners and a middle: twelve tetrahedra."""
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    cells = [(8, a, b, c) for p, q, r, s in quads for a, b, c in ((p, q, r), (p, r, s))]
    return np.concatenate([corners, [[0.5, 0.5, 0.5]]]), np.array(cells)


def test_poisson_on_a_triangulated_disk(tmp_path):
    nodes, triangles = triangulate(Disk(x=0, y=0, radius=1), 300)
    meshio.write(tmp_path / "disk.vtu", meshio.Mesh(nodes, [("triangle", triangles)]))
    domain = read_mesh(tmp_path / "disk.vtu")
    problem = Problem(
        domain,
        {"poisson": laplacian(u) - 2},
        Dirichlet(u, FLAT, on="boundary"),
        exact={u: FLAT},
    )
    solution = solve(problem)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["u"]["relative_l2"] < solution.estimate < 1e-11
    solution.export(tmp_path / "field.vtu")
    written = meshio.read(tmp_path / "field.vtu")
    np.testing.assert_array_equal(written.cells_dict["triangle"], triangles)
    exact = np.exp(nodes[:, 0]) * np.sin(nodes[:, 1]) + nodes[:, 0] ** 2
    np.testing.assert_allclose(written.point_data["u"], exact, atol=1e-10)
    solution.save(tmp_path / "disk.h5")
    assert load(tmp_path / "disk.h5").problem.domain == domain
    solution.plot()
    problem.plot()


def test_poisson_on_tetrahedra_by_the_ladder_and_by_training(tmp_path):
    domain = Mesh(*box_mesh())
    problem = Problem(
        domain,
        {"poisson": laplacian(v) - laplacian(DEEP, x, y, z)},
        Dirichlet(v, DEEP, on=domain.boundary),
        exact={v: DEEP},
    )
    solution = solve(problem, tol=1e-8)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["v"]["relative_l2"] < 1e-8
    network = SeparableKAN(1, [Chebyshev(16)] * 3, around=1)
    trained = solve(problem, network, [LevenbergMarquardt(iterations=40)])
    assert trained.errors()["v"]["relative_l2"] < 1e-12
    trained.export(tmp_path / "box.vtu")
    assert len(meshio.read(tmp_path / "box.vtu").cells_dict["tetra"]) == 12
    problem.plot()
    trained.plot()


@pytest.mark.parametrize("names", ["x y", "x y z"])
def test_poisson_on_a_ball(names):
    space = coordinates(names)
    w = unknown("w", *space)
    ball = Ball(**{c.name: 0 for c in space}, radius=2)
    exact = exp(space[0] / 2) * sin(space[1])
    problem = Problem(
        ball,
        {"screened": laplacian(w) - w - laplacian(exact, *space) + exact},
        Neumann(w, sum(c * exact.diff(c) for c in space) / 2, on="sphere"),
        exact={w: exact},
    )
    solution = solve(problem)
    assert solution.outcome is Outcome.SOLVED
    assert solution.errors()["w"]["relative_l2"] < solution.estimate < 1e-10
