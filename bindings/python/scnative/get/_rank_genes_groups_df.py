"""Results of rank_genes_groups as a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from anndata import AnnData


def rank_genes_groups_df(
    adata: AnnData,
    group: str | Iterable[str] | None,
    *,
    key: str = "rank_genes_groups",
    pval_cutoff: float | None = None,
    log2fc_min: float | None = None,
    log2fc_max: float | None = None,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Results of :func:`scnative.tl.rank_genes_groups` (or scanpy's) as a data frame.

    Parameters
    ----------
    adata
        Has the results in ``adata.uns[key]``.
    group
        Name of a group, or several; None is all.
    key
        Where the results are.
    pval_cutoff
        Only genes whose adjusted p-value is below.
    log2fc_min, log2fc_max
        Only genes whose log fold change is above, and below.
    gene_symbols
        A column of ``adata.var`` to add.

    Returns
    -------
    pandas.DataFrame
        Columns ``group`` (unless one group was asked for), ``names``, ``scores``, ``logfoldchanges``, ``pvals``,
        ``pvals_adj``, the column of `gene_symbols`, and ``pct_nz_group``, ``pct_nz_reference`` where there are fractions.
    """
    import pandas as pd

    from .._errors import ScnLookupError

    if key not in adata.uns:
        raise ScnLookupError(f"key: is {key!r}, which adata.uns does not have; run rank_genes_groups first")
    found = adata.uns[key]
    there = list(found["names"].dtype.names)
    groups = there if group is None else [group] if isinstance(group, str) else list(group)
    unknown = [name for name in groups if name not in there]
    if unknown:
        raise ScnLookupError(f"group: has {unknown}, must be among {there}")

    columns = [name for name in ("names", "scores", "logfoldchanges", "pvals", "pvals_adj") if name in found]
    fractions = {"pts": "pct_nz_group", "pts_rest": "pct_nz_reference"}
    parts = []
    for name in groups:
        part = pd.DataFrame({column: found[column][name] for column in columns})
        part.insert(0, "group", name)
        if pval_cutoff is not None:
            part = part[part["pvals_adj"] < pval_cutoff]
        if log2fc_min is not None:
            part = part[part["logfoldchanges"] > log2fc_min]
        if log2fc_max is not None:
            part = part[part["logfoldchanges"] < log2fc_max]
        if gene_symbols is not None:
            part = part.join(adata.var[gene_symbols], on="names")
        for table, column in fractions.items():
            if table in found:
                part[column] = found[table][name].loc[part["names"]].to_numpy()
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame["group"] = pd.Categorical(frame["group"], categories=groups)
    return frame.drop(columns="group") if len(groups) == 1 else frame
