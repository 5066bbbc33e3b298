"""normalize_total, log1p, their fusion, Seurat's CLR and relative counts, and the filters, held against scanpy, numpy
and the formulas."""

from __future__ import annotations

import inspect
import warnings
from importlib.metadata import version

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import same_bits

import scnative as scn

sc = pytest.importorskip("scanpy")
ad = pytest.importorskip("anndata")

SCANPY = tuple(map(int, version("scanpy").split(".")[:2]))
KINDS = [sp.csr_matrix, sp.csc_matrix, np.array]


def counts(seed=0, shape=(40, 25), dtype="float32"):
    """Counts with an empty cell, an empty gene and one very high gene."""
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(0.4, 2.0, shape[1]), shape)
    x[:, 5] = 0
    x[::3, 7] = 60
    x[3] = 0
    return x.astype(dtype)


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


def adata_of(x):
    return ad.AnnData(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("target", [None, 1e4])
def test_normalize_total_is_scanpys(kind, dtype, exclude, target):
    x = counts(dtype=dtype)
    if target is None and SCANPY < (1, 12):
        x = np.delete(x, 3, axis=0)  # scanpy 1.11's median takes cells without counts along, for CSR
    settings = {"target_sum": target, "exclude_highly_expressed": exclude, "max_fraction": 0.2}
    a, b = adata_of(kind(x)), adata_of(kind(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.normalize_total(a, key_added="f", **settings)
        scn.pp.normalize_total(b, key_added="f", **settings)
        got = scn.pp.normalize_total(adata_of(kind(x)), inplace=False, **settings)
    assert b.X.dtype == a.X.dtype and type(b.X) is kind or kind is np.array
    if kind is np.array and dtype == "float32":  # numpy's float32 sums
        np.testing.assert_allclose(dense(b.X), dense(a.X), rtol=1e-6)
        np.testing.assert_allclose(b.obs["f"], a.obs["f"], rtol=1e-6)
    else:
        assert np.array_equal(dense(b.X), dense(a.X))
        assert np.array_equal(b.obs["f"], a.obs["f"]) and b.obs["f"].dtype == a.obs["f"].dtype
    assert np.array_equal(dense(got["X"]), dense(b.X)) and np.array_equal(got["norm_factor"], b.obs["f"])


def test_normalize_log1p_on_real_cells(pbmc3k_raw):
    a, b, c = (pbmc3k_raw.copy() for _ in range(3))
    for each in (a, b, c):
        each.X = sp.csr_matrix(each.X, dtype="float32")
    sc.pp.normalize_total(a, target_sum=1e4)
    scn.pp.normalize_total(b, target_sum=1e4)
    assert np.array_equal(a.X.data, b.X.data)
    sc.pp.log1p(a)
    scn.pp.log1p(b)
    scn.pp.normalize_log1p(c, target_sum=1e4)
    np.testing.assert_array_max_ulp(a.X.data, b.X.data, maxulp=2)
    assert np.array_equal(b.X.data, c.X.data)
    assert a.uns["log1p"] == b.uns["log1p"] == c.uns["log1p"]


def ulps(got, x):
    want = np.log1p(x.astype(np.longdouble))
    got, want = got.astype(np.longdouble), want
    unit = np.spacing(np.abs(want).astype(x.dtype)).astype(np.longdouble)
    return float(np.max(np.abs(got - want) / unit))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a long double that is wider than double")
def test_log1p_is_within_an_ulp():
    rng = np.random.default_rng(1)
    for dtype in ("float32", "float64"):
        low, high = (-37, 38) if dtype == "float32" else (-300, 300)
        spread = 10.0 ** rng.uniform(low, high, 1_000_000)
        near = np.concatenate([np.linspace(0, 20, 2_000_000), rng.uniform(0, 3, 1_000_000), 2.0 ** np.arange(0, 100) - 1])
        below = -rng.uniform(0, 1, 1_000_000)
        spread, near, below = (x.astype(dtype) for x in (spread, near, below[below > -0.999]))
        for x in (spread, near, below):
            bound = 1.01 if x is below else 0.9
            assert ulps(scn.array.log1p(x.reshape(1, -1)).ravel(), x) < bound, dtype


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", [None, 2, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_log1p_is_scanpys(kind, base, dtype):
    x = counts(2, dtype=dtype)
    a, b = adata_of(kind(x)), adata_of(kind(x))
    sc.pp.log1p(a, base=base)
    scn.pp.log1p(b, base=base)
    assert a.X.dtype == b.X.dtype and type(a.X) is type(b.X)
    np.testing.assert_array_max_ulp(dense(a.X), dense(b.X), maxulp=2)
    assert a.uns["log1p"] == b.uns["log1p"]
    with pytest.warns(UserWarning, match="already log-transformed"):
        scn.pp.log1p(b)
    plain = kind(x)
    got = scn.pp.log1p(plain, base=base, copy=True)
    np.testing.assert_array_max_ulp(dense(got), dense(sc.pp.log1p(kind(x), base=base, copy=True)), maxulp=2)
    assert np.array_equal(dense(plain), x)


def test_log1p_elsewhere_than_in_x():
    x = counts(3)
    a, b = (ad.AnnData(x.copy(), layers={"l": x.copy()}, obsm={"o": x.copy()}) for _ in range(2))
    for where in ({"layer": "l"}, {"obsm": "o"}, {"chunked": True, "chunk_size": 7}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sc.pp.log1p(a, **where)
            scn.pp.log1p(b, **where)
    for one, other in ((a.layers["l"], b.layers["l"]), (a.obsm["o"], b.obsm["o"]), (a.X, b.X)):
        np.testing.assert_array_max_ulp(one, other, maxulp=2)
    copied = scn.pp.log1p(ad.AnnData(x.copy()), copy=True)
    assert isinstance(copied, ad.AnnData)
    with pytest.raises(TypeError, match="layer"):
        scn.pp.log1p(x, layer="l")
    with pytest.raises(NotImplementedError):
        scn.pp.log1p(b, chunked=True, layer="l")


def test_log1p_out_of_its_domain():
    x = np.array([[-1.0, -2.0, np.nan, np.inf, 0.0, -0.0]])
    with pytest.warns(UserWarning, match="-1 or less"):
        got = scn.array.log1p(x)
    with np.errstate(all="ignore"):
        assert np.array_equal(got, np.log1p(x), equal_nan=True)
    assert np.signbit(got[0, 5])


@pytest.mark.parametrize("threads", [1, 3])
def test_views_become_their_own(threads):
    x = counts(4)
    a = ad.AnnData(sp.csr_matrix(x))
    part = a[5:20]
    with scn.settings.override(n_threads=threads), pytest.warns(UserWarning, match="view of an AnnData"):
        scn.pp.normalize_total(part, target_sum=10)
    assert not part.is_view and np.array_equal(dense(a.X), x)
    np.testing.assert_allclose(dense(part.X).sum(1), 10, rtol=1e-5)


def test_same_bits_everywhere():
    x = sp.csr_matrix(counts(5, (23, 31)))

    def values(function):
        # Densified, since layouts store in different orders; value types that become float32 alone.
        return lambda X: dense(function(X)).astype("f8", order="C")

    floats32 = ("f4", "i1", "u2", "i4", "u8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_bits(values(lambda X: scn.array.normalize_total(X).X), x, values=floats32, canonical=False)
        same_bits(values(lambda X: scn.array.normalize_total(X, exclude_highly_expressed=True, max_fraction=0.2).X), x, values=floats32)
        same_bits(values(lambda X: scn.array.normalize_log1p(X, target_sum=1e4, base=2).X), x, values=floats32)
        same_bits(values(lambda X: scn.array.log1p(X)), x.astype("f8"), values=("f8", "i1", "u2", "i4", "u8"))
        same_bits(values(lambda X: scn.array.normalize_relative(X)), x, values=floats32, canonical=False)
        for margin in (1, 2):
            same_bits(values(lambda X, m=margin: scn.array.normalize_clr(X, margin=m)), x, values=floats32)
        fractions = x.copy()
        fractions.data = (fractions.data / 8 + 0.125).astype("f4")
        same_bits(lambda X: scn.array.normalize_total(X).size_factors.astype("f4"), fractions, values=("f4",))
    same_bits(lambda X: scn.array.filter_cells(X, min_genes=3)[0], x, canonical=False)
    same_bits(lambda X: scn.array.filter_genes(X, min_counts=3)[0], x, canonical=False)


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_is_in_place(kind):
    x = kind(counts(6))
    want = scn.array.normalize_log1p(x, target_sum=100).X
    before = x.data if sp.issparse(x) else x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = scn.array.normalize_log1p(x, target_sum=100, inplace=True).X
    assert got is x and (x.data if sp.issparse(x) else x) is before
    assert np.array_equal(dense(got), dense(want))
    wide = np.full((6, 9), 3, "f4")
    scn.array.log1p(wide[:, 2:5], inplace=True)
    assert (wide[:, [0, 1, 5, 8]] == 3).all() and (wide[:, 2:5] != 3).all()


def clr(x, margin):
    """Seurat's formula in double, for cells x genes."""
    x = x.astype("f8")
    logs = np.where(x > 0, np.log1p(np.where(x > 0, x, 0)), 0)
    return np.log1p(x / np.exp(logs.sum(axis=margin - 1, keepdims=True) / x.shape[margin - 1]))


@pytest.mark.parametrize("kind", KINDS)
def test_seurats_normalisations_are_their_formulas(kind):
    x = counts(7, dtype="float64")
    for margin in (1, 2):
        np.testing.assert_allclose(dense(scn.array.normalize_clr(kind(x), margin=margin)), clr(x, margin), rtol=1e-14)
    totals = np.maximum(x.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(dense(scn.array.normalize_relative(kind(x))), x / totals * 1e4, rtol=1e-15)
    a = ad.AnnData(kind(x))
    scn.pp.normalize_clr(a, margin=2)
    np.testing.assert_allclose(dense(a.X), clr(x, 2), rtol=1e-14)
    b = scn.pp.normalize_relative(ad.AnnData(kind(x)), scale_factor=1e6, copy=True)
    np.testing.assert_allclose(dense(b.X), x / totals * 1e6, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_filters_are_scanpys(kind, dtype):
    x = counts(8, dtype=dtype)
    for name in ("cells", "genes"):
        seen = "genes" if name == "cells" else "cells"
        for bound, value in (("min_counts", 20), ("max_counts", 30), (f"min_{seen}", 8), (f"max_{seen}", 12)):
            mine, theirs = getattr(scn.pp, f"filter_{name}"), getattr(sc.pp, f"filter_{name}")
            a, b = ad.AnnData(kind(x)), ad.AnnData(kind(x))
            theirs(a, **{bound: value})
            mine(b, **{bound: value})
            assert a.shape == b.shape and np.array_equal(dense(a.X), dense(b.X))
            one, other = (a.obs, b.obs) if name == "cells" else (a.var, b.var)
            assert one.equals(other) and list(one.dtypes) == list(other.dtypes)
            (m1, n1), (m2, n2) = theirs(kind(x), **{bound: value}), mine(kind(x), **{bound: value})
            assert np.array_equal(m1, m2) and np.array_equal(n1, n2) and np.asarray(n1).dtype == n2.dtype
        with pytest.raises(ValueError, match="Only provide one"):
            mine(ad.AnnData(x), min_counts=1, max_counts=5)
        with pytest.raises(ValueError, match="Only provide one"):
            mine(ad.AnnData(x))


def test_edges():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for shape in ((0, 0), (0, 4), (4, 0), (1, 1)):
            for kind in (sp.csr_matrix, sp.csc_matrix):
                x = kind(shape, dtype="f4")
                for function in (scn.array.normalize_total, scn.array.normalize_log1p):
                    assert function(x).X.shape == shape
                for function in (scn.array.log1p, scn.array.normalize_clr, scn.array.normalize_relative):
                    assert function(x).shape == shape
                assert scn.array.filter_cells(x, min_genes=1).keep.shape == (shape[0],)
        zeros = np.zeros((3, 4), "f4")
        got = scn.array.normalize_total(zeros)
        assert not got.X.any() and not got.size_factors.any()
    nan = counts(9)
    nan[2, 1] = np.nan
    with pytest.warns(UserWarning, match="Some cells have zero counts"):
        got = scn.array.normalize_total(sp.csr_matrix(nan)).X.toarray()
    assert np.isnan(got[2][nan[2] != 0]).all() and np.isfinite(np.delete(got, 2, 0)).all()


def repeated():
    return sp.csr_matrix((np.array([1.0, 2.0, 3.0]), np.array([0, 0, 2]), np.array([0, 3])), shape=(1, 3))


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: scn.array.log1p(repeated()), ValueError, "repeated"),
        (lambda: scn.array.log1p(repeated(), inplace=True), ValueError, "repeated"),
        (lambda: scn.array.normalize_log1p(repeated()), ValueError, "repeated"),
        (lambda: scn.array.normalize_clr(repeated()), ValueError, "repeated"),
        (lambda: scn.array.normalize_clr(np.array([[1.0, -3.0]])), ValueError, "obs 0, var 1 is -3"),
        (lambda: scn.array.normalize_clr(np.ones((2, 2)), margin=3), ValueError, "margin: is 3"),
        (lambda: scn.array.log1p(np.ones((2, 2)), base=1), ValueError, "base: is 1"),
        (lambda: scn.array.log1p(np.ones((2, 2)), base=-2), ValueError, "base: is -2"),
        (lambda: scn.array.log1p(np.ones((2, 2)), base=0), ValueError, "base: is 0"),
        (lambda: scn.array.normalize_total(np.ones((2, 2)), target_sum=0), ValueError, "target_sum: is 0"),
        (lambda: scn.array.normalize_total(np.ones((2, 2)), target_sum=-1), ValueError, "target_sum: is -1"),
        (lambda: scn.array.normalize_total(np.ones((2, 2)), max_fraction=2), ValueError, "max_fraction: is 2"),
        (lambda: scn.array.normalize_relative(np.ones((2, 2)), scale_factor=0), ValueError, "scale_factor: is 0"),
        (lambda: scn.array.log1p([[1.0]]), TypeError, "X: is a"),
        (lambda: scn.array.log1p(np.ones((2, 2), "c8")), TypeError, "complex64"),
        (lambda: scn.pp.normalize_total(ad.AnnData(np.ones((2, 2))), inplace=False, copy=True), ValueError, "copy=True"),
        (lambda: scn.pp.normalize_total(ad.AnnData(np.ones((2, 2))), max_fraction=-1), ValueError, "max_fraction"),
        (lambda: scn.pp.normalize_total(ad.AnnData(np.ones((2, 2))), layer="no"), KeyError, "no"),
    ],
)
def test_bad_input(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_a_failed_call_in_place_changes_nothing():
    x = repeated()
    with pytest.raises(ValueError):
        scn.array.normalize_log1p(x, inplace=True)
    assert x.data.tolist() == [1.0, 2.0, 3.0]
    broken = sp.csc_matrix(counts(10))
    broken.indices[4] = 1000
    before = broken.data.copy()
    with pytest.raises(ValueError, match=r"indices\[4\]"):
        scn.array.normalize_total(broken, inplace=True)
    assert np.array_equal(broken.data, before)


@pytest.mark.parametrize("name", ["filter_cells", "filter_genes", "normalize_total", "log1p"])
def test_arguments_are_scanpys(name):
    mine, theirs = (inspect.signature(getattr(module.pp, name)).parameters for module in (scn, sc))
    for parameter in theirs.values():
        if parameter.name not in ("data", "adata", "X"):
            assert parameter.name in mine and mine[parameter.name].default == parameter.default, parameter
