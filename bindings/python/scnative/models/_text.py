"""JSON in and out of the library."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Callable

from .._lib import Handle, invoke, plain


def encoded(options: dict[str, Any]) -> bytes:
    """Options as JSON; those that are None are left out. numpy's numbers and arrays become Python's."""
    given = {name: value for name, value in options.items() if value is not None}
    return json.dumps(given, default=_plain).encode()


def _plain(value: Any) -> Any:
    for way in ("tolist", "__fspath__"):
        if hasattr(value, way):
            return getattr(value, way)()
    raise TypeError(f"options: cannot hold a {type(value).__name__}")


def asked(name: str, *args: Any) -> Any:
    """What a function without a context answers."""
    return _answer(plain, name, args)


def worked(name: str, *args: Any) -> Any:
    """What a function with a context answers: progress and Ctrl-C are seen to."""
    return _answer(invoke, name, args)


def _answer(call: Callable[..., None], name: str, args: tuple[Any, ...]) -> Any:
    text = text_handle()
    call(name, *args, text.out)
    return json.loads(read(text))


def text_handle() -> Handle:
    """The place for an ``ScnText`` result."""
    return Handle("scn_text_free")


def read(text: Handle) -> str:
    """The text, which is freed."""
    needed = ctypes.c_size_t()
    plain("scn_text_copy", text.value, None, 0, ctypes.addressof(needed))
    buffer = ctypes.create_string_buffer(needed.value)
    plain("scn_text_copy", text.value, ctypes.addressof(buffer), len(buffer), None)
    text.free()
    return buffer.value.decode()
