"""The options that are Seurat's, against Seurat and R's own tests, run beside us in one R session."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from conftest import data_file, same_bits

import scnative as scn

R = r"""
suppressMessages({library(Seurat); library(Matrix)})
folder <- commandArgs(TRUE)
put <- function(name, x) writeBin(as.double(x), file.path(folder, paste0(name, ".bin")), size = 8, endian = "little")
matrix_of <- function(name) {
  m <- as(readMM(file.path(folder, paste0(name, ".mtx"))), "CsparseMatrix")
  dimnames(m) <- list(paste0("g", seq_len(nrow(m))), paste0("c", seq_len(ncol(m))))
  m
}
ordered_genes <- function(m, ...) {
  assay <- CreateAssayObject(counts = m)
  match(VariableFeatures(FindVariableFeatures(assay, verbose = FALSE, ...)), rownames(assay))
}
vst <- function(name, m, nfeatures, ...) {
  put(name, as.matrix(FindVariableFeatures(m, selection.method = "vst", verbose = FALSE, ...)))
  put(paste0(name, ".genes"), ordered_genes(m, selection.method = "vst", nfeatures = nfeatures, ...))
}
mvp <- function(name, m, ...) {
  put(name, as.matrix(FindVariableFeatures(m, selection.method = "mvp", verbose = FALSE, ...)))
  put(paste0(name, ".mvp"), ordered_genes(m, selection.method = "mvp", mean.cutoff = c(0.05, 4), dispersion.cutoff = c(0.3, Inf), ...))
  put(paste0(name, ".disp"), ordered_genes(m, selection.method = "disp", nfeatures = 40, ...))
}
for (name in sub("[.]mtx$", "", list.files(folder, "^counts.*[.]mtx$"))) {
  m <- matrix_of(name)
  vst(paste0(name, ".vst"), m, if (name == "counts_real") 2000 else 50)
  if (name == "counts_real") next
  vst(paste0(name, ".vst_span"), m, 50, loess.span = 0.5, clip.max = 2)
  logged <- NormalizeData(m, verbose = FALSE)
  put(paste0(name, ".logged"), as.matrix(logged))
  mvp(paste0(name, ".width"), logged)
  mvp(paste0(name, ".width7"), logged, num.bin = 7)
  mvp(paste0(name, ".frequency"), logged, num.bin = 6, binning.method = "equal_frequency")
}
m <- matrix_of("counts_odd")
split <- rep_len(c("a", "b", "b"), ncol(m))
for (center in c(TRUE, FALSE)) for (scale in c(TRUE, FALSE)) for (by in list(NULL, split)) {
  name <- paste("scaled", as.integer(center), as.integer(scale), as.integer(!is.null(by)), sep = "_")
  put(name, ScaleData(m, do.center = center, do.scale = scale, scale.max = 1.5, split.by = by, verbose = FALSE))
}
values <- as.matrix(read.csv(file.path(folder, "ranks.csv"), header = FALSE))
for (n in c(5, 20, 49, 50)) {
  p <- function(x) suppressWarnings(wilcox.test(x[seq_len(n)], x[-seq_len(n)])$p.value)
  put(paste0("wilcox_", n), apply(values, 1, p))
}
"""


def ties(n_cells=70, n_genes=120):
    """Genes that have the same few counts in different cells: equal but for rounding, many of them."""
    rng = np.random.default_rng(4)
    x = np.zeros((n_cells, n_genes))
    for gene in range(n_genes):
        few = [[1], [1, 1], [1, 2], [1, 1, 1, 3], [2, 5, 1, 1, 7]][gene % 5] * (1 + gene // 40)
        x[rng.choice(n_cells, len(few), replace=False), gene] = few
    return x


def odd(n_cells=60, n_genes=130):
    """With an empty gene, one that is the same in all cells, one in one cell only, and a cell that has only that."""
    rng = np.random.default_rng(5)
    x = rng.negative_binomial(0.7, 0.7 / (0.7 + rng.lognormal(0, 1.5, n_genes)), (n_cells, n_genes)).astype(float)
    x[:, 3] = 0
    x[:, 8], x[9, 8] = 0, 40
    x[7] = 0
    x[:, 5] = 2
    return x


def values_for_ranks():
    """Rows of 60 values; the last few have ties."""
    x = np.random.default_rng(6).normal(size=(30, 60)) + np.where(np.arange(60) < 20, 0.7, 0)
    x[25:] = np.round(x[25:], 1)
    x[24] = np.arange(60)
    return x


@pytest.fixture(scope="module")
def seurat(tmp_path_factory, request):
    """What Seurat and R compute: ``seurat(name, genes)`` is a genes x anything array."""
    if shutil.which("Rscript") is None:
        warnings.warn("there is no Rscript: the comparisons with Seurat are skipped", stacklevel=2)
        pytest.skip("needs R")
    if subprocess.run(["Rscript", "-e", "library(Seurat)"], capture_output=True).returncode:
        warnings.warn("R has no Seurat: the comparisons with it are skipped", stacklevel=2)
        pytest.skip("needs the R package Seurat")
    folder = tmp_path_factory.mktemp("seurat")
    there = (Path(os.environ.get("SCNATIVE_DATA_DIR", "")) / "pbmc3k_raw.h5ad").exists()
    real = [request.getfixturevalue("pbmc3k_raw")] if there else []
    for name, x in {"counts_ties": ties(), "counts_odd": odd()}.items():
        scipy.io.mmwrite(folder / f"{name}.mtx", sp.csc_matrix(x.T))
    if real:
        scipy.io.mmwrite(folder / "counts_real.mtx", real[0].X.T.tocoo())
    np.savetxt(folder / "ranks.csv", values_for_ranks(), delimiter=",", fmt="%.17g")
    (folder / "seurat.R").write_text(R)
    done = subprocess.run(["Rscript", folder / "seurat.R", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def read(name, genes):
        return np.fromfile(folder / f"{name}.bin", "<f8").reshape(-1, genes).T

    return read


CLOSE = {"rtol": 1e-10, "atol": 1e-12}
COUNTS = {"counts_ties": ties, "counts_odd": odd}


def chosen(found):
    """The genes in the order of their ranks, from 1."""
    rank = found.highly_variable_rank
    assert (np.isfinite(rank) == found.highly_variable).all()
    return np.argsort(np.where(np.isnan(rank), np.inf, rank), kind="stable")[: found.highly_variable.sum()] + 1


@pytest.mark.filterwarnings("ignore:loess")
@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("how, options", [("vst", {}), ("vst_span", {"span": 0.5, "clip": 2.0})])
def test_vst(seurat, name, how, options):
    x = COUNTS[name]()
    found = scn.array.highly_variable_genes(sp.csr_matrix(x), flavor="vst", n_top_genes=50, **options)
    theirs = seurat(f"{name}.{how}", x.shape[1])
    ours = np.column_stack([found.means, found.variances, found.variances_expected, found.variances_norm])
    np.testing.assert_allclose(ours, theirs, **CLOSE)
    genes = seurat(f"{name}.{how}.genes", 1)[0].astype(int)
    # Genes whose counts differ in the order of the cells alone follow each other by rounding.
    np.testing.assert_allclose(theirs[chosen(found) - 1, 3], theirs[genes - 1, 3], rtol=1e-12)
    with_curve = {key: value for key, value in options.items() if key != "span"}
    given = scn.array.highly_variable_genes(x, flavor="vst", n_top_genes=50, variances_expected=theirs[:, 2], **with_curve)
    np.testing.assert_array_equal(chosen(given), genes)
    np.testing.assert_array_equal(given.variances_norm, theirs[:, 3])


@pytest.mark.filterwarnings("ignore:loess")
def test_vst_on_real_cells(seurat, pbmc3k_raw):
    """All 2000 genes, in Seurat's order down to ties that only rounding breaks; with R's curve those, too."""
    x = pbmc3k_raw.X
    found = scn.array.highly_variable_genes(x, flavor="vst", n_top_genes=2000)
    theirs = seurat("counts_real.vst", x.shape[1])
    ours = np.column_stack([found.means, found.variances, found.variances_expected, found.variances_norm])
    np.testing.assert_allclose(ours, theirs, **CLOSE)
    genes = seurat("counts_real.vst.genes", 1)[0].astype(int)
    np.testing.assert_allclose(theirs[chosen(found) - 1, 3], theirs[genes - 1, 3], rtol=1e-11)
    given = scn.array.highly_variable_genes(x, flavor="vst", n_top_genes=2000, variances_expected=theirs[:, 2])
    np.testing.assert_array_equal(chosen(given), genes)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(
    "how, options",
    [("width", {}), ("width7", {"n_bins": 7}), ("frequency", {"n_bins": 6, "binning": "equal_frequency"})],
)
def test_mean_var_plot_and_dispersion(seurat, name, how, options):
    x = COUNTS[name]()
    logged = seurat(f"{name}.logged", x.shape[1]).T
    cutoffs = {"min_mean": 0.05, "max_mean": 4, "min_disp": 0.3, "max_disp": np.inf}
    found = scn.array.highly_variable_genes(sp.csr_matrix(logged), flavor="mean_var_plot", **cutoffs, **options)
    ours = np.column_stack([found.means, found.dispersions, found.dispersions_norm])
    np.testing.assert_allclose(ours, seurat(f"{name}.{how}", x.shape[1]), **CLOSE)
    np.testing.assert_array_equal(chosen(found), seurat(f"{name}.{how}.mvp", 1)[0])
    top = scn.array.highly_variable_genes(logged, flavor="dispersion", n_top_genes=40, **options)
    np.testing.assert_array_equal(chosen(top), seurat(f"{name}.{how}.disp", 1)[0])


@pytest.mark.filterwarnings("ignore:zero-centering")
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("divide", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_scale(seurat, center, divide, split):
    x = odd()
    groups = (np.arange(len(x)) % 3 > 0).astype(int) if split else None
    options = {"zero_center": center, "divide": divide, "root_mean_square": True, "clip_below": False, "max_value": 1.5}
    theirs = seurat(f"scaled_{center:d}_{divide:d}_{split:d}", x.shape[1]).T
    for matrix in (x.copy(), sp.csc_matrix(x)):
        ours = scn.array.scale(matrix, groups=groups, **options).X
        np.testing.assert_allclose(ours.toarray() if sp.issparse(ours) else ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [5, 20, 49, 50])
def test_exact_wilcoxon(seurat, n):
    values = values_for_ranks().T
    groups = np.where(np.arange(len(values)) < n, 0, 1)
    options = {"method": "wilcoxon", "tie_correct": True, "continuity": True, "results": ["pvals", "ln_pvals"]}
    for reference in (None, 1):
        found = scn.array.rank_genes_groups(values, groups, reference=reference, exact=True, **options)
        np.testing.assert_allclose(found.pvals[0], seurat(f"wilcox_{n}", 1)[0], rtol=1e-9)
        np.testing.assert_allclose(np.exp(found.ln_pvals[0]), found.pvals[0], rtol=1e-12)
    normal = scn.array.rank_genes_groups(values, groups, **options).pvals[0]
    small = n < 50 and 60 - n < 50
    assert (normal[:25] != found.pvals[0, :25]).all() == small and (normal[25:] == found.pvals[0, 25:]).all()


def test_one_cell_and_positive_fractions():
    values = np.array([[-1.0, 0], [2, 0], [-3, 5], [4, 0], [0, 1]])
    options = {"method": "wilcoxon", "results": ["fractions", "fractions_reference", "pvals"]}
    found = scn.array.rank_genes_groups(values, [0, 1, 1, 1, 1], positive_fractions=True, min_cells=1, **options)
    np.testing.assert_array_equal(found.fractions, [[0, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(found.fractions_reference, [[0.5, 0.5], [0, 0]])
    with pytest.raises(ValueError, match="group 0 has 1 cell, must have at least 2"):
        scn.array.rank_genes_groups(values, [0, 1, 1, 1, 1], **options)
    with pytest.raises(ValueError, match="min_cells: is 1, must be at least 2"):
        scn.array.rank_genes_groups(values, [0, 0, 1, 1, 1], min_cells=1, results=["pvals"])
    with pytest.raises(ValueError, match="exact: is set with a t-test"):
        scn.array.rank_genes_groups(values, [0, 0, 1, 1, 1], exact=True)


def test_fold_changes_of_plain_means():
    values = np.arange(10.0).reshape(5, 2) / 3
    groups = np.array([0, 0, 1, 1, 1])
    a, b = values[:2].mean(axis=0), values[2:].mean(axis=0)
    of = lambda how: scn.array.rank_genes_groups(values, groups, fold_change=how, results=["log_fold_changes"])  # noqa: E731
    np.testing.assert_allclose(of("difference").log_fold_changes[0], a - b, rtol=1e-14)
    np.testing.assert_allclose(of("seurat_v4_means").log_fold_changes[0], np.log2(a + 1) - np.log2(b + 1), rtol=1e-13)


def test_slack_is_that_of_r():
    """0.3 * 130 is just below 39 in doubles: one point more in each fit with R's slack."""
    x = np.linspace(0, 1, 130) ** 2
    y = np.sin(5 * x)
    assert not np.array_equal(scn.array.loess(x, y, span=0.3, slack=1e-5), scn.array.loess(x, y, span=0.3)) or 0.3 * 130 >= 39
    with pytest.raises(ValueError, match="slack: is -1"):
        scn.array.loess(x, y, slack=-1)


