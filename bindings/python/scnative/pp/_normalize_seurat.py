"""Seurat's relative counts and centred log ratios, on AnnData."""

from __future__ import annotations

from typing import Any

from .._anndata import get_rep, set_rep, to_actual
from ..array import _normalize_seurat as array


def normalize_relative(
    adata: Any, *, scale_factor: float = 1e4, layer: str | None = None, inplace: bool = True, copy: bool = False
) -> Any:
    """Relative counts: Seurat's ``NormalizeData(normalization.method = "RC", scale.factor = 1e4)``.

    Parameters
    ----------
    adata
        Cells x genes.
    scale_factor
        The total that each cell gets; 1e6 gives counts per million.
    layer
        What to normalise instead of ``adata.X``.
    inplace
        Whether to change `adata`, or return the normalised matrix.
    copy
        Whether to change and return a copy. Not with ``inplace=False``.
    """
    return _normalize(array.normalize_relative, adata, {"scale_factor": scale_factor}, layer, inplace, copy)


def normalize_clr(
    adata: Any, *, margin: int = 1, layer: str | None = None, inplace: bool = True, copy: bool = False
) -> Any:
    """Centred log ratio: Seurat's ``NormalizeData(normalization.method = "CLR", margin = 1)``.

    Parameters
    ----------
    adata
        Cells x genes (or proteins).
    margin
        1 takes the cells of each gene together (Seurat's default), 2 the genes of each cell.
    layer
        What to normalise instead of ``adata.X``.
    inplace
        Whether to change `adata`, or return the normalised matrix.
    copy
        Whether to change and return a copy. Not with ``inplace=False``.
    """
    return _normalize(array.normalize_clr, adata, {"margin": margin}, layer, inplace, copy)


def _normalize(function: Any, adata: Any, settings: dict[str, Any], layer: str | None, inplace: bool, copy: bool) -> Any:
    if copy:
        if not inplace:
            raise ValueError("`copy=True` cannot be used with `inplace=False`.")
        adata = adata.copy()
    to_actual(adata)
    changed = function(get_rep(adata, layer=layer), inplace=inplace, **settings)
    if not inplace:
        return changed
    set_rep(adata, changed, layer=layer)
    return adata if copy else None
