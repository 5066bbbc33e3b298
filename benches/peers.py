"""The peers' calls, each as its own documentation has it, on the layout that it likes best: what has to be converted is converted untimed,
and the note says so."""

from __future__ import annotations

from typing import Any

from operations import OPERATIONS, Call, tool
from ours import mask, sparse_answer, with_values

TARGET = 1e4


def by_genes_and_groups(w: Any, groups: list[int], genes: Any, values: Any) -> Any:
    """Groups x genes, NaN where nothing was computed."""
    import numpy as np

    out = np.full((w.shape.n_groups, w.shape.n_vars), np.nan)
    out[np.ix_(groups, genes)] = values
    return out


def some_genes(w: Any, part: int) -> Any:
    import numpy as np

    return np.arange(0, w.shape.n_vars, part)


# ---------------------------------------------------------------------------------------------------------------- scanpy


def scanpy(threads: int) -> Any:
    import scanpy

    scanpy.settings.n_jobs, scanpy.settings.verbosity = threads, 0
    return scanpy


@tool("scanpy", "normalize_log1p")
def scanpy_normalize_log1p(op: str, w: Any, threads: int) -> Call:
    sc = scanpy(threads)

    def run(adata: Any) -> Any:
        sc.pp.normalize_total(adata, target_sum=TARGET)
        sc.pp.log1p(adata)
        return adata

    return Call(run, fresh=lambda: w.annotated(with_values(w.counts)), answer=lambda r: {"x": r.X.data})


@tool("scanpy", "qc")
def scanpy_qc(op: str, w: Any, threads: int) -> Call:
    sc, adata = scanpy(threads), w.annotated(w.counts)
    tops = (50, 100, 200, 500)
    return Call(
        lambda _: sc.pp.calculate_qc_metrics(adata, qc_vars=["mt"], percent_top=tops, log1p=False),
        answer=lambda r: {
            "total": r[0]["total_counts"],
            "n_genes": r[0]["n_genes_by_counts"],
            "mt": r[0]["pct_counts_mt"],
            "top": [r[0][f"pct_counts_in_top_{n}_genes"] for n in tops],
        },
    )


@tool("scanpy", *(name for name in OPERATIONS if name.startswith("hvg_")))
def scanpy_hvg(op: str, w: Any, threads: int) -> Call:
    sc, flavor = scanpy(threads), op.removeprefix("hvg_").removesuffix("_batches").removesuffix("_var")
    matrix = w.logged if flavor in ("seurat", "cell_ranger") else w.counts
    adata = w.annotated(w.logged_var.astype("f8") if op == "hvg_cell_ranger_var" else matrix)
    if flavor == "pearson":
        choose, how = sc.experimental.pp.highly_variable_genes, {"flavor": "pearson_residuals"}
    else:
        choose, how = sc.pp.highly_variable_genes, {"flavor": flavor}
    if op.endswith("_batches"):
        how["batch_key"] = "batch"

    def run(_: Any) -> Any:
        choose(adata, n_top_genes=2000, **how)
        return adata

    return Call(run, answer=lambda r: mask(r.var["highly_variable"].to_numpy()))


def scanpy_sums(layers: Any) -> dict[str, Any]:
    names = {"count_nonzero": "count"}
    return {names.get(name, name): values.toarray() if hasattr(values, "toarray") else values for name, values in layers.items()}


@tool("scanpy", "aggregate_w1", "aggregate_w2")
def scanpy_aggregate(op: str, w: Any, threads: int) -> Call:
    sc, adata = scanpy(threads), w.annotated(w.counts)
    run = lambda _: sc.get.aggregate(adata, by="group", func=["sum", "mean", "var", "count_nonzero"])  # noqa: E731
    return Call(run, answer=lambda r: scanpy_sums(r.layers))


