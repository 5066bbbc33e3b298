"""Checks of a matrix: of all that it holds, and of the order of its indices."""

from __future__ import annotations

from typing import Any

from .._lib import invoke
from .._matrix import View


def validate(X: Any) -> None:
    """Check a matrix in full, and say which element is wrong.

    Offsets, indices in range, and that all values are finite; of a matrix that scipy knows to be canonical also that the
    indices of each line ascend and do not repeat. One parallel read of indices and values; no memory.

    Parameters
    ----------
    X
        Cells x genes: csr, csc, or a numpy array.

    Raises
    ------
    ScnValueError
        The structure is broken, or a value is NaN or infinite.
    """
    invoke("scn_matrix_validate", View(X, asks=False))


def is_canonical(X: Any) -> bool:
    """Whether the indices of each row of a csr, or each column of a csc, ascend without repeats.

    As scipy's ``X.has_canonical_format``, but in parallel, and read in any case, whatever `X` is said to be. One parallel read
    of the indices; no memory.

    Parameters
    ----------
    X
        Cells x genes: csr, csc, or a numpy array (always True).

    Returns
    -------
    bool
        If True, `X` remembers it as its ``has_canonical_format``; if False though that says True, it is corrected.

    Raises
    ------
    ScnValueError
        The structure is broken: an index out of range, say.

    Notes
    -----
    All functions that the order matters to ask this of a matrix that scipy does not know to be canonical, and do not look
    again at one that is. So whoever then changes ``X.indices`` or ``X.indptr`` in place must say so, as to scipy itself:
    ``X.has_sorted_indices = X.has_canonical_format = False``. scipy's own methods that change a matrix see to it.
    """
    return View(X, asks=False).is_canonical()
