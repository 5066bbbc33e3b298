"""Highly variable genes against scanpy, run beside us: the same genes, the same columns."""

from __future__ import annotations

import contextlib
import functools
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import scnative as scn
from conftest import data_file, layouts, same_bits

LOGGED = ("seurat", "cell_ranger")
COUNTS = ("seurat_v3", "seurat_v3_paper", "pearson_residuals")


@contextlib.contextmanager
def stable_ranks():
    """scanpy ranks by numpy's default sort, which leaves equal values in an order that depends on the processor. With a
    stable sort in its place its ranks are defined, and are to be ours."""
    plain = np.argsort
    np.argsort = functools.partial(plain, kind="stable")
    try:
        yield
    finally:
        np.argsort = plain


@contextlib.contextmanager
def moments_of_batches_as_of_all_cells():
    """scanpy 1.12 takes the moments of batches by another route than those of all cells; where they differ in the last bits,
    loess cuts genes of equal mean elsewhere, and a batch gives other variances than the same cells alone (5e-3 was seen). 1.11
    has one route for both, and so have we: give 1.12 that one too."""
    import anndata
    import pandas as pd
    from scanpy.preprocessing import _highly_variable_genes as module

    if not hasattr(module, "aggregate"):  # 1.11
        yield
        return

    def aggregate(adata, by, func):
        assert func == ["mean", "var"]
        labels = adata.obs[by].to_numpy()
        names = np.unique(labels)
        moments = [module.stats.mean_var(adata.X[labels == name], axis=0, correction=1) for name in names]
        layers = {key: np.array([m[i] for m in moments]) for i, key in enumerate(func)}
        return anndata.AnnData(obs=pd.DataFrame({by: names}, index=names.astype(str)), var=adata.var, layers=layers)

    theirs, module.aggregate = module.aggregate, aggregate
    try:
        yield
    finally:
        module.aggregate = theirs


def scanpy_hvg(adata, *, flavor, **options):
    import scanpy as sc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with stable_ranks(), moments_of_batches_as_of_all_cells():
            if flavor == "pearson_residuals":
                return sc.experimental.pp.highly_variable_genes(adata, flavor=flavor, **options)
            return sc.pp.highly_variable_genes(adata, flavor=flavor, **options)