@tool("scanpy sum", "aggregate_w1", "aggregate_w2")
def scanpy_sum(op: str, w: Any, threads: int) -> Call:
    sc, adata = scanpy(threads), w.annotated(w.counts)
    run = lambda _: sc.get.aggregate(adata, by="group", func="sum")  # noqa: E731
    return Call(run, answer=lambda r: scanpy_sums(r.layers), note="the sum alone", less=True)


@tool(
    "scanpy", "wilcoxon_rest_obs", "wilcoxon_rest_raw", "wilcoxon_reference_obs", "wilcoxon_reference_raw", "ttest_rest", "ttest_reference"
)
def scanpy_rank_genes_groups(op: str, w: Any, threads: int) -> Call:
    import numpy as np

    sc, matrix = scanpy(threads), w.counts if op.endswith("_raw") else w.logged
    groups, part, note = list(range(w.shape.n_groups)), 1, ""
    how: dict[str, Any] = {"method": "t-test"} if op.startswith("ttest") else {"method": "wilcoxon", "tie_correct": True}
    if "_reference" in op:
        groups, how["reference"] = groups[1:], w.group_names[0]
    if op.startswith("wilcoxon") and w.name != "small":
        part, note = 10, "every tenth gene, x10"
    genes, times = some_genes(w, part), float(part)
    if "_reference" in op and op.startswith("wilcoxon") and len(groups) > 10:
        times, groups, note = times * len(groups) / 10, groups[:10], f"10 of {len(groups)} groups, every tenth gene, x{len(groups)}"
    adata = w.annotated(matrix)
    adata = adata[:, genes].copy() if part > 1 else adata
    adata.uns["log1p"] = {"base": None}
    if "_reference" in op:
        how["groups"] = [w.group_names[g] for g in groups]

    def run(_: Any) -> Any:
        sc.tl.rank_genes_groups(adata, "group", **how)
        return adata.uns["rank_genes_groups"]

    def answer(r: Any) -> dict[str, Any]:
        place = {name: i for i, name in enumerate(adata.var_names)}
        made: dict[str, Any] = {"partial": part > 1 or "_reference" in op}
        for ours, field in (("p", "pvals"), ("score", "scores")):
            found = np.empty((len(groups), len(genes)))
            for i, g in enumerate(groups):
                found[i, [place[name] for name in r["names"][w.group_names[g]]]] = r[field][w.group_names[g]]
            made[ours] = by_genes_and_groups(w, groups, genes, found)
        return made

    return Call(run, answer=answer, note=note, times=times)


@tool("scanpy", "score_genes")
def scanpy_score_genes(op: str, w: Any, threads: int) -> Call:
    sc, adata = scanpy(threads), w.annotated(w.logged)
    genes = [w.gene_names[g] for g in w.chosen[:50]]

    def run(_: Any) -> Any:
        sc.tl.score_genes(adata, genes)
        return adata

    return Call(run, answer=lambda r: {"score": r.obs["score"].to_numpy()})


@tool("scanpy", "scale_dense", "scale_sparse")
def scanpy_scale(op: str, w: Any, threads: int) -> Call:
    sc, dense = scanpy(threads), op == "scale_dense"

    def run(adata: Any) -> Any:
        sc.pp.scale(adata, max_value=10, zero_center=dense)
        return adata

    return Call(
        run,
        fresh=lambda: w.annotated(w.chosen_dense.copy() if dense else with_values(w.chosen_logged)),
        answer=lambda r: {"x": r.X[:1000] if dense else r.X.data},
    )


@tool("scanpy", "regress_numeric")
def scanpy_regress_numeric(op: str, w: Any, threads: int) -> Call:
    sc = scanpy(threads)

    def fresh() -> Any:
        adata = w.annotated(w.chosen_dense.copy())
        adata.obs[["total", "genes"]] = w.covariates
        return adata

    def run(adata: Any) -> Any:
        sc.pp.regress_out(adata, ["total", "genes"], n_jobs=threads)
        return adata

    return Call(run, fresh=fresh, answer=lambda r: {"x": r.X[:1000]})


