"""Results out of AnnData, with the names and arguments of scanpy.get."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "aggregate": "_aggregate",
    "rank_genes_groups_df": "_rank_genes_groups_df",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
