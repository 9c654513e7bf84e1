r"""How well data determine the unknown numbers: standard deviations from the Gauss-Newton matrix.

The field and the numbers :math:`\theta` minimise :math:`\tfrac12|r(\theta)|^2`, and only the rows
of measured values are random. To first order noise :math:`\varepsilon_b` in the rows b moves the
minimum by :math:`-H^{-1}J_b^T\varepsilon_b` with :math:`H=J^TJ` the matrix of Gauss and Newton, so

.. math:: \mathrm{cov}\,\theta = H^{-1}\Big(\sum_b s_b^2 J_b^TJ_b\Big)H^{-1},\qquad
          s_b^2 = \frac{|r_b|^2}{n_b-\mathrm{tr}(J_bH^{-1}J_b^T)} .

Only the rows of :math:`H^{-1}` that belong to the numbers are needed: the Schur complement of the
field's own block. The variance :math:`s_b^2` of a row is found from what is left of the data, less
the degrees of freedom that the fit took from them. Where the equations weigh much more than the
data this is the textbook covariance of least squares under constraints. It knows nothing of errors
in the equations, of the network's own error, nor of what is not small.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr, svd

from kanpde.collocation import Collocation
from kanpde.networks import Network, WithNumbers

RANK = 1e-12
"""Singular values below this part of the largest are zero: directions that change no residual."""
SHARE = 1e-6
"""Squared part of a number in such directions from which on the data do not determine it."""


def standard_deviations(
    network: Network, collocation: Collocation, measured: frozenset[str]
) -> np.ndarray:
    """Return the standard deviations of a network's unknown numbers, (M,).

    Args:
        network: the field and the numbers, where the loss is smallest.
        collocation: all equations and conditions, with the weights of the loss.
        measured: names of the conditions whose rows are random.

    Returns:
        the deviations, as if the numbers had no bounds; infinite for a number that no row
        determines, and for all if the data have no row more than the fit can follow.
    """
    if isinstance(network, WithNumbers):  # at a bound the entry of a number no longer moves it
        network = network.without_bounds()
    residual, transposed = collocation.jacobian(network, collocation.prepare(network))
    r, jacobian = residual.cpu().numpy(), transposed.cpu().numpy().T
    size = np.linalg.norm(jacobian, axis=0)
    size[size == 0] = 1.0
    jacobian = jacobian / size
    triangle = qr(jacobian, mode="r")[0][: jacobian.shape[1]]
    _, singular, vt = svd(triangle, full_matrices=True)
    kept = singular > RANK * singular[0]
    span = vt[: len(singular)][kept]
    count = len(network.numbers)
    lost = 1 - np.square(span[:, :count]).sum(0)
    inverse = span.T / singular[kept] ** 2  # H^-1 = inverse @ span
    gains = inverse @ span[:, :count]  # the columns of H^-1 that belong to the numbers
    variance, start = np.zeros(count), 0
    for block in collocation.blocks:
        rows = slice(start, start + block.row_count)
        start = rows.stop
        if block.name in measured:
            of_block = jacobian[rows]
            taken = float(np.sum((of_block @ inverse) * (of_block @ span.T)))
            left = block.row_count - taken
            noise = float(r[rows] @ r[rows]) / left if left > 1e-3 else np.inf
            variance += noise * np.square(of_block @ gains).sum(0)
    variance[lost > SHARE] = np.inf
    slopes = network.number_slopes.abs().cpu().numpy()
    return slopes * np.sqrt(variance) / size[:count]
