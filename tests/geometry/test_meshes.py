"""Meshes and surfaces as domains: exactness, names, files, what is refused."""

import json
from itertools import permutations

import meshio
import numpy as np
import pytest

from kanpde.geometry import (
    Disk,
    Mesh,
    Polygon,
    Rectangle,
    Surface,
    TimeInterval,
    domain_from_dict,
    read_mesh,
    read_surface,
    triangulate,
)


def grid(n: int, dimension: int, size: float = 1.0) -> np.ndarray:
    axes = [np.linspace(0, size, n + 1)] * dimension
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)


def kuhn(n: int, dimension: int) -> np.ndarray:
    """The simplices of all cubes of a grid: one for each order of the axes."""
    start = np.stack(
        [a.ravel() for a in np.meshgrid(*[np.arange(n)] * dimension, indexing="ij")], axis=1
    )
    cells = []
    for order in permutations(range(dimension)):
        corners, place = [start], start
        for axis in order:
            place = place + np.eye(dimension, dtype=int)[axis]
            corners.append(place)
        cells.append(
            np.stack([np.ravel_multi_index(c.T, (n + 1,) * dimension) for c in corners], 1)
        )
        odd = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :]) % 2
        if odd:
            cells[-1] = cells[-1][:, [1, 0, *range(2, dimension + 1)]]
    return np.concatenate(cells)


