"""The native library: found, loaded and checked at first use; calls with a context; errors as exceptions."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import warnings
import weakref
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _abi as abi
from ._errors import BY_STATUS, ScnError, ScnLibraryError
from ._progress import Watch
from ._settings import settings

if TYPE_CHECKING:
    import numpy as np

FILE = {"darwin": "libscnative.dylib", "win32": "scnative.dll"}.get(sys.platform, "libscnative.so")


def candidates() -> list[tuple[str, str]]:
    """Where the library is looked for, in order: (why, path)."""
    chosen = os.environ.get("SCNATIVE_LIB")
    if chosen:
        return [("SCNATIVE_LIB", chosen)]
    here = Path(__file__).resolve().parent
    found = [("bundled in the package", str(here / "_lib" / FILE))]
    checkout = here.parents[2]
    if (checkout / "Cargo.toml").exists() and (checkout / "include" / "scnative.h").exists():
        found.append(("built in this checkout", str(checkout / "target" / "release" / FILE)))
    versioned = f"{FILE}.{abi.SCN_ABI_VERSION}" if FILE.endswith(".so") else FILE
    return [*found, ("the system's loader", versioned), ("the system's loader", FILE)]


@lru_cache(maxsize=None)
def _load() -> tuple[ctypes.CDLL, str]:
    tried = []
    for why, path in candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            tried.append(f"  {path} ({why}): {error}")
            continue
        try:
            version = library.scn_abi_version
        except AttributeError:
            tried.append(f"  {path} ({why}): is not scnative (it has no scn_abi_version)")
            continue
        version.restype = ctypes.c_uint32
        if version() != abi.SCN_ABI_VERSION:
            tried.append(f"  {path} ({why}): has ABI {version()}, this package needs {abi.SCN_ABI_VERSION}")
            continue
        for name, (returns, takes) in abi.FUNCTIONS.items():
            try:
                function = getattr(library, name)
            except AttributeError:
                tried.append(f"  {path} ({why}): lacks {name}, it is older than this package")
                break
            function.restype, function.argtypes = returns, takes
        else:
            library.scn_set_log_callback(_on_log, None)
            return library, path
    raise ScnLibraryError(
        "libscnative was not found. Tried:\n" + "\n".join(tried) + "\nBuild it with `cargo build --release` in a "
        "checkout, install a wheel of scnative, or set SCNATIVE_LIB to the library's file."
    )


def library() -> ctypes.CDLL:
    """The loaded library."""
    return _load()[0]


def path() -> str:
    """The file that the library was loaded from."""
    return _load()[1]


@abi.ScnLog
def _on_log(level: int, message: bytes | int, _user: object) -> None:
    try:
        text = ctypes.string_at(message).decode()
        if level >= abi.SCN_LOG_WARNING:
            _pending.warnings.append(text)
    except Exception:  # a callback must return; a warning lost is better than a crash
        pass


class _Pending(threading.local):
    """Warnings wait until the call has ended: an error filter turns them into exceptions, which a callback cannot raise."""

    def __init__(self) -> None:
        self.warnings: list[str] = []


_pending = _Pending()


def _raise(status: int) -> None:
    lib = library()
    needed = ctypes.c_size_t()
    lib.scn_last_error_message(None, 0, ctypes.byref(needed))
    buffer = ctypes.create_string_buffer(max(needed.value, 1))
    lib.scn_last_error_message(ctypes.addressof(buffer), len(buffer), None)
    name = lib.scn_status_name(status).decode()
    raise BY_STATUS.get(status, ScnError)(buffer.value.decode(), status, name)


#: The types of most arguments.
_AS_THEY_ARE = frozenset((type(None), int, float, bytes))


def _argument(value: Any) -> Any:
    """numpy arrays by address, structs by reference, text as bytes, all else as it is."""
    if type(value) in _AS_THEY_ARE:
        return value
    if hasattr(type(value), "ctypes"):
        return address(value)
    struct = getattr(value, "struct", value)
    return ctypes.addressof(struct) if isinstance(struct, ctypes.Structure) else value


def address(array: np.ndarray) -> int:
    """Where an array's elements are."""
    try:  # A third of what array.ctypes.data takes.
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):  # read-only, not contiguous, or empty
        return array.ctypes.data


def plain(name: str, *args: Any) -> None:
    """Calls a function that takes no context."""
    status = getattr(library(), name)(*map(_argument, args))
    if status:
        _raise(status)


def invoke(name: str, *args: Any, seed: int | None = None) -> None:
    """Calls a function whose first parameter is a context: threads, progress and Ctrl-C are seen to.

    Arguments may be numbers, None, numpy arrays, ctypes structs, or :class:`scnative._matrix.View`.
    """
    function = getattr(library(), name)
    context = options("ScnContext")
    context.n_threads = settings.n_threads
    context.seed = (settings.seed if seed is None else seed) & (2**64 - 1)
    with Watch(name.split("_", 2)[-1]) as watch:
        callback = abi.ScnProgress(watch.callback)
        context.progress = callback
        status = function(ctypes.addressof(context), *map(_argument, args))
    flush_warnings()
    if status:
        _raise(status)


def flush_warnings() -> None:
    """Hands on what the library warned of, as UserWarnings that point at the user's line."""
    while _pending.warnings:
        text = _pending.warnings.pop(0)
        level, frame = 1, sys._getframe()
        package = os.path.dirname(__file__)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
            frame, level = frame.f_back, level + 1
        warnings.warn(text, UserWarning, stacklevel=level)


def options(struct: str, **fields: Any) -> Any:
    """An options struct with the library's defaults, then these fields; None leaves a default."""
    kind, defaults, known = _defaults(struct)
    made = kind.from_buffer_copy(defaults)
    for name, value in fields.items():
        if name not in known:
            raise AttributeError(f"{struct} has no field {name}")
        if value is not None:
            setattr(made, name, value)
    return made


@lru_cache(maxsize=None)
def _defaults(struct: str) -> tuple[Any, bytes, frozenset[str]]:
    """The struct's class, its bytes as the library sets them up, and the names of its fields."""
    made = getattr(abi, struct)()
    plain(_init_name(struct), made, ctypes.sizeof(made))
    return type(made), bytes(made), frozenset(name for name, *_ in made._fields_)


@lru_cache(maxsize=None)
def _init_name(struct: str) -> str:
    """ScnNormalizeTotalOptions -> the one scn_*_init whose name without underscores is that."""
    wanted = struct[len("Scn") :].lower()
    found = [n for n in abi.FUNCTIONS if n.endswith("_init") and n[len("scn_") : -len("_init")].replace("_", "") == wanted]
    if len(found) != 1:
        raise AttributeError(f"{struct}: {len(found)} functions set it up, must be one named scn_..._init")
    return found[0]


class Handle:
    """A result that the library owns; freed with this object. ``handle.out`` is the place to write it to."""

    def __init__(self, free: str):
        self.pointer = ctypes.c_void_p()
        self._free = getattr(library(), free)
        self._finalizer = weakref.finalize(self, Handle._release, self.pointer, self._free)

    @staticmethod
    def _release(pointer: ctypes.c_void_p, free: Any) -> None:
        free(pointer)
        pointer.value = None

    def free(self) -> None:
        """Frees the result now. In a finalizer, a KeyboardInterrupt that happens to come would be lost."""
        self._finalizer()

    def lend(self) -> None:
        """Says that numpy arrays share the memory: they keep this object alive, and may be in use while Python ends."""
        self._finalizer.atexit = False

    @property
    def out(self) -> int:
        return ctypes.addressof(self.pointer)

    @property
    def value(self) -> int | None:
        return self.pointer.value
