"""Removing cells and genes, after scanpy.pp.filter_cells and filter_genes."""

from __future__ import annotations

import warnings
from typing import Any

from .._anndata import is_anndata
from ..array import _filter as array


def filter_cells(
    data: Any,
    *,
    min_counts: float | None = None,
    min_genes: int | None = None,
    max_counts: float | None = None,
    max_genes: int | None = None,
    inplace: bool = True,
    copy: bool = False,
) -> Any:
    """Keep the cells within a bound, as :func:`scanpy.pp.filter_cells`. Exactly one threshold is given.

    Parameters
    ----------
    data
        AnnData, or a CSR, CSC or numpy matrix, for which mask and numbers are returned.
    min_counts, max_counts
        Bounds of the total of a cell; its totals go to ``adata.obs['n_counts']``.
    min_genes, max_genes
        Bounds of the number of genes expressed in a cell, which goes to ``adata.obs['n_genes']``.
    inplace
        Whether to change `data`, or return mask and numbers.
    copy
        Deprecated in scanpy: return a changed copy.
    """
    thresholds = {"min_counts": min_counts, "min_genes": min_genes, "max_counts": max_counts, "max_genes": max_genes}
    return _filter(array.filter_cells, data, thresholds, "genes", inplace, copy)


def filter_genes(
    data: Any,
    *,
    min_counts: float | None = None,
    min_cells: int | None = None,
    max_counts: float | None = None,
    max_cells: int | None = None,
    inplace: bool = True,
    copy: bool = False,
) -> Any:
    """Keep the genes within a bound, as :func:`scanpy.pp.filter_genes`. Exactly one threshold is given.

    Parameters
    ----------
    data
        AnnData, or a CSR, CSC or numpy matrix, for which mask and numbers are returned.
    min_counts, max_counts
        Bounds of the total of a gene; its totals go to ``adata.var['n_counts']``.
    min_cells, max_cells
        Bounds of the number of cells that express a gene, which goes to ``adata.var['n_cells']``.
    inplace
        Whether to change `data`, or return mask and numbers.
    copy
        Deprecated in scanpy: return a changed copy.
    """
    thresholds = {"min_counts": min_counts, "min_cells": min_cells, "max_counts": max_counts, "max_cells": max_cells}
    return _filter(array.filter_genes, data, thresholds, "cells", inplace, copy)


def _filter(function: Any, data: Any, thresholds: dict[str, Any], seen: str, inplace: bool, copy: bool) -> Any:
    if copy:
        warnings.warn("`copy` is deprecated, use `inplace` instead.", FutureWarning, stacklevel=3)
    if not is_anndata(data):
        return tuple(function(data, **thresholds))
    keep, number = function(data.X, **thresholds)
    if not inplace:
        return keep, number
    adata = data.copy() if copy else data
    counts = thresholds["min_counts"] is not None or thresholds["max_counts"] is not None
    key = "n_counts" if counts else f"n_{seen}"
    if seen == "genes":
        adata.obs[key] = number
        adata._inplace_subset_obs(keep)
    else:
        adata.var[key] = number
        adata._inplace_subset_var(keep)
    return adata if copy else None
