"""Scores of gene sets, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lib import invoke, options, plain
from .._matrix import View

if TYPE_CHECKING:
    import numpy as np

#: Names of the phases, by number.
PHASES = ("G1", "S", "G2M")


def control_genes(
    X: Any,
    gene_list: np.ndarray,
    *,
    gene_pool: np.ndarray | None = None,
    ctrl_as_ref: bool = True,
    ctrl_size: int = 50,
    n_bins: int = 25,
    random_state: int = 0,
) -> np.ndarray:
    """Choose control genes for a gene set: genes of like expression, the same that scanpy draws.

    Parameters
    ----------
    X
        Cells x genes: csr, csc, or a numpy array.
    gene_list
        Numbers of the genes of the set.
    gene_pool
        Numbers of the genes to draw from, in the order that the draw depends on; default all.
    ctrl_as_ref
        Whether genes of the set are drawn with the others and then left out, or not drawn.
    ctrl_size
        Genes drawn from each bin of expression that holds a gene of the set.
    n_bins
        Bins of expression.
    random_state
        Seed, 0 to 2**32 - 1.

    Returns
    -------
    numpy.ndarray
        Numbers of the control genes, ascending; there may be none.
    """
    import numpy as np

    view = View(X)
    chosen = np.asarray(gene_list, dtype=np.int64)
    pool = None if gene_pool is None else np.asarray(gene_pool, dtype=np.int64)
    if not 0 <= random_state < 2**32:
        raise ValueError(f"random_state: is {random_state}, must be between 0 and 2**32 - 1")
    given = options(
        "ScnControlGenesOptions",
        ctrl_as_ref=int(ctrl_as_ref),
        ctrl_size=ctrl_size,
        n_bins=n_bins,
        random_state=random_state,
    )
    control = np.zeros(view.shape[1], np.uint8)
    invoke(
        "scn_tl_control_genes",
        view,
        np.ascontiguousarray(chosen),
        chosen.size,
        None if pool is None else np.ascontiguousarray(pool),
        0 if pool is None else pool.size,
        given,
        control,
        control.size,
    )
    return np.flatnonzero(control)


def score_genes(X: Any, gene_list: np.ndarray, control: np.ndarray) -> np.ndarray:
    """Score each cell by a gene set: its mean over the set less its mean over the control genes, NaN left out of both.

    Parameters
    ----------
    X
        Cells x genes: csr, csc, or a numpy array.
    gene_list, control
        Numbers of the genes of the set, and of the control genes (see :func:`control_genes`).

    Returns
    -------
    numpy.ndarray
        A float64 score for each cell.
    """
    import numpy as np

    view = View(X)
    chosen, control = (np.ascontiguousarray(genes, dtype=np.int64) for genes in (gene_list, control))
    score = np.empty(view.shape[0])
    invoke("scn_tl_score_genes", view, chosen, chosen.size, control, control.size, score, score.size)
    return score


def cell_cycle_phase(s_score: np.ndarray, g2m_score: np.ndarray) -> np.ndarray:
    """Each cell's phase: G1 if both scores are negative, else G2M if that score is the higher one, else S.

    Parameters
    ----------
    s_score, g2m_score
        Scores of the cells for the genes of the S and of the G2M phase.

    Returns
    -------
    numpy.ndarray
        ``"G1"``, ``"S"`` or ``"G2M"`` for each cell.
    """
    import numpy as np

    s, g2m = (np.ascontiguousarray(score, dtype=np.float64) for score in (s_score, g2m_score))
    if s.shape != g2m.shape or s.ndim != 1:
        raise ValueError(f"s_score, g2m_score: have shapes {s.shape} and {g2m.shape}, must have one score for each cell")
    phase = np.empty(s.size, np.int32)
    plain("scn_tl_cell_cycle_phase", s, g2m, s.size, phase, phase.size)
    return np.array(PHASES, dtype=object)[phase]
