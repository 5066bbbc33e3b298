"""scipy and numpy matrices as the library's views, without copying them, and its sparse results as scipy's."""

from __future__ import annotations

import ctypes
import sys
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import _abi as abi
from ._errors import ScnOverflowError, ScnTypeError, ScnValueError
from ._lib import Handle, address, invoke, options, plain

if TYPE_CHECKING:
    import numpy as np

#: numpy's kind and item size -> type tag. bool is read as uint8, which it is.
VALUE_TAGS = {
    "f4": abi.SCN_F32,
    "f8": abi.SCN_F64,
    "i1": abi.SCN_I8,
    "u1": abi.SCN_U8,
    "b1": abi.SCN_U8,
    "i2": abi.SCN_I16,
    "u2": abi.SCN_U16,
    "i4": abi.SCN_I32,
    "u4": abi.SCN_U32,
    "i8": abi.SCN_I64,
    "u8": abi.SCN_U64,
}
DTYPES = {tag: code for code, tag in VALUE_TAGS.items() if code != "b1"}


class View:
    """An ``ScnMatrix`` that borrows a Python object's arrays and keeps them alive.

    ``asks``: whether to find out, where scipy does not know, if the matrix is canonical, which is then remembered. Functions
    that read the order of the indices would look for themselves, in each call; for others it is False.
    """

    def __init__(self, matrix: Any, name: str = "X", *, asks: bool = True):
        self.keep: list[Any] = []
        self.struct = options("ScnMatrix")
        self.source = matrix
        if is_sparse(matrix):
            self._sparse(matrix, name)
            self._flag(matrix, asks)
        else:
            self._dense(matrix, name)

    @property
    def shape(self) -> tuple[int, int]:
        return self.struct.n_obs, self.struct.n_vars

    @property
    def is_sparse(self) -> bool:
        return self.struct.storage == abi.SCN_SPARSE

    def _sparse(self, matrix: Any, name: str) -> None:
        if matrix.format not in ("csr", "csc"):
            raise ScnTypeError(f"{name}: is a sparse matrix in {matrix.format} format, must be csr or csc; use .tocsr()")
        s = self.struct
        s.storage = abi.SCN_SPARSE
        s.major = abi.SCN_OBS if matrix.format == "csr" else abi.SCN_VAR
        s.n_obs, s.n_vars = matrix.shape
        # scipy lets the arrays be longer than the matrix: what counts is where indptr ends.
        nnz = int(matrix.indptr[-1]) if len(matrix.indptr) else 0
        if nnz > len(matrix.data) or nnz > len(matrix.indices):
            raise ScnValueError(f"{name}: indptr ends at {nnz} but there are {len(matrix.data)} values and {len(matrix.indices)} indices")
        s.nnz = nnz
        s.indptr, s.indptr_type = self._indices(matrix.indptr, f"{name}.indptr")
        s.indices, s.index_type = self._indices(matrix.indices, f"{name}.indices")
        s.values, s.value_type = self._values(matrix.data, f"{name}.data")

    def _flag(self, matrix: Any, asks: bool) -> None:
        canonical = _known_canonical(matrix)
        if canonical is None and asks:
            try:
                canonical = self.is_canonical()
            except ScnValueError:
                pass  # the call that this view is for says what is wrong
        if canonical:
            self.struct.flags = abi.SCN_MATRIX_CANONICAL

    def is_canonical(self) -> bool:
        """Whether the indices of each line ascend without repeats, read now. scipy's object remembers that they do."""
        found = ctypes.c_uint8()
        invoke("scn_matrix_is_canonical", self, ctypes.addressof(found))
        canonical = bool(found.value)
        # A no is told only where scipy says yes: it would not forget it when the indices are sorted in place.
        if self.is_sparse and canonical != bool(_known_canonical(self.source)):
            remember_canonical(self.source, canonical)
        return canonical

    def _indices(self, array: Any, name: str) -> tuple[int, int]:
        code = array.dtype.kind + str(array.dtype.itemsize)
        if code not in ("i4", "i8"):
            raise ScnTypeError(f"{name}: has dtype {array.dtype}, must be int32 or int64")
        return self._address(array), abi.SCN_I32 if code == "i4" else abi.SCN_I64

    def _values(self, array: Any, name: str) -> tuple[int, int]:
        tag = VALUE_TAGS.get(array.dtype.kind + str(array.dtype.itemsize))
        if tag is None:
            allowed = "float32, float64, bool or an integer type"
            raise ScnTypeError(f"{name}: has dtype {array.dtype}, must be {allowed}; use .astype('float32')")
        return self._address(array), tag

    def _address(self, array: Any) -> int:
        import numpy as np

        array = np.asarray(array)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.ndim == 1:
            array = np.ascontiguousarray(array)
        self.keep.append(array)
        return address(array)

    def _dense(self, matrix: Any, name: str) -> None:
        import numpy as np

        if not isinstance(matrix, np.ndarray):
            kind = f"{type(matrix).__module__}.{type(matrix).__qualname__}"
            hint = ""
            if kind.startswith("anndata") or kind.startswith("h5py"):
                hint = "; it is on disk: read it with .to_memory() first"
            elif kind.startswith("dask"):
                hint = "; call .compute() first"
            elif hasattr(matrix, "to_numpy"):
                hint = "; use .to_numpy()"
            raise ScnTypeError(f"{name}: is a {kind}, must be a scipy.sparse csr or csc matrix or a numpy array{hint}")
        if matrix.ndim != 2:
            raise ScnValueError(f"{name}: has {matrix.ndim} dimensions, must have 2 (cells x genes)")
        array = np.asarray(matrix)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        size = array.itemsize
        rows, columns = array.shape
        row_step, column_step = array.strides
        s = self.struct
        s.storage = abi.SCN_DENSE
        s.n_obs, s.n_vars = rows, columns
        if (column_step == size or columns <= 1) and row_step % size == 0 and (row_step >= columns * size or rows <= 1):
            s.major, stride = abi.SCN_OBS, row_step // size if rows > 1 else columns
        elif (row_step == size or rows <= 1) and column_step % size == 0 and (column_step >= rows * size or columns <= 1):
            s.major, stride = abi.SCN_VAR, column_step // size if columns > 1 else rows
        else:  # neither rows nor columns are contiguous: numpy's views with steps
            array = np.ascontiguousarray(array)
            s.major, stride = abi.SCN_OBS, columns
        s.stride = max(stride, 0)
        self.dense = array
        s.values, s.value_type = self._values(array, name)


