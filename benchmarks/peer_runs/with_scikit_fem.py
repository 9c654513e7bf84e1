"""scikit-fem with quadratic elements on one mesh after the other, solved by its default ``solve``.

As in its documentation: forms by decorators, ``condense``, ``solve`` (a sparse LU). The time of a
record is that of its mesh alone, assembly and solve; the mesh of the plate with holes is a gift,
its triangles have curved sides on the circles (``MeshTri2``). Burgers' equation is marched by the
trapezoidal rule (Crank-Nicolson, as in the example on the heat equation), Newton in every step, as
many steps as cells.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import skfem
from cases import HOLES, RADIUS, VISCOSITY, Case
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, LinearForm, MeshLine, MeshTri, MeshTri2, condense
from skfem.helpers import dot, grad

logging.getLogger("skfem").setLevel(logging.ERROR)
CELLS = [round(8 * 2 ** (k / 2)) for k in range(12)]
"""Cells along a side: 8 to 362."""
INTERVALS = [round(64 * 2 ** (k / 2)) for k in range(14)]
GROWTH = 4.0
"""How much longer the next mesh takes at most; a mesh that would not fit the budget is left out."""
MOST = 300_000
"""Unknowns, for the sake of memory."""


def version() -> str:
    """Return what is measured."""
    return f"scikit-fem {skfem.__version__}"


def solve(name: str, case: Case, start: Any, arrays: dict[str, np.ndarray]) -> None:
    """Run one case, mesh after mesh, as long as the next is likely to fit the budget."""
    run = start()
    if case.in_time:
        run.tell(setup="P2 in space, trapezoidal rule in time, uniform")
        works = ((n, lambda n=n: _march(case, n)) for n in INTERVALS)
    else:
        run.tell(setup="P2, uniform" + (", curved sides" if case.holes else ""))
        meshes = _given(arrays) if case.holes else _squares(case)
        works = ((n, lambda m=m: _elliptic(name, case, *m())) for n, m in meshes)
    for cells, work in works:
        run.restart()
        unknowns, predict = work()
        seconds = run.seconds
        run.record(predict, cells, parameters=int(unknowns))
        if GROWTH * seconds > run.budget or 2 * unknowns > MOST:
            return


def _squares(case: Case) -> Any:
    def square(n: int) -> tuple[MeshTri, MeshTri]:
        axes = [np.linspace(a, b, n + 1) for a, b in zip(case.lower, case.upper, strict=True)]
        mesh = MeshTri.init_tensor(*axes)
        return mesh, mesh

    return ((n, lambda n=n: square(n)) for n in CELLS)


def _given(arrays: dict[str, np.ndarray]) -> Any:
    count = sum(key.startswith("nodes") for key in arrays)
    for i in range(count):
        nodes, triangles = arrays[f"nodes{i}"].T, arrays[f"triangles{i}"].T
        yield nodes.shape[1], lambda n=nodes, t=triangles: _curved(MeshTri(n, t))


def _curved(straight: MeshTri) -> tuple[MeshTri, MeshTri2]:
    """Return a mesh and the same with sides along the circles bent onto them."""
    mesh = MeshTri2.from_mesh(straight)
    dofs = mesh.dofs.get_facet_dofs(mesh.boundary_facets()).flatten()
    at = mesh.doflocs.copy()
    for hole in HOLES:
        away = at[:, dofs] - np.reshape(hole, (2, 1))
        distance = np.hypot(*away)
        near = distance < 1.2 * RADIUS
        at[:, dofs[near]] = (away * RADIUS / distance)[:, near] + np.reshape(hole, (2, 1))
    return straight, replace(mesh, doflocs=at)


# Elliptic problems -------------------------------------------------------------------------------


def _elliptic(name: str, case: Case, straight: MeshTri, mesh: MeshTri) -> Any:
    basis = Basis(mesh, skfem.ElementTriP2())
    shift, factor = FORMS[name]

    @BilinearForm
    def operator(u, v, w):
        return dot(grad(u), grad(v)) - shift * u * v

    @LinearForm
    def source(v, w):
        x, y = w.x
        return factor * np.sin(np.pi * x) * np.sin((4 if shift else 1) * np.pi * y) * v

    dofs = basis.get_dofs()
    given = basis.zeros()
    given[dofs] = case.values(basis.doflocs[:, dofs.flatten()].T)
    right = source.assemble(basis) if factor else basis.zeros()
    field = skfem.solve(*condense(operator.assemble(basis), right, x=given, D=dofs))
    return basis.N, lambda points: evaluate(basis, straight, field, points)


FORMS = {
    "poisson_2d": (0.0, 2 * np.pi**2),
    "poisson_four_holes": (0.0, 0.0),
    "helmholtz_1_4": (1.0, 17 * np.pi**2 - 1),
}
"""For -laplacian(u) - shift u = factor sin(pi x) sin(k pi y)."""


def evaluate(basis: Basis, straight: MeshTri, field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return a field at points (N, 2), few at a time: the search holds points times triangles."""
    finder = straight.element_finder()
    affine = straight.mapping()
    found = []
    for start in range(0, len(points), 64):
        x = points[start : start + 64].T
        cells = finder(*x)
        local = affine.invF(x[:, :, None], tind=cells)
        for _ in range(6 if isinstance(basis.mesh, MeshTri2) else 0):
            gap = x[:, :, None] - basis.mapping.F(local, cells)
            local = local + np.einsum("ijkl,jkl->ikl", basis.mapping.invDF(local, cells), gap)
        values = 0.0
        for k in range(basis.Nbfun):
            phi = basis.elem.gbasis(basis.mapping, local, k, tind=cells)[0]
            values = values + np.asarray(phi)[:, 0] * field[basis.element_dofs[k, cells]]
        found.append(values)
    return np.concatenate(found)


