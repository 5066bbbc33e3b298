"""scnative: native kernels for single-cell analysis, under scanpy's names.

- :mod:`scnative.pp`, :mod:`scnative.tl`, :mod:`scnative.get`: scanpy's functions on AnnData.
- :mod:`scnative.array`: the same on scipy and numpy matrices.
- :func:`scnative.read`: h5ad files, 10x h5 files and 10x folders, as AnnData; :mod:`scnative.datasets`: data to try things on.
- :mod:`scnative.models`: foundation models: found, downloaded, loaded and run.
- :data:`scnative.settings`: threads, seed, progress.
- :func:`scnative.build_info`: which library is loaded.

Importing this imports the standard library alone; numpy, scipy, anndata and the native library are loaded at the first
call that needs them.
"""

from __future__ import annotations

from ._errors import (
    ScnAccessError,
    ScnCancelled,
    ScnError,
    ScnInternalError,
    ScnIOError,
    ScnLibraryError,
    ScnLookupError,
    ScnMemoryError,
    ScnModelError,
    ScnNetworkError,
    ScnOverflowError,
    ScnTypeError,
    ScnUnsupported,
    ScnValueError,
)
from ._settings import settings

TYPE_CHECKING = False  # type checkers take it for true; importing typing for it would cost more than all the rest
if TYPE_CHECKING:
    from typing import Any

    from . import array, datasets, experimental, get, models, pp, tl

__version__ = "0.1.0"

#: What is loaded when it is first asked for: name -> (module, attribute or None for the module itself).
_LAZY = {
    "array": ("scnative.array", None),
    "datasets": ("scnative.datasets", None),
    "experimental": ("scnative.experimental", None),
    "get": ("scnative.get", None),
    "models": ("scnative.models", None),
    "pp": ("scnative.pp", None),
    "tl": ("scnative.tl", None),
    "accelerate_scanpy": ("scnative._accelerate", "accelerate_scanpy"),
    "build_info": ("scnative._build_info", "build_info"),
    "read": ("scnative._read", "read"),
    "read_10x_h5": ("scnative._read", "read_10x_h5"),
    "read_10x_mtx": ("scnative._read_10x_mtx", "read_10x_mtx"),
    "read_h5ad": ("scnative._read", "read_h5ad"),
}

__all__ = [
    "ScnAccessError",
    "ScnCancelled",
    "ScnError",
    "ScnIOError",
    "ScnInternalError",
    "ScnLibraryError",
    "ScnLookupError",
    "ScnMemoryError",
    "ScnModelError",
    "ScnNetworkError",
    "ScnOverflowError",
    "ScnTypeError",
    "ScnUnsupported",
    "ScnValueError",
    "settings",
    *_LAZY,
]


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _LAZY[name]
    except KeyError:
        raise AttributeError(f"module 'scnative' has no attribute {name!r}") from None
    from importlib import import_module

    found = import_module(module)
    value = found if attribute is None else getattr(found, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
