"""The cost of one training step: forward, Laplacian, gradient by all parameters.

    python benchmarks/step_cost.py [--points 1000 10000] [--repeats 30]

One thread, float64, minimum CPU milliseconds over the repeats, all variants in one run, so that the
ratios mean something on a noisy machine. "jets" is kanpde's closed-form adjoint, "autograd" the
usual way on the same network: the Laplacian by two reverse passes, the gradient by a third. The
column "Jacobian" is the residual with its full Jacobian by all parameters. MLP 4x100 is the network
of the KAN paper; "equal" is a tanh MLP with the parameters of the KAN in the row above.
"""

import argparse
import time

import torch

from kanpde.bases import BSpline, Chebyshev
from kanpde.bases.activations import SiLU, Tanh
from kanpde.networks import KAN, MLP, JetLayout, Network


def minimum(work, repeats: int) -> float:
    """Return the least CPU milliseconds of a piece of work."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1e3 * best


def layout_of(network: Network) -> tuple[JetLayout, list[int]]:
    """Return the cheapest layout that holds the Laplacian, and the parts to add up."""
    if network.collapses:
        layout = JetLayout.of(2, [], (1.0, 1.0))
        return layout, [layout.size - 1]
    layout = JetLayout.of(2, [(2, 0), (0, 2)])
    return layout, [layout.index[2, 0], layout.index[0, 2]]


def by_jets(network: Network, x: torch.Tensor, f: torch.Tensor, *, rows: bool):
    """Return the step in closed form at prepared points."""
    layout, second = layout_of(network)
    points = network.prepare(x, layout)

    def step() -> torch.Tensor:
        jets, pullback = network.linearize(points)
        residual = jets[0, second].sum(0) - f
        adjoint = torch.zeros_like(jets)
        adjoint[0, second] = 1.0 if rows else 2 * residual / len(f)
        return pullback.rows(adjoint) if rows else pullback.gradient(adjoint)

    return step


def by_autograd(network: Network, x: torch.Tensor, f: torch.Tensor):
    """Return the step as most programs write it."""
    x = x.clone().requires_grad_()
    parameters = list(network.parameters())

    def step() -> None:
        u = network(x)[:, 0]
        gradient = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
        laplacian = sum(
            torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)[0][:, i]
            for i in range(2)
        )
        torch.autograd.grad((laplacian - f).square().mean(), parameters, allow_unused=True)

    return step


def hidden_for(parameters: int, layers: int) -> int:
    """Return the width at which a tanh MLP has about so many parameters."""
    return min(
        range(2, 200),
        key=lambda h: abs(MLP([2, *[h] * layers, 1], seed=0).parameter_count - parameters),
    )


def variants() -> list[tuple[str, Network]]:
    """Return the networks of the table."""
    rows: list[tuple[str, Network]] = []
    for widths in ([2, 10, 1], [2, 10, 10, 1]):
        spline = KAN(widths, basis=BSpline(3, 10), activation=SiLU(), seed=0)
        rows.append((f"KAN {widths} B-spline 3, G = 10", spline))
        width = hidden_for(spline.parameter_count, len(widths) - 1)
        equal = [2, *[width] * (len(widths) - 1), 1]
        rows.append((f"MLP {equal} equal", MLP(equal, activation=Tanh(), seed=0)))
        cubic = KAN(widths, basis=Chebyshev(12), activation=None, seed=0)
        rows.append((f"KAN {widths} Chebyshev 12", cubic))
    rows.append(("MLP 4x100", MLP([2, 100, 100, 100, 100, 1], activation=Tanh(), seed=0)))
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    print(
        f"{'network':<32}{'parameters':>11}{'N':>7}{'jets':>9}{'autograd':>10}{'ratio':>7}"
        f"{'Jacobian':>10}  ms"
    )
    for points in options.points:
        x = torch.rand(points, 2, generator=generator, dtype=torch.float64) * 2 - 1
        f = torch.rand(points, generator=generator, dtype=torch.float64)
        repeats = options.repeats if points <= 1000 else max(3, options.repeats // 6)
        for name, network in variants():
            jets = minimum(by_jets(network, x, f, rows=False), repeats)
            autograd = minimum(by_autograd(network, x, f), max(3, repeats // 3))
            jacobian = float("nan")
            if network.parameter_count * points < 5e6:
                jacobian = minimum(by_jets(network, x, f, rows=True), max(3, repeats // 3))
            print(
                f"{name:<32}{network.parameter_count:>11}{points:>7}{jets:>9.2f}{autograd:>10.2f}"
                f"{autograd / jets:>7.1f}{jacobian:>10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
