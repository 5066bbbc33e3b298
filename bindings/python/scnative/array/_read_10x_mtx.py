"""The folders that Cell Ranger writes, as arrays."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _abi as abi
from .._lib import Handle, invoke, plain
from .._matrix import to_scipy
from ._mtx import value_tag

if TYPE_CHECKING:
    from typing import Union

    import scipy.sparse as sp

    PathLike = Union[str, "os.PathLike[str]"]


class Folder10x(NamedTuple):
    """What a folder of Cell Ranger's holds."""

    #: Cells x genes.
    counts: sp.csr_matrix
    #: Names of the cells.
    barcodes: list[str]
    #: Identifiers of the genes, the first column of ``features.tsv`` or ``genes.tsv``.
    gene_ids: list[str]
    #: Names of the genes, the second column; they may repeat.
    gene_names: list[str]
    #: ``"Gene Expression"`` and the like, the third column; empty if there is only a ``genes.tsv``.
    feature_types: list[str]


def read_10x_mtx(path: PathLike, *, prefix: str | None = None, dtype: Any = "float32") -> Folder10x:
    """Read a folder that Cell Ranger (or STARsolo) wrote.

    Parameters
    ----------
    path
        The folder with ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv`` (or ``genes.tsv``, before Cell Ranger 3), each plain or
        with ``.gz``.
    prefix
        What the names of the three files begin with.
    dtype
        Of the counts; None for int64 of an integer file and float64 of any other.

    Raises
    ------
    ScnLookupError
        A file is missing.
    ScnIOError
        A file is malformed; the message names it and the line.
    ScnValueError
        The files do not belong together.
    """
    folder = Handle("scn_10x_free")
    begin = None if prefix is None else prefix.encode()
    invoke("scn_read_10x_mtx", os.fsencode(Path(path)), begin, value_tag(dtype), folder.out)
    columns = (abi.SCN_10X_BARCODES, abi.SCN_10X_GENE_IDS, abi.SCN_10X_GENE_NAMES, abi.SCN_10X_FEATURE_TYPES)
    names = [_names(folder, which) for which in columns]
    return Folder10x(to_scipy(folder, view="scn_10x_view"), *names)


def _names(folder: Handle, which: int) -> list[str]:
    needed, count = ctypes.c_size_t(), ctypes.c_int64()
    plain("scn_10x_names", folder.value, which, None, 0, ctypes.addressof(needed), ctypes.addressof(count))
    buffer = ctypes.create_string_buffer(needed.value)
    plain("scn_10x_names", folder.value, which, ctypes.addressof(buffer), len(buffer), None, None)
    return buffer.value.decode().split("\n")[: count.value]
