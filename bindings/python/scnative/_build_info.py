"""Which library is loaded, and what it can do."""

from __future__ import annotations

import ctypes
from typing import Any

from . import _lib


def build_info() -> dict[str, Any]:
    """Which library is loaded, and what it can do.

    Returns
    -------
    ``path`` of the loaded file, ``version``, ``abi_version``, ``cpu_features`` that the library uses, ``threads`` that
    a call uses by default, and ``package_version`` of this Python package.
    """
    from . import __version__

    lib = _lib.library()
    buffer = ctypes.create_string_buffer(256)
    lib.scn_cpu_features(ctypes.addressof(buffer), len(buffer), None)
    return {
        "path": _lib.path(),
        "version": lib.scn_version().decode(),
        "abi_version": lib.scn_abi_version(),
        "cpu_features": buffer.value.decode().split(),
        "threads": lib.scn_default_threads(),
        "package_version": __version__,
    }