@pytest.mark.filterwarnings("ignore:loess")
@pytest.mark.parametrize("flavor", ["vst", "mean_var_plot", "dispersion"])
def test_same_bits_everywhere(flavor):
    x = odd(30, 40)
    found = same_bits(
        lambda X: tuple(a for a in scn.array.highly_variable_genes(X, flavor=flavor, span=0.8) if a is not None), x[:, :40]
    )
    assert found


def test_batches():
    x = odd()
    halves = np.arange(len(x)) % 2
    found = scn.array.highly_variable_genes(x, flavor="vst", n_top_genes=30, batches=halves, span=0.6)
    apart = [scn.array.highly_variable_genes(x[halves == h], flavor="vst", n_top_genes=30, span=0.6) for h in (0, 1)]
    np.testing.assert_allclose(found.variances_norm, (apart[0].variances_norm + apart[1].variances_norm) / 2, rtol=1e-14)
    np.testing.assert_array_equal(
        found.highly_variable_nbatches, apart[0].highly_variable.astype(int) + apart[1].highly_variable
    )
    assert found.variances_expected is None and found.highly_variable.sum() == 30
    for flavor in ("mean_var_plot", "dispersion"):
        with pytest.raises(ValueError, match="batches: are given"):
            scn.array.highly_variable_genes(x, flavor=flavor, batches=halves)
    with pytest.raises(ValueError, match="n_top_genes: is given"):
        scn.array.highly_variable_genes(x, flavor="mean_var_plot", n_top_genes=5)
    with pytest.raises(ValueError, match="variances_expected: is given"):
        scn.array.highly_variable_genes(x, flavor="seurat_v3", variances_expected=np.ones(x.shape[1]))
    for wrong, says in [(np.ones(3), "has 3 values"), (np.full(x.shape[1], -1.0), r"\[0\]: is -1")]:
        with pytest.raises(ValueError, match=f"variances_expected{': ' if 'has' in says else ''}{says}"):
            scn.array.highly_variable_genes(x, flavor="vst", variances_expected=wrong)
    with pytest.raises(ValueError, match="binning: is 'any'"):
        scn.array.highly_variable_genes(x, flavor="dispersion", binning="any")


def test_fewer_genes_than_asked_for():
    """Genes whose mean is 0 are never chosen, as in Seurat."""
    x = odd()
    found = scn.array.highly_variable_genes(x, flavor="vst", n_top_genes=x.shape[1], span=0.6)
    assert not found.highly_variable[3] and found.highly_variable.sum() == x.shape[1] - 1
    assert found.variances_norm[3] == 0 and found.variances_expected[5] == 0


@pytest.mark.filterwarnings("ignore:loess")
def test_scanpys_flavor_is_near(pbmc3k_raw):
    """seurat_v3 is the same formula: on real cells all but a few genes are the same."""
    data_file("pbmc3k_raw.h5ad")
    counts = pbmc3k_raw.X
    vst = scn.array.highly_variable_genes(counts, flavor="vst", n_top_genes=2000)
    v3 = scn.array.highly_variable_genes(counts, flavor="seurat_v3", n_top_genes=2000)
    assert (vst.highly_variable & v3.highly_variable).sum() > 1990
    np.testing.assert_allclose(vst.variances, v3.variances, rtol=1e-10)
