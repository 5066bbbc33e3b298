"""Sums, means, variances, counts and extremes along an axis, of all lines or of groups of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, NamedTuple

from .._errors import ScnValueError
from .._lib import invoke
from .._matrix import View
from ._matrix_ops import axis_tag

if TYPE_CHECKING:
    import numpy as np


class Stats(NamedTuple):
    """Statistics along an axis; None for those not asked for."""

    sum: np.ndarray | None
    mean: np.ndarray | None
    #: Divided by the number of lines less ``ddof``.
    var: np.ndarray | None
    count_nonzero: np.ndarray | None
    min: np.ndarray | None
    max: np.ndarray | None


ALL = Stats._fields


def stats(X: Any, axis: Any = "obs", *, ddof: int = 0, which: Iterable[str] = ALL) -> Stats:
    """Sums, means, variances, numbers of non-zeros, smallest and largest values, along an axis.

    Everything is computed in float64, in one order whatever the layout of X, so the bits depend neither on that nor on
    the number of threads. NaN propagates as in numpy. Variances do not suffer from cancellation.

    Parameters
    ----------
    X
        Cells x genes: scipy csr or csc, or a numpy array.
    axis
        What is summed over: ``'obs'`` (or 0) gives a value for each gene, ``'var'`` (or 1) one for each cell.
    ddof
        The divisor of the variance is the number of lines less this; 0 as in numpy.
    which
        Names of what to compute: ``'sum'``, ``'mean'``, ``'var'``, ``'count_nonzero'``, ``'min'``, ``'max'``; the rest is None.
    """
    view, over = View(X), axis_tag(axis)
    n = view.shape[1 - over]
    outputs = _outputs(which, n)
    invoke("scn_matrix_stats", view, over, int(ddof), *outputs, n)
    return _finished(outputs, (n,))


def aggregate(
    X: Any,
    groups: Any,
    n_groups: int | None = None,
    *,
    axis: Any = "obs",
    ddof: int = 1,
    which: Iterable[str] = ALL,
) -> Stats:
    """:func:`stats` of each group of cells (or genes).

    Parameters
    ----------
    X
        Cells x genes.
    groups
        The group of each cell, from 0 to `n_groups` - 1, or -1 for none.
    n_groups
        How many groups there are; by default the largest label and one.
    axis
        What `groups` labels: ``'obs'`` (or 0) or ``'var'`` (or 1).
    ddof
        The divisor of a group's variance is its size less this; 1 as in scanpy.
    which
        As in :func:`stats`.

    Returns
    -------
    Stats
        Each n_groups x genes (or cells). Of a group of none, sums and counts are 0, all else NaN; the variance of a
        group not larger than `ddof` is NaN.
    """
    view, over = View(X), axis_tag(axis)
    labels, n_groups = _labels(groups, n_groups)
    shape = (n_groups, view.shape[1 - over])
    outputs = _outputs(which, max(shape[0], 0) * shape[1])
    invoke("scn_matrix_aggregate", view, over, labels, len(labels), n_groups, int(ddof), *outputs, n_groups * shape[1])
    return _finished(outputs, shape)


def _outputs(which: Iterable[str], size: int) -> list[np.ndarray | None]:
    import numpy as np

    which = {which} if isinstance(which, str) else set(which)
    unknown = sorted(which - set(ALL))
    if unknown:
        raise ScnValueError(f"which: has {unknown[0]!r}, must be of {', '.join(map(repr, ALL))}")
    return [np.empty(size) if name in which else None for name in ALL]


def _finished(outputs: list[np.ndarray | None], shape: tuple[int, ...]) -> Stats:
    made = Stats(*(None if out is None else out.reshape(shape) for out in outputs))
    if made.count_nonzero is None:
        return made
    return made._replace(count_nonzero=made.count_nonzero.astype("int64"))


def median(X: Any, groups: Any = None, n_groups: int | None = None, *, axis: Any = "obs") -> np.ndarray:
    """Medians along an axis, of all lines or of each group of them.

    Parameters
    ----------
    X
        Cells x genes.
    groups, n_groups, axis
        As in :func:`aggregate`; without groups, all lines are one.

    Returns
    -------
    numpy.ndarray
        A value for each gene (or cell); n_groups x genes (or cells) with groups. NaN where one of the values is, and for
        a group of none.
    """
    import numpy as np

    view, over = View(X), axis_tag(axis)
    whole = groups is None
    labels, n_groups = _labels(np.zeros(view.shape[over], np.int32) if whole else groups, 1 if whole else n_groups)
    shape = (n_groups, view.shape[1 - over])
    out = np.empty(max(n_groups, 0) * shape[1])
    invoke("scn_matrix_medians", view, over, labels, len(labels), n_groups, out, out.size)
    return out if whole else out.reshape(shape)


def _labels(groups: Any, n_groups: int | None) -> tuple[np.ndarray, int]:
    """Labels as the library takes them, and the number of groups."""
    import numpy as np

    groups = np.asarray(groups)
    if groups.ndim != 1:
        raise ScnValueError(f"groups: has {groups.ndim} dimensions, must have 1: a label for each")
    if groups.dtype.kind not in "iu" and groups.size:
        raise ScnValueError(f"groups: has dtype {groups.dtype}, must be of integers: a label for each, -1 for none")
    if n_groups is None:
        n_groups = int(groups.max(initial=-1)) + 1
    return np.ascontiguousarray(groups.clip(-(2**31), 2**31 - 1), dtype=np.int32), int(n_groups)
