"""The step of step_cost.py in other KAN libraries; run by the Python of their own environment.

    python benchmarks/peer_step.py PEER [--points 1000 10000] [--repeats 30]

One JSON object is printed for each network and number of points: milliseconds and number of
parameters, or the failure. Every library is used as its own documentation says, in float64, with
10 intervals and degree 3 on [-1, 1] (Chebyshev: degree 12), on one thread.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}

Case = tuple[int, Callable[[], object]]
"""The number of parameters, and the step."""


def pykan(widths: list[int], points: int, *, speed: bool = False) -> Case:
    """Build pykan's network; float64 is a global setting there. ``speed`` is its fast mode."""
    import torch

    torch.set_default_dtype(torch.float64)
    from kan import KAN

    network = KAN(width=list(widths), grid=10, k=3, seed=0, auto_save=False)
    if speed:
        network = network.speed()
    return _torch_case(network, points)


def efficient_kan(widths: list[int], points: int) -> Case:
    """Build efficient-kan's network."""
    from efficient_kan import KAN

    return _torch_case(KAN(widths, grid_size=10, spline_order=3).double(), points)


def inkan(widths: list[int], points: int, *, compiled: bool) -> Case:
    """Build inkan's network; its compiled basis, the default, has no second derivative."""
    from inkan import KANNetwork

    network = KANNetwork(widths, grid_size=10, spline_order=3, compile_basis=compiled)
    return _torch_case(network.double(), points)


def jaxkan(widths: list[int], points: int, *, layer: str) -> Case:
    """Build jaxKAN's network and its step: vmap of grad of grad, as in its module ``pikan``.

    It makes float32 parameters and grids even where float64 is on; here they are converted.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx
    from jaxkan.models.KAN import KAN

    settings = {"D": 12, "flavor": "exact"} if layer == "chebyshev" else {"k": 3, "G": 10}
    network = KAN(widths, layer, settings, seed=0)
    for part in network.layers:
        if hasattr(part, "grid"):
            part.grid.item = part.grid.item.astype(jnp.float64)
    graph, parameters, rest = nnx.split(network, nnx.Param, ...)
    parameters = jax.tree.map(lambda a: a.astype(jnp.float64), parameters)
    generator = np.random.default_rng(0)
    x, f = (jnp.asarray(generator.uniform(-1, 1, s)) for s in ((points, 2), (points,)))

    def loss(values):
        model = nnx.merge(graph, values, rest)

        def u(a, b):
            return model(jnp.stack([a, b])[None])[0, 0]

        u_aa, u_bb = jax.grad(jax.grad(u, 0), 0), jax.grad(jax.grad(u, 1), 1)
        laplacian = jax.vmap(lambda a, b: u_aa(a, b) + u_bb(a, b))(x[:, 0], x[:, 1])
        return jnp.mean((laplacian - f) ** 2)

    compiled = jax.jit(jax.grad(loss))
    count = sum(a.size for a in jax.tree.leaves(parameters))
    return count, lambda: jax.block_until_ready(compiled(parameters))


def _torch_case(network, points: int) -> Case:
    from timing import by_autograd, samples

    count = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return count, by_autograd(network, *samples(points))


PEERS: dict[str, tuple[str, Callable[[list[int], int], Case]]] = {
    "pykan": ("pykan", pykan),
    "pykan-speed": ("pykan, speed()", lambda w, n: pykan(w, n, speed=True)),
    "efficient-kan": ("efficient-kan", efficient_kan),
    "inkan-shipped": ("inkan, as shipped", lambda w, n: inkan(w, n, compiled=True)),
    "inkan": ("inkan, compile_basis=False", lambda w, n: inkan(w, n, compiled=False)),
    "jaxkan-spline": ("jaxKAN spline", lambda w, n: jaxkan(w, n, layer="spline")),
    "jaxkan-chebyshev": ("jaxKAN Chebyshev 12", lambda w, n: jaxkan(w, n, layer="chebyshev")),
}
"""For each peer its name in the table and its network; Chebyshev ones have it in their key."""


def measured(
    peer: str, shapes: list[list[int]], sizes: list[int], repeats: int
) -> Iterator[dict[str, object]]:
    """Yield the measurements of one peer, failures included."""
    from timing import minimum, repeats_for

    name, build = PEERS[peer]
    for points in sizes:
        for widths in shapes:
            row: dict[str, object] = {"network": name, "widths": widths, "points": points}
            try:
                row["parameters"], step = build(widths, points)
                row["step"] = minimum(step, repeats_for(points, repeats))
            except Exception as error:  # whatever a foreign library raises is what is reported
                row["failure"] = f"{type(error).__name__}: {error}"
            yield row


def main() -> None:
    """Print one JSON object for each case."""
    os.environ.update(ONE_THREAD)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    if not options.peer.startswith("jaxkan"):
        import torch

        torch.set_num_threads(1)
    shapes = [[2, 10, 1], [2, 10, 10, 1]]
    for row in measured(options.peer, shapes, options.points, options.repeats):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
