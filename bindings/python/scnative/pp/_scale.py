"""Scaling of genes, on AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._anndata import get_rep, obs_groups, obs_mask, set_rep, to_actual

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData


def scale(
    data: AnnData,
    *,
    zero_center: bool = True,
    max_value: float | None = None,
    copy: bool = False,
    layer: str | None = None,
    obsm: str | None = None,
    mask_obs: np.ndarray | str | None = None,
    groupby: str | None = None,
) -> AnnData | None:
    """Scale each gene to variance 1 and mean 0, as :func:`scanpy.pp.scale`.

    Parameters
    ----------
    data
        Annotated data. A matrix goes to :func:`scnative.array.scale`.
    zero_center
        Whether to subtract the means. A sparse matrix becomes dense by it, with a warning.
    max_value
        Values above it become it; with `zero_center` values below its negative become that.
    copy
        Return a changed copy instead of changing `data`.
    layer, obsm
        Which matrix to scale instead of ``X``.
    mask_obs
        Cells that means and standard deviations are taken of, and that are scaled: an array of bool, or a column of ``obs``.
    groupby
        A column of ``obs``: each group is scaled by its own means and standard deviations; cells without a group stay. An
        extension of scnative.

    Returns
    -------
    None, or the copy. Sets the matrix, and for ``X`` and layers:

    ``var['mean']``, ``var['std']``
        Of each gene before scaling; with `mask_obs` ``'mean of NAME'``, ``'std of NAME'`` or ``'mean with mask'``, ``'std with
        mask'``. With `groupby` instead ``varm['mean of GROUPBY']`` and ``varm['std of GROUPBY']``, a column for each group.
    """
    from anndata import AnnData

    from ..array import scale as scale_array

    if not isinstance(data, AnnData):
        raise TypeError(f"data: is a {type(data).__name__}, must be an AnnData; for matrices there is scnative.array.scale")
    adata = data.copy() if copy else data
    names = ("mean", "std")
    if mask_obs is not None:
        of = f"of {mask_obs}" if isinstance(mask_obs, str) else "with mask"
        names = (f"mean {of}", f"std {of}")
    if mask_obs is not None and groupby is not None:
        raise ValueError("mask_obs, groupby: only one of them can be specified")
    mask = obs_mask(adata, mask_obs)
    labels, groups = (None, []) if groupby is None else obs_groups(adata, groupby)
    to_actual(adata)
    made = scale_array(
        get_rep(adata, layer=layer, obsm=obsm),
        zero_center=zero_center,
        max_value=max_value,
        mask_obs=mask,
        groups=labels,
        n_groups=len(groups) if groupby is not None else None,
    )
    set_rep(adata, made.X, layer=layer, obsm=obsm)
    if obsm is None and groupby is not None:
        import pandas as pd

        for name, values in (("mean", made.mean), ("std", made.std)):
            table = pd.DataFrame(values.T, index=adata.var_names, columns=[str(group) for group in groups])
            adata.varm[f"{name} of {groupby}"] = table
    elif obsm is None:
        adata.var[names[0]], adata.var[names[1]] = made.mean, made.std
    return adata if copy else None
