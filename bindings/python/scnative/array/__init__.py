"""The kernels on scipy and numpy matrices: arrays in, arrays out."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "adjust_p": "_stats",
    "aggregate": "_reduce",
    "calculate_qc_metrics": "_qc",
    "cell_cycle_phase": "_score_genes",
    "concat": "_matrix_ops",
    "control_genes": "_score_genes",
    "energy_distance": "_distance",
    "filter_cells": "_filter",
    "filter_genes": "_filter",
    "highly_variable_genes": "_highly_variable_genes",
    "is_canonical": "_validate",
    "loess": "_loess",
    "log1p": "_log1p",
    "median": "_reduce",
    "mmd": "_distance",
    "normal_p": "_stats",
    "normalize_clr": "_normalize_seurat",
    "normalize_log1p": "_normalize_total",
    "normalize_relative": "_normalize_seurat",
    "normalize_total": "_normalize_total",
    "rank_genes_groups": "_rank_genes_groups",
    "rank_order": "_rank_genes_groups",
    "read_10x_mtx": "_read_10x_mtx",
    "read_mtx": "_mtx",
    "regress_out": "_regress_out",
    "scale": "_scale",
    "score_genes": "_score_genes",
    "simulate_counts": "_simulate_counts",
    "stats": "_reduce",
    "student_p": "_stats",
    "subset": "_matrix_ops",
    "sum_duplicates": "_matrix_ops",
    "to_dense": "_matrix_ops",
    "to_major": "_matrix_ops",
    "validate": "_validate",
    "write_mtx": "_mtx",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
