"""Seurat's relative counts and centred log ratios, as matrices."""

from __future__ import annotations

from typing import Any

from .. import _abi as abi
from .._errors import ScnValueError
from .._values import change


def normalize_relative(X: Any, *, scale_factor: float = 1e4, inplace: bool = False) -> Any:
    """Each value over the total of its cell, times `scale_factor`: Seurat's ``normalization.method = "RC"``.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array.
    scale_factor
        1e4 is Seurat's default; 1e6 gives counts per million.
    inplace
        Change the values of `X`, where they are float32 or float64, and return `X`.

    Returns
    -------
    Values in the type of `X`, float32 for integers. A cell without counts stays as it is.
    """
    return change("scn_pp_normalize_relative", X, [float(scale_factor)], integers="f4", inplace=inplace, asks=False)


def normalize_clr(X: Any, *, margin: int = 1, inplace: bool = False) -> Any:
    """Centred log ratio, Seurat's ``normalization.method = "CLR"``: ``log1p(x / exp(sum(log1p(x[x > 0])) / len(x)))``.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array, without negative values.
    margin
        1 takes the cells of each gene together (Seurat's default), 2 the genes of each cell.
    inplace
        Change the values of `X`, where they are float32 or float64, and return `X`.

    Returns
    -------
    Values in the type of `X`, float32 for integers. Zeros stay zero.
    """
    if margin not in (1, 2):
        raise ScnValueError(f"margin: is {margin}, must be 1 (over the cells of each gene) or 2 (over the genes of each cell)")
    of = abi.SCN_VAR if margin == 1 else abi.SCN_OBS
    return change("scn_pp_normalize_clr", X, [of], integers="f4", inplace=inplace)
