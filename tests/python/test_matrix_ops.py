"""Matrices as such, held against scipy and numpy."""

from __future__ import annotations

import gc
import os
import pickle
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import layouts, same_bits
from hypothesis import given
from hypothesis import strategies as st

import scnative as scn
from scnative import array
from scnative._lib import Handle


def counts(n_obs=31, n_vars=23, density=0.3, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.poisson(2, (n_obs, n_vars)) * (rng.random((n_obs, n_vars)) < density)
    dense[:, 3] = 0
    dense[5] = 0
    return sp.csr_matrix(dense.astype("f8"))


def dense(X):
    return X.toarray() if sp.issparse(X) else np.asarray(X)


def assert_same(ours, theirs):
    """The same matrix in the same format with the same sorted arrays."""
    theirs = theirs.copy()
    theirs.sum_duplicates()
    assert ours.format == theirs.format and ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.indptr, theirs.indptr)
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(ours.data, theirs.data)


@pytest.mark.parametrize("major", ["obs", "var"])
def test_to_major_is_scipys_conversion(major):
    for name, X in layouts(counts(), canonical=False):
        # scipy's reading of our odd layouts is not asked of it: only sorted, 0-based ones
        ours = array.to_major(X, major)
        theirs = sp.csr_matrix(counts().astype(X.dtype)) if major == "obs" else sp.csc_matrix(counts().astype(X.dtype))
        if "stored zeros" in name:
            assert ours.nnz == X.nnz
            ours.eliminate_zeros()
        assert_same(ours, theirs)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_to_major_of_real_cells(pbmc3k_raw, threads):
    X = pbmc3k_raw.X.tocsr()
    with scn.settings.override(n_threads=threads):
        assert_same(array.to_major(X, "var"), X.tocsc())
        assert_same(array.to_major(X.tocsc(), "obs"), X)


def test_to_major_keeps_the_callers_matrix_and_takes_empty_ones():
    for shape in [(0, 0), (0, 5), (5, 0), (3, 3)]:
        X = sp.csr_matrix(shape, dtype="f4")
        assert_same(array.to_major(X, "var"), X.tocsc())
    with pytest.raises(scn.ScnValueError, match="major: is 'rows', must be 'obs'"):
        array.to_major(counts(), "rows")


@given(st.data())
def test_subset_is_scipys_indexing(data):
    X = counts(seed=data.draw(st.integers(0, 5)))
    X = X.tocsc() if data.draw(st.booleans()) else X

    def which(n):
        kind = data.draw(st.sampled_from(["none", "mask", "ordered", "any"]))
        if kind == "none":
            return None
        if kind == "mask":
            return np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
        numbers = data.draw(st.lists(st.integers(-n if kind == "any" else 0, n - 1), max_size=2 * n))
        return np.array(sorted(set(numbers)) if kind == "ordered" else numbers, int)

    obs, vars = which(X.shape[0]), which(X.shape[1])
    theirs = X if obs is None else X[obs]
    theirs = theirs if vars is None else theirs[:, vars]
    with scn.settings.override(progress=False):
        assert_same(array.subset(X, obs, vars), theirs.asformat(X.format))
        np.testing.assert_array_equal(array.subset(X.toarray(), obs, vars), theirs.toarray())


def test_subset_of_every_layout():
    obs, vars = np.array([5, 2, 2, 30]), np.arange(23) % 3 == 0
    want = counts().toarray()[obs][:, vars]
    for name, X in layouts(counts(), canonical=False):
        np.testing.assert_array_equal(dense(array.subset(X, obs, vars)), want, err_msg=name)


@pytest.mark.parametrize(
    "obs, message",
    [
        ([0, 31], r"obs\[1\]: is 31, must be from -31 to 30"),
        ([-32], r"obs\[0\]: is -32"),
        (np.zeros(30, bool), "obs: is a mask of 30 values, must have 31"),
        ([0.5], "obs: has dtype float64, must be of integers or a boolean mask"),
        ([[1]], "obs: has 2 dimensions"),
    ],
)
def test_subset_refuses(obs, message):
    with pytest.raises(scn.ScnValueError, match=message):
        array.subset(counts(), obs)


@pytest.mark.parametrize("axis", ["obs", "var"])
def test_concat_is_scipys_stack(axis):
    stack = sp.vstack if axis == "obs" else sp.hstack
    parts = [counts(seed=seed) for seed in range(3)]
    mixed = [parts[0].astype("f4"), parts[1].tocsc().astype("f4"), sp.csr_matrix((0, 23) if axis == "obs" else (31, 0), dtype="f4"), parts[2].astype("f4")]
    assert_same(array.concat(mixed, axis), stack([m.tocsr() for m in mixed]).tocsr())
    assert_same(array.concat([m.tocsc() for m in mixed], axis), stack([m.tocsr() for m in mixed]).tocsc())
    want = stack([parts[0], parts[1]]).toarray()
    for name, X in layouts(parts[1], canonical=False):
        np.testing.assert_array_equal(array.concat([parts[0], X], axis).toarray(), want, err_msg=name)


