"""Quality metrics, after scanpy.pp.calculate_qc_metrics."""

from __future__ import annotations

import warnings
from typing import Any, Collection

from .._anndata import get_rep
from ..array._log1p import log1p as log1p_matrix
from ..array._qc import calculate_qc_metrics as metrics


def calculate_qc_metrics(
    adata: Any,
    *,
    expr_type: str = "counts",
    var_type: str = "genes",
    qc_vars: Collection[str] | str = (),
    percent_top: Collection[int] | None = (50, 100, 200, 500),
    layer: str | None = None,
    use_raw: bool = False,
    inplace: bool = False,
    log1p: bool = True,
    parallel: bool | None = None,
) -> Any:
    """Quality metrics of cells and genes, as :func:`scanpy.pp.calculate_qc_metrics`.

    Parameters
    ----------
    adata
        Cells x genes.
    expr_type, var_type
        What values and variables are called in the names of the columns.
    qc_vars
        Boolean columns of ``adata.var``: sets of genes, such as mitochondrial ones.
    percent_top
        Numbers of genes: which percentage of its counts a cell has in so many of its highest.
    layer, use_raw
        What to take instead of ``adata.X``.
    inplace
        Write to ``adata.obs`` and ``adata.var`` instead of returning two DataFrames.
    log1p
        Also give ``log1p`` of the metrics.
    parallel
        Deprecated in scanpy, without effect.

    Notes
    -----
    Counts give scanpy's numbers. Stored zeros are left in the matrix, where scanpy removes them. Means are float64, as in
    scanpy 1.11 (1.12: in the type of the values).
    """
    import numpy as np
    import pandas as pd

    if parallel is not None:
        warnings.warn("Argument `parallel` is deprecated, and currently has no effect.", FutureWarning, stacklevel=2)
    qc_vars = [qc_vars] if isinstance(qc_vars, str) else list(qc_vars)
    percent_top = sorted(percent_top) if percent_top else []
    X = get_rep(adata, layer=layer, use_raw=use_raw)
    for name in qc_vars:
        if name not in adata.var:
            raise KeyError(f"qc_vars: {name!r} is not among the columns of adata.var: {list(adata.var.columns)}")
    found = metrics(X, percent_top=percent_top, subsets=[_mask(adata.var[name]) for name in qc_vars])
    real = found.total_counts.dtype if X.dtype.kind == "f" else np.dtype("f8")

    def log(values: Any) -> Any:
        dtype = values.dtype if values.dtype.kind == "f" else "f8"
        return log1p_matrix(values.astype("f8").reshape(1, -1)).ravel().astype(dtype)

    def add(frame: Any, name: str, values: Any, with_log: bool = True) -> None:
        frame[name] = values
        if log1p and with_log:
            frame[f"log1p_{name}"] = log(values)

    obs = pd.DataFrame(index=adata.obs_names)
    add(obs, f"n_{var_type}_by_{expr_type}", found.n_genes_by_counts)
    add(obs, f"total_{expr_type}", found.total_counts)
    for n, percents in zip(percent_top, found.pct_counts_in_top):
        add(obs, f"pct_{expr_type}_in_top_{n}_{var_type}", percents, False)
    for i, name in enumerate(qc_vars):
        add(obs, f"total_{expr_type}_{name}", found.subset_counts[i])
        add(obs, f"pct_{expr_type}_{name}", found.subset_pct[i].astype(real), False)

    var = pd.DataFrame(index=adata.var_names)
    add(var, f"n_cells_by_{expr_type}", found.n_cells_by_counts, False)
    add(var, f"mean_{expr_type}", found.mean_counts)
    add(var, f"pct_dropout_by_{expr_type}", found.pct_dropout, False)
    add(var, f"total_{expr_type}", found.total_counts_of_genes)
    if not inplace:
        return obs, var
    adata.obs[obs.columns] = obs
    adata.var[var.columns] = var
    return None


def _mask(column: Any) -> Any:
    """A column of adata.var as a mask; pandas' own bool type among them."""
    import numpy as np

    values = np.asarray(column)
    if values.dtype == object and all(isinstance(value, (bool, np.bool_)) for value in values):
        values = values.astype(bool)
    return values