def disk_mesh(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    return triangulate(Disk(x=0, y=0, radius=1) - Disk(x=0.2, y=0, radius=0.3, name="hole"), n)


def cube() -> "Mesh":
    return Mesh(grid(3, 3), kuhn(3, 3))


def sphere(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and triangles of a sphere of radius one by latitudes."""
    theta, phi = np.linspace(0, np.pi, n + 1)[1:-1], 2 * np.pi * np.arange(2 * n) / (2 * n)
    t, p = (a.ravel() for a in np.meshgrid(theta, phi, indexing="ij"))
    ring = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=1)
    nodes = np.concatenate([ring, [[0, 0, 1], [0, 0, -1]]])
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n - 2), np.arange(2 * n), indexing="ij"))
    k = (j + 1) % (2 * n)
    a, b, c, d = (r * 2 * n + s for r, s in ((i, j), (i + 1, j), (i + 1, k), (i, k)))
    j = np.arange(2 * n)
    k, last, top = (j + 1) % (2 * n), (n - 2) * 2 * n, len(ring)
    caps = [np.stack([j * 0 + top, j, k], 1), np.stack([j * 0 + top + 1, last + k, last + j], 1)]
    return nodes, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1), *caps])


# In the plane ------------------------------------------------------------------------------------


def test_a_plane_mesh_is_its_polygon():
    nodes, cells = disk_mesh()
    domain = Mesh(nodes, cells)
    assert len(domain.loops) == 2
    corners = nodes[cells]
    area = 0.5 * np.linalg.det(corners[:, 1:] - corners[:, :1]).sum()
    assert domain.measure == pytest.approx(area, rel=1e-13)
    assert domain.boundary.names == ("side 1", "side 2")  # no sharp turn
    assert domain.corners == ()
    assert domain.holes[0].centre == pytest.approx((0.2, 0), abs=0.02)
    points, normals = domain.boundary.sample(500, seed=1)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-14)
    assert domain.contains(points).all()
    assert domain.contains(points - 1e-9 * normals).all()
    assert not domain.contains(points + 1e-9 * normals).any()
    np.testing.assert_allclose(domain.signed_distance(points), 0, atol=1e-14)
    inside = domain.interior(1000)
    assert (domain.signed_distance(inside) < 0).all()
    rules = [piece.quadrature(300) for piece in domain.boundary]
    p, m, w = (np.concatenate(columns) for columns in zip(*rules, strict=True))
    assert w @ (p * m).sum(axis=1) == pytest.approx(2 * area, rel=1e-12)


def test_named_sides_and_the_rest():
    nodes, cells = grid(4, 2), kuhn(4, 2)
    left = [(i, i + 1) for i in range(4)]
    bottom = [(5 * i, 5 * (i + 1)) for i in range(4)]
    domain = Mesh(nodes, cells, groups={"left": left, "bottom": np.array(bottom)})
    assert set(domain.boundary.names) == {"left", "bottom", "other"}
    assert domain.boundary["left"].measure == pytest.approx(1)
    assert domain.boundary["other"].measure == pytest.approx(2)
    assert domain.boundary["left"].sample(20)[0][:, 0] == pytest.approx(0)
    angles = {round(c.angle, 9) for c in domain.corners}
    assert angles == {round(np.pi / 2, 9)}


def test_a_square_without_groups_is_cut_at_its_corners():
    domain = Mesh(grid(3, 2), kuhn(3, 2), names=("r", "z"))
    assert domain.names == ("r", "z")
    assert domain.boundary.names == ("side 1", "side 2", "side 3", "side 4")
    assert [piece.measure for piece in domain.boundary] == pytest.approx([1, 1, 1, 1])
    with pytest.raises(ValueError, match="no named boundary groups"):
        domain.boundary["inlet"]


def test_a_mesh_that_runs_the_other_way_round_is_turned():
    nodes, cells = grid(3, 2), kuhn(3, 2)
    assert Mesh(nodes, cells[:, ::-1]).measure == pytest.approx(1)


def test_plane_meshes_combine_with_shapes():
    square = Mesh(grid(3, 2), kuhn(3, 2))
    domain = square - Disk(x=0.5, y=0.5, radius=0.25)
    assert domain.measure == pytest.approx(1 - np.pi / 16, rel=1e-12)
    assert "circle" in domain.boundary
    corner = square & Disk(x=0, y=0, radius=0.5)
    assert corner.measure == pytest.approx(np.pi / 16, rel=1e-12)
    assert domain.mesh is None


# In space ----------------------------------------------------------------------------------------


def test_a_cube_of_tetrahedra():
    domain = cube()
    assert domain.measure == pytest.approx(1, rel=1e-13)
    assert domain.boundary.measure == pytest.approx(6, rel=1e-13)
    assert domain.boundary.names == tuple(f"side {i}" for i in range(1, 7))
    points, normals = domain.boundary.sample(600, seed=2)
    assert domain.contains(points).all()
    assert not domain.contains(points + 1e-9 * normals).any()
    assert domain.contains(points - 1e-9 * normals).all()
    np.testing.assert_allclose(np.abs(points - 0.5).max(axis=1), 0.5, atol=1e-14)
    everywhere = np.random.default_rng(0).uniform(-0.5, 1.5, (3000, 3))
    expected = ((everywhere >= 0) & (everywhere <= 1)).all(axis=1)
    np.testing.assert_array_equal(domain.contains(everywhere), expected)
    beyond = np.maximum(-everywhere, everywhere - 1)
    exact = np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
    np.testing.assert_allclose(domain.signed_distance(everywhere), exact, atol=1e-14)
    lattice = grid(6, 3, 1.0)  # on corners, edges and faces of cells
    assert domain.contains(lattice).all()
    assert not domain.contains(np.array([[np.nan, 0, 0], [0.5, 0.5, 1.0 + 1e-9]])).any()


def test_rules_on_tetrahedra_and_triangles():
    domain = cube()
    points, weights = domain.quadrature(4)
    assert weights @ (points[:, 0] ** 3 * points[:, 1] ** 2) == pytest.approx(1 / 12, rel=1e-12)
    flux = 0.0
    for piece in domain.boundary:
        p, normals, w = piece.quadrature(3)
        flux += w @ (p**2 * normals).sum(axis=1)
    assert flux == pytest.approx(3, rel=1e-12)  # of 2 (x + y + z)


def test_a_surface_contains_what_is_inside():
    nodes, triangles = sphere()
    domain = Surface(nodes, triangles)
    assert domain.boundary.names == ("boundary",)
    assert domain.measure == pytest.approx(4 * np.pi / 3, rel=2e-2)
    assert domain == Surface(nodes, triangles[:, ::-1])
    points = np.random.default_rng(1).uniform(-1.1, 1.1, (5000, 3))
    away = np.linalg.norm(points, axis=1)
    inside = domain.contains(points)
    assert inside[away < 0.98].all()
    assert not inside[away > 1].any()
    np.testing.assert_allclose(domain.signed_distance(points), away - 1, atol=0.012)
    on, normals = domain.boundary.sample(2000)
    assert domain.contains(on).all()
    np.testing.assert_allclose(np.einsum("ij,ij->i", on, normals), 1, atol=0.02)
    np.testing.assert_allclose(on.mean(axis=0), 0, atol=0.02)
    poles = np.array([[0, 0, 1.0], [0, 0, -1.0], [0, 0, 1 + 1e-9], [0, 0, 0.999]])
    assert domain.contains(poles).tolist() == [True, True, False, True]


def test_nearest_triangles_of_many_agree_with_all_pairs():
    domain = Surface(*sphere(40))
    points = np.random.default_rng(3).uniform(-1.5, 1.5, (700, 3))
    distance, which = domain.triangles.nearest(points)
    every = [
        domain.triangles.distance(points, np.full(len(points), k))
        for k in range(len(domain.triangles.corners))
    ]
    np.testing.assert_allclose(distance, np.min(every, axis=0), atol=1e-15)
    np.testing.assert_allclose(domain.triangles.distance(points, which), distance, atol=0)


def test_a_surface_inside_another_is_a_hole():
    nodes, triangles = sphere(12)
    inner = triangles[:, ::-1] + len(nodes)
    domain = Surface(np.concatenate([nodes, 0.5 * nodes]), np.concatenate([triangles, inner]))
    assert domain.boundary.names == ("side 1", "side 2")
    assert domain.contains(np.array([[0, 0, 0.75], [0, 0, 0.1]])).tolist() == [True, False]


# Files -------------------------------------------------------------------------------------------


def write_gmsh(path, nodes, cells, facets, called):
    """A .msh with physical groups: facets by name, all cells in one."""
    line, cell = ("line", "triangle") if cells.shape[1] == 3 else ("triangle", "tetra")
    d = cells.shape[1] - 1
    blocks = [(line, np.array(f)) for f in facets] + [(cell, cells)]
    tags = [np.full(len(b), k + 1) for k, (_, b) in enumerate(blocks)]
    points = np.pad(nodes, ((0, 0), (0, 3 - nodes.shape[1])))
    mesh = meshio.Mesh(
        points,
        blocks,
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={name: np.array([k + 1, d - 1]) for k, name in enumerate(called)},
    )
    meshio.write(path, mesh, file_format="gmsh22", binary=False)


def test_a_gmsh_file_brings_its_physical_names(tmp_path):
    left = [(i, i + 1) for i in range(4)]
    bottom = [(5 * i, 5 * (i + 1)) for i in range(4)]
    path = tmp_path / "square.msh"
    write_gmsh(path, grid(4, 2), kuhn(4, 2), [left, bottom], ["wall", "inlet"])
    domain = read_mesh(path, scale=1e-3)
    assert set(domain.boundary.names) == {"wall", "inlet", "other"}
    assert domain.measure == pytest.approx(1e-6)
    assert domain.boundary["inlet"].sample(5)[0][:, 1] == pytest.approx(0, abs=1e-18)


def test_a_gmsh_file_of_tetrahedra(tmp_path):
    path = tmp_path / "cube.msh"
    whole = cube()
    facets = whole.faces[np.abs(whole.nodes[whole.faces][:, :, 2]).max(axis=1) == 0]
    write_gmsh(path, grid(3, 3), kuhn(3, 3), [facets], ["floor"])
    domain = read_mesh(path)
    assert domain.boundary.names == ("floor", "other")
    assert domain.boundary["floor"].measure == pytest.approx(1)
    points, normals = domain.boundary["floor"].sample(9)
    assert (points[:, 2] == 0).all()
    np.testing.assert_allclose(normals, [[0, 0, -1]] * 9, atol=1e-15)


def test_a_vtu_file_without_groups_says_so(tmp_path):
    path = tmp_path / "cube.vtu"
    meshio.write(path, meshio.Mesh(grid(2, 3), [("tetra", kuhn(2, 3))]))
    domain = read_mesh(path)
    assert len(domain.boundary) == 6
    with pytest.raises(ValueError, match=r'"inlet" names no piece.*physical groups'):
        domain.boundary["inlet"]


@pytest.mark.parametrize("binary", [True, False])
def test_an_stl_file_is_a_closed_surface(tmp_path, binary):
    nodes, triangles = sphere(16)
    apart = nodes[triangles].reshape(-1, 3)  # as STL has it: every triangle has its own corners
    path = tmp_path / "ball.stl"
    mesh = meshio.Mesh(apart, [("triangle", np.arange(len(apart)).reshape(-1, 3))])
    meshio.write(path, mesh, binary=binary)
    domain = read_surface(path, names=("a", "b", "c"))
    assert domain.names == ("a", "b", "c")
    assert len(domain.nodes) == len(nodes)
    assert domain.measure == pytest.approx(Surface(nodes, triangles).measure, rel=1e-6)
    assert read_mesh(path).measure == domain.measure


# Saving and products -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain",
    [Mesh(*disk_mesh(80)), cube(), Surface(*sphere(6)), Mesh(grid(2, 2), kuhn(2, 2)).rotated(0.3)],
    ids=["plane", "cube", "surface", "turned"],
)
def test_saved_and_read(domain):
    again = domain_from_dict(json.loads(json.dumps(domain.to_dict())))
    assert again == domain
    assert hash(again) == hash(domain)
    assert again.boundary.names == domain.boundary.names
    assert again.boundary.note == domain.boundary.note
    np.testing.assert_array_equal(again.interior(20, seed=1), domain.interior(20, seed=1))
    moving = domain * TimeInterval(t=(0, 1))
    assert moving.contains(moving.interior(50)).all()
    assert moving.boundary.names == (*domain.boundary.names, "initial")


def test_figures_and_files_use_the_cells_of_the_mesh():
    for nodes, cells in ((grid(3, 2), kuhn(3, 2)), (grid(2, 3), kuhn(2, 3))):
        domain = Mesh(nodes, cells)
        own_nodes, own_cells = triangulate(domain, 5000)
        np.testing.assert_array_equal(own_nodes, nodes)
        np.testing.assert_array_equal(own_cells, cells)


# What is refused ---------------------------------------------------------------------------------


def inverted():
    cells = kuhn(3, 3)
    cells[4, [0, 1]] = cells[4, [1, 0]]
    return Mesh(grid(3, 3), cells)


def flat():
    return Mesh([(0, 0), (1, 0), (2, 0), (0, 1)], [(0, 1, 3), (0, 1, 2)])


def fan():
    return Mesh([(0, 0), (1, 0), (1, 1), (-1, 0), (-1, -1)], [(0, 1, 2), (0, 3, 4)])


def three_on_an_edge():
    nodes = [(0, 0), (1, 0), (0, 1), (0.2, 0.9), (0, -1)]
    return Mesh(nodes, [(0, 1, 2), (0, 1, 3), (0, 4, 1)])


def pair_of_cubes_on_an_edge():
    first, second = grid(1, 3), grid(1, 3) + np.array([1, 1, 0])
    nodes, place = np.unique(np.concatenate([first, second]), axis=0, return_inverse=True)
    cells = np.concatenate([kuhn(1, 3), kuhn(1, 3) + 8])
    return Mesh(nodes, place[cells])


def open_surface():
    nodes, triangles = sphere(6)
    return Surface(nodes, triangles[1:])


def both_ways_round():
    nodes, triangles = sphere(6)
    triangles[0] = triangles[0, ::-1]
    return Surface(nodes, triangles)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (inverted, r"1 cell of 162 is inverted.*cell 4 at"),
        (flat, r"1 cell has no volume; cell 1 has the nodes \(0, 0\), \(1, 0\), \(2, 0\)"),
        (fan, r"not manifold: its boundary touches itself at \(0, 0\)"),
        (three_on_an_edge, r"not manifold: 3 cells share"),
        (pair_of_cubes_on_an_edge, r"not manifold: more than two triangles share the edge"),
        (open_surface, r"surface is open: only one triangle has the edge"),
        (both_ways_round, r"both ways round"),
        (lambda: Mesh([(0, 0), (1, 0), (0, 1)], [(0, 1, 3)]), r"numbers of nodes, 0 to 2"),
        (lambda: Mesh([(0, 0), (1, 0)], [(0, 1)]), r"cells must have shape \(M, 3\)"),
        (lambda: Mesh([(0, np.nan), (1, 0), (0, 1)], [(0, 1, 2)]), r"finite numbers"),
        (
            lambda: Mesh(grid(2, 2), kuhn(2, 2), groups={"cut": [(0, 4)]}),
            r'no facet of the group "cut" is on the boundary',
        ),
        (
            lambda: Mesh(grid(1, 2), kuhn(1, 2), groups={"a": [(0, 1)], "b": [(1, 0)]}),
            r'the groups "a" and "b" share facets',
        ),
        (
            lambda: Mesh(grid(1, 2), kuhn(1, 2), groups={"a": [(0.5, 1)]}),
            r'the group "a" must be node numbers',
        ),
        (lambda: Mesh(grid(1, 2), kuhn(1, 2), names=("x", "x")), r"2 different coordinates"),
        (lambda: read_mesh("nowhere.msh"), r"there is no mesh file"),
    ],
)
def test_bad_meshes_are_refused(make, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make()


def test_files_that_are_no_meshes_are_refused(tmp_path):
    path = tmp_path / "words.msh"
    path.write_text("nothing of the kind")
    with pytest.raises(ValueError, match=r"words.msh is no mesh file"):
        read_mesh(path)
    line = tmp_path / "line.vtu"
    meshio.write(line, meshio.Mesh(grid(1, 3), [("line", [[0, 1]])]))
    with pytest.raises(ValueError, match=r"no triangles and no tetrahedra; its cells are: line"):
        read_mesh(line)
    strange = tmp_path / "strange.xyzzy"
    strange.write_text("")
    with pytest.raises(ValueError, match=r"no mesh file"):
        read_mesh(strange)


def test_a_mesh_agrees_with_the_exact_shape():
    square = Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])
    domain = Mesh(grid(3, 2), kuhn(3, 2))
    points = Rectangle(x=(-1, 2), y=(-1, 2)).interior(2000)
    np.testing.assert_array_equal(domain.contains(points), square.contains(points))
    np.testing.assert_allclose(
        domain.signed_distance(points), square.signed_distance(points), atol=1e-15
    )
