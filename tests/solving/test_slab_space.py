"""The parts of a slab: spline spaces, block bands, Radau points."""

import numpy as np
import pytest

from kanpde.solving.slab_band import BlockBand, SingularMatrix
from kanpde.solving.slab_mesh import Mesh, function_of, moved
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_step import State
from kanpde.solving.slab_time import RadauRule

KINDS = pytest.mark.parametrize("periodic", [False, True], ids=["clamped", "periodic"])


def wavy(x: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(np.pi * x) + np.cos(2 * np.pi * x), np.cos(np.pi * x) ** 3], axis=-1)


def uneven(cells: int) -> np.ndarray:
    rng = np.random.default_rng(cells)
    steps = 0.5 + rng.random(cells)
    return -1 + 2 * np.concatenate([[0], np.cumsum(steps)]) / steps.sum()


@KINDS
@pytest.mark.parametrize("degree", [3, 6])
def test_projection_converges_with_the_order_degree_plus_one(degree, periodic) -> None:
    errors = []
    for cells in (24, 48):
        space = SplineSpace(np.linspace(-1, 1, cells + 1), degree, periodic)
        nodes = space.nodes(np.linspace(0.05, 0.95, 7))
        error = function_of(space, space.projected(wavy))(nodes) - wavy(nodes)
        errors.append(np.sqrt((error**2).mean()))
    assert -0.3 < np.log2(errors[0] / errors[1]) - (degree + 1) < 0.8


def test_a_projection_keeps_the_values_at_the_ends() -> None:
    space = SplineSpace(uneven(5), 4)
    ends = np.array([-1.0, 1.0])
    found = function_of(space, space.projected(wavy))(ends)
    np.testing.assert_allclose(found, wavy(ends), atol=1e-13)


@KINDS
def test_finer_spaces_hold_the_same_function_and_its_derivatives(periodic) -> None:
    space = SplineSpace(uneven(17), 7, periodic)
    c = np.random.default_rng(1).standard_normal((space.size, 2))
    finer = space.bisected(np.arange(17) % 3 != 1)
    nodes = finer.nodes(np.array([0.2, 0.8]))
    moved_c = space.transfer(c, finer)
    np.testing.assert_allclose(
        function_of(finer, moved_c)(nodes), function_of(space, c)(nodes), atol=1e-12
    )
    slopes = finer.values(moved_c, finer.table(nodes, 1)[:, 1])
    h = 1e-6
    differences = function_of(space, c)(nodes + h) - function_of(space, c)(nodes - h)
    np.testing.assert_allclose(slopes, differences / (2 * h), rtol=1e-5, atol=1e-4)


@KINDS
def test_integrals_of_the_splines(periodic) -> None:
    space = SplineSpace(uneven(14), 5, periodic)
    points, weights = space.gauss(6)
    table = space.table(points, 0)[:, 0]
    found = np.zeros(space.size)
    np.add.at(found, space.windows, np.einsum("eq,eqi->ei", weights, table))
    np.testing.assert_allclose(space.integrals, found, rtol=1e-12)
    assert space.integrals.sum() == pytest.approx(2)


def test_periodic_fields_are_smooth_across_the_ends() -> None:
    space = SplineSpace(uneven(12), 5, periodic=True)
    c = np.random.default_rng(4).standard_normal(space.size)
    tables = space.table_at(np.array([0, 11]), np.array([-1.0, 1.0]), 4)
    left, right = (tables[i] @ c[space.windows[w]] for i, w in ((0, 0), (1, -1)))
    np.testing.assert_allclose(left, right, rtol=1e-9)


