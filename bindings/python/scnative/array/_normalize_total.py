"""Equal totals for all cells, as matrices and arrays."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

from .._errors import ScnValueError
from .._lib import options
from .._values import change
from ._log1p import check_base


class Normalized(NamedTuple):
    """Normalised values and what they were divided by."""

    #: Cells x genes, of the structure of the input.
    X: Any
    #: Total over target of each cell, float64; 0 for a cell without counts, which stays as it is.
    size_factors: Any
    #: The total that each cell got.
    target_sum: float
    #: Mask of the genes that did not count towards the totals.
    highly_expressed: Any


def normalize_total(
    X: Any,
    *,
    target_sum: float | None = None,
    exclude_highly_expressed: bool = False,
    max_fraction: float = 0.05,
    inplace: bool = False,
) -> Normalized:
    """Divide each cell's values by its size factor, its total over `target_sum`.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array.
    target_sum
        The total that each cell gets; the median total of the cells that have counts if None.
    exclude_highly_expressed
        Whether genes with more than `max_fraction` of any one cell's total do not count towards the totals.
    max_fraction
        See there.
    inplace
        Change the values of `X`, where they are float32 or float64, and return `X` in the result.

    Returns
    -------
    Values in the type of `X`, float32 for integers.
    """
    return _normalize("scn_pp_normalize_total", X, target_sum, exclude_highly_expressed, max_fraction, None, inplace)


def normalize_log1p(
    X: Any,
    *,
    target_sum: float | None = None,
    exclude_highly_expressed: bool = False,
    max_fraction: float = 0.05,
    base: float | None = None,
    inplace: bool = False,
) -> Normalized:
    """:func:`normalize_total` and :func:`log1p` in one pass, to the same bits (integers become float32).

    Parameters
    ----------
    X, target_sum, exclude_highly_expressed, max_fraction, inplace
        As of :func:`normalize_total`.
    base
        Base of the logarithm; e if None.
    """
    return _normalize("scn_pp_normalize_log1p", X, target_sum, exclude_highly_expressed, max_fraction, base, inplace)


def _normalize(
    name: str, X: Any, target_sum: float | None, exclude: bool, max_fraction: float, base: float | None, inplace: bool
) -> Normalized:
    import numpy as np

    if target_sum is not None and not target_sum > 0:
        raise ScnValueError(f"target_sum: is {target_sum}, must be a positive number")
    chosen = options(
        "ScnNormalizeTotalOptions",
        exclude_highly_expressed=int(bool(exclude)),
        max_fraction=max_fraction,
        target_sum=target_sum,
        base=check_base(base),
    )
    shape = getattr(X, "shape", None)
    n_obs, n_vars = shape if shape is not None and len(shape) == 2 else (0, 0)
    factors, highly, target = np.empty(n_obs), np.zeros(n_vars, "u1"), ctypes.c_double()
    beside = [factors, n_obs, highly, n_vars, ctypes.addressof(target)]
    changed = change(name, X, [chosen], beside, integers="f4", inplace=inplace, asks=name == "scn_pp_normalize_log1p")
    return Normalized(changed, factors, target.value, highly.view(bool))