@tool("scanpy", "regress_category")
def scanpy_regress_category(op: str, w: Any, threads: int) -> Call:
    import numpy as np

    sc, part = scanpy(threads), 10
    genes = np.arange(0, w.chosen_dense.shape[1], part)

    def fresh() -> Any:
        return w.annotated(w.chosen_dense.copy())[:, genes].copy()

    def run(adata: Any) -> Any:
        sc.pp.regress_out(adata, "batch", n_jobs=threads)
        return adata

    def answer(r: Any) -> dict[str, Any]:
        x = np.full((1000, w.chosen_dense.shape[1]), np.nan)
        x[:, genes] = r.X[:1000]
        return {"x": x, "partial": True}

    return Call(run, fresh=fresh, answer=answer, note=f"every tenth gene, x{part}", times=part)


# ------------------------------------------------------------------------------------------------------- numpy and scipy


@tool("numpy", "normalize_log1p")
def numpy_normalize_log1p(op: str, w: Any, threads: int) -> Call:
    import numpy as np

    def run(x: Any) -> Any:
        totals = np.asarray(x.sum(1)).ravel()
        x.data *= np.repeat((TARGET / totals).astype("f4"), np.diff(x.indptr))
        np.log1p(x.data, out=x.data)
        return x

    return Call(run, fresh=lambda: with_values(w.counts), answer=lambda r: {"x": r.data})


@tool("numpy", "mean_var_obs")
def numpy_mean_var(op: str, w: Any, threads: int) -> Call:
    import numpy as np

    x, n = w.logged, w.shape.n_obs

    def run(_: Any) -> Any:
        mean = np.bincount(x.indices, x.data, x.shape[1]) / n
        off = (x.data - mean[x.indices]) ** 2
        zeros = n - np.bincount(x.indices, minlength=x.shape[1])
        return mean, (np.bincount(x.indices, off, x.shape[1]) + zeros * mean**2) / (n - 1)

    return Call(run, answer=mean_var_answer, note="in two passes, the reference")


def mean_var_answer(r: Any) -> dict[str, Any]:
    import numpy as np

    return {"mean": np.asarray(r[0]).ravel(), "var": np.asarray(r[1]).ravel()}


@tool("scipy", "to_var")
def scipy_to_var(op: str, w: Any, threads: int) -> Call:
    x = w.counts
    return Call(lambda _: x.tocsc(), answer=sparse_answer)


@tool("scipy", "subset_obs", "subset_var")
def scipy_subset(op: str, w: Any, threads: int) -> Call:
    x, genes = w.counts if op == "subset_obs" else w.counts_var, w.chosen
    return Call(lambda _: x[:, genes], answer=sparse_answer)


@tool("numpy", "scale_dense")
def numpy_scale(op: str, w: Any, threads: int) -> Call:
    import numpy as np

    def run(x: Any) -> Any:
        mean, std = x.mean(0, dtype="f8"), x.std(0, ddof=1, dtype="f8")
        std[std == 0] = 1
        x -= mean.astype("f4")
        x /= std.astype("f4")
        return np.clip(x, -10, 10, out=x)

    return Call(run, fresh=w.chosen_dense.copy, answer=lambda r: {"x": r[:1000]})


@tool("numpy QR", "regress_numeric")
def numpy_qr(op: str, w: Any, threads: int) -> Call:
    return regression_by_qr(w, "f4")


@tool("numpy f64", "regress_numeric")
def numpy_qr_reference(op: str, w: Any, threads: int) -> Call:
    return regression_by_qr(w, "f8", "float64 throughout, the reference")


def regression_by_qr(w: Any, dtype: str, note: str = "QR of the covariates and two products, float32") -> Call:
    import numpy as np

    x, design = w.chosen_dense, np.column_stack([np.ones(w.shape.n_obs), w.covariates])

    def run(_: Any) -> Any:
        basis = np.linalg.qr(design)[0].astype(dtype)
        return x - basis @ (basis.T @ x)

    return Call(run, answer=lambda r: {"x": r[:1000]}, note=note)


