"""score_genes and the cell cycle against scanpy, run beside it: the same control genes, the same scores."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import same_bits

import scnative as scn


@pytest.fixture
def sc():
    return pytest.importorskip("scanpy")


def in_double(adata):
    """scanpy 1.11 takes the means of sparse float32 matrices in float32, 1.12 in float64: this makes all take float64."""
    adata = adata.copy()
    adata.X = adata.X.astype("float64")
    return adata


def some_cells(n_obs=50, n_vars=400, seed=0):
    """Many genes share their mean, and some are not expressed."""
    from anndata import AnnData

    random = np.random.default_rng(seed)
    x = random.poisson(random.gamma(0.5, 1, n_vars), (n_obs, n_vars)).astype(float)
    adata = AnnData(sp.csr_matrix(x))
    adata.var_names = [f"g{i}" for i in random.permutation(n_vars)]
    return adata


def their_controls(sc, adata, genes, **options):
    """The control genes that scanpy draws: what it takes from its bins."""
    from scanpy.tools import _score_genes as module

    names = np.array(adata.var_names)
    chosen = []
    bins = module._score_genes_bins

    def watch(*args, **kwargs):
        for genes in bins(*args, **kwargs):
            chosen.extend(genes)
            yield genes

    module._score_genes_bins = watch
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sc.tl.score_genes(adata, genes, **options)
    finally:
        module._score_genes_bins = bins
    return sorted(np.flatnonzero(np.isin(names, chosen)))


OPTIONS = [
    {},
    {"random_state": 7},
    {"ctrl_size": 5, "n_bins": 10},
    {"ctrl_as_ref": False},
    {"n_bins": 300},
    {"n_bins": 2, "ctrl_size": 30, "random_state": 2**32 - 1},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csc_matrix, np.ascontiguousarray])
def test_as_scanpy(sc, form, options):
    adata = some_cells()
    adata.X = form(adata.X.toarray())
    genes = [f"g{i}" for i in (5, 17, 300, 42, 5, 399)]
    theirs, ours = adata.copy(), adata.copy()
    controls = their_controls(sc, theirs, genes, **options)
    chosen = adata.var_names.get_indexer(list(dict.fromkeys(genes)))
    assert list(scn.array.control_genes(adata.X, chosen, **options)) == controls and len(controls) > 3
    scn.tl.score_genes(ours, genes, **options)
    np.testing.assert_allclose(ours.obs["score"], theirs.obs["score"], rtol=1e-12, atol=1e-13)
    assert ours.obs["score"].dtype == theirs.obs["score"].dtype


@pytest.mark.parametrize("random_state", [0, 1])
def test_real_cells(sc, pbmc3k, random_state):
    theirs = in_double(pbmc3k)
    ours = theirs.copy()
    genes = ["CD79A", "MS4A1", "CD74", "NKG7", "not a gene"]
    with pytest.warns(UserWarning, match="not a gene"):
        scn.tl.score_genes(ours, genes, score_name="mine", random_state=random_state)
    sc.tl.score_genes(theirs, genes, score_name="mine", random_state=random_state)
    np.testing.assert_allclose(ours.obs["mine"], theirs.obs["mine"], rtol=1e-11, atol=1e-13)
    # the same cells in float32: the same control genes, so the same scores but for float32's rounding
    single = pbmc3k.copy()
    scn.tl.score_genes(single, genes[:-1], random_state=random_state)
    np.testing.assert_allclose(single.obs["score"], ours.obs["mine"], rtol=1e-6, atol=1e-7)


def test_gene_pool_and_its_order(sc):
    adata = some_cells()
    genes = list(adata.var_names[[3, 50, 200]])
    pool = [*np.random.default_rng(1).permutation(adata.var_names)[:150], *genes, "absent"]
    for options in ({}, {"ctrl_as_ref": False, "ctrl_size": 4}, {"ctrl_size": 3, "n_bins": 8}):
        theirs, ours = adata.copy(), adata.copy()
        sc.tl.score_genes(theirs, genes, gene_pool=pool, **options)
        scn.tl.score_genes(ours, genes, gene_pool=pool, **options)
        np.testing.assert_allclose(ours.obs["score"], theirs.obs["score"], rtol=1e-12, atol=1e-13)
    with pytest.raises(LookupError, match="gene_pool"):
        scn.tl.score_genes(adata, genes, gene_pool=[name for name in adata.var_names if name not in genes])


def test_raw_layers_and_single_genes(sc):
    adata = some_cells()
    adata.raw = adata.copy()
    adata.layers["twice"] = adata.X * 2
    adata = adata[:, :300].copy()
    for options in ({}, {"use_raw": False}, {"layer": "twice"}, {"use_raw": True}):
        theirs, ours = adata.copy(), adata.copy()
        sc.tl.score_genes(theirs, adata.var_names[3], **options)
        scn.tl.score_genes(ours, adata.var_names[3], **options)
        np.testing.assert_allclose(ours.obs["score"], theirs.obs["score"], rtol=1e-12, atol=1e-13)
    with pytest.raises(ValueError, match="only one of them"):
        scn.tl.score_genes(adata, adata.var_names[3], use_raw=True, layer="twice")


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csc_matrix, np.ascontiguousarray])
def test_nan(sc, form):
    adata = some_cells()
    x = adata.X.toarray()
    x[np.random.default_rng(2).random(x.shape) < 0.05] = np.nan
    adata.X = form(x)
    theirs, ours = adata.copy(), adata.copy()
    genes = list(adata.var_names[[3, 50, 200]])
    sc.tl.score_genes(theirs, genes)
    scn.tl.score_genes(ours, genes)
    np.testing.assert_allclose(ours.obs["score"], theirs.obs["score"], rtol=1e-12, atol=1e-13)


def test_cell_cycle(sc, pbmc3k):
    theirs = in_double(pbmc3k)
    ours = theirs.copy()
    s = ["MCM5", "PCNA", "TYMS", "FEN1", "MCM2", "MCM4", "RRM1", "UNG", "GINS2", "MCM6"]
    g2m = ["HMGB2", "CDK1", "NUSAP1", "UBE2C", "BIRC5", "TPX2", "TOP2A", "NDC80"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.tl.score_genes_cell_cycle(theirs, s_genes=s, g2m_genes=g2m)
        scn.tl.score_genes_cell_cycle(ours, s_genes=s, g2m_genes=g2m)
    for name in ("S_score", "G2M_score"):
        np.testing.assert_allclose(ours.obs[name], theirs.obs[name], rtol=1e-11, atol=1e-13)
    assert (ours.obs["phase"] == theirs.obs["phase"]).all() and ours.obs["phase"].nunique() == 3
    assert ours.obs["phase"].dtype == theirs.obs["phase"].dtype


def test_same_bits():
    x = np.random.default_rng(0).poisson(1.0, (40, 60)).astype(float)

    def run(X):
        control = scn.array.control_genes(X, [3, 9, 20], ctrl_size=4, n_bins=6)
        return control, scn.array.score_genes(X, [3, 9, 20], control)

    same_bits(run, x)
    same_bits(run, x * 2, values=("f8",), canonical=False)


def test_numpy_state_is_left_alone():
    adata = some_cells()
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    scn.tl.score_genes(adata, ["g1", "g2"])
    assert (np.random.get_state()[1] == state).all()
    scores = []
    for _ in range(2):
        np.random.seed(5)
        scn.tl.score_genes(adata, ["g1", "g2"], random_state=None, ctrl_size=2)
        scores.append(adata.obs["score"].to_numpy())
    assert (scores[0] == scores[1]).all()


def test_errors():
    adata = some_cells()
    with pytest.raises(ValueError, match="No valid genes were passed for scoring"), pytest.warns(UserWarning):
        scn.tl.score_genes(adata, ["absent"])
    with pytest.raises(ValueError, match="reference set"):
        scn.tl.score_genes(adata, ["g1"], gene_pool=["absent"])
    with pytest.raises(RuntimeError, match="No control genes found in any cut"):
        scn.tl.score_genes(adata, ["g1"], ctrl_size=0)
    for options, says in (
        ({"n_bins": 1}, "n_bins: is 1"),
        ({"ctrl_size": -1}, "ctrl_size: is -1"),
        ({"random_state": -1}, "random_state: is -1"),
    ):
        with pytest.raises(ValueError, match=says):
            scn.tl.score_genes(adata, ["g1"], **options)
    assert "score" not in adata.obs
    for genes, says in (([400], r"gene_list\[0\]: is 400"), ([-1], r"gene_list\[0\]: is -1"), ([], "gene_list: is empty")):
        with pytest.raises(ValueError, match=says):
            scn.array.score_genes(adata.X, genes, [1])
    with pytest.raises(ValueError, match="control: is empty"):
        scn.array.score_genes(adata.X, [1], [])


def test_few_genes_and_few_cells(sc):
    """A pool smaller than the bins is one bin; one cell; no cells."""
    from anndata import AnnData

    x = np.random.default_rng(0).random((1, 9))
    theirs, ours = AnnData(x.copy()), AnnData(x.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.tl.score_genes(theirs, ["2", "4"])
    scn.tl.score_genes(ours, ["2", "4"])
    np.testing.assert_allclose(ours.obs["score"], theirs.obs["score"], rtol=1e-13)
    assert scn.array.score_genes(np.empty((0, 5)), [1], [2]).shape == (0,)
    with pytest.raises(LookupError, match="finite mean"):
        scn.array.control_genes(np.empty((0, 5)), [1])
