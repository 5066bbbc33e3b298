"""The full check of a matrix."""

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
    invoke("scn_matrix_validate", View(X))
