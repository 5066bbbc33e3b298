"""Preprocessing on AnnData, with the names, arguments, defaults and result keys of scanpy.pp."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "calculate_qc_metrics": "_qc",
    "filter_cells": "_filter",
    "filter_genes": "_filter",
    "highly_variable_genes": "_highly_variable_genes",
    "log1p": "_log1p",
    "normalize_clr": "_normalize_seurat",
    "normalize_log1p": "_normalize_total",
    "normalize_relative": "_normalize_seurat",
    "normalize_total": "_normalize_total",
    "regress_out": "_regress_out",
    "scale": "_scale",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
