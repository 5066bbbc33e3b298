"""Equal totals for all cells, after scanpy.pp.normalize_total."""

from __future__ import annotations

from typing import Any

from .._anndata import get_rep, set_rep, to_actual
from ..array import _normalize_total as array


def normalize_total(
    adata: Any,
    *,
    target_sum: float | None = None,
    exclude_highly_expressed: bool = False,
    max_fraction: float = 0.05,
    key_added: str | None = None,
    layer: str | None = None,
    obsm: str | None = None,
    inplace: bool = True,
    copy: bool = False,
) -> Any:
    """Normalise counts per cell, so that every cell has the same total.

    As :func:`scanpy.pp.normalize_total` of scanpy 1.12, to the same bits for counts in CSR. CSC stays CSC (scanpy makes
    CSR of it).

    Parameters
    ----------
    adata
        Cells x genes.
    target_sum
        The total that each cell gets; the median total of the cells that have counts if None.
    exclude_highly_expressed
        Whether genes with more than `max_fraction` of any one cell's total do not count towards the totals.
    max_fraction
        See there.
    key_added
        Where in ``adata.obs`` the size factors go.
    layer, obsm
        What to normalise instead of ``adata.X``.
    inplace
        Whether to change `adata`, or return a dictionary with ``X`` and ``norm_factor``.
    copy
        Whether to change and return a copy. Not with ``inplace=False``.
    """
    settings = {"target_sum": target_sum, "exclude_highly_expressed": exclude_highly_expressed, "max_fraction": max_fraction}
    return _normalize(array.normalize_total, adata, settings, key_added, layer, obsm, inplace, copy)


def normalize_log1p(
    adata: Any,
    *,
    target_sum: float | None = None,
    exclude_highly_expressed: bool = False,
    max_fraction: float = 0.05,
    base: float | None = None,
    key_added: str | None = None,
    layer: str | None = None,
    obsm: str | None = None,
    inplace: bool = True,
    copy: bool = False,
) -> Any:
    """:func:`normalize_total` and :func:`log1p` in one pass over the values.

    With ``target_sum=1e4`` this is Seurat's ``NormalizeData``. Sets ``adata.uns['log1p']``. Values are those of the two
    functions called one after the other (integers become float32).

    Parameters
    ----------
    adata, target_sum, exclude_highly_expressed, max_fraction, key_added, layer, obsm, inplace, copy
        As of :func:`normalize_total`.
    base
        Base of the logarithm; e if None.
    """
    settings = {
        "target_sum": target_sum,
        "exclude_highly_expressed": exclude_highly_expressed,
        "max_fraction": max_fraction,
        "base": base,
    }
    if inplace and "log1p" in adata.uns:
        import warnings

        warnings.warn("adata.X seems to be already log-transformed.", UserWarning, stacklevel=2)
    outcome = _normalize(array.normalize_log1p, adata, settings, key_added, layer, obsm, inplace, copy)
    if inplace:
        (outcome if copy else adata).uns["log1p"] = {"base": base}
    return outcome


def _normalize(
    function: Any,
    adata: Any,
    settings: dict[str, Any],
    key_added: str | None,
    layer: str | None,
    obsm: str | None,
    inplace: bool,
    copy: bool,
) -> Any:
    if copy:
        if not inplace:
            raise ValueError("`copy=True` cannot be used with `inplace=False`.")
        adata = adata.copy()
    if not 0 <= settings["max_fraction"] <= 1:
        raise ValueError("Choose max_fraction between 0 and 1.")
    to_actual(adata)
    found = function(get_rep(adata, layer=layer, obsm=obsm), inplace=inplace, **settings)
    factors = found.size_factors.astype(found.X.dtype)
    if not inplace:
        return {"X": found.X, "norm_factor": factors}
    if key_added is not None:
        adata.obs[key_added] = factors
    set_rep(adata, found.X, layer=layer, obsm=obsm)
    return adata if copy else None
