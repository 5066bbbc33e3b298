"""Functions that change every stored value of a matrix: in place, or into a matrix of the same structure."""

from __future__ import annotations

from typing import Any, Sequence

from ._lib import address, invoke
from ._matrix import VALUE_TAGS, View, remember_canonical


def is_float(dtype: Any) -> bool:
    return dtype.kind == "f" and dtype.itemsize in (4, 8)


def change(
    name: str, matrix: Any, before: Sequence[Any], after: Sequence[Any] = (), *, integers: str, inplace: bool, asks: bool = True
) -> Any:
    """Calls ``name`` (or ``name_inplace``) and returns the changed matrix.

    Floats keep their type; integer matrices become ``integers``. A matrix that cannot be changed in place (integers,
    arrays that are read-only or not contiguous) is changed in a copy. ``asks`` is that of :class:`View`: whether the order
    of the indices matters, which is so for logarithms, as that of a repeated element is not the sum of its parts' logarithms.
    """
    import numpy as np

    view = View(matrix, asks=asks)
    array = matrix.data if view.is_sparse else matrix
    if inplace and is_float(array.dtype) and _own_memory(view, array):
        invoke(f"{name}_inplace", view, *before, *after)
        return matrix
    s = view.struct
    dtype = array.dtype.newbyteorder("=") if is_float(array.dtype) else np.dtype(integers)
    values = np.empty(s.nnz if view.is_sparse else s.n_obs * s.n_vars, dtype)
    # An empty array has no address that counts, but null would mean: only what is beside the values.
    place = values if values.size else np.empty(1, dtype)
    invoke(name, view, *before, place, VALUE_TAGS[dtype.kind + str(dtype.itemsize)], values.size, *after)
    if view.is_sparse:
        made = type(matrix)((values, matrix.indices[: s.nnz].copy(), matrix.indptr.copy()), shape=matrix.shape, copy=False)
        if s.flags:
            remember_canonical(made, True)
        return made
    lines, length = (s.n_obs, s.n_vars) if s.major == 0 else (s.n_vars, s.n_obs)
    made = values.reshape(lines, length)
    return made if s.major == 0 else made.T


def _own_memory(view: View, array: Any) -> bool:
    """Whether the view's values are the caller's own memory, and may be written."""
    return bool(array.flags.writeable and array.dtype.isnative and view.struct.values in (address(array), None))


def total_dtype(dtype: Any) -> str:
    """The type that scanpy's totals have: that of the values if float, else numpy's for sums."""
    if dtype.kind == "f":
        return "f4" if dtype.itemsize <= 4 else "f8"
    return "u8" if dtype.kind == "u" else "i8"