def _known_canonical(matrix: Any) -> bool | None:
    """What scipy knows of a matrix without a look at its indices, which would cost a pass of its own; None for nothing."""
    return getattr(matrix, "_has_canonical_format", None) if getattr(matrix, "_has_sorted_indices", True) else False


def remember_canonical(matrix: Any, canonical: bool) -> None:
    """Tells scipy's object. One that takes no attributes works as well, and is asked again."""
    try:
        matrix.has_sorted_indices = matrix.has_canonical_format = canonical
    except Exception:
        pass


def is_sparse(matrix: Any) -> bool:
    """Whether this is a scipy.sparse matrix or array; scipy is not imported for it."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(matrix)


def sparse_handle() -> Handle:
    """The place for an ``ScnSparse`` result."""
    return Handle("scn_sparse_free")


def to_scipy(handle: Handle, index_dtype: Any = None, view: str = "scn_sparse_view") -> Any:
    """An ``ScnSparse`` result as scipy's csr_matrix or csc_matrix; indptr gets the type of indices.

    A large one is not copied: its arrays are the library's memory, which is freed with the last of them. A small one is
    copied and freed at once. ``view`` is the function that describes the handle's matrix, for handles that have one among
    other things.
    """
    import numpy as np

    m = options("ScnMatrix")
    plain(view, handle.value, m)
    lines = m.n_obs if m.major == abi.SCN_OBS else m.n_vars
    indptr = np.array(_Memory(handle, m.indptr, lines + 1, "i8"))
    indices = np.asarray(_Memory(handle, m.indices, m.nnz, DTYPES[m.index_type]))
    values = np.asarray(_Memory(handle, m.values, m.nnz, DTYPES[m.value_type]))
    if indices.nbytes + values.nbytes < LARGE:
        indices, values = indices.copy(), values.copy()
        handle.free()
    else:
        handle.lend()
    if index_dtype is None:
        index_dtype = indices.dtype if _counts_to(indices.dtype, m.nnz) else np.dtype("i8")
    index_dtype = np.dtype(index_dtype)
    if not _counts_to(index_dtype, m.nnz):
        raise ScnOverflowError(f"index_dtype: is {index_dtype}, which cannot count to {m.nnz} non-zeros; use int64")
    made = _blank(m.major, (m.n_obs, m.n_vars))
    made.data, made.indices, made.indptr = values, indices.astype(index_dtype, copy=False), indptr.astype(index_dtype, copy=False)
    remember_canonical(made, True)
    return made


def _counts_to(dtype: np.dtype, nnz: int) -> bool:
    return nnz < 1 << 8 * dtype.itemsize - 1


def _blank(major: int, shape: tuple[int, int]) -> Any:
    """scipy's matrix of this shape, to be given its arrays. Its constructor takes longer than many a call, a copy does not."""
    made = copy(_smallest(major))
    made._shape = shape
    return made if made.shape == shape else type(made)(shape)


@lru_cache(maxsize=None)
def _smallest(major: int) -> Any:
    import scipy.sparse as sp

    return sp.csr_matrix((1, 1)) if major == abi.SCN_OBS else sp.csc_matrix((1, 1))


#: Bytes from which on a result is not copied.
LARGE = 1 << 20


class _Memory:
    """Memory of the library for numpy: arrays of it keep this object, and it keeps the handle that owns the memory."""

    def __init__(self, handle: Handle, address: int | None, n: int, dtype: str):
        self.handle = handle
        # numpy takes no null pointer, which nothing may have.
        place = (address, False) if n else (ctypes.addressof(handle.pointer), False)
        self.__array_interface__ = {"version": 3, "shape": (n,), "typestr": ("<" if sys.byteorder == "little" else ">") + dtype, "data": place}
