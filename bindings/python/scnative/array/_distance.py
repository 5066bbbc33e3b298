"""Distances between groups of cells, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _abi as abi
from .._lib import invoke
from .._matrix import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

METRICS = {"sqeuclidean": abi.SCN_METRIC_SQEUCLIDEAN, "euclidean": abi.SCN_METRIC_EUCLIDEAN}


class Mmd(NamedTuple):
    """Squared maximum mean discrepancies, and the kernel's widths."""

    squared: np.ndarray
    gammas: np.ndarray


def _labels(groups: np.ndarray, n_groups: int | None, reference: int | None) -> tuple[np.ndarray, int, int, tuple[int, ...]]:
    import numpy as np

    labels = np.ascontiguousarray(groups, dtype=np.int32)
    count = int(labels.max(initial=-1)) + 1 if n_groups is None else n_groups
    return labels, count, -1 if reference is None else reference, (count, count) if reference is None else (count,)


def energy_distance(
    X: Any,
    groups: np.ndarray,
    *,
    n_groups: int | None = None,
    reference: int | None = None,
    metric: str = "sqeuclidean",
    unbiased: bool = True,
) -> np.ndarray:
    """The energy distance between groups of cells, ``2 E d(X, Y) - E d(X, X') - E d(Y, Y')``.

    Parameters
    ----------
    X
        Cells x features: an embedding, or any matrix (csr, csc, numpy).
    groups
        A label from 0 for each cell, -1 for none.
    n_groups
        How many groups there are; default one more than the largest label.
    reference
        The group that all are compared with; default each with each.
    metric
        What d is: ``"sqeuclidean"`` (of means and variances alone, one pass over the cells) or ``"euclidean"`` (all pairs of
        cells; 0 only for equal distributions).
    unbiased
        Average within a group over its pairs of different cells, not over all pairs. The defaults are scPerturb's ``edist``;
        ``metric="euclidean", unbiased=False`` is pertpy's ``edistance``.

    Returns
    -------
    numpy.ndarray
        ``n_groups x n_groups``, or ``n_groups`` if there is a reference. NaN where a group is too small.
    """
    import numpy as np

    if metric not in METRICS:
        raise ValueError(f"metric: is {metric!r}, must be one of {', '.join(map(repr, METRICS))}")
    labels, count, against, shape = _labels(groups, n_groups, reference)
    out = np.empty(shape)
    how = (METRICS[metric], int(unbiased))
    invoke("scn_tl_energy_distance", View(X), labels, labels.size, count, against, *how, out, out.size)
    return out


def mmd(
    X: Any,
    groups: np.ndarray,
    *,
    n_groups: int | None = None,
    reference: int | None = None,
    gammas: float | Sequence[float] | None = None,
    unbiased: bool = False,
    seed: int | None = None,
) -> Mmd:
    """The squared maximum mean discrepancy between groups of cells, ``E k(X, X') + E k(Y, Y') - 2 E k(X, Y)``.

    Parameters
    ----------
    X, groups, n_groups, reference
        As in :func:`energy_distance`.
    gammas
        The kernel is ``exp(-gamma |x - y|**2)``, averaged over the gammas. Default one by the median heuristic, ``1 / (2 m**2)``
        with the median distance ``m`` of pairs of cells, of at most 1000 of them, drawn by `seed`.
    unbiased
        Leave out pairs of a cell with itself (Gretton's U-statistic, which may be negative).
    seed
        Default :attr:`scnative.settings.seed`.

    Returns
    -------
    Mmd
        ``squared`` (``n_groups x n_groups``, or ``n_groups`` if there is a reference; NaN where a group is too small) and the
        ``gammas`` used.
    """
    import numpy as np

    given = np.ascontiguousarray([] if gammas is None else np.atleast_1d(gammas), dtype=np.float64)
    labels, count, against, shape = _labels(groups, n_groups, reference)
    out, used = np.empty(shape), np.empty(max(given.size, 1))
    tail = (given, given.size, int(unbiased), out, out.size, used, used.size)
    invoke("scn_tl_mmd", View(X), labels, labels.size, count, against, *tail, seed=seed)
    return Mmd(out, used)
