"""Preprocessing on AnnData, with the names, arguments, defaults and result keys of scanpy.pp."""

from __future__ import annotations

from .._lazy import lazy

#: function -> the module here that has it. One line each, in alphabetical order.
_MEMBERS: dict[str, str] = {
    "highly_variable_genes": "_highly_variable_genes",
    "regress_out": "_regress_out",
    "scale": "_scale",
}

__getattr__, __dir__, __all__ = lazy(__name__, _MEMBERS)