# ----------------------------------------------------------------------------------------------------------------- brisc


def brisc(w: Any, counts: Any, threads: int) -> Any:
    import brisc
    import numpy as np
    import polars
    import scipy.sparse as sp

    cells = {
        "cell": [f"cell{i}" for i in range(w.shape.n_obs)],
        "group": np.array(w.group_names)[w.groups],
        "batch": [f"b{b}" for b in w.batches],
        "all": ["all"] * w.shape.n_obs,
    }
    matrix = sp.csr_array((counts.data, counts.indices, counts.indptr), shape=counts.shape)
    return brisc.SingleCell(X=matrix, obs=polars.DataFrame(cells), var=polars.DataFrame({"gene": w.gene_names}), num_threads=threads)


@tool("brisc", "normalize_log1p")
def brisc_normalize_log1p(op: str, w: Any, threads: int) -> Call:
    return Call(
        lambda cells: cells.normalize(method="logCP10k", inplace=True),
        fresh=lambda: brisc(w, with_values(w.counts), threads).skip_qc(),
        answer=lambda r: {"x": r.X.data},
    )


@tool("brisc", "qc")
def brisc_qc(op: str, w: Any, threads: int) -> Call:
    cells = brisc(w, w.counts, threads)
    return Call(
        lambda _: cells.qc_metrics(allow_float=True, overwrite=True),
        answer=lambda r: {
            "total": r.obs["num_counts"].to_numpy(),
            "n_genes": r.obs["num_genes"].to_numpy(),
            "mt": 100 * r.obs["mito_fraction"].to_numpy(),
        },
        note="cells alone, no `percent_top`",
        less=True,
    )


@tool("brisc", "to_var")
def brisc_to_var(op: str, w: Any, threads: int) -> Call:
    cells = brisc(w, w.counts, threads)
    return Call(lambda _: cells.tocsc(), answer=lambda r: sparse_answer(r.X))


@tool("brisc", "subset_obs")
def brisc_subset(op: str, w: Any, threads: int) -> Call:
    import numpy as np
    import polars

    cells, genes = brisc(w, w.counts, threads), np.zeros(w.shape.n_vars, bool)
    genes[w.chosen] = True
    genes = polars.Series("genes", genes)
    return Call(lambda _: cells.filter_var(genes), answer=lambda r: sparse_answer(r.X))


@tool("brisc", "hvg_seurat_v3", "hvg_seurat_v3_batches")
def brisc_hvg(op: str, w: Any, threads: int) -> Call:
    cells = brisc(w, w.counts, threads).skip_qc()
    batch = {"batch_column": "batch"} if op.endswith("_batches") else {}

    def answer(r: Any) -> dict[str, Any]:
        chosen = r.var["highly_variable"].fill_null(False).to_numpy()
        return mask(chosen)

    return Call(lambda _: cells.hvg(overwrite=True, **batch), answer=answer, note="genes of fewer than 3 cells are left out")


@tool("brisc sum", "aggregate_w1", "aggregate_w2")
def brisc_sum(op: str, w: Any, threads: int) -> Call:
    cells = brisc(w, w.counts, threads).skip_qc()
    return Call(lambda _: cells.pseudobulk("all", "group"), answer=lambda r: brisc_sums(r, w), note="the sum alone", less=True)


def brisc_sums(bulk: Any, w: Any) -> dict[str, Any]:
    import numpy as np

    return {"sum": np.vstack([np.asarray(bulk.X[name]).reshape(1, -1) for name in w.group_names])}


# ----------------------------------------------------------------------------------------------------------------- crest


def crest(w: Any, matrix: Any) -> Any:
    import crest
    import numpy as np
    import polars

    cells = {
        "cell": [f"cell{i}" for i in range(w.shape.n_obs)],
        "group": np.array(w.group_names)[w.groups],
        "batch": [f"b{b}" for b in w.batches],
    }
    return crest.BioFrame.from_scipy(matrix, obs=polars.DataFrame(cells), var=polars.DataFrame({"gene_name": w.gene_names}))


