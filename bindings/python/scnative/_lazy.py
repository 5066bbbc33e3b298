"""Namespaces whose functions are loaded when they are first asked for."""

from __future__ import annotations

import importlib
from typing import Any, Callable


def lazy(package: str, members: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` for a package whose members are {name: module below it}."""

    def get(name: str) -> Any:
        if name not in members:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{members[name]}"), name)

    return get, lambda: sorted(members), sorted(members)
