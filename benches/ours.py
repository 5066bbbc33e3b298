"""Our own calls."""

from __future__ import annotations

from typing import Any

from operations import OPERATIONS, Call, tool

TESTS = ("scores", "pvals", "pvals_adj", "log_fold_changes")


def with_values(matrix: Any) -> Any:
    """The matrix with values of its own: what works in place changes no others."""
    import copy

    own = copy.copy(matrix)
    own.data = matrix.data.copy()
    return own


def sparse_answer(matrix: Any) -> dict[str, Any]:
    """The first part of a sparse matrix: more would take longer to compare than to compute."""
    return {"indptr": matrix.indptr, "indices": matrix.indices[:2_000_000], "x": matrix.data[:2_000_000]}


def mask(genes: Any) -> dict[str, Any]:
    return {"chosen": genes}


ours = "scnative"


@tool(ours, "normalize_log1p")
def normalize_log1p(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    return Call(
        lambda x: array.normalize_log1p(x, target_sum=1e4, inplace=True),
        fresh=lambda: with_values(w.counts),
        answer=lambda r: {"x": r.X.data},
    )


@tool(ours, "qc")
def qc(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    return Call(
        lambda _: array.calculate_qc_metrics(w.counts, subsets=[w.mitochondrial]),
        answer=lambda r: {"total": r.total_counts, "n_genes": r.n_genes_by_counts, "mt": r.subset_pct[0], "top": r.pct_counts_in_top},
    )


@tool(ours, "mean_var_obs", "mean_var_var")
def mean_var(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x = w.logged if op == "mean_var_obs" else w.logged_var
    return Call(lambda _: array.stats(x, ddof=1, which=("mean", "var")), answer=lambda r: {"mean": r.mean, "var": r.var})


@tool(ours, "to_var")
def to_var(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x = w.counts
    return Call(lambda _: array.to_major(x, "var"), answer=sparse_answer)


@tool(ours, "subset_obs", "subset_var")
def subset(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x, genes = w.counts if op == "subset_obs" else w.counts_var, w.chosen
    return Call(lambda _: array.subset(x, vars=genes), answer=sparse_answer)


@tool(ours, *(name for name in OPERATIONS if name.startswith("hvg_")))
def highly_variable_genes(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    flavor = {"hvg_pearson": "pearson_residuals"}.get(op, op.removeprefix("hvg_").removesuffix("_batches").removesuffix("_var"))
    x = w.logged if flavor in ("seurat", "cell_ranger") else w.counts
    if op == "hvg_cell_ranger_var":
        x = w.logged_var.astype("f8")
    batches = w.batches if op.endswith("_batches") else None
    return Call(
        lambda _: array.highly_variable_genes(x, flavor=flavor, n_top_genes=2000, batches=batches),
        answer=lambda r: mask(r.highly_variable),
    )


@tool(ours, "aggregate_w1", "aggregate_w2")
def aggregate(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x, groups = w.counts, w.groups
    return Call(
        lambda _: array.aggregate(x, groups, which=("sum", "mean", "var", "count_nonzero")),
        answer=lambda r: {"sum": r.sum, "mean": r.mean, "var": r.var, "count": r.count_nonzero},
    )


@tool(ours, *(name for name in OPERATIONS if name.startswith(("wilcoxon_", "ttest_"))))
def rank_genes_groups(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x = w.counts if op.endswith("_raw") else w.logged_var if op.endswith("_var") else w.logged
    groups, reference = w.groups, 0 if "_reference" in op else None
    how = {"method": "wilcoxon", "tie_correct": True} if op.startswith("wilcoxon") else {"method": "t-test"}
    return Call(
        lambda _: array.rank_genes_groups(x, groups, reference=reference, results=TESTS, **how),
        answer=lambda r: {"p": r.pvals, "score": r.scores},
    )


@tool(ours, "score_genes")
def score_genes(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x, genes = w.logged, w.chosen[:50]
    return Call(lambda _: array.score_genes(x, genes, array.control_genes(x, genes)), answer=lambda r: {"score": r})


@tool(ours, "scale_dense")
def scale_dense(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    return Call(lambda x: array.scale(x, max_value=10), fresh=w.chosen_dense.copy, answer=lambda r: {"x": r.X[:1000]})


@tool(ours, "scale_sparse")
def scale_sparse(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    return Call(
        lambda x: array.scale(x, max_value=10, zero_center=False),
        fresh=lambda: with_values(w.chosen_logged),
        answer=lambda r: {"x": r.X.data},
    )


@tool(ours, "regress_numeric", "regress_category")
def regress_out(op: str, w: Any, threads: int) -> Call:
    from scnative import array

    x = w.chosen_dense
    how = {"covariates": w.covariates} if op == "regress_numeric" else {"groups": w.batches}
    return Call(lambda _: array.regress_out(x, **how), answer=lambda r: {"x": r[:1000]})
