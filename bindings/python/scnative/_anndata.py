"""Where scanpy's functions find their matrix in an AnnData, and where they put the result."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData


def get_rep(adata: AnnData, *, use_raw: bool = False, layer: str | None = None, obsm: str | None = None) -> Any:
    """``adata.X``, or the matrix that one of the arguments names."""
    named = [name for name, given in (("use_raw", use_raw), ("layer", layer is not None), ("obsm", obsm is not None)) if given]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)}: only one of them can be specified")
    if use_raw:
        if adata.raw is None:
            raise ValueError("use_raw: is True, but adata.raw is not there")
        return adata.raw.X
    if layer is not None:
        return adata.layers[layer]
    return adata.X if obsm is None else adata.obsm[obsm]


def set_rep(adata: AnnData, value: Any, *, layer: str | None = None, obsm: str | None = None) -> None:
    """Puts a matrix where :func:`get_rep` found it."""
    if layer is not None:
        adata.layers[layer] = value
    elif obsm is not None:
        adata.obsm[obsm] = value
    else:
        adata.X = value


def to_actual(adata: AnnData) -> None:
    """Makes a view of another AnnData an object of its own, and says so, as scanpy does."""
    if adata.is_view:
        warnings.warn("Received a view of an AnnData. Making a copy.", UserWarning, stacklevel=3)
        adata._init_as_actual(adata.copy())


def obs_mask(adata: AnnData, mask: np.ndarray | str | None) -> np.ndarray | None:
    """A mask of cells: an array of bool, or the name of such a column of ``adata.obs``."""
    import numpy as np

    if mask is None:
        return None
    if isinstance(mask, str):
        if mask not in adata.obs:
            raise ValueError(f"Did not find `adata.obs[{mask!r}]`. Add the mask to `adata.obs`, or give it as an array.")
        mask = adata.obs[mask]
    mask = np.asarray(mask)
    if mask.shape != (adata.n_obs,):
        raise ValueError(f"mask_obs: has shape {mask.shape}, must have one element for each of {adata.n_obs} cells")
    if mask.dtype != bool:
        raise ValueError(f"Mask array must be boolean, mask_obs has dtype {mask.dtype}.")
    return mask


def obs_groups(adata: AnnData, key: str) -> tuple[np.ndarray, list]:
    """Labels (-1 where missing) and names of the groups that a column of ``adata.obs`` makes: its categories in their order,
    those of a column that is not categorical sorted."""
    import numpy as np
    import pandas as pd

    if key not in adata.obs:
        raise KeyError(f"{key!r} is not a column of adata.obs")
    column = adata.obs[key]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    return column.cat.codes.to_numpy().astype(np.int32), list(column.cat.categories)


def is_anndata(data: Any) -> bool:
    """Whether this is an AnnData; anndata is not imported for it."""
    import sys

    anndata = sys.modules.get("anndata")
    return anndata is not None and isinstance(data, anndata.AnnData)
