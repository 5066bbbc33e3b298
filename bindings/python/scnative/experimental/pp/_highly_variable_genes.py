"""Highly variable genes by analytic Pearson residuals, on AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._errors import ScnValueError
from ...pp._highly_variable_genes import highly_variable_genes as _of_any_flavor

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def highly_variable_genes(
    adata: AnnData,
    *,
    theta: float = 100,
    clip: float | None = None,
    n_top_genes: int | None = None,
    batch_key: str | None = None,
    chunksize: int = 1000,
    flavor: str = "pearson_residuals",
    check_values: bool = True,
    layer: str | None = None,
    subset: bool = False,
    inplace: bool = True,
) -> pd.DataFrame | None:
    """Choose the genes whose Pearson residuals under a negative binomial null model vary most (Lause et al. 2021).

    Parameters
    ----------
    adata
        Counts, cells x genes.
    theta
        Overdispersion: variance = mean + mean² / theta.
    clip
        Residuals are cut off at this absolute value; default the square root of the number of cells, with batches that of
        the first one, as in scanpy.
    n_top_genes
        How many genes to choose. Required.
    batch_key
        Column of ``adata.obs``: each batch is judged by itself; genes are chosen by number of batches, then by median rank.
    chunksize
        Taken for scanpy's sake; residuals are never stored, so that there are no chunks of them.
    flavor
        ``"pearson_residuals"``.
    check_values
        Warn if values are not whole numbers.
    layer
        Use ``adata.layers[layer]`` rather than ``adata.X``.
    subset
        Keep the chosen genes only.
    inplace
        Write to ``adata.var`` and ``adata.uns['hvg']``; else return the same as a DataFrame.

    Returns
    -------
    pandas.DataFrame or None
        See :func:`scnative.pp.highly_variable_genes`.
    """
    del chunksize
    if flavor != "pearson_residuals":
        raise ScnValueError(f"flavor: is {flavor!r}, must be 'pearson_residuals'; scnative.pp has the others")
    return _of_any_flavor(
        adata,
        layer=layer,
        n_top_genes=n_top_genes,
        flavor=flavor,
        subset=subset,
        inplace=inplace,
        batch_key=batch_key,
        check_values=check_values,
        theta=theta,
        clip=clip,
    )
