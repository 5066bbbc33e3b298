"""Scores of gene sets, on AnnData."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from .._anndata import get_rep

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData


def score_genes(
    adata: AnnData,
    gene_list: Sequence[str] | pd.Index,
    *,
    ctrl_as_ref: bool = True,
    ctrl_size: int = 50,
    gene_pool: Sequence[str] | pd.Index | None = None,
    n_bins: int = 25,
    score_name: str = "score",
    random_state: int | None = 0,
    copy: bool = False,
    use_raw: bool | None = None,
    layer: str | None = None,
) -> AnnData | None:
    """Score cells by a gene set, as :func:`scanpy.tl.score_genes`.

    The score is a cell's mean expression of the set less that of control genes of like expression, drawn as scanpy draws
    them (Tirosh et al. 2016).

    Parameters
    ----------
    adata
        Annotated data.
    gene_list
        Names of the genes of the set; those that are not there are left out, with a warning.
    ctrl_as_ref
        Whether genes of the set are drawn with the others and then left out, or not drawn.
    ctrl_size
        Control genes drawn from each bin of expression that holds a gene of the set.
    gene_pool
        Names of the genes to draw from; default all.
    n_bins
        Bins of expression.
    score_name
        The column of ``obs`` to write.
    random_state
        Seed of the draw. None takes one from numpy's global generator, which is not touched otherwise (scanpy seeds it).
    copy
        Return a changed copy instead of changing `adata`.
    use_raw
        Whether to take ``raw``; default if it is there and no layer is named.
    layer
        Which layer to take instead of ``X``.

    Returns
    -------
    None, or the copy. Sets ``obs[score_name]`` (float64).

    Notes
    -----
    Mean expression is taken in float64, as scanpy 1.12 does for sparse matrices. scanpy takes it in float32 for dense
    float32 matrices, and 1.11 also for sparse ones: genes whose means nearly tie may then be drawn differently.
    """
    import numpy as np
    import pandas as pd

    from ..array import control_genes
    from ..array import score_genes as score_array

    adata = adata.copy() if copy else adata
    if use_raw is None:
        use_raw = layer is None and adata.raw is not None
    X = get_rep(adata, use_raw=use_raw, layer=layer)
    var_names = adata.raw.var_names if use_raw else adata.var_names

    genes = pd.Index([gene_list] if isinstance(gene_list, str) else gene_list)
    ignored = genes.difference(var_names, sort=False)
    if len(ignored) > 0:
        warnings.warn(f"genes are not in var_names and ignored: {list(ignored)}", UserWarning, stacklevel=2)
    genes = genes.intersection(var_names)
    if len(genes) == 0:
        raise ValueError("No valid genes were passed for scoring.")
    pool = None
    if gene_pool is not None:
        pool = var_names.get_indexer(pd.Index(gene_pool, dtype="string").intersection(var_names))
        if len(pool) == 0:
            raise ValueError("No valid genes were passed for reference set.")
    chosen = var_names.get_indexer(genes)
    if random_state is None:
        random_state = int(np.random.randint(2**32, dtype=np.uint64))
    control = control_genes(
        X,
        chosen,
        gene_pool=pool,
        ctrl_as_ref=ctrl_as_ref,
        ctrl_size=ctrl_size,
        n_bins=n_bins,
        random_state=random_state,
    )
    if len(control) == 0:
        hint = " Try setting `ctrl_as_ref=False`." if ctrl_as_ref else ""
        raise RuntimeError(f"No control genes found in any cut.{hint}")
    adata.obs[score_name] = pd.Series(score_array(X, chosen, control), index=adata.obs_names, dtype="float64")
    return adata if copy else None


def score_genes_cell_cycle(
    adata: AnnData,
    *,
    s_genes: Sequence[str],
    g2m_genes: Sequence[str],
    copy: bool = False,
    **kwargs: Any,
) -> AnnData | None:
    """Score the phases of the cell cycle, as :func:`scanpy.tl.score_genes_cell_cycle` (Satija et al. 2015).

    Parameters
    ----------
    adata
        Annotated data.
    s_genes, g2m_genes
        Names of the genes of the S and of the G2M phase.
    copy
        Return a changed copy instead of changing `adata`.
    **kwargs
        As :func:`score_genes`, except for `ctrl_size`, which is the length of the shorter list.

    Returns
    -------
    None, or the copy. Sets ``obs['S_score']``, ``obs['G2M_score']`` (float64) and ``obs['phase']`` (``'G1'``, ``'S'``, ``'G2M'``).
    """
    import pandas as pd

    from ..array import cell_cycle_phase

    adata = adata.copy() if copy else adata
    ctrl_size = min(len(s_genes), len(g2m_genes))
    for genes, name in ((s_genes, "S_score"), (g2m_genes, "G2M_score")):
        score_genes(adata, genes, score_name=name, ctrl_size=ctrl_size, **kwargs)
    phase = cell_cycle_phase(adata.obs["S_score"].to_numpy(), adata.obs["G2M_score"].to_numpy())
    adata.obs["phase"] = pd.Series(phase, index=adata.obs_names)
    return adata if copy else None
