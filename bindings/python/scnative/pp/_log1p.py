"""log(1 + x), after scanpy.pp.log1p."""

from __future__ import annotations

import warnings
from typing import Any

from .._anndata import get_rep, is_anndata, set_rep, to_actual
from ..array._log1p import log1p as log1p_matrix


def log1p(
    data: Any,
    *,
    base: float | None = None,
    copy: bool = False,
    chunked: bool | None = None,
    chunk_size: int | None = None,
    layer: str | None = None,
    obsm: str | None = None,
) -> Any:
    """Logarithmise: ``X = log(1 + X)``, the natural logarithm unless a base is given.

    As :func:`scanpy.pp.log1p`: floats keep their type, integers become float64; sets ``adata.uns['log1p']``. Values are
    within 0.9 ulp of the true logarithm from 0 on, so the last bit may differ from numpy's.

    Parameters
    ----------
    data
        AnnData, or a CSR, CSC or numpy matrix.
    base
        Base of the logarithm.
    copy
        Return a changed copy instead of changing `data`.
    chunked, chunk_size
        Process ``adata.X`` (which may be backed, in mode ``r+``) in blocks of so many cells.
    layer, obsm
        What to transform instead of ``adata.X``.

    Returns
    -------
    The copy if `copy` is set, None otherwise; for a matrix, the changed matrix.
    """
    if not is_anndata(data):
        given = {"chunked": chunked, "chunk_size": chunk_size, "layer": layer, "obsm": obsm}
        wrong = [name for name, value in given.items() if value is not None]
        if wrong:
            raise TypeError(f"Arguments {wrong} are only valid if an AnnData object is passed.")
        return _log1p(data, base, inplace=not copy)
    if chunked and (layer is not None or obsm is not None):
        raise NotImplementedError("Currently cannot perform chunked operations on arrays not stored in X.")
    if chunked and data.isbacked and data.file._filemode != "r+":
        raise NotImplementedError("log1p is not implemented for backed AnnData with backed mode not r+")
    if "log1p" in data.uns:
        warnings.warn("adata.X seems to be already log-transformed.", UserWarning, stacklevel=2)
    adata = data.copy() if copy else data
    to_actual(adata)
    if chunked:
        for chunk, start, end in adata.chunked_X(chunk_size):
            adata.X[start:end] = _log1p(chunk, base, inplace=True)
    else:
        changed = _log1p(get_rep(adata, layer=layer, obsm=obsm), base, inplace=True)
        set_rep(adata, changed, layer=layer, obsm=obsm)
    adata.uns["log1p"] = {"base": base}
    return adata if copy else None


def _log1p(matrix: Any, base: float | None, inplace: bool) -> Any:
    """A vector is a matrix of one cell."""
    if getattr(matrix, "ndim", 2) == 1:
        return log1p_matrix(matrix.reshape(1, -1), base=base, inplace=inplace).reshape(-1)
    return log1p_matrix(matrix, base=base, inplace=inplace)