@tool("crest", "hvg_seurat", "hvg_cell_ranger", "hvg_seurat_v3", "hvg_seurat_v3_batches")
def crest_hvg(op: str, w: Any, threads: int) -> Call:
    import crest as c

    frame, flavor = crest(w, w.counts), op.removeprefix("hvg_").removesuffix("_batches")
    note = ""
    if flavor != "seurat_v3":
        c.pp.normalize_total(frame, TARGET)
        c.pp.log1p(frame)
        note = "normalises on the fly"
    batch = {"batch_key": "batch"} if op.endswith("_batches") else {}

    def run(_: Any) -> Any:
        c.pp.highly_variable_genes(frame, n_top_genes=2000, flavor=flavor, **batch)
        return frame

    return Call(run, answer=lambda r: mask(r.var["highly_variable"].to_numpy()), note=note)


@tool("crest", "wilcoxon_rest_obs", "ttest_rest")
def crest_rank_genes_groups(op: str, w: Any, threads: int) -> Call:
    import crest as c
    import numpy as np
    import polars

    frame, place = crest(w, w.logged), {name: i for i, name in enumerate(w.gene_names)}
    how = {"method": "wilcoxon", "tie_correct": True} if op.startswith("wilcoxon") else {"method": "t-test"}

    def answer(r: Any) -> dict[str, Any]:
        made = {name: np.full((w.shape.n_groups, w.shape.n_vars), np.nan) for name in ("p", "score")}
        for i, group in enumerate(w.group_names):
            rows = r.filter(polars.col("group") == group)
            genes = [place[name] for name in rows["names"].to_list()]
            made["p"][i, genes], made["score"][i, genes] = rows["pvals"].to_numpy(), rows["scores"].to_numpy()
        return made

    return Call(lambda _: c.tl.rank_genes_groups(frame, "group", n_genes=None, **how), answer=answer)


@tool("crest", "score_genes")
def crest_score_genes(op: str, w: Any, threads: int) -> Call:
    import crest as c

    frame, genes = crest(w, w.logged), [w.gene_names[g] for g in w.chosen[:50]]

    def run(_: Any) -> Any:
        c.tl.score_genes(frame, genes)
        return frame

    return Call(run, answer=lambda r: {"score": r.obs["score"].to_numpy()})


# ------------------------------------------------------------------------------------------------------------- biosparse


def biosparse(matrix: Any, f64: bool = True) -> Any:
    """Genes are rows to it: the matrix along genes, in the type that its kernels take."""
    from biosparse import CSRF32, CSRF64

    kind = CSRF64 if f64 else CSRF32
    return kind.from_scipy(matrix.T.tocsr().astype("f8" if f64 else "f4"))


VAR_MAJOR = "var-major float64, made untimed"


@tool("biosparse", "mean_var_var")
def biosparse_mean_var(op: str, w: Any, threads: int) -> Call:
    from biosparse.kernel import hvg

    x = biosparse(w.logged, f64=False)
    return Call(lambda _: hvg.compute_moments(x, 1), answer=mean_var_answer)


@tool("biosparse", "hvg_seurat", "hvg_cell_ranger_var", "hvg_seurat_v3", "hvg_pearson")
def biosparse_hvg(op: str, w: Any, threads: int) -> Call:
    from biosparse.kernel import hvg

    flavor = op.removesuffix("_var")
    x = biosparse(w.logged if flavor in ("hvg_seurat", "hvg_cell_ranger") else w.counts)
    choose = next(getattr(hvg, name) for name in dir(hvg) if name == flavor or (flavor == "hvg_pearson" and name.startswith(flavor)))
    return Call(lambda _: choose(x, 2000), answer=lambda r: mask(r[1]), note="" if op.endswith("_var") else VAR_MAJOR)


