"""Scaling of genes, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _abi as abi
from .._lib import address, invoke, options
from .._matrix import VALUE_TAGS, View, remember_canonical

if TYPE_CHECKING:
    import numpy as np


class Scaled(NamedTuple):
    """A scaled matrix and what it was scaled by."""

    X: Any
    #: Mean of each gene; with groups one row for each group.
    mean: np.ndarray
    #: What each gene was divided by, 1 in place of 0; with groups one row for each group.
    std: np.ndarray


def scale(
    X: Any,
    *,
    zero_center: bool = True,
    max_value: float | None = None,
    copy: bool = False,
    mask_obs: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    n_groups: int | None = None,
    divide: bool = True,
    root_mean_square: bool = False,
    clip_below: bool = True,
) -> Scaled:
    """Scale each gene to variance 1 and mean 0.

    Parameters
    ----------
    X
        Cells x genes: csr, csc, or a numpy array.
    zero_center
        Whether to subtract the means. A sparse matrix becomes dense by it.
    max_value
        Values above it become it; with `zero_center` and `clip_below` values below its negative become that.
    copy
        If False, a float array, or a sparse float matrix that is not centred, is scaled in place and returned.
    mask_obs
        Cells (bool) that means and standard deviations are taken of, and that are scaled; the others stay.
    groups
        A label from 0 for each cell, -1 for none: each group is scaled by its own means and standard deviations, cells in
        none stay. An extension of scnative.
    n_groups
        How many groups there are; default one more than the largest label.
    divide
        Whether to divide by the standard deviations; without it values are centred and clipped only.
    root_mean_square
        What is not centred is divided by the square root of its sum of squares over ``n - 1``, as R's ``scale`` and Seurat
        do, rather than by the standard deviation.
    clip_below
        Whether `max_value` bounds centred values from below, too; in Seurat it does not.

    Returns
    -------
    Scaled
        ``X``, ``mean``, ``std``. Standard deviations have divisor ``n - 1``. As in scanpy, float32 stays so, unless a sparse
        matrix becomes dense without a mask; all else is float64.
    """
    import numpy as np

    view = View(X)
    n_obs, n_vars = view.shape
    if mask_obs is not None and groups is not None:
        raise ValueError("mask_obs, groups: only one of them can be given; label the cells to leave out -1")
    if mask_obs is not None:
        mask_obs = np.asarray(mask_obs)
        if mask_obs.dtype != bool:
            raise TypeError(f"mask_obs: has dtype {mask_obs.dtype}, must be bool")
        labels, count = np.where(mask_obs, 0, -1).astype(np.int32), 1
    elif groups is not None:
        labels = np.ascontiguousarray(groups, dtype=np.int32)
        count = int(labels.max(initial=-1)) + 1 if n_groups is None else n_groups
    else:
        labels, count = None, 1
    mean, std = np.empty((count, n_vars)), np.empty((count, n_vars))
    given = options(
        "ScnScaleOptions",
        zero_center=int(zero_center),
        max_value=max_value,
        divide=int(divide),
        root_mean_square=int(root_mean_square),
        clip_below=int(clip_below),
    )
    moments = (mean, mean.size, std, std.size)
    how = (labels, 0 if labels is None else len(labels), count, given)

    is_float = view.struct.value_type in (abi.SCN_F32, abi.SCN_F64)
    out = X
    if view.is_sparse and not zero_center:
        if copy or not is_float:
            out = X.astype(X.dtype if is_float else np.float64, copy=True)
            if view.struct.flags:
                remember_canonical(out, True)
        invoke("scn_pp_scale_inplace", View(out, asks=False), *how, *moments)
    elif not view.is_sparse and is_float and not copy and _is_borrowed(view, X):
        invoke("scn_pp_scale_inplace", view, *how, *moments)
    else:
        # float64 where scanpy's arithmetic ends in it: from integers, and where centring made a sparse matrix dense.
        single = view.struct.value_type == abi.SCN_F32 and (not view.is_sparse or mask_obs is not None)
        dtype = np.dtype(np.float32 if single else np.float64)
        by_gene = view.struct.major == abi.SCN_VAR and not view.is_sparse
        out = np.empty((n_obs, n_vars), dtype, order="F" if by_gene else "C")
        major, tag = abi.SCN_VAR if by_gene else abi.SCN_OBS, VALUE_TAGS[f"f{dtype.itemsize}"]
        invoke("scn_pp_scale", view, *how, *moments, major, tag, out, out.size)
    return Scaled(out, *((mean, std) if groups is not None else (mean[0], std[0])))


def _is_borrowed(view: View, X: Any) -> bool:
    """Whether the view is of the array's own memory (not of a copy of a stepped or foreign-endian one), writable."""
    return view.struct.values == address(X) and X.flags.writeable
