"""Packages that only some functions need: imported when such a function runs, with advice where one is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def need(package: str, purpose: str) -> Any:
    """The imported package; if it is not installed, an error that says what for and how to get it."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        name = package.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != name:
            raise  # the package is there, and something that it needs itself is not
        raise ModuleNotFoundError(f"{purpose} needs {name}, which is not installed: pip install {name}", name=name) from None
