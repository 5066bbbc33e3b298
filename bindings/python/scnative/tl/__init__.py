"""Tools on AnnData, with the names, arguments, defaults and result keys of scanpy.tl."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "rank_genes_groups": "_rank_genes_groups",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
