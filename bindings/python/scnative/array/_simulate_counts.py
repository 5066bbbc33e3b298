"""Simulated counts, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._lib import invoke, options
from .._matrix import VALUE_TAGS, sparse_handle, to_scipy

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp


class SimulatedCounts(NamedTuple):
    """Counts and the truth behind them."""

    #: Cells x genes.
    counts: sp.csr_matrix
    #: Cluster of each cell.
    clusters: np.ndarray
    #: Batch of each cell.
    batches: np.ndarray
    #: Cluster that each gene marks, or -1.
    marker_of: np.ndarray


def simulate_counts(
    n_obs: int = 2000,
    n_vars: int = 2000,
    *,
    n_clusters: int | None = None,
    markers_per_cluster: int | None = None,
    marker_fold_change: float | None = None,
    n_batches: int | None = None,
    batch_sd: float | None = None,
    library_size: float | None = None,
    library_sd: float | None = None,
    gene_sd: float | None = None,
    dispersion: float | None = None,
    dtype: Any = "float32",
    seed: int | None = None,
) -> SimulatedCounts:
    """Draw a count matrix whose clusters, markers, batches and library sizes are known.

    A cell of cluster ``c`` and batch ``b`` with library size ``L`` has negative binomial counts of mean ``L * share`` and
    variance ``mean + dispersion * mean**2``. A gene's share is its base expression, times `marker_fold_change` if it marks
    ``c``, times its effect in ``b``, divided by the sum of that over all genes.

    Parameters
    ----------
    n_obs, n_vars
        Cells and genes.
    n_clusters
        Clusters (library default 5); cell ``i`` is of cluster ``i % n_clusters``.
    markers_per_cluster
        Genes that mark each cluster (20), drawn among the more expressed half of the genes; none marks two.
    marker_fold_change
        How many times more of a marker a cell of its cluster expresses (8).
    n_batches
        Batches (1), crossed with the clusters.
    batch_sd
        Standard deviation of the natural logarithm of a gene's effect in a batch (0.3).
    library_size, library_sd
        Median of the log-normal library sizes (3000) and the standard deviation of their natural logarithm (0.35).
    gene_sd
        Standard deviation of the natural logarithm of the genes' base expression (2).
    dispersion
        Of the negative binomial (0.3); 0 is Poisson.
    dtype
        ``"float32"`` or ``"int32"``.
    seed
        The same seed gives the same bits on every machine; default :attr:`scnative.settings.seed`.

    Returns
    -------
    SimulatedCounts
        ``counts`` (csr_matrix), ``clusters``, ``batches``, ``marker_of`` (int32 arrays).
    """
    import numpy as np

    code = np.dtype(dtype)
    given = options(
        "ScnSimulateOptions",
        value_type=VALUE_TAGS.get(code.kind + str(code.itemsize), 0),
        n_clusters=n_clusters,
        markers_per_cluster=markers_per_cluster,
        marker_fold_change=marker_fold_change,
        n_batches=n_batches,
        batch_sd=batch_sd,
        library_size=library_size,
        library_sd=library_sd,
        gene_sd=gene_sd,
        dispersion=dispersion,
    )
    clusters, batches = np.empty(max(n_obs, 0), np.int32), np.empty(max(n_obs, 0), np.int32)
    marker_of = np.empty(max(n_vars, 0), np.int32)
    made = sparse_handle()
    labels = [part for array in (clusters, batches, marker_of) for part in (array, len(array))]
    invoke("scn_simulate_counts", n_obs, n_vars, given, made.out, *labels, seed=seed)
    return SimulatedCounts(to_scipy(made), clusters, batches, marker_of)
