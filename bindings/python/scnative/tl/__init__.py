"""Tools on AnnData, with the names, arguments, defaults and result keys of scanpy.tl."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "energy_distance": "_distance",
    "mmd": "_distance",
    "rank_genes_groups": "_rank_genes_groups",
    "score_genes": "_score_genes",
    "score_genes_cell_cycle": "_score_genes",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
