"""jaxKAN as its tutorial on PIKANs does it: a Chebyshev KAN and Adam.

Tutorial 6: layers [2, 6, 6, 1], degree 5 ("exact"), ``glorot_fine`` start, 4096 Sobol points, 64
on every side, Adam with 0.001, unweighted losses, ``nnx.jit``. The library's own residuals are used
where it has them (Poisson, Helmholtz, Burgers). Its parameters are float32 whatever jax is told.
The tutorial stops after 5000 steps, here the budget does. Compiling counts: its users wait for it.
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from cases import Case
from flax import nnx
from jaxkan.models.KAN import KAN
from jaxkan.pikan.pde import get_burgers_res, get_helmholtz_res, get_poisson_res
from jaxkan.pikan.sampling import get_collocs_sobol

SEED, SIDE = 42, 64
BETWEEN = 10
"""Steps between two looks at the clock, which wait for the device."""


def version() -> str:
    """Return what is measured."""
    return f"jaxKAN {version_of('jaxkan')}"


def solve(name: str, case: Case, start: Any, arrays: dict[str, np.ndarray]) -> None:
    """Run one case; the tutorial has time first, so the coordinates of Burgers are swapped."""
    run = start()
    turn = slice(None, None, -1) if case.in_time else slice(None)
    ranges = list(zip(case.lower, case.upper, strict=True))
    inner = case.inside(np.asarray(get_collocs_sobol(ranges, 2**12, seed=SEED)))
    outer = case.boundary(SIDE)
    x_i, x_b = (jnp.asarray(a[:, turn], jnp.float32) for a in (inner, outer))
    wanted = jnp.asarray(case.values(outer), jnp.float32)[:, None]
    settings = {
        "D": 5,
        "flavor": "exact",
        "residual": None,
        "external_weights": False,
        "init_scheme": {"type": "glorot_fine"},
        "add_bias": True,
    }
    width = [2, 6, 6, 1]
    model = KAN(layer_dims=width, layer_type="chebyshev", required_parameters=settings, seed=SEED)
    optimizer = nnx.Optimizer(model, optax.adam(learning_rate=0.001), wrt=nnx.Param)
    count = sum(a.size for a in jax.tree.leaves(nnx.state(model, nnx.Param)))
    run.tell(parameters=count, setup=f"KAN {width}, Chebyshev 5, Adam 0.001, float32")
    residual = RESIDUALS[name](case)

    @nnx.jit
    def train_step(model: Any, optimizer: Any) -> Any:
        def loss_of(model: Any) -> Any:
            misfit = model(x_b) - wanted
            return jnp.mean(residual(model, x_i) ** 2) + jnp.mean(misfit**2)

        loss, gradient = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, gradient)
        return loss

    def predict(points: np.ndarray) -> np.ndarray:
        return np.asarray(model(jnp.asarray(points[:, turn], jnp.float32)), float)

    step = 0
    while True:
        for _ in range(BETWEEN):
            loss = train_step(model, optimizer)
        step += BETWEEN
        jax.block_until_ready(loss)
        run.maybe(predict, step)


def _laplace(case: Case) -> Any:
    """Return the residual of Laplace's equation, written as the library writes its others."""

    def residual(model: Any, points: Any) -> Any:
        u = lambda x, y: model(jnp.array([[x, y]]))[0, 0]  # noqa: E731
        u_xx, u_yy = jax.grad(jax.grad(u, 0), 0), jax.grad(jax.grad(u, 1), 1)
        at = jax.vmap(lambda x, y: u_xx(x, y) + u_yy(x, y))
        return at(points[:, 0], points[:, 1]).reshape(-1, 1)

    return residual


RESIDUALS = {
    "poisson_2d": lambda case: get_poisson_res(a1=1.0, a2=1.0),
    "poisson_four_holes": _laplace,
    "helmholtz_1_4": lambda case: get_helmholtz_res(a1=1.0, a2=4.0, k=1.0),
    "burgers_1d": lambda case: get_burgers_res(),
}
