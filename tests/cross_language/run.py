"""Every public operation from Python. The runners of the other languages do the same through their own functions.

    run.py IN_DIR OUT_DIR N_THREADS

IN_DIR is what inputs.py wrote. Each result goes to OUT_DIR as `<operation>.<output>.bin`, raw and little-endian: doubles as f64, flags as
u8, labels and places as i64, texts as UTF-8 with a newline behind each. An operation is the C function without `scn_`, and `~variant`
where there are several. Operations of models need the fixtures, which the environment variable SCNATIVE_MODELS_DIR names: without it there are no
results of them. Their arrays are written row after row (last axis fastest), all that is not whole numbers as f64. Matrices of groups x genes are row-major (genes x groups column-major: the same bytes), dense matrices
are cell after cell. Of a sparse matrix `indptr`, `indices` (both i64, from 0) and `values` (f64) are written, and `shape` (i64: cells,
genes, and 0 if it is compressed along the cells, 1 if along the genes).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import scnative as scn
from scnative import array as a

IN, OUT = Path(sys.argv[1]), Path(sys.argv[2])
scn.settings.n_threads = int(sys.argv[3])
scn.settings.seed = 11
N_OBS, N_VARS, NNZ, N_GROUPS, N_BATCHES, _ = map(int, (IN / "shape.txt").read_text().split())


def read(name: str, dtype: str) -> np.ndarray:
    return np.fromfile(IN / f"{name}.bin", "<" + dtype)


def write(name: str, values: object) -> None:
    values = np.ascontiguousarray(values)
    kind = {"f": "<f8", "i": "<i8", "b": "u1", "u": "u1"}[values.dtype.kind]
    values.astype(kind).tofile(OUT / f"{name}.bin")


def write_texts(name: str, texts: list[str]) -> None:
    (OUT / f"{name}.bin").write_bytes("".join(f"{text}\n" for text in texts).encode())


def write_sparse(name: str, X: sp.spmatrix) -> None:
    write(f"{name}.indptr", X.indptr)
    write(f"{name}.indices", X.indices)
    write(f"{name}.values", X.data)
    write(f"{name}.shape", [*X.shape, 0 if X.format == "csr" else 1])


def write_fields(name: str, result: object, **only: object) -> None:
    for field, values in zip(result._fields, result):
        if values is not None:
            write(f"{name}.{field}", values)


def write_arrays(name: str, arrays: dict[str, np.ndarray]) -> None:
    for key, values in arrays.items():
        write(f"{name}.{key}", values if values.dtype.kind == "f" else values.astype("i8"))


def matrix(name: str, values: str | None = None) -> sp.csr_matrix:
    made = sp.csr_matrix((N_OBS, N_VARS))
    made.indptr, made.indices = read(f"{name}.indptr", "i4"), read(f"{name}.indices", "i4")
    made.data = read(values or f"{name}.values", "f8")
    return made


counts = matrix("counts")
unsorted = matrix("unsorted")
points = read("points", "f8").reshape(N_OBS, -1)
groups, batches = read("groups", "i4"), read("batches", "i4")
gene_set, gene_pool = read("gene_set", "i8"), read("gene_pool", "i8")
mito, ribo = read("mito", "u1").astype(bool), read("ribo", "u1").astype(bool)
logged = a.normalize_log1p(counts, target_sum=1e4).X

# matrices
write("matrix_is_canonical.found", a.is_canonical(counts))
write("matrix_is_canonical~unsorted.found", a.is_canonical(unsorted))
write_sparse("matrix_sum_duplicates", a.sum_duplicates(unsorted))
write_sparse("matrix_to_major~var", a.to_major(counts, "var"))
write_sparse("matrix_to_major~unsorted", a.to_major(unsorted, "var"))
write_sparse("matrix_subset", a.subset(counts, obs=read("subset_obs", "i8"), vars=read("subset_vars", "i8")))
keep = {"obs": read("keep_obs", "u1").astype(bool), "vars": read("keep_vars", "u1").astype(bool)}
write_sparse("matrix_subset_masked", a.subset(counts, **keep))
write_sparse("matrix_concat~obs", a.concat([counts, unsorted], "obs"))
write_sparse("matrix_concat~var", a.concat([counts, unsorted], "var"))
write("matrix_to_dense.out", a.to_dense(unsorted))
for axis in ("obs", "var"):  # over the cells: a result for each gene; over the genes: one for each cell
    write_fields(f"matrix_stats~{axis}", a.stats(logged, axis, ddof=1))
write_fields("matrix_stats~dense", a.stats(points, "obs"))
write_fields("matrix_stats~unsorted", a.stats(unsorted, "obs"))
write_fields("matrix_aggregate", a.aggregate(logged, groups, N_GROUPS))
write("matrix_medians.out", a.median(logged, groups, N_GROUPS))

# files
write_sparse("read_mtx", a.read_mtx(IN / "10x" / "matrix.mtx.gz", rows="var", dtype="float64"))
a.write_mtx(OUT / "write_mtx.file.bin", unsorted, rows="var")
folder = a.read_10x_mtx(IN / "10x", dtype="float64")
write_sparse("read_10x_mtx", folder.counts)
for column in ("barcodes", "gene_ids", "gene_names", "feature_types"):
    write_texts(f"10x_names.{column}", getattr(folder, column))

# preprocessing
cells = a.filter_cells(counts, min_genes=100)
write("pp_filter_cells.keep", cells.keep)
write("pp_filter_cells.number", cells.number.astype("f8"))
genes = a.filter_genes(counts, min_counts=20)
write("pp_filter_genes.keep", genes.keep)
write("pp_filter_genes.number", genes.number)
qc = a.calculate_qc_metrics(logged, percent_top=(10, 50, 200), subsets=[mito, ribo])
write_fields("pp_calculate_qc_metrics", qc._replace(n_genes_by_counts=qc.n_genes_by_counts.astype("f8"), n_cells_by_counts=qc.n_cells_by_counts.astype("f8")))
for name, made in {
    "pp_normalize_total": a.normalize_total(counts),
    "pp_normalize_total~excluding": a.normalize_total(counts, target_sum=1e3, exclude_highly_expressed=True, max_fraction=0.02),
    "pp_normalize_log1p": a.normalize_log1p(counts, target_sum=1e4, base=2),
}.items():
    write(f"{name}.values", made.X.data)
    write(f"{name}.size_factors", made.size_factors)
    write(f"{name}.target_sum", float(made.target_sum))
    write(f"{name}.highly_expressed", made.highly_expressed)
for name, change in {  # R, whose values never change, has no such operations
    "normalize_total": lambda X: a.normalize_total(X, target_sum=1e4, inplace=True),
    "normalize_log1p": lambda X: a.normalize_log1p(X, target_sum=1e4, inplace=True),
    "log1p": lambda X: a.log1p(X, inplace=True),
    "normalize_relative": lambda X: a.normalize_relative(X, inplace=True),
    "normalize_clr": lambda X: a.normalize_clr(X, inplace=True),
    "scale": lambda X: a.scale(X, zero_center=False),
}.items():
    changed = counts.copy()
    change(changed)
    write(f"pp_{name}_inplace.values", changed.data)
write("pp_log1p.values", a.log1p(counts).data)
write("pp_log1p~dense.out", a.log1p(np.abs(points)))
write("pp_normalize_relative.values", a.normalize_relative(counts).data)
write("pp_normalize_clr~genes.values", a.normalize_clr(counts, margin=1).data)
write("pp_normalize_clr~cells.values", a.normalize_clr(counts, margin=2).data)
for flavor in ("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper", "vst", "pearson_residuals"):
    X = logged if flavor in ("seurat", "cell_ranger") else counts
    write_fields(f"pp_highly_variable_genes~{flavor}", a.highly_variable_genes(X, flavor=flavor, n_top_genes=100))
    batched = a.highly_variable_genes(X, flavor=flavor, n_top_genes=100, batches=batches)
    write_fields(f"pp_highly_variable_genes~{flavor}~batches", batched)
cut_offs = {"min_mean": 0.1, "max_mean": 8, "min_disp": 1}
write_fields("pp_highly_variable_genes~mean_var_plot", a.highly_variable_genes(logged, flavor="mean_var_plot", **cut_offs))
by_frequency = a.highly_variable_genes(logged, flavor="dispersion", n_top_genes=100, binning="equal_frequency")
write_fields("pp_highly_variable_genes~dispersion", by_frequency)
for name, made in {
    "pp_scale": a.scale(logged, max_value=2, copy=True),
    "pp_scale~groups": a.scale(logged, groups=groups, n_groups=N_GROUPS, copy=True),
    "pp_scale~dense": a.scale(points, copy=True),
    "pp_scale~not_centred": a.scale(logged, zero_center=False, max_value=3, copy=True),
    "pp_scale~seurat": a.scale(points, max_value=1, clip_below=False, copy=True),
    "pp_scale~centred": a.scale(points, divide=False, copy=True),
    "pp_scale~root_mean_square": a.scale(points, zero_center=False, root_mean_square=True, copy=True),
}.items():
    out = made.X.data if sp.issparse(made.X) else made.X  # not centred, a sparse matrix stays one
    write(f"{name}.out", out)
    write(f"{name}.means", made.mean)
    write(f"{name}.stds", made.std)
covariates = read("covariates", "f8").reshape(3, N_OBS).T
write("pp_regress_out.out", a.regress_out(logged, covariates))
write("pp_regress_out_groups.out", a.regress_out(logged, groups=batches, n_groups=N_BATCHES))

# tools
every = ("scores", "pvals", "ln_pvals", "pvals_adj", "log_fold_changes", "means", "means_reference", "fractions", "fractions_reference")
for name, how in {
    "t-test": {"method": "t-test"},
    "overestim": {"method": "t-test_overestim_var", "fold_change": "scanpy_v2", "corr_method": "bonferroni"},
    "student": {"method": "student", "reference": 1, "fold_change": "seurat_v5", "corr_method": "benjamini-yekutieli"},
    "wilcoxon": {"method": "wilcoxon"},
    "wilcoxon_r": {"method": "wilcoxon", "tie_correct": True, "continuity": True, "fold_change": "seurat_v4"},
    "difference": {"method": "t-test", "fold_change": "difference", "positive_fractions": True},
    "wilcoxon_exact": {"method": "wilcoxon", "exact": True, "min_cells": 1, "fold_change": "seurat_v4_means"},
    "wilcoxon_reference": {"method": "wilcoxon", "reference": 0, "tie_correct": True},
}.items():
    results = (*every, "u", "auroc") if "wilcoxon" in name else every
    made = a.rank_genes_groups(logged, groups, n_groups=N_GROUPS, results=results, **how)
    write_fields(f"tl_rank_genes_groups~{name}", made)
    write(f"tl_rank_genes_groups_order~{name}.order", a.rank_order(made.scores, 50))
write("tl_rank_genes_groups_order~abs.order", a.rank_order(made.scores, 50, by_abs=True))
control = a.control_genes(logged, gene_set, gene_pool=gene_pool, ctrl_size=10, n_bins=12, random_state=5)
write("tl_control_genes.control", control)
write("tl_score_genes.score", a.score_genes(logged, gene_set, control))
phases = a.cell_cycle_phase(read("s_score", "f8"), read("g2m_score", "f8"))
write_texts("tl_cell_cycle_phase.phase", list(phases))
write("tl_energy_distance.distance", a.energy_distance(points, groups, n_groups=N_GROUPS))
write("tl_energy_distance~euclidean.distance", a.energy_distance(logged, groups, n_groups=N_GROUPS, reference=2, metric="euclidean", unbiased=False))
mmd = a.mmd(points, groups, n_groups=N_GROUPS)
write("tl_mmd.squared", mmd.squared)
write("tl_mmd.gammas", mmd.gammas)
write("tl_mmd~gammas.squared", a.mmd(points, groups, n_groups=N_GROUPS, gammas=[0.5, 2.0], unbiased=True).squared)

# statistics
x, y, w, new = (read(f"loess_{name}", "f8") for name in ("x", "y", "w", "new"))
write("stats_loess.fitted", a.loess(x, y, weights=w, span=0.4))
write("stats_loess~r.fitted", a.loess(x, y, span=0.4, slack=1e-5))
write("stats_loess.predicted", a.loess(x, y, span=0.5, degree=1, surface="direct", new_x=new))
write("stats_normal_p.p", a.normal_p(read("z", "f8")))
write("stats_normal_p~log.p", a.normal_p(read("z", "f8"), logarithm=True))
write("stats_student_p.p", a.student_p(read("t", "f8"), read("df", "f8")))
write("stats_student_p~log.p", a.student_p(read("t", "f8"), read("df", "f8"), logarithm=True))
for method in ("benjamini-hochberg", "benjamini-yekutieli", "bonferroni"):
    write(f"stats_adjust_p~{method}.adjusted", a.adjust_p(read("p", "f8"), method))
drawn = a.simulate_counts(60, 200, n_clusters=3, markers_per_cluster=5, n_batches=2, seed=7)
write_sparse("simulate_counts", drawn.counts)
write("simulate_counts.clusters", drawn.clusters)
write("simulate_counts.batches", drawn.batches)
write("simulate_counts.marker_of", drawn.marker_of)

# models
errors = {}
MODELS = os.environ.get("SCNATIVE_MODELS_DIR", "")
if MODELS:
    cells = read("model_counts", "f8").reshape(40, 30)
    model = scn.models.load(f"{MODELS}/scgpt-plain")
    known = model.genes
    genes = [*known[:24], *(f"unknown{i}" for i in range(6))]
    write("models_list.n", len(scn.models.list()))
    write_texts("models_info.texts", [scn.models.info("scGPT/Human")[key] for key in ("id", "family")])
    scn.models.register({"id": "proof", "family": "scgpt", "source": {"local": f"{MODELS}/scgpt-plain"}})
    write_texts("models_register.family", [scn.models.info("Proof")["family"]])
    scn.models.unregister("proof")
    nowhere = OUT.parent / "cache"
    write("models_cache.size", scn.models.cache(cache_dir=str(nowhere))["size"])
    write("models_prune.freed", scn.models.prune(cache_dir=str(nowhere))["freed_bytes"])
    write_texts("model_describe.family", [model.family])
    write_texts("model_genes.genes", known)
    write("model_gene_embeddings.gene_embeddings", model.gene_embeddings())
    inputs = {"src": read("model_src", "i8").reshape(3, 6), "values": read("model_values", "f8").reshape(3, 6)}
    write_arrays("model_forward", model(inputs))
    write("model_embed.embedding", model.embed(cells, genes=genes))
    renamed = ["first", genes[1].lower(), *genes[2:]]
    options = {"aliases": {"first": genes[0]}, "min_matched": 0.5, "max_batch_tokens": 64, "binning": "deterministic"}
    write("model_embed~options.embedding", model.embed(cells, genes=renamed, **options))
    perturbing = scn.models.load(f"{MODELS}/scgpt-perturb")
    named = [*perturbing.genes[:24], *genes[24:]]
    task = {"perturbations": [named[:1], named[1:3]], "pool_size": 7}
    write_arrays("model_run", perturbing.run("perturb", cells / 8, genes=named, **task)[0])
    saved = OUT.parent / "saved"
    model.export(saved, overwrite=True)
    shutil.copy(saved / "config.json", OUT / "model_export.config.bin")
    shutil.copy(saved / "model.safetensors", OUT / "model_export.weights.bin")
    negative = cells.copy()
    negative[1, 2] = -3
    errors = {
        "models_info": lambda: scn.models.info("scgpt-humn"),
        "models_unregister": lambda: scn.models.unregister("proof"),
        "models_download": lambda: scn.models.download("proof/none", offline=True, cache_dir=str(IN / "none")),
        "models_remove": lambda: scn.models.remove("proof/none", cache_dir=str(IN / "none")),
        "models_verify": lambda: scn.models.verify("proof/none", cache_dir=str(IN / "none")),
        "model_open": lambda: scn.models.load("/no/such/folder"),
        "model_open~dtype": lambda: scn.models.load(f"{MODELS}/scgpt-plain", dtype="f33"),
        "model_forward": lambda: model({}),
        "model_embed~option": lambda: model.embed(cells, genes=genes, bins=3),
        "model_embed~names": lambda: model.embed(cells),
        "model_embed~vocabulary": lambda: model.embed(cells, genes=[f"unknown{i}" for i in range(30)]),
        "model_embed~counts": lambda: model.embed(negative, genes=genes),
        "model_embed~budget": lambda: model.embed(cells, genes=genes, max_batch_tokens=1),
        "model_embed~shape": lambda: model.embed(cells, genes=genes, obs={"batch_labels": np.arange(5)}),
        "model_run": lambda: model.run("dance"),
    }

# errors: the status' name and the library's message, a line each
for name, call in {
    **errors,
    "validate": lambda: a.validate(matrix("counts", "not_finite.values")),
    "read_mtx": lambda: a.read_mtx(IN / "none.mtx"),
    "log1p": lambda: a.log1p(counts, base=1),
    "scale": lambda: a.scale(counts, max_value=-1, copy=True),
    "highly_variable_genes": lambda: a.highly_variable_genes(logged, n_top_genes=100_000),
    "rank_genes_groups": lambda: a.rank_genes_groups(logged, read("lonely", "i4"), n_groups=2),
    "rank_not_finite": lambda: a.rank_genes_groups(matrix("counts", "not_finite.values"), groups, n_groups=N_GROUPS),
    "adjust_p": lambda: a.adjust_p(np.array([0.5, 1.5])),
    "loess": lambda: a.loess(x, y, span=-1.0),
}.items():
    try:
        call()
    except scn.ScnError as error:
        write_texts(f"error~{name}.text", [error.status_name, str(error)])