@tool("biosparse", "ttest_reference", "wilcoxon_reference_var")
def biosparse_test(op: str, w: Any, threads: int) -> Call:
    import numpy as np
    from biosparse.kernel import mwu, ttest

    part = 1 if op == "ttest_reference" or w.name == "small" else 10
    genes, groups = some_genes(w, part), w.groups.astype("i8")
    x = biosparse(w.logged[:, genes] if part > 1 else w.logged)
    others = list(range(1, w.shape.n_groups))
    test = ttest.welch_ttest if op == "ttest_reference" else mwu.mwu_test

    def answer(r: Any) -> dict[str, Any]:
        statistic, p = (by_genes_and_groups(w, others, genes, np.asarray(part).T) for part in r[:2])
        if op == "ttest_reference":
            return {"score": statistic, "p": p}
        # Its U is that of the controls, and its p-values are with continuity.
        sizes = np.bincount(groups, minlength=w.shape.n_groups)
        return {"u": (sizes * sizes[0])[:, None] - statistic, "partial": part > 1}

    note = VAR_MAJOR + ("" if op == "ttest_reference" else "; with continuity") + ("; every tenth gene, x10" if part > 1 else "")
    return Call(lambda _: test(x, groups, len(others)), answer=answer, note=note, times=part)


# ---------------------------------------------------------------------------------------------------------------- illico


@tool("illico", *(name for name in OPERATIONS if name.startswith("wilcoxon_")))
def illico(op: str, w: Any, threads: int) -> Call:
    from illico import asymptotic_wilcoxon
    from loguru import logger

    logger.remove()
    matrix = w.counts if op.endswith("_raw") else w.logged_var if op.endswith("_var") else w.logged
    adata, reference = w.annotated(matrix), w.group_names[0] if "_reference" in op else None
    others = list(range(1 if reference else 0, w.shape.n_groups))

    def run(_: Any) -> Any:
        return asymptotic_wilcoxon(
            adata,
            is_log1p=not op.endswith("_raw"),
            group_keys="group",
            reference=reference,
            n_threads=threads,
            use_rust=True,
            use_continuity=False,
        )

    def answer(r: Any) -> dict[str, Any]:
        names, made = [w.group_names[g] for g in others], {}
        for ours, theirs in (("p", "p_value"), ("u", "statistic")):
            table = r[theirs].unstack(level=-1)
            table = table if set(names) <= set(table.index) else table.T
            made[ours] = by_genes_and_groups(w, others, range(w.shape.n_vars), table.loc[names, w.gene_names].to_numpy())
        return made

    return Call(run, answer=answer)


# ------------------------------------------------------------------------------------------------------------ numba-mwu


@tool("numba-mwu", "wilcoxon_rest_obs", "wilcoxon_reference_obs")
def numba_mwu(op: str, w: Any, threads: int) -> Call:
    import numba_mwu
    import numpy as np

    x, groups = w.logged, w.groups.astype("i8")
    if op == "wilcoxon_rest_obs":
        run = lambda _: numba_mwu.mannwhitneyu_one_vs_rest_sparse(x, groups, use_continuity=False)  # noqa: E731
        return Call(run, answer=lambda r: {"p": r.pvalue})
    others = list(range(1, min(w.shape.n_groups, 11)))
    times = (w.shape.n_groups - 1) / len(others)

    def run(_: Any) -> Any:
        controls = x[groups == 0]
        return [numba_mwu.mannwhitneyu_sparse(x[groups == g], controls, use_continuity=False) for g in others]

    def answer(r: Any) -> dict[str, Any]:
        return {"p": by_genes_and_groups(w, others, range(w.shape.n_vars), np.array([one.pvalue for one in r])), "partial": True}

    note = f"{len(others)} of {w.shape.n_groups - 1} groups, x{times:.0f}" if times > 1 else ""
    return Call(run, answer=answer, note=note, times=times)


# ------------------------------------------------------------------------------------------------------------------ pdex