def test_concat_promotes_as_numpy_does():
    kinds = ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
    for a in kinds:
        for b in kinds:
            X = array.concat([sp.csr_matrix(np.array([[3]], a)), sp.csr_matrix(np.array([[5]], b))])
            assert X.dtype == np.result_type(a, b), (a, b)
            assert X.toarray().tolist() == [[3], [5]]
    big = sp.csr_matrix(np.array([[2**63 - 1]], "i8"))
    assert array.concat([big, big]).toarray().tolist() == [[2**63 - 1]] * 2


def test_concat_refuses():
    with pytest.raises(scn.ScnValueError, match="there are none"):
        array.concat([])
    with pytest.raises(scn.ScnValueError, match=r"matrices\[1\]: has 3 var, must have 23"):
        array.concat([counts(), sp.csr_matrix((2, 3))])


@pytest.mark.parametrize("order", ["C", "F"])
def test_to_dense_is_toarray(order):
    want = counts().toarray()
    for name, X in layouts(counts(), canonical=False):
        got = array.to_dense(X, order=order)
        assert got.flags[f"{order}_CONTIGUOUS"] and got.dtype == X.dtype
        np.testing.assert_array_equal(got, want.astype(X.dtype), err_msg=name)
        np.testing.assert_array_equal(array.to_dense(X, order=order, dtype="f4"), want.astype("f4"))
    big = sp.csr_matrix(np.array([[2**62 + 1, 0]]))
    assert array.to_dense(big).tolist() == [[2**62 + 1, 0]]
    with pytest.raises(scn.ScnValueError, match="order: is 'A'"):
        array.to_dense(counts(), order="A")


def numpys(X, axis, ddof):
    X = X.astype("f8")
    with np.errstate(all="ignore"):
        return X.sum(axis), X.mean(axis), X.var(axis, ddof=ddof), np.count_nonzero(X, axis), X.min(axis), X.max(axis)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("ddof", [0, 1])