def our_hvg(adata, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scn.pp.highly_variable_genes(adata, **options)


#: What scanpy's own rounding comes to when values are float32: it takes exponentials, squares and, for residuals, expected
#: counts in float32. Of float64 and integer values everything agrees to 1e-9.
SINGLE = {"seurat": 2e-5, "cell_ranger": 2e-6, "pearson_residuals": 2e-7}


def tolerance(flavor, dtype):
    return SINGLE.get(flavor, 1e-9) if dtype == np.float32 else 1e-9


def assert_same(ours, theirs, flavor, dtype=np.float64, tied=None):
    """Two DataFrames, or two adata.var, agree: columns, order, types, chosen genes, numbers. Ranks of `tied` genes may
    differ by as many as are tied."""
    assert list(ours.columns) == list(theirs.columns)
    assert list(ours.index) == list(theirs.index)
    np.testing.assert_array_equal(ours["highly_variable"].to_numpy(), theirs["highly_variable"].to_numpy())
    for column in ours:
        a, b = ours[column], theirs[column]
        if column == "mean_bin":  # scanpy 1.11 has intervals, 1.12 strings
            assert list(a.astype(str)) == list(b.astype(str))
            continue
        assert a.dtype == b.dtype, f"{column}: {a.dtype}, scanpy {b.dtype}"
        if column == "highly_variable_rank" and tied is not None:
            difference = np.nan_to_num(np.abs(a - b).to_numpy())
            assert (difference <= tied).all() and (a.isna() == b.isna()).all()
        elif a.dtype.kind == "f":
            rtol = tolerance(flavor, dtype)
            # Normalised dispersions are differences of dispersions over their spread, and float32 in adata.var.
            atol = 2 * rtol + 1e-7 if column == "dispersions_norm" else 0.1 * rtol
            np.testing.assert_allclose(a, b, rtol=rtol + 1e-7 * (column == "dispersions_norm"), atol=atol, err_msg=column)
        else:
            assert a.equals(b), column


def near_ties(adata, flavor, options):
    """For each gene, with how many others its residual variance ties up to scanpy's rounding in some batch: those two
    orders of summation settle differently."""
    if flavor != "pearson_residuals":
        return None
    key = options.get("batch_key")
    labels = adata.obs[key].to_numpy() if key else np.zeros(adata.n_obs)
    kept = {"theta": options.get("theta", 100), "clip": options.get("clip")}
    X = sp.csr_matrix(adata.X if options.get("layer") is None else adata.layers[options["layer"]])
    tied = np.zeros(adata.n_vars)
    for label in np.unique(labels):
        if kept["clip"] is None:
            kept["clip"] = np.sqrt((labels == label).sum())
        got = scn.array.highly_variable_genes(X[labels == label], flavor=flavor, n_top_genes=1, **kept)
        order = np.argsort(-got.residual_variances, kind="stable")
        scores = got.residual_variances[order]
        close = np.abs(np.diff(scores)) <= 2 * tolerance(flavor, X.dtype) * scores[:-1]
        runs = np.split(order, np.flatnonzero(~close) + 1)
        for run in runs:
            tied[run] = np.maximum(tied[run], len(run) - 1)
    return tied


@pytest.fixture(scope="module")
def mixology():
    import anndata

    adata = anndata.read_h5ad(data_file("sc_mixology_4batch.h5ad"))
    adata.obs["batch"] = adata.obs[[c for c in adata.obs if adata.obs[c].nunique() == 4][0]].astype(str).astype("category")
    return adata


@pytest.fixture(scope="module")
def mixology_logged(mixology):
    import scanpy as sc

    adata = mixology.copy()
    adata.X = adata.X.astype("float32")
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    return adata


def split(adata, n=3):
    """Batches of unequal size, interleaved, one of them rare."""
    adata.obs["batch"] = pd.Categorical([f"b{i * i % 7 % n}" for i in range(adata.n_obs)])
    return adata


def compare(adata, flavor, **options):
    before = adata.X.copy()
    ours, theirs = adata.copy(), adata.copy()
    tied = near_ties(adata, flavor, options)
    assert our_hvg(ours, flavor=flavor, **options) is None
    assert scanpy_hvg(theirs, flavor=flavor, **options) is None
    assert_same(ours.var, theirs.var, flavor, adata.X.dtype, tied)
    assert ours.uns["hvg"] == theirs.uns["hvg"]
    frames = [f(adata, flavor=flavor, inplace=False, **options) for f in (our_hvg, scanpy_hvg)]
    assert_same(*frames, flavor, adata.X.dtype, tied)
    assert (abs(adata.X - before)).sum() == 0


# Real cells


@pytest.mark.parametrize("batch_key", [None, "batch"])
@pytest.mark.parametrize("n_top_genes", [None, 2000, 500])
@pytest.mark.parametrize("flavor", LOGGED)
def test_pbmc3k_logged(pbmc3k, flavor, n_top_genes, batch_key):
    import scanpy as sc

    adata = split(pbmc3k.copy())
    if flavor == "cell_ranger":  # genes without a cell have equal percentiles, which scanpy cannot bin either
        sc.pp.filter_genes(adata, min_cells=10)
    compare(adata, flavor, n_top_genes=n_top_genes, batch_key=batch_key)


@pytest.mark.parametrize("batch_key", [None, "batch"])
@pytest.mark.parametrize("n_top_genes", [2000, 500])
@pytest.mark.parametrize("flavor", COUNTS)
def test_pbmc3k_counts(pbmc3k_raw, flavor, n_top_genes, batch_key):
    adata = split(pbmc3k_raw.copy())
    compare(adata, flavor, n_top_genes=n_top_genes, batch_key=batch_key)


@pytest.mark.parametrize("n_top_genes", [None, 2000])
@pytest.mark.parametrize("flavor", LOGGED)
def test_mixology_logged(mixology_logged, flavor, n_top_genes):
    compare(mixology_logged, flavor, n_top_genes=n_top_genes, batch_key="batch")
    if flavor == "seurat":
        compare(mixology_logged, flavor, n_top_genes=n_top_genes)


@pytest.mark.parametrize("batch_key", [None, "batch"])
@pytest.mark.parametrize("flavor", COUNTS)
def test_mixology_counts(mixology, flavor, batch_key):
    compare(mixology, flavor, n_top_genes=2000, batch_key=batch_key)


@pytest.mark.parametrize("flavor, n_top_genes", [("seurat_v3", 1500), ("seurat_v3", 2000), ("pearson_residuals", 2000)])
def test_scanpys_own_sort_chooses_the_same_genes_up_to_ties(pbmc3k_raw, flavor, n_top_genes):
    """Without a stable sort put into scanpy. 39 genes tie for the last 17 places of the 2000 of seurat_v3; scanpy's choice
    among them is another on a processor without AVX2."""
    import scanpy as sc

    theirs = sc.experimental.pp if flavor == "pearson_residuals" else sc.pp
    options = dict(flavor=flavor, n_top_genes=n_top_genes, inplace=False)
    want = theirs.highly_variable_genes(pbmc3k_raw, **options)
    got = scn.pp.highly_variable_genes(pbmc3k_raw, **options)
    score = got["variances_norm" if flavor == "seurat_v3" else "residual_variances"].to_numpy()
    last = np.sort(score)[-n_top_genes]
    differ = got["highly_variable"].to_numpy() != want["highly_variable"].to_numpy()
    assert (score[differ] == last).all()
    assert got["highly_variable"].sum() == want["highly_variable"].sum() == n_top_genes
    if (score == last).sum() == 1:
        assert not differ.any()


# Generated cells


def generated(n_obs=300, n_vars=700, seed=0, logged=False, dtype="float32"):
    import anndata

    made = scn.array.simulate_counts(n_obs, n_vars, n_batches=3, seed=seed, library_size=1500, markers_per_cluster=n_vars // 40)
    X = made.counts.astype(dtype)
    if logged:
        X.data = np.log1p(X.data * np.repeat(1e3 / np.maximum(np.asarray(X.sum(1)).ravel(), 1), np.diff(X.indptr))).astype(dtype)
    adata = anndata.AnnData(X, obs=pd.DataFrame({"batch": pd.Categorical([f"b{b}" for b in made.batches])}, [f"c{i}" for i in range(n_obs)]))
    # Names whose order is not that of the genes.
    adata.var_names = [f"g{(i * 7919) % n_vars}" for i in range(n_vars)]
    return adata


@pytest.mark.parametrize("batch_key", [None, "batch"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("flavor", LOGGED)
def test_generated_logged(flavor, seed, batch_key):
    adata = generated(seed=seed, logged=True, dtype=("float32", "float64")[seed % 2])
    keep = np.asarray((adata.X > 0).sum(0)).ravel() > (8 if flavor == "cell_ranger" else -1)
    adata = adata[:, keep].copy()
    options = [{}, dict(n_top_genes=100), dict(min_mean=0.05, max_mean=1.0, min_disp=0.2, max_disp=2.0), dict(n_top_genes=adata.n_vars)]
    compare(adata, flavor, batch_key=batch_key, **options[seed])


@pytest.mark.parametrize("batch_key", [None, "batch"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("flavor", COUNTS)
def test_generated_counts(flavor, seed, batch_key):
    adata = generated(seed=seed, dtype=("float32", "float64", "int32")[seed])
    compare(adata, flavor, batch_key=batch_key, n_top_genes=(50, 200, adata.n_vars)[seed])


@pytest.mark.parametrize("flavor", LOGGED + COUNTS)
def test_dense_and_layers(flavor):
    adata = generated(logged=flavor in LOGGED, dtype="float64")
    adata = adata[:, np.asarray((adata.X > 0).sum(0)).ravel() > 8].copy()
    adata.layers["here"] = adata.X.toarray()
    adata.X = sp.csr_matrix(adata.shape)
    compare(adata, flavor, layer="here", n_top_genes=100, batch_key="batch")


def test_every_option_of_seurat_v3_and_residuals():
    adata = generated(seed=5)
    compare(adata, "seurat_v3", span=0.6, n_top_genes=100)
    compare(adata, "seurat_v3", n_top_genes=None)
    for options in (dict(theta=1.0), dict(clip=2.0), dict(clip=0.5, theta=10.0), dict(theta=np.inf), dict(clip=np.inf)):
        compare(adata, "pearson_residuals", n_top_genes=100, **options)
        compare(adata, "pearson_residuals", n_top_genes=100, batch_key="batch", **options)


def test_bins_and_the_base_of_the_logarithm():
    adata = generated(seed=6, logged=True)
    for n_bins in (1, 5, 60):
        compare(adata, "seurat", n_bins=n_bins)
    adata.X.data /= np.float32(np.log(2))
    adata.uns["log1p"] = {"base": 2}
    compare(adata, "seurat", n_top_genes=100)
    compare(adata, "seurat", n_top_genes=100, batch_key="batch")


def test_subset_keeps_the_chosen_genes():
    for flavor in LOGGED + COUNTS:
        adata = generated(seed=7, logged=flavor in LOGGED)
        adata = adata[:, np.asarray((adata.X > 0).sum(0)).ravel() > 8].copy()
        ours, theirs = adata.copy(), adata.copy()
        our_hvg(ours, flavor=flavor, n_top_genes=50, subset=True)
        scanpy_hvg(theirs, flavor=flavor, n_top_genes=50, subset=True)
        assert ours.n_vars == 50 and list(ours.var_names) == list(theirs.var_names)
        frames = [f(adata, flavor=flavor, n_top_genes=50, subset=True, inplace=False) for f in (our_hvg, scanpy_hvg)]
        assert_same(*frames, flavor, adata.X.dtype)


def test_experimental_pp_is_the_same_function():
    adata = generated(seed=8)
    a = scn.experimental.pp.highly_variable_genes(adata, n_top_genes=80, theta=50, clip=4.0, inplace=False)
    b = scn.pp.highly_variable_genes(adata, flavor="pearson_residuals", n_top_genes=80, theta=50, clip=4.0, inplace=False)
    pd.testing.assert_frame_equal(a, b)
    with pytest.raises(ValueError, match="flavor: is 'seurat'"):
        scn.experimental.pp.highly_variable_genes(adata, n_top_genes=80, flavor="seurat")


def test_unexpressed_genes_can_be_left_out():
    import scanpy as sc

    adata = generated(seed=9, logged=True)
    adata = adata[:, np.argsort(np.asarray(adata.X.sum(0)).ravel())[:500]].copy()
    adata.X.data[adata.X.indices < 20] = 0
    got = scn.pp.highly_variable_genes(adata, filter_unexpressed_genes=True, n_top_genes=60, inplace=False)
    kept = np.asarray((adata.X > 0).sum(0)).ravel() > 0
    want = sc.pp.highly_variable_genes(adata[:, kept].copy(), n_top_genes=60, inplace=False)
    np.testing.assert_array_equal(got["highly_variable"][kept], want["highly_variable"])
    assert not got["highly_variable"][~kept].any() and (got["means"][~kept] == 0).all() and got["mean_bin"][~kept].isna().all()


def test_ties_go_by_position_or_by_name():
    rng = np.random.default_rng(0)
    counts = rng.poisson(2, (40, 11)).astype(float)
    counts[:, :8] = counts[:, [0]] ** 2  # equals
    for flavor in COUNTS:
        got = scn.array.highly_variable_genes(counts, flavor=flavor, n_top_genes=5, span=1.0)
        equal = [gene for gene in np.flatnonzero(got.highly_variable) if gene < 8]
        assert 0 < len(equal) < 8 and equal == list(range(len(equal)))
    logged, batches = np.log1p(counts), np.arange(40) % 2
    options = dict(n_top_genes=5, batches=batches, n_bins=2)
    plain = scn.array.highly_variable_genes(logged, **options)
    named = scn.array.highly_variable_genes(logged, gene_names=[f"g{20 - i:02}" for i in range(11)], **options)
    turned = scn.array.highly_variable_genes(logged[:, ::-1], **options)
    np.testing.assert_array_equal(named.highly_variable, turned.highly_variable[::-1])
    assert plain.highly_variable.sum() == named.highly_variable.sum() == 5
    assert (plain.highly_variable != named.highly_variable).any()


# The same bits


def parts(result):
    return {name: array for name, array in result._asdict().items() if array is not None}


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("flavor", LOGGED + COUNTS)
def test_same_bits_in_every_layout_and_at_every_thread_count(flavor, batched):
    # Halves stay exact when an entry is stored as two.
    X = generated(60, 90, seed=1).X.toarray()
    X = np.minimum(X, 9) / 2 if flavor in LOGGED else X * 2
    X = X[:, (X > 0).sum(0) > 5]
    values = ("f4",) if flavor == "seurat" else ("f4", "f8", "u1", "i4", "u8")
    batches = np.arange(60) % 3 if batched else None
    run = lambda Y: parts(scn.array.highly_variable_genes(Y, flavor=flavor, n_top_genes=20, batches=batches))
    same_bits(run, X, values=values, threads=(1, 3), canonical=False)


@pytest.mark.parametrize("flavor", LOGGED + COUNTS)
def test_same_bits_of_real_cells(mixology, mixology_logged, flavor):
    X = (mixology_logged if flavor in LOGGED else mixology).X
    batches = mixology.obs["batch"].cat.codes.to_numpy()
    results = []
    for Y in (sp.csr_matrix(X), sp.csc_matrix(X)):
        for n in (1, 2, 3, 8):
            with scn.settings.override(n_threads=n):
                found = parts(scn.array.highly_variable_genes(Y, flavor=flavor, n_top_genes=2000, batches=batches))
            results.append({name: array.tobytes() for name, array in found.items()})
    assert all(result == results[0] for result in results)


# Bad input


@pytest.fixture
def small():
    return generated(40, 60, seed=2)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(flavor="seurat_v4"), "flavor: is 'seurat_v4', must be one of 'seurat'"),
        (dict(flavor="pearson_residuals"), "n_top_genes: is not given"),
        (dict(flavor="pearson_residuals", n_top_genes=10, theta=0), "theta: is 0, must be positive"),
        (dict(flavor="pearson_residuals", n_top_genes=10, clip=-1), "clip: is -1"),
        (dict(flavor="seurat_v3", n_top_genes=10, span=0.01), "span"),
        (dict(flavor="seurat_v3", n_top_genes=61), "n_top_genes: is 61, must be from 1 to 60"),
        (dict(flavor="seurat_v3", n_top_genes=0), "n_top_genes: is 0"),
        (dict(flavor="seurat", n_bins=0), "n_bins: is 0"),
        (dict(flavor="seurat", min_disp=np.nan), "min_disp: is NaN"),
        (dict(flavor="seurat", log_base=1.0), "log_base: is 1"),
        (dict(flavor="seurat", batches=[0] * 39 + [1]), "batch 1 has 1 cells"),
        (dict(flavor="seurat_v3", batches=[0] * 39), "batches: has 39 labels, must have 40"),
        (dict(flavor="cell_ranger"), "filter genes first"),
    ],
)
def test_bad_options_are_named(small, options, message):
    X = small.X.tolil()
    X[:, :20] = 0
    before = X.tocsr()
    given = before.copy()
    with pytest.raises(ValueError, match=message):
        scn.array.highly_variable_genes(given, **options)
    assert (given != before).nnz == 0


@pytest.mark.parametrize("flavor", LOGGED + COUNTS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_errors(small, flavor, value):
    X = small.X.tocsr()
    X.data[7] = value
    gene = X.indices[7]
    for Y in (X, X.tocsc(), X.toarray()):
        with pytest.raises(ValueError, match=rf"obs \d+, var {gene} is"):
            scn.array.highly_variable_genes(Y, flavor=flavor, n_top_genes=10)


@pytest.mark.parametrize("flavor", COUNTS)
def test_negative_counts_are_errors_and_fractions_a_warning(small, flavor):
    X = small.X.copy()
    X.data[3] = -1
    with pytest.raises(ValueError, match=f"is -1, must not be negative, as {flavor} takes counts"):
        scn.array.highly_variable_genes(X, flavor=flavor, n_top_genes=10)
    X.data[3] = 1.5
    with pytest.warns(UserWarning, match="expects raw count data, but non-integers were found"):
        scn.array.highly_variable_genes(X, flavor=flavor, n_top_genes=10, span=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scn.array.highly_variable_genes(X, flavor=flavor, n_top_genes=10, span=0.9, check_values=False)


@pytest.mark.parametrize("flavor", LOGGED + COUNTS)
def test_empty_matrices_and_lone_cells(flavor):
    for shape, message in (((0, 5), "has 0 cells"), ((1, 5), "has 1 cells"), ((5, 0), "no genes")):
        with pytest.raises(ValueError, match=message):
            scn.array.highly_variable_genes(np.zeros(shape), flavor=flavor, n_top_genes=1)


def test_a_matrix_of_zeros():
    zeros = np.zeros((5, 6))
    assert not scn.array.highly_variable_genes(zeros).highly_variable.any()
    for flavor in COUNTS:
        found = scn.array.highly_variable_genes(zeros, flavor=flavor, n_top_genes=2)
        assert list(np.flatnonzero(found.highly_variable)) == [0, 1]
        assert (found.variances == 0).all()
    with pytest.raises(ValueError, match="no gene has a normalised dispersion"):
        scn.array.highly_variable_genes(zeros, n_top_genes=2)
    with pytest.raises(ValueError, match="no gene is expressed in batch 0"):
        scn.array.highly_variable_genes(zeros, batches=[0, 0, 0, 1, 1])


def test_counts_given_to_seurat_are_an_error_not_nonsense():
    with pytest.raises(ValueError, match="takes logarithmised values"):
        scn.array.highly_variable_genes(np.full((3, 2), 900.0) + np.arange(6).reshape(3, 2), flavor="seurat")


def test_warnings_and_errors_on_anndata(small):
    with pytest.warns(UserWarning, match="more than the 60 genes"):
        got = scn.pp.highly_variable_genes(small, flavor="seurat_v3", n_top_genes=100, span=0.9, inplace=False)
    assert got["highly_variable"].all()
    with pytest.warns(UserWarning, match="all cutoffs are ignored"):
        scn.pp.highly_variable_genes(generated(40, 60, logged=True), n_top_genes=10, min_mean=0.1, inplace=False)
    with pytest.raises(LookupError, match="batch_key: is 'lane', must be a column of adata.obs"):
        scn.pp.highly_variable_genes(small, batch_key="lane")
    with pytest.raises(LookupError, match="layer: is 'counts'"):
        scn.pp.highly_variable_genes(small, layer="counts")
    with pytest.raises(TypeError, match="must be an AnnData"):
        scn.pp.highly_variable_genes(small.X)
    assert list(small.var.columns) == [] and "hvg" not in small.uns


def test_fewer_normalised_dispersions_than_asked_for_warns():
    logged = np.log1p(np.random.default_rng(0).poisson(1, (30, 10)).astype(float))
    logged[:, 5:] = 0
    with pytest.warns(UserWarning, match="number of normalized dispersions"):
        got = scn.array.highly_variable_genes(logged, n_top_genes=8)
    assert list(np.flatnonzero(got.highly_variable)) == [0, 1, 2, 3, 4]


def test_cells_in_no_batch_count_in_overall_moments_alone(small):
    from scnative.array._highly_variable_genes import compute

    codes = np.r_[np.full(10, -1), np.zeros(30)].astype("i4")
    options = dict(flavor="seurat_v3", n_top_genes=10, span=0.9, n_bins=20)
    with_them = compute(small.X, codes, None, **options)
    alone = scn.array.highly_variable_genes(small.X[10:], flavor="seurat_v3", n_top_genes=10, span=0.9)
    np.testing.assert_array_equal(with_them.variances_norm, alone.variances_norm)
    np.testing.assert_array_equal(with_them.highly_variable, alone.highly_variable)
    np.testing.assert_allclose(with_them.means, np.asarray(small.X.mean(0)).ravel(), rtol=1e-6)


def test_residuals_of_an_empty_cell_are_zero(small):
    X = small.X.toarray().astype(float)
    X[4] = 0
    got = scn.array.highly_variable_genes(X, flavor="pearson_residuals", n_top_genes=10, clip=6.0).residual_variances
    sums, depths = X.sum(0), X.sum(1)
    mu = np.outer(depths, sums) / X.sum()
    with np.errstate(invalid="ignore"):
        r = np.clip(np.nan_to_num((X - mu) / np.sqrt(mu + mu**2 / 100)), -6, 6)
    np.testing.assert_allclose(got, r.var(0), rtol=1e-9)
