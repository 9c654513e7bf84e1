"""Timing and the usual training step, shared by our measurements and those of the peers.

Needs no kanpde: the peers run it in an environment of their own.
"""

import time


def minimum(work, repeats: int) -> float:
    """Return the least CPU milliseconds of a piece of work, after one run that is not counted."""
    work()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1e3 * best


def repeats_for(points: int, repeats: int) -> int:
    """Return how often to repeat: large sets of points vary less and take longer."""
    return repeats if points <= 1000 else max(3, repeats // 6)


def samples(points: int):
    """Return points in the square [-1, 1]^2 (N, 2) and a right-hand side (N,), in float64."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x = torch.rand(points, 2, generator=generator, dtype=torch.float64) * 2 - 1
    return x, torch.rand(points, generator=generator, dtype=torch.float64)


def by_autograd(network, x, f):
    """Return the step of mean((Laplacian - f)^2) as most programs write it in torch.

    The Laplacian takes two reverse passes, one for each coordinate in the second; the gradient by
    all parameters a third.
    """
    import torch

    x = x.clone().requires_grad_()
    parameters = [p for p in network.parameters() if p.requires_grad]

    def step() -> None:
        u = network(x)[:, 0]
        gradient = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
        laplacian = sum(
            torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)[0][:, i]
            for i in range(2)
        )
        torch.autograd.grad((laplacian - f).square().mean(), parameters, allow_unused=True)

    return step
