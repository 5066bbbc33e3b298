"""Matrices as such: the other major axis, subsets, concatenation, dense tables."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Iterable

from .. import _abi as abi
from .._errors import ScnValueError
from .._lib import invoke
from .._matrix import VALUE_TAGS, View, is_sparse, sparse_handle, to_scipy

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp

AXES = {"obs": abi.SCN_OBS, 0: abi.SCN_OBS, "var": abi.SCN_VAR, 1: abi.SCN_VAR}


def axis_tag(axis: Any, name: str = "axis") -> int:
    """`SCN_OBS` for 'obs' or 0, `SCN_VAR` for 'var' or 1."""
    try:
        return AXES[axis]
    except (KeyError, TypeError):
        raise ScnValueError(f"{name}: is {axis!r}, must be 'obs' (or 0) or 'var' (or 1)") from None


def to_major(X: Any, major: Any = "obs") -> sp.csr_matrix | sp.csc_matrix:
    """Compress a matrix along its cells or its genes.

    Runs in parallel; every thread count gives the same bits.

    Parameters
    ----------
    X
        Cells x genes: scipy csr or csc, or a numpy array (which gives its non-zeros).
    major
        ``'obs'`` (or 0) for csr, ``'var'`` (or 1) for csc.

    Returns
    -------
    scipy.sparse.csr_matrix or scipy.sparse.csc_matrix
        A new matrix with sorted indices; repeated elements are summed, zeros that are stored stay.
    """
    handle = sparse_handle()
    invoke("scn_matrix_to_major", View(X), axis_tag(major, "major"), handle.out)
    return to_scipy(handle)


def sum_duplicates(X: Any) -> sp.csr_matrix | sp.csc_matrix:
    """Sort the indices of each line and sum what is stored twice, in a copy.

    As scipy's ``sort_indices`` and ``sum_duplicates``, in parallel.

    Parameters
    ----------
    X
        scipy csr or csc.
    """
    handle = sparse_handle()
    invoke("scn_matrix_sum_duplicates", View(X, asks=False), handle.out)
    return to_scipy(handle)


def subset(X: Any, obs: Any = None, vars: Any = None) -> Any:
    """Take some cells and some genes of a matrix, as ``X[obs][:, vars]``.

    Parameters
    ----------
    X
        Cells x genes.
    obs, vars
        Numbers of the cells and genes, in the order wanted (they may repeat, and count from the end if negative), or a
        boolean mask; None for all.

    Returns
    -------
    scipy.sparse.csr_matrix, scipy.sparse.csc_matrix or numpy.ndarray
        Of X's format and dtype. Zeros that are stored stay; repeated elements of X are summed.
    """
    view = View(X)
    chosen = [_numbers(which, n, name) for which, n, name in zip((obs, vars), view.shape, ("obs", "vars"))]
    if not is_sparse(X):
        for axis, numbers in enumerate(chosen):
            X = X if numbers is None else X.take(numbers, axis=axis)
        return X.copy() if obs is None and vars is None else X
    handle = sparse_handle()
    pairs = [part for numbers in chosen for part in _pointer(numbers)]
    invoke("scn_matrix_subset", view, *pairs, handle.out)
    return to_scipy(handle)


def _numbers(which: Any, n: int, name: str) -> np.ndarray | None:
    import numpy as np

    if which is None:
        return None
    which = np.asarray(which)
    if which.ndim != 1:
        raise ScnValueError(f"{name}: has {which.ndim} dimensions, must have 1")
    if which.dtype == bool:
        if len(which) != n:
            raise ScnValueError(f"{name}: is a mask of {len(which)} values, must have {n}")
        return np.flatnonzero(which)
    if len(which) == 0:
        return np.zeros(0, np.int64)
    if which.dtype.kind not in "iu":
        raise ScnValueError(f"{name}: has dtype {which.dtype}, must be of integers or a boolean mask")
    numbers = np.ascontiguousarray(which, np.int64)
    if numbers.view(np.uint64).max() < n:  # All are in range and none counts from the end.
        return numbers
    wrong = (numbers < -n) | (numbers >= n)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ScnValueError(f"{name}[{i}]: is {numbers[i]}, must be from {-n} to {n - 1} as there are {n}")
    return np.where(numbers < 0, numbers + n, numbers)


def _pointer(numbers: np.ndarray | None) -> tuple[Any, int]:
    import numpy as np

    if numbers is None:
        return None, 0
    # An array without elements has no address worth the name: null would mean all.
    return (numbers, len(numbers)) if len(numbers) else (np.zeros(1, np.int64), 0)


def concat(matrices: Iterable[Any], axis: Any = "obs") -> sp.csr_matrix | sp.csc_matrix:
    """Put matrices one after the other.

    Parameters
    ----------
    matrices
        Each scipy csr or csc, or a numpy array (of which the non-zeros are taken); layouts and dtypes may differ.
    axis
        ``'obs'`` (or 0): their cells follow each other, as ``scipy.sparse.vstack``; ``'var'`` (or 1): their genes, as
        ``hstack``.

    Returns
    -------
    scipy.sparse.csr_matrix or scipy.sparse.csc_matrix
        In the format of the first; the dtype is numpy's ``result_type`` of all.
    """
    views = [View(X, f"matrices[{i}]") for i, X in enumerate(matrices)]
    pointers = (ctypes.c_void_p * max(len(views), 1))(*(ctypes.addressof(view.struct) for view in views))
    handle = sparse_handle()
    invoke("scn_matrix_concat", ctypes.addressof(pointers), len(views), axis_tag(axis), handle.out)
    return to_scipy(handle)


def to_dense(X: Any, *, order: str = "C", dtype: Any = None) -> np.ndarray:
    """Make a dense array of a matrix, as scipy's ``toarray``.

    Parameters
    ----------
    X
        Cells x genes.
    order
        ``'C'``: the genes of a cell lie side by side; ``'F'``: the cells of a gene.
    dtype
        Of the result; by default that of X. Integers are cut off at the ends of their range.
    """
    import numpy as np

    if order not in ("C", "F"):
        raise ScnValueError(f"order: is {order!r}, must be 'C' or 'F'")
    view = View(X)
    dtype = np.dtype(X.dtype if dtype is None else dtype).newbyteorder("=")
    tag = VALUE_TAGS.get(dtype.kind + str(dtype.itemsize))
    if tag is None or (dtype == bool and X.dtype != bool):
        raise ScnValueError(f"dtype: is {dtype}, must be float32, float64 or an integer type")
    out = np.empty(view.shape, dtype, order=order)
    invoke("scn_matrix_to_dense", view, abi.SCN_OBS if order == "C" else abi.SCN_VAR, tag, out, out.size)
    return out