@tool("pdex", "wilcoxon_rest_obs", "wilcoxon_reference_obs")
def pdex(op: str, w: Any, threads: int) -> Call:
    import numpy as np
    import pdex

    part = 10 if op == "wilcoxon_reference_obs" and w.name != "small" else 1
    genes, first = some_genes(w, part), 1 if op == "wilcoxon_reference_obs" else 0
    adata = w.annotated(w.logged)[:, genes].copy() if part > 1 else w.annotated(w.logged)
    how = {"mode": "ref", "reference": w.group_names[0]} if first else {"mode": "all"}
    others = list(range(first, w.shape.n_groups))

    def answer(r: Any) -> dict[str, Any]:
        group = {w.group_names[g]: i for i, g in enumerate(others)}
        gene = {name: i for i, name in enumerate(adata.var_names)}
        found = np.full((len(others), len(genes)), np.nan)
        rows, columns = [group.get(name, -1) for name in r["target"].to_list()], [gene[name] for name in r["feature"].to_list()]
        keep = np.array(rows) >= 0
        found[np.array(rows)[keep], np.array(columns)[keep]] = r["statistic"].to_numpy()[keep]
        return {"u": by_genes_and_groups(w, others, genes, found), "partial": part > 1}

    note = "with continuity" + ("; every tenth gene, x10" if part > 1 else "")
    run = lambda _: pdex.pdex(adata, groupby="group", threads=threads, is_log1p=True, **how)  # noqa: E731
    return Call(run, answer=answer, note=note, times=part)


# ------------------------------------------------------------------------ fast-array-utils, scanpy-kernels, scranpy


@tool("fast-array-utils", "mean_var_obs", "mean_var_var")
def fast_array_utils(op: str, w: Any, threads: int) -> Call:
    from fast_array_utils.stats import mean_var

    x = w.logged if op == "mean_var_obs" else w.logged_var
    return Call(lambda _: mean_var(x, axis=0, correction=1), answer=mean_var_answer)


@tool("scanpy-kernels", "hvg_seurat")
def scanpy_kernels_hvg(op: str, w: Any, threads: int) -> Call:
    import scanpy_kernels

    x = w.logged

    def answer(r: Any) -> dict[str, Any]:
        table = r if isinstance(r, dict) else r.to_dict("series") if hasattr(r, "to_dict") else r._asdict()
        return mask(table["highly_variable"])

    return Call(lambda _: scanpy_kernels.hvg_seurat(x, n_top_genes=2000), answer=answer)


@tool("scanpy-kernels", "scale_dense", "scale_sparse")
def scanpy_kernels_scale(op: str, w: Any, threads: int) -> Call:
    import scanpy_kernels

    dense = op == "scale_dense"
    return Call(
        lambda x: scanpy_kernels.scale(x, zero_center=dense, max_value=10),
        fresh=lambda: w.chosen_dense.copy() if dense else with_values(w.chosen_logged),
        answer=lambda r: {"x": r[:1000] if dense else r.data},
    )


@tool("scranpy", "qc")
def scranpy_qc(op: str, w: Any, threads: int) -> Call:
    import numpy as np
    import scranpy

    x = w.counts.T
    return Call(
        lambda _: scranpy.compute_rna_qc_metrics(x, {"mt": w.mitochondrial}, num_threads=threads),
        answer=lambda r: {"total": np.asarray(r["sum"]), "n_genes": np.asarray(r["detected"])},
        note="cells alone, no `percent_top`",
        less=True,
    )


@tool("scranpy sum", "aggregate_w1", "aggregate_w2")
def scranpy_sum(op: str, w: Any, threads: int) -> Call:
    import numpy as np
    import scranpy

    x, groups = w.counts.T, w.groups.tolist()
    run = lambda _: scranpy.aggregate_across_cells(x, {"group": groups}, num_threads=threads)  # noqa: E731
    return Call(run, answer=lambda r: {"sum": np.asarray(r["sum"]).T}, note="sum and count", less=True)
