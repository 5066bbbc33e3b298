"""scale against scanpy, run beside it; groups, constants, clipping, layouts, errors."""

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


def counts(n_obs=60, n_vars=40, seed=0):
    """Counts with an empty gene, a constant one, and an empty cell."""
    x = np.random.default_rng(seed).negative_binomial(1, 0.4, (n_obs, n_vars)).astype(float)
    x[7], x[:, 3], x[:, 4] = 0, 0, 2
    return x


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


FORMATS = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "C": np.ascontiguousarray, "F": np.asfortranarray}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("max_value", [None, 1.5])
@pytest.mark.parametrize("zero_center", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("form", FORMATS)
def test_as_scanpy(sc, form, dtype, zero_center, max_value, masked):
    from anndata import AnnData

    ours = AnnData(FORMATS[form](counts().astype(dtype)))
    ours.obs["some"] = np.arange(60) % 3 > 0
    theirs = ours.copy()
    mask = "some" if masked else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sc.pp.scale(theirs, zero_center=zero_center, max_value=max_value, mask_obs=mask)
        except (TypeError, ValueError, AttributeError) as error:  # some scanpy versions cannot do some of these
            pytest.skip(f"scanpy fails here: {error!r}")
        scn.pp.scale(ours, zero_center=zero_center, max_value=max_value, mask_obs=mask)
    tolerance = {"rtol": 3e-6, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(dense(ours.X), dense(theirs.X), **tolerance)
    # scanpy makes float64 of float32 in csc format, too, when it is not centred; here it is scaled in place
    in_place = form == "csc" and not zero_center and not masked
    assert ours.X.dtype == (np.dtype("float32") if in_place and dtype == "float32" else theirs.X.dtype)
    assert sp.issparse(ours.X) == (form.startswith("cs") and not zero_center)
    assert list(ours.var.columns) == list(theirs.var.columns)
    for name in theirs.var:
        np.testing.assert_allclose(ours.var[name], theirs.var[name], rtol=1e-6 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("zero_center", [True, False])
def test_real_cells(sc, pbmc3k, zero_center):
    genes = np.asarray(pbmc3k.X.sum(axis=0)).ravel().argsort()[-1500:]
    ours = pbmc3k[:, genes].copy()
    theirs = ours.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.scale(theirs, zero_center=zero_center, max_value=10)
        scn.pp.scale(ours, zero_center=zero_center, max_value=10)
    np.testing.assert_allclose(dense(ours.X), dense(theirs.X), rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(ours.var["std"], theirs.var["std"], rtol=1e-6)


def test_layers_views_copies(sc):
    from anndata import AnnData

    adata = AnnData(counts())
    adata.layers["raw"], adata.obsm["emb"] = counts(seed=1), counts(n_vars=5, seed=2)
    before = adata.X.copy()
    made = scn.pp.scale(adata, layer="raw", copy=True)
    assert (adata.layers["raw"] == counts(seed=1)).all() and abs(made.layers["raw"][:, 0].mean()) < 1e-14
    assert scn.pp.scale(adata, obsm="emb") is None
    np.testing.assert_allclose(adata.obsm["emb"][:, 0].std(ddof=1), 1)
    assert (adata.X == before).all() and "mean" not in adata.var
    view = adata[:30]
    with pytest.warns(UserWarning, match="view of an AnnData"):
        scn.pp.scale(view)
    assert (adata.X == before).all() and not view.is_view
    with pytest.warns(UserWarning, match="densifies"):
        scn.array.scale(sp.csr_matrix(before))


def test_in_place_only_where_said():
    x = counts()
    made = scn.array.scale(x)
    assert made.X is x
    x = counts()
    assert scn.array.scale(x, copy=True).X is not x and (x == counts()).all()
    wide = np.full((60, 44), 9.0)
    wide[:, :40] = counts()
    scn.array.scale(wide[:, :40])
    assert (wide[:, 40:] == 9).all()
    np.testing.assert_array_equal(wide[:, :40], made.X)
    sparse = sp.csr_matrix(counts())
    assert scn.array.scale(sparse, zero_center=False).X is sparse
    frozen = counts()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(scn.array.scale(frozen).X, made.X)


def test_groups():
    x, labels = counts(), np.arange(60) % 4 - 1
    made = scn.array.scale(x, groups=labels, copy=True)
    assert made.mean.shape == (3, 40)
    for g in range(3):
        alone = scn.array.scale(x[labels == g].copy())
        np.testing.assert_array_equal(made.X[labels == g], alone.X)
        np.testing.assert_array_equal(made.std[g], alone.std)
    assert (made.X[labels < 0] == x[labels < 0]).all()

    import pandas as pd
    from anndata import AnnData

    adata = AnnData(x.copy(), obs=pd.DataFrame({"batch": pd.Categorical.from_codes(labels, list("abc"))}, index=map(str, range(60))))
    scn.pp.scale(adata, groupby="batch")
    np.testing.assert_array_equal(adata.X, made.X)
    np.testing.assert_array_equal(adata.varm["std of batch"]["b"], made.std[1])


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-30, 12345.678])
def test_constant_genes_become_zero(value):
    for n in (2, 3, 10, 1001):
        made = scn.array.scale(np.full((n, 2), value))
        assert (made.X == 0).all() and (made.std == 1).all()


@pytest.mark.parametrize("kinds", [("f8",), ("f4",), ("i1", "u2", "i4", "u8")])
@pytest.mark.parametrize("zero_center", [True, False])
def test_same_bits(kinds, zero_center):
    labels = np.arange(60) % 4 - 1

    def run(X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = scn.array.scale(X, zero_center=zero_center, max_value=2, copy=True, groups=labels)
        # a sparse float32 matrix becomes float64 when it is centred: rounded, that is what a dense one becomes
        return np.ascontiguousarray(dense(made.X), "f4" if kinds == ("f4",) else "f8"), made.mean, made.std

    same_bits(run, counts().astype(kinds[0] if kinds[0][0] == "f" else "f8"), values=kinds)


def test_unsorted_and_repeated_indices():
    def run(X):
        made = scn.array.scale(X, zero_center=False, copy=True)
        return np.ascontiguousarray(dense(made.X)), made.mean, made.std

    x = counts() * 2
    rows = sp.csr_matrix(x)
    doubled = sp.csr_matrix((np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), rows.indptr * 2), x.shape)
    for a, b in zip(run(doubled), run(rows)):
        np.testing.assert_allclose(a, b, rtol=1e-15)
    with pytest.raises(ValueError, match="repeat"):
        scn.array.scale(doubled, zero_center=False, max_value=1.0)


def test_nan_and_infinity_stay_in_their_gene():
    x = counts()
    x[3, 1], x[4, 2] = np.nan, np.inf
    made = scn.array.scale(x, copy=True)
    assert np.isnan(made.X[:, 1]).all() and np.isnan(made.X[:, 2]).all()
    assert np.isfinite(np.delete(made.X, [1, 2], axis=1)).all()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"max_value": -1.0}, ValueError, "max_value: is -1"),
        ({"groups": np.arange(60)}, ValueError, "group 0 has 1 cell"),
        ({"groups": np.zeros(59)}, ValueError, "groups: has 59 labels"),
        ({"groups": np.full(60, 5), "n_groups": 2}, ValueError, r"groups\[0\]: is 5"),
        ({"mask_obs": np.zeros(60)}, TypeError, "mask_obs"),
        ({"mask_obs": np.ones(59, bool)}, ValueError, "59"),
        ({"mask_obs": np.arange(60) == 1}, ValueError, "1 cell"),
        ({"mask_obs": np.ones(60, bool), "groups": np.zeros(60)}, ValueError, "only one"),
    ],
)
def test_errors_leave_the_matrix(change, error, says):
    for form in FORMATS.values():
        x = form(counts())
        with pytest.raises(error, match=says):
            scn.array.scale(x, zero_center=False, **change)
        assert (dense(x) == counts()).all()


def test_empty():
    assert scn.array.scale(np.empty((0, 3))).X.shape == (0, 3)
    assert scn.array.scale(np.empty((3, 0))).X.shape == (3, 0)
    with pytest.raises(ValueError, match="1 cell"):
        scn.array.scale(np.ones((1, 3)))
