"""log(1 + x) of matrices."""

from __future__ import annotations

from typing import Any

from .._errors import ScnValueError
from .._values import change


def check_base(base: float | None) -> float:
    """0 stands for e in the library."""
    if base is None:
        return 0.0
    if base == 0:
        raise ScnValueError(f"base: is {base}, must be positive and not 1")
    return float(base)


def log1p(X: Any, *, base: float | None = None, inplace: bool = False) -> Any:
    """log(1 + x) of each value.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array.
    base
        Base of the logarithm; e if None.
    inplace
        Change the values of `X`, where they are float32 or float64, and return `X`.

    Returns
    -------
    The matrix of the same structure. float32 stays float32; integers become float64, as scanpy's.
    """
    return change("scn_pp_log1p", X, [check_base(base)], integers="f8", inplace=inplace)
