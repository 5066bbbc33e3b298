"""Which cells and genes to keep, as masks."""

from __future__ import annotations

from math import nan
from typing import Any, NamedTuple

from .._lib import invoke
from .._matrix import View
from .._values import total_dtype


class Kept(NamedTuple):
    """A mask and the numbers that were compared."""

    #: Whether each cell (or gene) passes.
    keep: Any
    #: Its total, in the type that scanpy's has, or its number of positive values, int64.
    number: Any


def filter_cells(
    X: Any,
    *,
    min_counts: float | None = None,
    min_genes: int | None = None,
    max_counts: float | None = None,
    max_genes: int | None = None,
) -> Kept:
    """Which cells have enough (or not too many) counts or expressed genes. Exactly one threshold, inclusive, is given.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array.
    min_counts, max_counts
        Bounds of the total of a cell.
    min_genes, max_genes
        Bounds of the number of genes that are positive in a cell.
    """
    return _filter("scn_pp_filter_cells", X, 0, min_counts, min_genes, max_counts, max_genes)


def filter_genes(
    X: Any,
    *,
    min_counts: float | None = None,
    min_cells: int | None = None,
    max_counts: float | None = None,
    max_cells: int | None = None,
) -> Kept:
    """Which genes have enough (or not too many) counts or cells. Exactly one threshold, inclusive, is given.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array.
    min_counts, max_counts
        Bounds of the total of a gene.
    min_cells, max_cells
        Bounds of the number of cells in which a gene is positive.
    """
    return _filter("scn_pp_filter_genes", X, 1, min_counts, min_cells, max_counts, max_cells)


def _filter(name: str, X: Any, axis: int, *thresholds: float | None) -> Kept:
    import numpy as np

    view = View(X)
    n = view.shape[axis]
    keep, numbers = np.empty(n, "u1"), np.empty(n)
    invoke(name, view, *(nan if t is None else float(t) for t in thresholds), keep, n, numbers, n)
    min_counts, _, max_counts, _ = thresholds
    counts = min_counts is not None or max_counts is not None
    return Kept(keep.view(bool), numbers.astype(total_dtype(X.dtype) if counts else "i8"))
