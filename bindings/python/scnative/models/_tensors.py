"""Named numpy arrays as the library's, and back."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Mapping

from .._errors import ScnTypeError
from .._lib import Handle, options, plain
from .._matrix import DTYPES, VALUE_TAGS

if TYPE_CHECKING:
    import numpy as np


def tensors_handle() -> Handle:
    """The place for an ``ScnTensors`` result."""
    return Handle("scn_tensors_free")


def to_tensors(arrays: Mapping[str, Any]) -> Handle:
    """A copy of the arrays."""
    import numpy as np

    handle = tensors_handle()
    plain("scn_tensors_new", handle.out)
    for name, given in arrays.items():
        array = np.ascontiguousarray(given) if np.ndim(given) else np.asarray(given)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        tag = VALUE_TAGS.get(array.dtype.kind + str(array.dtype.itemsize))
        if tag is None:
            raise ScnTypeError(f"{name}: has dtype {array.dtype}, must be a float, bool or an integer type")
        shape = np.asarray(array.shape, dtype=np.int64)
        tensor = options("ScnTensor", value_type=tag, n_dims=array.ndim)
        tensor.shape, tensor.values = shape.ctypes.data, array.ctypes.data
        plain("scn_tensors_add", handle.value, name.encode(), tensor)
    return handle


def from_tensors(handle: Handle) -> dict[str, np.ndarray]:
    """Copies of the arrays, by name; the library's are freed."""
    import numpy as np

    count = ctypes.c_int64()
    plain("scn_tensors_len", handle.value, ctypes.addressof(count))
    arrays = {}
    for i in range(count.value):
        tensor = options("ScnTensor")
        plain("scn_tensors_get", handle.value, i, tensor)
        shape = tuple((ctypes.c_int64 * tensor.n_dims).from_address(tensor.shape)) if tensor.n_dims else ()
        array = np.empty(shape, dtype=DTYPES[tensor.value_type])
        if array.size:
            ctypes.memmove(array.ctypes.data, tensor.values, array.nbytes)
        arrays[_name(handle, i)] = array
    handle.free()
    return arrays


def _name(handle: Handle, i: int) -> str:
    needed = ctypes.c_size_t()
    plain("scn_tensors_name", handle.value, i, None, 0, ctypes.addressof(needed))
    buffer = ctypes.create_string_buffer(needed.value)
    plain("scn_tensors_name", handle.value, i, ctypes.addressof(buffer), len(buffer), None)
    return buffer.value.decode()

