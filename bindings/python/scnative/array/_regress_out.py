"""Regression on covariates, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lib import invoke
from .._matrix import VALUE_TAGS, View

if TYPE_CHECKING:
    import numpy as np


def regress_out(
    X: Any,
    covariates: np.ndarray | None = None,
    *,
    groups: np.ndarray | None = None,
    n_groups: int | None = None,
    dtype: Any = None,
) -> np.ndarray:
    """The residuals of each gene after a linear regression on covariates of the cells, or on one category.

    Parameters
    ----------
    X
        Cells x genes: csr, csc, or a numpy array. It is not changed.
    covariates
        Cells x covariates (or one covariate); a constant is added. Covariates that depend linearly on others change
        nothing; there is a warning.
    groups
        Instead of covariates: the category of each cell, from 0. Each gene loses its mean in the category; a gene that is
        the same in all cells stays.
    n_groups
        How many categories there are; default one more than the largest label.
    dtype
        float32 or float64; default that of `X`, for integers of up to 32 bits float32, for longer ones float64.

    Returns
    -------
    numpy.ndarray
        The residuals, cells x genes, in C order.
    """
    import numpy as np

    view = View(X)
    n_obs, _ = view.shape
    if (covariates is None) == (groups is None):
        raise ValueError("covariates, groups: give one of them")
    if dtype is None:
        kind = np.dtype(X.dtype)
        dtype = kind if kind.kind == "f" else np.float32 if kind.itemsize <= 4 else np.float64
    dtype = np.dtype(dtype).newbyteorder("=")
    out = np.empty(view.shape, dtype)
    result = (VALUE_TAGS.get(dtype.kind + str(dtype.itemsize), 0), out, out.size)
    if groups is not None:
        labels = np.ascontiguousarray(groups, dtype=np.int32)
        count = int(labels.max(initial=-1)) + 1 if n_groups is None else n_groups
        invoke("scn_pp_regress_out_groups", view, labels, labels.size, count, *result)
    else:
        table = np.asarray(covariates, dtype=np.float64)
        table = np.asfortranarray(table.reshape(-1, 1) if table.ndim == 1 else table)
        if table.ndim != 2 or table.shape[0] != n_obs:
            raise ValueError(f"covariates: has shape {table.shape}, must have one row for each of {n_obs} cells")
        invoke("scn_pp_regress_out", view, table, table.size, table.shape[1], *result)
    return out
