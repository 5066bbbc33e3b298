"""Genes that tell groups of cells from the others, on AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    import numpy as np
    from anndata import AnnData

    from ..array._rank_genes_groups import CorrMethod, FoldChange, Method


def rank_genes_groups(
    adata: AnnData,
    groupby: str,
    *,
    mask_var: np.ndarray | str | None = None,
    use_raw: bool | None = None,
    groups: Literal["all"] | Iterable[str] = "all",
    reference: str = "rest",
    n_genes: int | None = None,
    rankby_abs: bool = False,
    pts: bool = False,
    key_added: str | None = None,
    copy: bool = False,
    method: Method | None = None,
    corr_method: CorrMethod = "benjamini-hochberg",
    tie_correct: bool = False,
    layer: str | None = None,
    continuity: bool = False,
    fold_change: FoldChange = "scanpy_v1",
    **kwds: Any,
) -> AnnData | None:
    """Rank genes for characterising groups. Expects log-normalised data.

    Parameters
    ----------
    adata
        Cells x genes.
    groupby
        The column of ``adata.obs`` that groups the cells.
    mask_var
        Genes to test: an array of bool, or the name of such a column of ``adata.var``.
    use_raw
        Whether to test ``adata.raw``; None: if it is there.
    groups
        Names of the groups to test, or ``"all"``. With ``reference="rest"`` all other cells are the reference, not only
        those of the groups named.
    reference
        ``"rest"``, or the name of the group that the others are compared with.
    n_genes
        How many genes of each group the tables list; None is all.
    rankby_abs
        Order genes by absolute score. The scores listed keep their signs.
    pts
        Also give the fractions of cells that express each gene.
    key_added
        Where in ``adata.uns``; None is ``"rank_genes_groups"``.
    copy
        Return a copy rather than changing `adata`.
    method
        ``"t-test"`` (None is that), ``"t-test_overestim_var"``, ``"wilcoxon"``, and, beyond scanpy, ``"student"``.
        ``"logreg"`` is not there: use scanpy's.
    corr_method
        ``"benjamini-hochberg"``, ``"bonferroni"`` and, beyond scanpy, ``"benjamini-yekutieli"``.
    tie_correct
        Wilcoxon: ties lower the variance.
    layer
        The layer to test in place of ``adata.X``.
    continuity
        Wilcoxon, beyond scanpy: half a unit between U and its mean, as scipy and R have it.
    fold_change
        Beyond scanpy: how ``logfoldchanges`` are computed, see :func:`scnative.array.rank_genes_groups`. All are to base
        2; ``"scanpy_v1"`` is what scanpy computes, ``"scanpy_v2"`` its later ``mean_in_log_space=False``.

    Returns
    -------
    AnnData or None
        A changed copy if `copy`. ``adata.uns[key_added]`` gets ``names``, ``scores``, ``pvals``, ``pvals_adj``,
        ``logfoldchanges`` (structured arrays, a field for each group, in the order of the scores), ``pts`` and
        ``pts_rest`` (data frames, if `pts`), and ``params``.

    Notes
    -----
    Same results as scanpy's function of that name, with these differences: genes of equal score are in the order of
    ``var_names`` (scanpy's order among them is that of numpy's sort on the machine); values that are NaN or infinite are
    an error; scanpy removes stored zeros from the caller's matrix, this leaves it as it is.
    """
    import numpy as np
    import pandas as pd

    from .._errors import ScnTypeError, ScnValueError
    from ..array._rank_genes_groups import rank_genes_groups as compare
    from ..array._rank_genes_groups import rank_order

    if "only_positive" in kwds:  # an old spelling that scanpy still takes
        rankby_abs = not kwds.pop("only_positive")
    if kwds:
        raise ScnTypeError(f"rank_genes_groups: does not take {sorted(kwds)}")
    if use_raw is None:
        use_raw = adata.raw is not None and layer is None
    elif use_raw and adata.raw is None:
        raise ScnValueError("Received `use_raw=True`, but `adata.raw` is empty.")
    if layer is not None and use_raw:
        raise ScnValueError("Cannot specify `layer` and have `use_raw=True`.")
    if n_genes is not None and n_genes < 1:
        raise ScnValueError(f"n_genes: is {n_genes}, must be at least 1, or None (all)")

    adata = adata.copy() if copy else adata
    names, labels, compared_with = _choose_groups(adata, groupby, groups, reference)
    source = adata.raw if use_raw else adata
    X = source.X if layer is None else source.layers[layer]
    var_names = source.var_names
    if mask_var is not None:
        mask = _mask_of_genes(adata, mask_var, len(var_names))
        X, var_names = X[:, mask], var_names[mask]

    method = "t-test" if method is None else method
    ranked = compare(
        X,
        labels,
        n_groups=len(names),
        reference=compared_with,
        method=method,
        corr_method=corr_method,
        tie_correct=tie_correct and method == "wilcoxon",
        continuity=continuity and method == "wilcoxon",
        fold_change=fold_change,
        log1p_base=adata.uns.get("log1p", {}).get("base"),
        results=("scores", "pvals", "pvals_adj", "log_fold_changes", *(("fractions", "fractions_reference") if pts else ())),
    )
    order = rank_order(ranked.scores, None if n_genes is None else min(n_genes, len(var_names)), by_abs=rankby_abs)

    result: dict[str, Any] = {
        "params": {
            "groupby": groupby,
            "reference": reference,
            "method": method,
            "use_raw": use_raw,
            "layer": layer,
            "corr_method": corr_method,
        }
    }
    if pts:
        columns = [str(name) for name in names]
        result["pts"] = pd.DataFrame(ranked.fractions.T, index=var_names, columns=columns)
        if compared_with is None:
            result["pts_rest"] = pd.DataFrame(ranked.fractions_reference.T, index=var_names, columns=columns)
    tested = [group for group in range(len(names)) if group != compared_with]

    def table(rows: np.ndarray, dtype: str) -> np.recarray:
        made = np.recarray(order.shape[1], dtype=[(str(names[group]), dtype) for group in tested])
        for group in tested:
            made[str(names[group])] = rows[group][order[group]]
        return made

    genes = np.broadcast_to(np.asarray(var_names, dtype=object), ranked.scores.shape)
    result["names"] = table(genes, "O")
    result["scores"] = table(ranked.scores, "f4")
    result["pvals"] = table(ranked.pvals, "f8")
    result["pvals_adj"] = table(ranked.pvals_adj, "f8")
    result["logfoldchanges"] = table(ranked.log_fold_changes, "f4")
    adata.uns["rank_genes_groups" if key_added is None else key_added] = result
    return adata if copy else None


def _choose_groups(
    adata: AnnData, groupby: str, groups: Literal["all"] | Iterable[str], reference: str
) -> tuple[list[Any], np.ndarray, int | None]:
    """Names of the groups that take part in their order, each cell's label among them (-1: none), and which of them is
    the reference."""
    import numpy as np
    import pandas as pd

    from .._errors import ScnLookupError, ScnValueError

    if groupby not in adata.obs:
        raise ScnLookupError(f"groupby: is {groupby!r}, must be a column of adata.obs: {list(adata.obs.columns)}")
    if not isinstance(adata.obs[groupby].dtype, pd.CategoricalDtype):
        adata.strings_to_categoricals()  # as scanpy does: plots of the result count on it
    column = adata.obs[groupby]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        raise ScnValueError(f"groupby: adata.obs[{groupby!r}] has dtype {column.dtype}, must be categorical or text")
    categories = list(column.cat.categories)
    if reference != "rest" and reference not in categories:
        raise ScnValueError(f"reference = {reference} needs to be one of groupby = {categories}.")
    if isinstance(groups, str) and groups == "all":
        names = categories
    elif isinstance(groups, (str, int)):
        raise ScnValueError("Specify a sequence of groups")
    else:
        names = [str(name) if isinstance(name, int) else name for name in groups]
        unknown = [name for name in names if name not in categories]
        if unknown or not names:
            raise ScnLookupError(f"groups: has {unknown or 'nothing'}, must be some of {categories}")
        if len(set(names)) < len(names):
            raise ScnValueError(f"groups: {names} has a group twice")
        if reference != "rest" and reference not in names:
            names.append(reference)
    place = np.full(len(categories) + 1, -1, np.int32)  # the last is for code -1
    for at, name in enumerate(names):
        place[categories.index(name)] = at
    labels = place[column.cat.codes.to_numpy()]
    sizes = np.bincount(labels[labels >= 0], minlength=len(names))
    if (sizes < 2).any():
        few = ", ".join(str(name) for name, size in zip(names, sizes) if size < 2)
        raise ScnValueError(f"Could not calculate statistics for groups {few} since they only contain one sample.")
    return names, labels, None if reference == "rest" else names.index(reference)


def _mask_of_genes(adata: AnnData, mask_var: np.ndarray | str, n_vars: int) -> np.ndarray:
    import numpy as np

    from .._errors import ScnLookupError, ScnValueError

    if isinstance(mask_var, str):
        if mask_var not in adata.var:
            raise ScnLookupError(f"mask_var: is {mask_var!r}, must be a column of adata.var: {list(adata.var.columns)}")
        mask_var = adata.var[mask_var]
    mask = np.asarray(mask_var)
    if mask.shape != (n_vars,):
        raise ScnValueError(f"mask_var: has shape {mask.shape}, must have an element for each of the {n_vars} genes tested")
    if mask.dtype != bool:
        raise ScnValueError(f"Mask array must be boolean, mask_var has dtype {mask.dtype}.")
    return mask