def test_stats_are_numpys(axis, ddof):
    logged = counts()
    logged.data = np.sin(logged.data).astype("f4").astype("f8")
    for X in (counts(), logged):
        got = same_bits(lambda X: tuple(array.stats(X, axis, ddof=ddof)), X, canonical=True)
        for ours, theirs in zip(got, numpys(X.toarray(), axis, ddof)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-300)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_stats_of_odd_values():
    X = counts().toarray()
    X[0, 0], X[1, 1], X[2, 2], X[3, 2] = np.nan, np.inf, np.inf, -np.inf
    X[:, 4] = 1e8 + np.arange(31) / 31
    X[:, 5] = -3
    got = array.stats(sp.csr_matrix(X), 0)
    for ours, theirs in zip(got, numpys(X, 0, 0)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    for n, m in [(0, 3), (3, 0), (1, 1)]:
        got = array.stats(sp.csr_matrix((n, m)), 0, ddof=1)
        assert got.sum.tolist() == [0] * m and np.isnan(got.var).all()


def test_stats_of_real_cells(pbmc3k):
    X = pbmc3k.X
    got = array.stats(X, "obs", ddof=1)
    full = X.toarray().astype("f8")
    np.testing.assert_allclose(got.mean, full.mean(0), rtol=1e-12)
    np.testing.assert_allclose(got.var, full.var(0, ddof=1), rtol=1e-10)
    np.testing.assert_array_equal(got.max, full.max(0))
    assert array.stats(X, which="sum").mean is None
    with pytest.raises(scn.ScnValueError, match="which: has 'median'"):
        array.stats(X, which=["median"])
    with pytest.raises(scn.ScnValueError, match="ddof: is -1"):
        array.stats(X, ddof=-1)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("axis", [0, 1])
def test_aggregate_and_median_of_every_layout(axis):
    X = counts()
    groups = np.arange(X.shape[axis]) ** 2 % 7 % 5 - 1
    groups[groups == 2] = -1  # a group of none
    got = same_bits(lambda X: (*array.aggregate(X, groups, 4, axis=axis), array.median(X, groups, 4, axis=axis)), X)
    full = X.toarray() if axis == 0 else X.toarray().T
    for g in range(4):
        part = full[groups == g]
        if len(part) == 0:
            assert got[0][g].tolist() == [0] * full.shape[1] and all(np.isnan(got[i][g]).all() for i in (1, 2, 4, 5, 6))
            continue
        for ours, theirs in zip(got, (*numpys(part, 0, 1), np.median(part, 0))):
            np.testing.assert_allclose(ours[g], theirs, rtol=1e-12)
    np.testing.assert_array_equal(array.median(X, axis=axis), np.median(X.toarray(), axis=axis))


def test_aggregate_refuses():
    X = counts()
    with pytest.raises(scn.ScnValueError, match="groups: has 3 labels, must have 31"):
        array.aggregate(X, [0, 1, 2])
    with pytest.raises(scn.ScnValueError, match=r"groups\[0\]: is 4, must be from 0 to 2"):
        array.aggregate(X, np.full(31, 4), 3)
    with pytest.raises(scn.ScnValueError, match="groups: has dtype"):
        array.aggregate(X, ["a"] * 31)


def test_an_index_out_of_range_is_named_by_all():
    X = counts()
    X.indices[7] = 99
    for call in (
        lambda: array.to_major(X, "var"),
        lambda: array.subset(X, [0]),
        lambda: array.concat([X]),
        lambda: array.to_dense(X),
        lambda: array.stats(X),
        lambda: array.median(X),
    ):
        with pytest.raises(scn.ScnValueError, match=r"indices\[7\]: is 99 .* must be from 0 to 22"):
            call()


def test_a_matrix_wrongly_said_to_be_sorted_does_no_harm():
    X = counts(400, 300)
    X.indices[: X.indptr[300]] = X.indices[: X.indptr[300]][::-1].copy()
    X.has_canonical_format = True
    calls = [
        lambda: array.to_major(X, "var"),
        lambda: array.stats(X),
        lambda: array.subset(X, vars=[1, 2]),
        lambda: array.calculate_qc_metrics(X, percent_top=[50]),
        *(partial(array.highly_variable_genes, X, flavor=f, n_top_genes=50) for f in ("seurat", "cell_ranger", "seurat_v3")),
    ]
    for call in calls:
        try:
            call()
        except scn.ScnValueError as error:
            assert "although the flags say so" in str(error)


def test_shapes_and_positions_beyond_32_bits():
    wide = sp.csr_matrix((3, 2**31 - 1), dtype="f4")
    wide.data, wide.indices = np.array([1, 2], "f4"), np.array([5, 2**31 - 2], "i4")
    wide.indptr = np.array([0, 1, 1, 2], "i4")
    both = array.concat([wide, wide, wide], "var")
    assert both.shape == (3, 3 * (2**31 - 1)) and both.indices.dtype == np.int64
    assert both.indices.tolist() == [5, 2**31 + 4, 2**32 + 3, 2**31 - 2, 2**32 - 3, 3 * 2**31 - 4]
    assert array.stats(both, "var", which=["sum", "count_nonzero"]).sum.tolist() == [3, 0, 6]
    part = array.subset(both, obs=[2, 0])
    assert part.indices.tolist() == [2**31 - 2, 2**32 - 3, 3 * 2**31 - 4, 5, 2**31 + 4, 2**32 + 3]
    tall = wide.T.tocsc()
    assert array.concat([tall, tall]).shape == (2 * (2**31 - 1), 3)
    assert array.stats(array.concat([tall, tall]), "obs", which="sum").sum.tolist() == [2, 0, 4]
    with pytest.raises(scn.ScnValueError, match="out: has length 4, must have 6442450941"):
        scn._lib.invoke("scn_matrix_to_dense", scn._matrix.View(wide), 0, 1, np.zeros(4, "f4"), 4)


def test_large_results_are_the_librarys_memory_until_their_last_array_goes():
    rng = np.random.default_rng(0)
    X = sp.random(2000, 1500, 0.1, format="csr", dtype="f4", random_state=rng)
    made = array.to_major(X, "var")
    theirs = X.tocsc()
    assert not made.data.flags.owndata and made.data.flags.writeable and made.indices.flags.writeable
    data, copy, pickled = made.data, made.copy(), pickle.loads(pickle.dumps(made))
    made.data *= 2
    made.eliminate_zeros()
    made.sum_duplicates()
    assert (made != theirs * 2).nnz == 0 and (copy != theirs).nnz == 0 and (pickled != theirs).nnz == 0
    del made
    gc.collect()
    np.testing.assert_array_equal(data, theirs.data * 2)
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(data, theirs.data * 2) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_large_results_are_freed_with_their_last_array(monkeypatch):
    freed = []
    release = Handle._release
    monkeypatch.setattr(Handle, "_release", staticmethod(lambda *handle: (freed.append(1), release(*handle))))
    made = array.to_major(sp.random(2000, 1500, 0.1, format="csr", dtype="f4", random_state=0), "var")
    indices = made.indices
    del made
    gc.collect()
    assert not freed
    del indices
    gc.collect()
    assert freed == [1]
    small = array.to_major(counts(), "var")
    assert freed == [1, 1] and small.data.flags.owndata
