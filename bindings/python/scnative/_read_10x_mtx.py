"""The folders that Cell Ranger writes, as AnnData."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._errors import ScnUnsupported, ScnValueError
from ._need import need

if TYPE_CHECKING:
    from typing import Union

    from anndata import AnnData

    PathLike = Union[str, "os.PathLike[str]"]


def read_10x_mtx(
    path: PathLike,
    *,
    var_names: str = "gene_symbols",
    make_unique: bool = True,
    cache: bool = False,
    cache_compression: Any = None,
    gex_only: bool = True,
    prefix: str | None = None,
    compressed: bool = True,
    dtype: Any = "float32",
) -> AnnData:
    """Read a folder that Cell Ranger (or STARsolo) wrote, as :func:`scanpy.read_10x_mtx`.

    Parameters
    ----------
    path
        The folder with ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv`` (or ``genes.tsv``, before Cell Ranger 3), each plain or
        with ``.gz``: which of these it is need not be told.
    var_names
        What to name genes by: ``'gene_symbols'`` or ``'gene_ids'``. The other one becomes a column of ``var``.
    make_unique
        Whether to append ``-1``, ``-2`` and so on to symbols that occur again.
    cache, cache_compression
        There is no cache: `cache` must be False.
    gex_only
        Whether to keep only features of type ``'Gene Expression'``. Has no effect on folders without types.
    prefix
        What the names of the three files begin with.
    compressed
        Taken as scanpy's, and not needed: both kinds of files are looked for.
    dtype
        Of the matrix.

    Returns
    -------
    AnnData
        Cells x genes: a csr_matrix, barcodes as ``obs_names``, and in ``var`` ``gene_ids`` (or ``gene_symbols``) and, where the
        folder has them, ``feature_types``.

    Raises
    ------
    ScnLookupError
        A file is missing.
    ScnIOError
        A file is malformed; the message names it and the line.
    ScnValueError
        The files do not belong together, or an argument is wrong.
    """
    from .array._read_10x_mtx import read_10x_mtx as read

    if var_names not in ("gene_symbols", "gene_ids"):
        raise ScnValueError(f"var_names: is {var_names!r}, must be 'gene_symbols' or 'gene_ids'")
    if cache:
        raise ScnUnsupported("cache: is True, must be False: there is no cache; write the result with .write_h5ad() instead")
    anndata, pd = need("anndata", "reading 10x folders"), need("pandas", "reading 10x folders")
    folder = read(path, prefix=prefix, dtype=dtype)

    ids, symbols, types = folder.gene_ids, folder.gene_names, folder.feature_types
    if var_names == "gene_symbols":
        index = pd.Index(symbols, dtype=object)
        index = anndata.utils.make_index_unique(index) if make_unique else index
        var = pd.DataFrame({"gene_ids": ids}, index=index)
    else:
        var = pd.DataFrame({"gene_symbols": symbols}, index=pd.Index(ids, dtype=object))
    if types:
        var["feature_types"] = types
    obs = pd.DataFrame(index=pd.Index(folder.barcodes, dtype=object))
    adata = anndata.AnnData(folder.counts, obs=obs, var=var)
    if gex_only and types:
        return adata[:, (var["feature_types"] == "Gene Expression").to_numpy()].copy()
    return adata
