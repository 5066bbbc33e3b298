"""calculate_qc_metrics held against scanpy and numpy."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import same_bits

import scnative as scn

sc = pytest.importorskip("scanpy")
ad = pytest.importorskip("anndata")

KINDS = [sp.csr_matrix, sp.csc_matrix, np.array]


def counts(seed=0, shape=(40, 30), dtype="float32"):
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(0.4, 2.0, shape[1]), shape)
    x[:, 5] = 0
    x[::3, 7] = 200
    x[3] = 0
    return x.astype(dtype)


def annotated(x):
    adata = ad.AnnData(x)
    adata.var["mt"] = np.arange(adata.n_vars) % 9 == 0
    adata.var["none"] = False
    adata.var["most"] = np.arange(adata.n_vars) % 5 != 0
    return adata


def both(x, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sc.pp.calculate_qc_metrics(annotated(x), **settings), scn.pp.calculate_qc_metrics(annotated(x), **settings)


def same(theirs, mine, rtol=1e-6):
    for a, b in zip(theirs, mine):
        assert list(a.columns) == list(b.columns) and a.index.equals(b.index)
        for name in a.columns:
            np.testing.assert_allclose(b[name], a[name], rtol=rtol, err_msg=name)
            if "mean" not in name:  # float32 in scanpy 1.12, float64 in 1.11
                kind = "i" if name.startswith("n_") else None  # int32 or int64 there, by layout
                assert b[name].dtype == a[name].dtype or kind == a[name].dtype.kind == b[name].dtype.kind, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "uint32"])
def test_is_scanpys(kind, dtype):
    x = kind(counts(dtype=dtype))
    settings = {"qc_vars": ["mt", "none", "most"], "percent_top": [5, 2, 30, 20]}
    same(*both(x, **settings), rtol=1e-6 if dtype == "float32" else 1e-13)
    same(*both(x, percent_top=None, log1p=False), rtol=1e-6)
    same(*both(x, qc_vars="mt", percent_top=(1,), expr_type="umis", var_type="features"), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_no_counts(kind):
    x = counts(1, dtype="float64")
    x[x > 0] += np.random.default_rng(0).random((x > 0).sum())
    same(*both(kind(x), qc_vars=["mt"], percent_top=[1, 3, 10, 30]), rtol=1e-12)
    x = x.astype("int64") * 1700
    same(*both(kind(x), qc_vars=["mt"], percent_top=[1, 3, 10, 30]), rtol=1e-12)


def test_on_real_cells(pbmc3k_raw):
    a, b = pbmc3k_raw.copy(), pbmc3k_raw.copy()
    for adata, module in ((a, sc), (b, scn)):
        adata.X = sp.csr_matrix(adata.X, dtype="float32")
        adata.var["mt"] = adata.var_names.str.startswith("MT-")
        adata.var["ribo"] = adata.var_names.str.match("^RP[SL]")
        assert adata.var["ribo"].sum() > 50
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert module.pp.calculate_qc_metrics(adata, qc_vars=["mt", "ribo"], inplace=True) is None
    same((a.obs.select_dtypes("number"), a.var.select_dtypes("number")), (b.obs.select_dtypes("number"), b.var.select_dtypes("number")))
    turned = scn.array.calculate_qc_metrics(b.X.tocsc(), subsets=[b.var["mt"].to_numpy()])
    plain = scn.array.calculate_qc_metrics(b.X, subsets=[b.var["mt"].to_numpy()])
    assert all(np.array_equal(p, q, equal_nan=True) for p, q in zip(turned, plain))


def test_same_bits_everywhere():
    mask = np.arange(31) % 4 == 0

    def run(X):
        found = scn.array.calculate_qc_metrics(X, percent_top=[1, 4, 31], subsets=[mask, ~mask])
        return tuple(np.asarray(part, "f8") for part in found)

    same_bits(run, sp.csr_matrix(counts(2, (23, 31))), canonical=False)
    odd = counts(3, (23, 31), "float64")
    odd[odd > 0] /= 3.0
    odd[5, 3] = -2.5
    same_bits(run, sp.csr_matrix(odd), values=("f8",))


def test_zeros_and_negative_values_come_after_the_positive_ones():
    x = np.array([[-3.0, 0.0, 4.0, -1.0, 10.0]])
    for kind in KINDS:
        got = scn.array.calculate_qc_metrics(kind(x), percent_top=[1, 2, 3, 4, 5]).pct_counts_in_top[:, 0]
        np.testing.assert_allclose(got, np.cumsum([10, 4, 0, -1, -3]) / 10 * 100, rtol=1e-15)


def test_edges():
    for shape in ((0, 0), (0, 4), (4, 0), (1, 1)):
        for kind in (sp.csr_matrix, sp.csc_matrix):
            got = scn.array.calculate_qc_metrics(kind(shape, dtype="f4"), percent_top=None)
            assert got.total_counts.shape == shape[:1] and got.mean_counts.shape == shape[1:]
            assert np.isnan(got.pct_dropout).all() == (shape[0] == 0 or shape[1] == 0)
    nan = counts(4)
    nan[2, 1], nan[6, 2] = np.nan, np.inf
    got = scn.array.calculate_qc_metrics(sp.csr_matrix(nan), percent_top=[3], subsets=[np.arange(30) == 9])
    assert np.isnan(got.total_counts[2]) and np.isnan(got.pct_counts_in_top[0, 2]) and np.isnan(got.total_counts_of_genes[1])
    assert got.total_counts[6] == np.inf and got.total_counts_of_genes[2] == np.inf
    assert np.isfinite(np.delete(got.total_counts, [2, 6])).all()
    assert np.isnan(got.pct_counts_in_top[0, 3]) and np.isnan(got.subset_pct[0, 3])  # a cell without counts


def test_stored_zeros_are_left_alone():
    x = sp.csr_matrix(counts(5))
    x.data[:10] = 0
    adata, clean = annotated(x.copy()), x.copy()
    clean.eliminate_zeros()
    got = scn.pp.calculate_qc_metrics(adata, percent_top=[3])
    assert adata.X.nnz == x.nnz
    want = scn.pp.calculate_qc_metrics(annotated(clean), percent_top=[3])
    assert got[0].equals(want[0]) and got[1].equals(want[1])


@pytest.mark.parametrize("tops", [[31], [0], [-4], [5, 31]])
def test_positions_out_of_range(tops):
    for module in (sc, scn):
        with pytest.raises(IndexError, match="Positions outside range of features"):
            module.pp.calculate_qc_metrics(annotated(counts()), percent_top=tops)


def test_bad_input():
    with pytest.raises(ValueError, match=r"subsets\[0\]"):
        scn.array.calculate_qc_metrics(counts(), percent_top=None, subsets=[np.ones(4, bool)])
    with pytest.raises(KeyError, match="ribo"):
        scn.pp.calculate_qc_metrics(annotated(counts()), qc_vars=["ribo"], percent_top=None)
    with pytest.raises(KeyError, match="nolayer"):
        scn.pp.calculate_qc_metrics(annotated(counts()), layer="nolayer")
    with pytest.warns(FutureWarning, match="parallel"):
        scn.pp.calculate_qc_metrics(annotated(counts()), percent_top=None, parallel=True)


def test_arguments_are_scanpys():
    mine, theirs = (inspect.signature(module.pp.calculate_qc_metrics).parameters for module in (scn, sc))
    assert [(p.name, p.default, p.kind) for p in mine.values()] == [(p.name, p.default, p.kind) for p in theirs.values()]