@KINDS
def test_a_block_band_solves_what_the_dense_matrix_does(periodic) -> None:
    rng = np.random.default_rng(2)
    size, p, b = (14, 3, 2) if periodic else (17, 3, 2)
    band = BlockBand(size, p, b, periodic)
    band.add(rng.standard_normal((14, b, p + 1, p + 1)), np.eye(b), slice(0, b), slice(0, b))
    band.add(rng.standard_normal((14, 1, p + 1, p + 1)), np.ones((1, 2)), slice(1, 2), slice(0, 2))
    if not periodic:
        band.clear_row(0, 1)
        band.add_to_row(0, 1, [0, 1], np.array([[1.0, 2.0], [0.0, -1.0]]))
    dense = np.zeros((size, b, size, b))
    for j in range(size):
        for offset in range(2 * p + 1):
            i = j + offset - p
            if periodic or 0 <= i < size:
                dense[i % size, :, j] += band.blocks[j, :, offset].T
    if not periodic:
        np.testing.assert_array_equal(dense[0, 1, :2], [[1, 2], [0, -1]])
        assert not dense[0, 1, 2:].any()
    dense = dense.reshape(size * b, size * b)
    right = rng.standard_normal(size * b)
    found = band.factorised().solve(right)
    np.testing.assert_allclose(dense @ found, right, atol=1e-10)


def test_matrices_without_inverse() -> None:
    with pytest.raises(SingularMatrix):
        BlockBand(5, 1, 1, cyclic=False).factorised()
    band = BlockBand(5, 1, 1, cyclic=False)
    band.blocks[:] = np.nan
    with pytest.raises(SingularMatrix):
        band.factorised()
    with pytest.raises(ValueError, match="needs 8 rows, got 7"):
        BlockBand(7, 3, 1, cyclic=True)


@pytest.mark.parametrize("stages", [1, 3, 8])
def test_the_radau_points(stages) -> None:
    rule = RadauRule(stages)
    assert rule.points[-1] == 1
    # Quadrature on them is exact up to degree 2 m - 2.
    powers = np.arange(2 * stages - 1)
    weights = np.linalg.solve(
        np.vander(rule.points, increasing=True).T, 1 / np.arange(1, stages + 1)
    )
    np.testing.assert_allclose(
        weights @ rule.points[:, None] ** powers, 1 / (powers + 1), rtol=1e-10
    )
    nodes = rule.nodes
    np.testing.assert_allclose(rule.values(nodes), np.eye(stages + 1), atol=1e-12)
    np.testing.assert_allclose(
        rule.differentiation @ nodes**stages, stages * rule.points ** (stages - 1), atol=1e-11
    )


def test_values_at_zero_are_extrapolated_from_the_radau_points() -> None:
    rule = RadauRule(5)
    assert rule.at_zero @ (2 - 3 * rule.points**4) == pytest.approx(2, abs=1e-12)


def test_knots_are_removed_only_where_there_is_room() -> None:
    space = SplineSpace(np.linspace(-1, 1, 65), 5)
    indicator = np.where(space.nodes(np.array([0.5]))[:, 0] < 0, 1e-16, 1e-9)
    mesh = Mesh.of(space).coarsened(indicator, 1e-8, 16)
    assert mesh is not None
    assert mesh.space.cells == 48
    assert (mesh.space.breaks >= 0).sum() == 33
    assert Mesh.of(space).coarsened(np.full(64, 1e-9), 1e-8, 16) is None


def test_moving_to_a_coarser_space_tells_the_error() -> None:
    fine, coarse = (SplineSpace(np.linspace(-1, 1, n + 1), 5) for n in (40, 10))
    values = fine.projected(wavy)
    state, error = moved(State(fine, values, np.zeros_like(values)), coarse)
    nodes = fine.nodes(np.linspace(0.02, 0.98, 25))
    gap = function_of(coarse, state.values)(nodes) - function_of(fine, values)(nodes)
    np.testing.assert_allclose(error, np.sqrt((gap**2).mean(axis=(0, 1))), rtol=0.05)


def test_round_off_freezes_a_cell_and_a_kink_does_not() -> None:
    mesh = Mesh.of(SplineSpace(np.linspace(-1, 1, 3), 3))
    for level, frozen in ((1e-11, True), (1e-3, False)):
        halves = mesh.bisected(np.array([True, False]), np.array([level, level]))
        same = np.full(3, level)
        after = halves.frozen(same, 1e-13)
        assert bool(after.wanting(same, 1e-13)[:2].any()) is not frozen
        assert after.wanting(10 * same, 1e-13).all()
