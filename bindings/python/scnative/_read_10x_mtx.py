"""The folders that Cell Ranger writes, as AnnData."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _abi as abi
from ._errors import ScnUnsupported, ScnValueError
from ._lib import Handle, invoke, plain
from ._matrix import to_scipy
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
    from .array._mtx import value_tag

    if var_names not in ("gene_symbols", "gene_ids"):
        raise ScnValueError(f"var_names: is {var_names!r}, must be 'gene_symbols' or 'gene_ids'")
    if cache:
        raise ScnUnsupported("cache: is True, must be False: there is no cache; write the result with .write_h5ad() instead")
    anndata, pd = need("anndata", "reading 10x folders"), need("pandas", "reading 10x folders")
    folder = Handle("scn_10x_free")
    begin = None if prefix is None else prefix.encode()
    invoke("scn_read_10x_mtx", os.fsencode(Path(path)), begin, value_tag(dtype), folder.out)

    ids, symbols = _names(folder, abi.SCN_10X_GENE_IDS), _names(folder, abi.SCN_10X_GENE_NAMES)
    types = _names(folder, abi.SCN_10X_FEATURE_TYPES)
    if var_names == "gene_symbols":
        index = pd.Index(symbols, dtype=object)
        index = anndata.utils.make_index_unique(index) if make_unique else index
        var = pd.DataFrame({"gene_ids": ids}, index=index)
    else:
        var = pd.DataFrame({"gene_symbols": symbols}, index=pd.Index(ids, dtype=object))
    if types:
        var["feature_types"] = types
    obs = pd.DataFrame(index=pd.Index(_names(folder, abi.SCN_10X_BARCODES), dtype=object))
    adata = anndata.AnnData(to_scipy(folder, view="scn_10x_view"), obs=obs, var=var)
    if gex_only and types:
        return adata[:, (var["feature_types"] == "Gene Expression").to_numpy()].copy()
    return adata


def _names(folder: Handle, which: int) -> list[str]:
    needed, count = ctypes.c_size_t(), ctypes.c_int64()
    plain("scn_10x_names", folder.value, which, None, 0, ctypes.addressof(needed), ctypes.addressof(count))
    buffer = ctypes.create_string_buffer(needed.value)
    plain("scn_10x_names", folder.value, which, ctypes.addressof(buffer), len(buffer), None, None)
    return buffer.value.decode().split("\n")[: count.value]