# Burgers' equation -------------------------------------------------------------------------------


def _march(case: Case, cells: int) -> Any:
    """Solve Burgers' equation; return the unknowns and the field on the grid of the reference."""
    basis = Basis(MeshLine(np.linspace(-1, 1, cells + 1)), skfem.ElementLineP2())
    inner = basis.complement_dofs(basis.get_dofs())
    mass = BilinearForm(lambda u, v, w: u * v).assemble(basis)
    stiff = VISCOSITY * BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    flux = LinearForm(lambda v, w: w["u"] * w["u"].grad[0] * v)
    slope = BilinearForm(lambda u, v, w: (u * w["u"].grad[0] + w["u"] * u.grad[0]) * v)
    steps = SNAPSHOTS * -(-cells // SNAPSHOTS)
    half = 0.5 / steps
    u = -np.sin(np.pi * basis.doflocs[0])
    u[basis.get_dofs().flatten()] = 0.0
    history = [u]
    for step in range(steps):
        known = mass @ u - half * (stiff @ u + flux.assemble(basis, u=basis.interpolate(u)))
        new = u.copy()
        for _ in range(20):
            at = basis.interpolate(new)
            rest = mass @ new + half * (stiff @ new + flux.assemble(basis, u=at)) - known
            system = mass + half * (stiff + slope.assemble(basis, u=at))
            change = splu(system[inner][:, inner].tocsc()).solve(rest[inner])
            new[inner] -= change
            if np.abs(change).max() < 1e-9:
                break
        u = new
        if (step + 1) % (steps // SNAPSHOTS) == 0:
            history.append(u)

    def predict(points: np.ndarray) -> np.ndarray:
        x, t = np.unique(points[:, 0]), np.unique(points[:, 1])
        values = basis.probes(x[None]) @ np.stack(history, axis=1)
        rows = np.searchsorted(x, points[:, 0])
        columns = np.round(points[:, 1] * SNAPSHOTS).astype(int)
        assert len(t) <= SNAPSHOTS + 1
        return values[rows, columns]

    return basis.N, predict


SNAPSHOTS = 100
"""Times at which the field is kept: those of the reference."""
