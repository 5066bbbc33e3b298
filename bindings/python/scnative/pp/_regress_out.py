"""Regression on covariates, on AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._anndata import get_rep, obs_groups, set_rep, to_actual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData


def regress_out(
    adata: AnnData,
    keys: str | Sequence[str],
    *,
    layer: str | None = None,
    n_jobs: int | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Regress out unwanted sources of variation by linear regression, as :func:`scanpy.pp.regress_out`.

    Parameters
    ----------
    adata
        Annotated data.
    keys
        Columns of ``obs`` to regress on: any number of numerical ones, or a single categorical one.
    layer
        Which layer to regress instead of ``X``.
    n_jobs
        Threads to use; default :attr:`scnative.settings.n_threads`.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    None, or the copy. Sets ``X`` or the layer to the residuals, a dense array.

    Notes
    -----
    A cell without a category is an error (scanpy takes 0 for its category's mean).
    """
    import numpy as np
    import pandas as pd

    from .._settings import settings
    from ..array import regress_out as regress

    adata = adata.copy() if copy else adata
    adata.strings_to_categoricals()
    to_actual(adata)
    keys = [keys] if isinstance(keys, str) else list(keys)
    if not keys:
        raise ValueError("keys: is empty, must name at least one column of adata.obs")
    missing = [key for key in keys if key not in adata.obs]
    if missing:
        raise KeyError(f"keys: {missing} are not columns of adata.obs")
    categorical = [key for key in keys if isinstance(adata.obs[key].dtype, pd.CategoricalDtype)]
    if categorical and len(keys) > 1:
        raise ValueError(
            "If providing categorical variable, only a single one is allowed. For this one we regress on the mean for each "
            f"category. {categorical} are categorical."
        )
    X = get_rep(adata, layer=layer)
    with settings.override(n_threads=settings.n_threads if n_jobs is None else max(n_jobs, 0)):
        if categorical:
            labels, names = obs_groups(adata, keys[0])
            if (labels < 0).any():
                raise ValueError(
                    f"keys: {(labels < 0).sum()} cells have no category in adata.obs[{keys[0]!r}]; give them one, or leave them out"
                )
            # statsmodels, which scanpy calls here, gives float64 whatever it gets.
            residuals = regress(X, groups=labels, n_groups=len(names), dtype=np.float64)
        else:
            residuals = regress(X, adata.obs[keys].to_numpy(dtype=np.float64))
    set_rep(adata, residuals, layer=layer)
    return adata if copy else None
