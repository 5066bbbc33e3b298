"""Simulated counts, as AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anndata import AnnData


def simulate_counts(n_obs: int = 2000, n_vars: int = 2000, **options: Any) -> AnnData:
    """Draw a count matrix whose clusters, markers, batches and library sizes are known.

    Parameters
    ----------
    n_obs, n_vars
        Cells and genes.
    **options
        As :func:`scnative.array.simulate_counts`.

    Returns
    -------
    AnnData
        Counts in ``X`` (csr); ``obs['cluster']``, ``obs['batch']``, and ``var['marker_of']`` (the cluster that a gene marks,
        missing if it marks none), all categorical. Cells are named ``cell_0``, ..., genes ``gene_0``, ...
    """
    import pandas as pd
    from anndata import AnnData

    from ..array import simulate_counts as simulate

    made = simulate(n_obs, n_vars, **options)
    n_clusters = max(made.clusters.max(initial=-1), made.marker_of.max(initial=-1)) + 1
    clusters = [f"cluster_{c}" for c in range(n_clusters)]
    batches = [f"batch_{b}" for b in range(made.batches.max(initial=-1) + 1)]
    obs = pd.DataFrame(
        {
            "cluster": pd.Categorical.from_codes(made.clusters, clusters),
            "batch": pd.Categorical.from_codes(made.batches, batches),
        },
        index=[f"cell_{i}" for i in range(n_obs)],
    )
    var = pd.DataFrame(
        {"marker_of": pd.Categorical.from_codes(made.marker_of, clusters)}, index=[f"gene_{i}" for i in range(n_vars)]
    )
    return AnnData(made.counts, obs=obs, var=var)
