"""Tails of distributions and corrections for multiple testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lib import plain
from ._rank_genes_groups import CORR_METHODS, code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from ._rank_genes_groups import CorrMethod


def normal_p(z: ArrayLike, *, logarithm: bool = False) -> np.ndarray:
    """Two-sided p-values of standard normal scores, P(\\|Z\\| >= \\|z\\|).

    Parameters
    ----------
    z
        Scores, of any shape.
    logarithm
        Whether to give natural logarithms, which stay finite where the p-value is below the least double.

    Returns
    -------
    numpy.ndarray
        float64, of the shape of `z`; right to 1e-14 relative down to the least double.
    """
    import numpy as np

    z = np.asarray(z, np.float64, order="C")
    p = np.empty_like(z)
    plain("scn_stats_normal_p", z, z.size, int(logarithm), p, p.size)
    return p


def student_p(t: ArrayLike, df: ArrayLike, *, logarithm: bool = False) -> np.ndarray:
    """Two-sided p-values of Student's t, P(\\|T\\| >= \\|t\\|).

    Parameters
    ----------
    t
        Scores, of any shape.
    df
        Degrees of freedom, positive, whole or not; broadcast against `t`.
    logarithm
        Whether to give natural logarithms, which stay finite where the p-value is below the least double.

    Returns
    -------
    numpy.ndarray
        float64; right to 1e-12 relative down to 1e-300.
    """
    import numpy as np

    t, df = (np.array(x, np.float64, order="C") for x in np.broadcast_arrays(t, df))
    p = np.empty_like(t)
    plain("scn_stats_student_p", t, t.size, df, df.size, int(logarithm), p, p.size)
    return p


def adjust_p(pvals: ArrayLike, method: CorrMethod = "benjamini-hochberg") -> np.ndarray:
    """p-values corrected for the number of tests.

    Parameters
    ----------
    pvals
        p-values of one family of tests. A NaN stays NaN and counts as no test, as in R's ``p.adjust``.
    method
        ``"benjamini-hochberg"``, ``"benjamini-yekutieli"`` or ``"bonferroni"``.

    Returns
    -------
    numpy.ndarray
        float64, of the shape of `pvals`.
    """
    import numpy as np

    pvals = np.asarray(pvals, np.float64, order="C")
    adjusted = np.empty_like(pvals)
    plain("scn_stats_adjust_p", pvals, pvals.size, code(method, CORR_METHODS, "method"), adjusted, adjusted.size)
    return adjusted
