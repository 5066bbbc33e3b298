"""The kernels on scipy and numpy matrices: arrays in, arrays out."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "adjust_p": "_stats",
    "cell_cycle_phase": "_score_genes",
    "control_genes": "_score_genes",
    "energy_distance": "_distance",
    "mmd": "_distance",
    "normal_p": "_stats",
    "rank_genes_groups": "_rank_genes_groups",
    "rank_order": "_rank_genes_groups",
    "regress_out": "_regress_out",
    "scale": "_scale",
    "score_genes": "_score_genes",
    "simulate_counts": "_simulate_counts",
    "student_p": "_stats",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
