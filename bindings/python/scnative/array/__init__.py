"""The kernels on scipy and numpy matrices: arrays in, arrays out."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "adjust_p": "_stats",
    "normal_p": "_stats",
    "rank_genes_groups": "_rank_genes_groups",
    "rank_order": "_rank_genes_groups",
    "simulate_counts": "_simulate_counts",
    "student_p": "_stats",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
