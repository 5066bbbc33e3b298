"""Genes that tell groups of cells from the others, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import _abi as abi
from .._errors import ScnUnsupported, ScnValueError
from .._lib import address, invoke, options
from .._matrix import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike

Method = Literal["t-test", "t-test_overestim_var", "student", "wilcoxon"]
CorrMethod = Literal["benjamini-hochberg", "benjamini-yekutieli", "bonferroni"]
FoldChange = Literal["scanpy_v1", "scanpy_v2", "seurat_v4", "seurat_v5", "seurat_v4_means", "difference"]

METHODS = {
    "t-test": abi.SCN_METHOD_T_TEST,
    "t-test_overestim_var": abi.SCN_METHOD_T_TEST_OVERESTIM_VAR,
    "student": abi.SCN_METHOD_STUDENT,
    "wilcoxon": abi.SCN_METHOD_WILCOXON,
}
CORR_METHODS = {
    "benjamini-hochberg": abi.SCN_CORR_BENJAMINI_HOCHBERG,
    "benjamini-yekutieli": abi.SCN_CORR_BENJAMINI_YEKUTIELI,
    "bonferroni": abi.SCN_CORR_BONFERRONI,
}
FOLD_CHANGES = {
    "scanpy_v1": abi.SCN_FOLD_CHANGE_SCANPY_V1,
    "scanpy_v2": abi.SCN_FOLD_CHANGE_SCANPY_V2,
    "seurat_v4": abi.SCN_FOLD_CHANGE_SEURAT_V4,
    "seurat_v5": abi.SCN_FOLD_CHANGE_SEURAT_V5,
    "seurat_v4_means": abi.SCN_FOLD_CHANGE_SEURAT_V4_MEANS,
    "difference": abi.SCN_FOLD_CHANGE_DIFFERENCE,
}

#: What can be computed, in the order of :class:`RankedGenes`.
RESULTS = (
    "scores",
    "pvals",
    "pvals_adj",
    "log_fold_changes",
    "ln_pvals",
    "u",
    "auroc",
    "means",
    "means_reference",
    "fractions",
    "fractions_reference",
)


class RankedGenes(NamedTuple):
    """Comparisons, each array groups x genes; None is what was not asked for.

    If the reference is a group, all that compares is NaN in its own row.
    """

    #: z (Wilcoxon) or t; positive where the group's values are the greater.
    scores: np.ndarray | None
    #: Two-sided p-values.
    pvals: np.ndarray | None
    #: Corrected for the number of genes.
    pvals_adj: np.ndarray | None
    log_fold_changes: np.ndarray | None
    #: Natural logarithms of the p-values, also where these are below the least double.
    ln_pvals: np.ndarray | None
    #: Mann and Whitney's U (Wilcoxon only).
    u: np.ndarray | None
    #: Area under the ROC curve (Wilcoxon only).
    auroc: np.ndarray | None
    means: np.ndarray | None
    #: Means of the other side: the rest, or the reference group.
    means_reference: np.ndarray | None
    #: Part of the cells whose value is not zero, or above zero with ``positive_fractions``.
    fractions: np.ndarray | None
    fractions_reference: np.ndarray | None


def rank_genes_groups(
    X: Any,
    groups: ArrayLike,
    *,
    n_groups: int | None = None,
    reference: int | None = None,
    method: Method = "t-test",
    corr_method: CorrMethod = "benjamini-hochberg",
    tie_correct: bool = False,
    continuity: bool = False,
    exact: bool = False,
    positive_fractions: bool = False,
    min_cells: int = 2,
    fold_change: FoldChange = "scanpy_v1",
    log1p_base: float | None = None,
    pseudocount: float | None = None,
    fold_change_base: float = 2.0,
    results: Sequence[str] = ("scores", "pvals", "pvals_adj", "log_fold_changes"),
) -> RankedGenes:
    """Compare each group of cells with all others, or with one group, gene by gene.

    Parameters
    ----------
    X
        Cells x genes, csr, csc or dense, of any number type; log-normalised, or the fold changes mean nothing.
    groups
        For each cell its group, from 0; -1 for a cell in no group. Such cells count in the rest; they take no part if
        the reference is a group.
    n_groups
        Default: one more than the largest label.
    reference
        The group that all others are compared with; None is the rest, all other cells.
    method
        ``"t-test"`` (Welch's), ``"t-test_overestim_var"`` (Welch's as if the other side were as small as the group),
        ``"student"`` (one pooled variance), ``"wilcoxon"`` (rank sum test, normal approximation).
    corr_method
        Each group is corrected for its own tests.
    tie_correct, continuity
        Wilcoxon only. Ties lower the variance; half a unit between U and its mean. scanpy does neither, scipy and R both.
    exact
        Wilcoxon only: p-values from the exact distribution of U where both sides have fewer than 50 cells and no two values
        are equal, as R's ``wilcox.test`` has it.
    positive_fractions
        Fractions count the values above zero, as Seurat does, rather than those that are not zero.
    min_cells
        The smallest group that is tested; 1 is possible for Wilcoxon only.
    fold_change
        With u = expm1(X) and c the pseudocount: ``"scanpy_v1"`` log((expm1(mean X1) + c) / (expm1(mean X2) + c));
        ``"scanpy_v2"`` log((mean u1 + c) / (mean u2 + c)), scanpy's ``mean_in_log_space=False``; ``"seurat_v4"``
        log(mean u1 + c) - log(mean u2 + c); ``"seurat_v5"`` log((sum u1 + c) / n1) - log((sum u2 + c) / n2); ``"seurat_v4_means"``
        log(mean X1 + c) - log(mean X2 + c); ``"difference"`` mean X1 - mean X2.
    log1p_base
        Base of the logarithm that `X` is in; None is e.
    pseudocount
        The c above; None is the convention's own: 1e-9 for scanpy's, 1 for Seurat's.
    fold_change_base
        Base of the results.
    results
        Which fields of :class:`RankedGenes` to compute.

    Returns
    -------
    RankedGenes
        float64 arrays, groups x genes.

    Raises
    ------
    ScnValueError
        A group of less than `min_cells`, a value that is NaN or infinite, an argument out of range.

    Notes
    -----
    Same answers as scipy's ``mannwhitneyu(method="asymptotic")`` and ``ttest_ind`` in double precision, at any number
    of cells: U and the tie term are exact integers. See ``scn_tl_rank_genes_groups`` in ``scnative.h`` for the rest.
    """
    import numpy as np

    view = View(X)
    labels = as_labels(groups, "groups")
    if n_groups is None:
        n_groups = int(labels.max(initial=-1)) + 1
    if isinstance(results, str):
        results = (results,)
    unknown = set(results) - set(RESULTS)
    if unknown:
        raise ScnValueError(f"results: has {sorted(unknown)}, must be among {list(RESULTS)}")
    chosen = options(
        "ScnRankGenesGroupsOptions",
        method=code(method, METHODS, "method"),
        reference=abi_reference(reference),
        tie_correct=int(tie_correct),
        continuity=int(continuity),
        exact=int(exact),
        positive_fractions=int(positive_fractions),
        min_cells=min_cells,
        corr_method=code(corr_method, CORR_METHODS, "corr_method"),
        fold_change=code(fold_change, FOLD_CHANGES, "fold_change"),
        log1p_base=log1p_base,
        pseudocount=pseudocount,
        fold_change_base=fold_change_base,
    )
    n_vars = view.shape[1]
    made = {name: np.empty((max(n_groups, 0), n_vars)) for name in results}
    outputs = options("ScnRankGenesGroupsOutputs", len=max(n_groups, 0) * n_vars)
    for name, array in made.items():
        setattr(outputs, name, address(array))
    invoke("scn_tl_rank_genes_groups", view, labels, len(labels), n_groups, chosen, outputs)
    return RankedGenes(**{name: made.get(name) for name in RESULTS})


def rank_order(scores: np.ndarray, n_top: int | None = None, *, by_abs: bool = False) -> np.ndarray:
    """The genes of each group in the order of their scores, the highest first.

    Parameters
    ----------
    scores
        Groups x genes.
    n_top
        How many genes of each group; None is all.
    by_abs
        Order by absolute score.

    Returns
    -------
    numpy.ndarray
        int64, groups x `n_top`. Equal scores stay in the order of the genes, NaN comes last.
    """
    import numpy as np

    scores = np.ascontiguousarray(scores, np.float64)
    if scores.ndim != 2:
        raise ScnValueError(f"scores: has {scores.ndim} dimensions, must have 2 (groups x genes)")
    n_groups, n_vars = scores.shape
    n_top = n_vars if n_top is None else n_top
    order = np.empty((n_groups, max(n_top, 0)), np.int64)
    invoke("scn_tl_rank_genes_groups_order", scores, scores.size, n_groups, n_vars, n_top, int(by_abs), order, order.size)
    return order


def abi_reference(reference: int | None) -> int:
    if reference is None:
        return abi.SCN_REFERENCE_REST
    if reference < 0:
        raise ScnValueError(f"reference: is {reference}, must be a group, or None (the rest)")
    return int(reference)


def code(value: str, known: dict[str, int], name: str) -> int:
    """The number of a named option."""
    if value == "logreg" and name == "method":
        raise ScnUnsupported("method: is 'logreg', which scnative does not have; use scanpy's", abi.SCN_ERR_UNSUPPORTED)
    if value not in known:
        raise ScnValueError(f"{name}: is {value!r}, must be one of {list(known)}")
    return known[value]


def as_labels(groups: ArrayLike, name: str) -> np.ndarray:
    """Labels of cells as contiguous int32."""
    import numpy as np

    labels = np.asarray(groups)
    if labels.ndim != 1:
        raise ScnValueError(f"{name}: has {labels.ndim} dimensions, must have 1, a label for each cell")
    if labels.dtype.kind not in "iu" and labels.size:
        raise ScnValueError(f"{name}: has dtype {labels.dtype}, must be whole numbers; pandas' .cat.codes are")
    small = labels.astype(np.int32)
    if not np.array_equal(small, labels):
        raise ScnValueError(f"{name}: has labels beyond 32 bits, must be from -1 to the number of groups")
    return np.ascontiguousarray(small)
