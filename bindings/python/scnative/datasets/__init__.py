"""Data to try things on."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "pbmc3k": "_pbmc3k",
    "simulate_counts": "_simulate_counts",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
