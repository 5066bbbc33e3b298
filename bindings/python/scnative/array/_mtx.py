"""MatrixMarket files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._errors import ScnValueError
from .._lib import invoke
from .._matrix import VALUE_TAGS, View, sparse_handle, to_scipy
from ._matrix_ops import axis_tag

if TYPE_CHECKING:
    from typing import Union

    import scipy.sparse as sp

    PathLike = Union[str, "os.PathLike[str]"]


def read_mtx(path: PathLike, *, rows: Any = "obs", dtype: Any = None) -> sp.csr_matrix:
    """Read a MatrixMarket file, plain or gzipped.

    Parameters
    ----------
    path
        The file, in coordinate format.
    rows
        What its rows are: ``'obs'`` (or 0) if it is cells x genes, ``'var'`` (or 1) if genes x cells, as Cell Ranger's are.
    dtype
        Of the values; by default int64 for a file of integers and float64 for any other, as scipy's ``mmread``.

    Returns
    -------
    scipy.sparse.csr_matrix
        Cells x genes; repeated entries are summed.

    Raises
    ------
    ScnLookupError
        There is no such file.
    ScnIOError
        It is malformed; the message names the line.
    """
    handle = sparse_handle()
    invoke("scn_read_mtx", os.fsencode(path), axis_tag(rows, "rows"), value_tag(dtype), handle.out)
    return to_scipy(handle)


def write_mtx(path: PathLike, X: Any, *, rows: Any = "obs") -> None:
    """Write the non-zeros of a matrix to a MatrixMarket file, gzipped if its name ends in ``.gz``.

    Parameters
    ----------
    path
        The file; one that exists is replaced when the new one is complete.
    X
        Cells x genes.
    rows
        What the file's rows shall be: ``'obs'`` (or 0) for cells x genes, ``'var'`` (or 1) for genes x cells.
    """
    invoke("scn_write_mtx", View(X), os.fsencode(path), axis_tag(rows, "rows"))


def value_tag(dtype: Any) -> int:
    """The type tag of a dtype; 0, whatever suits, for None."""
    import numpy as np

    if dtype is None:
        return 0
    dtype = np.dtype(dtype)
    tag = VALUE_TAGS.get(dtype.kind + str(dtype.itemsize))
    if tag is None or dtype == bool:
        raise ScnValueError(f"dtype: is {dtype}, must be float32, float64 or an integer type")
    return tag
