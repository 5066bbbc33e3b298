"""Distances between groups of cells, on AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._anndata import get_rep, obs_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData


def _inputs(adata: AnnData, groupby: str, reference: str | None, use_rep: str, layer: str | None) -> tuple[Any, Any, list, int | None]:
    if layer is not None or use_rep == "X":
        X = get_rep(adata, layer=layer)
    elif use_rep in adata.obsm:
        X = adata.obsm[use_rep]
        X = X.to_numpy() if hasattr(X, "to_numpy") else X
    else:
        raise KeyError(f"use_rep: {use_rep!r} is not in adata.obsm; run PCA first, or use_rep='X'")
    labels, names = obs_groups(adata, groupby)
    if reference is not None and reference not in names:
        raise ValueError(f"reference: {reference!r} is not a group of {groupby!r}, must be one of {names}")
    return X, labels, names, None if reference is None else names.index(reference)


def _table(values: Any, groupby: str, names: list, reference: str | None) -> pd.DataFrame | pd.Series:
    import pandas as pd

    index = pd.Index(names, name=groupby)
    return pd.DataFrame(values, index, index) if reference is None else pd.Series(values, index, name=reference)


def energy_distance(
    adata: AnnData,
    groupby: str,
    *,
    reference: str | None = None,
    use_rep: str = "X_pca",
    layer: str | None = None,
    metric: str = "sqeuclidean",
    unbiased: bool = True,
) -> pd.DataFrame | pd.Series:
    """The energy distance between groups of cells, as scPerturb's ``edist``.

    Parameters
    ----------
    adata
        Annotated data.
    groupby
        The column of ``obs`` whose groups are compared.
    reference
        The group that all are compared with; default each with each.
    use_rep
        Where the cells are points: a key of ``obsm``, or ``"X"``.
    layer
        A layer to take instead.
    metric, unbiased
        As in :func:`scnative.array.energy_distance`.

    Returns
    -------
    pandas.DataFrame
        Groups x groups; with a reference a Series.
    """
    from ..array import energy_distance as distance

    X, labels, names, number = _inputs(adata, groupby, reference, use_rep, layer)
    values = distance(X, labels, n_groups=len(names), reference=number, metric=metric, unbiased=unbiased)
    return _table(values, groupby, names, reference)


def mmd(
    adata: AnnData,
    groupby: str,
    *,
    reference: str | None = None,
    use_rep: str = "X_pca",
    layer: str | None = None,
    gammas: float | Sequence[float] | None = None,
    unbiased: bool = False,
    seed: int | None = None,
) -> pd.DataFrame | pd.Series:
    """The squared maximum mean discrepancy between groups of cells, with Gaussian kernels.

    Parameters
    ----------
    adata, groupby, reference, use_rep, layer
        As in :func:`energy_distance`.
    gammas, unbiased, seed
        As in :func:`scnative.array.mmd`.

    Returns
    -------
    pandas.DataFrame
        Groups x groups; with a reference a Series. ``attrs['gammas']`` has the gammas used.
    """
    from ..array import mmd as discrepancy

    X, labels, names, number = _inputs(adata, groupby, reference, use_rep, layer)
    made = discrepancy(X, labels, n_groups=len(names), reference=number, gammas=gammas, unbiased=unbiased, seed=seed)
    table = _table(made.squared, groupby, names, reference)
    table.attrs["gammas"] = made.gammas.tolist()
    return table
