"""Quality metrics of cells and genes, as arrays."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from .._lib import invoke
from .._matrix import View
from .._values import total_dtype


class QcMetrics(NamedTuple):
    """Metrics of cells and genes. Totals have the type that scanpy's have; percentages and means are float64."""

    #: How many genes of each cell are not zero.
    n_genes_by_counts: Any
    #: Total of each cell.
    total_counts: Any
    #: Entries of `percent_top` x cells: the percentage of a cell's total in so many of its highest genes.
    pct_counts_in_top: Any
    #: Subsets x cells: the total of each cell in each subset.
    subset_counts: Any
    #: Subsets x cells: and its percentage of the cell's total.
    subset_pct: Any
    #: In how many cells each gene is not zero.
    n_cells_by_counts: Any
    #: Total of each gene.
    total_counts_of_genes: Any
    #: Mean of each gene.
    mean_counts: Any
    #: Percentage of the cells in which each gene is zero.
    pct_dropout: Any


def calculate_qc_metrics(
    X: Any, *, percent_top: Sequence[int] | None = (50, 100, 200, 500), subsets: Sequence[Any] = ()
) -> QcMetrics:
    """Quality metrics of cells and genes, in one pass over the values.

    Parameters
    ----------
    X
        Cells x genes: CSR, CSC or a numpy array.
    percent_top
        Numbers of genes, each from 1 to the number of genes.
    subsets
        Boolean masks of genes: mitochondrial, ribosomal, ...
    """
    import numpy as np

    view = View(X)
    n_obs, n_vars = view.shape
    tops = np.array(list(percent_top or ()), "i8")
    if len(tops) and not (tops.max() <= n_vars and tops.min() > 0):
        raise IndexError(f"Positions outside range of features. percent_top: is {tops.tolist()}, must be from 1 to {n_vars}")
    masks = np.zeros((len(subsets), n_vars), "u1")
    for i, subset in enumerate(subsets):
        mask = np.asarray(subset)
        if mask.dtype != bool or mask.shape != (n_vars,):
            raise ValueError(
                f"subsets[{i}]: has dtype {mask.dtype} and shape {mask.shape}, must be a mask of {n_vars} genes, of dtype bool"
            )
        masks[i] = mask
    cells = [np.empty(shape) for shape in (n_obs, n_obs, (len(tops), n_obs), masks.shape[:1] + (n_obs,), masks.shape[:1] + (n_obs,))]
    genes = [np.empty(n_vars) for _ in range(4)]
    outputs = [x for out in (*cells, *genes) for x in (out, out.size)]
    invoke("scn_pp_calculate_qc_metrics", view, tops, len(tops), masks, len(masks), *outputs)
    total = total_dtype(X.dtype)
    n_genes, totals, in_top, subset_counts, subset_pct = cells
    n_cells, gene_totals, means, dropout = genes
    return QcMetrics(
        n_genes.astype("i8"),
        totals.astype(total),
        in_top,
        subset_counts.astype(total),
        subset_pct,
        n_cells.astype("i8"),
        gene_totals.astype(total),
        means,
        dropout,
    )
