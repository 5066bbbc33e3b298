"""regress_out against scanpy, run beside it."""

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


def cells(form, dtype, n_obs=80, n_vars=30):
    import pandas as pd
    from anndata import AnnData

    random = np.random.default_rng(0)
    x = random.negative_binomial(2, 0.4, (n_obs, n_vars)).astype(dtype)
    x[:, 3] = 0
    obs = pd.DataFrame(
        {
            "depth": random.normal(3000, 500, n_obs),
            "mito": random.random(n_obs),
            "count": random.integers(0, 9, n_obs),
            "batch": random.choice(list("abc"), n_obs),
        },
        index=[str(i) for i in range(n_obs)],
    )
    obs["twice"] = 2 * obs["mito"] - 1
    return AnnData(form(x), obs=obs)


FORMATS = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "C": np.ascontiguousarray, "F": np.asfortranarray}


def both(sc, adata, keys):
    theirs = adata.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.regress_out(theirs, keys, n_jobs=1)
    scn.pp.regress_out(adata, keys)
    return adata.X, np.asarray(theirs.X)


@pytest.mark.parametrize("keys", ["depth", ["depth", "mito"], ["count", "mito", "depth"]])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("form", FORMATS)
def test_continuous(sc, form, dtype, keys):
    ours, theirs = both(sc, cells(FORMATS[form], dtype), keys)
    assert ours.dtype == theirs.dtype
    tolerance = {"atol": 2e-6, "rtol": 1e-5} if ours.dtype == np.float32 else {"atol": 1e-9, "rtol": 1e-8}
    np.testing.assert_allclose(ours, theirs, **tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("form", FORMATS)
def test_categorical(sc, form, dtype):
    adata = cells(FORMATS[form], dtype)
    x = adata.X.toarray() if sp.issparse(adata.X) else adata.X
    x[:, 5] = 3
    adata.X = FORMATS[form](x)
    ours, theirs = both(sc, adata, "batch")
    assert ours.dtype == theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert (ours[:, 5] == 3).all() and (theirs[:, 5] == 3).all()


def test_residuals_are_orthogonal_to_rounding():
    adata = cells(np.ascontiguousarray, "float64")
    covariates = adata.obs[["depth", "mito", "count"]].to_numpy()
    residuals = scn.array.regress_out(adata.X, covariates)
    design = np.c_[np.ones(80), covariates]
    expected = adata.X - design @ np.linalg.lstsq(design, adata.X, rcond=None)[0]
    np.testing.assert_allclose(residuals, expected, atol=1e-11)
    scaled = design / np.linalg.norm(design, axis=0)
    assert abs(scaled.T @ residuals).max() < 1e-12 * np.linalg.norm(adata.X)


def test_collinear_covariates(sc):
    """scanpy inverts a matrix that is singular but for rounding, or asks statsmodels; the residuals exist all the same."""
    adata = cells(np.ascontiguousarray, "float64")
    plain = scn.array.regress_out(adata.X, adata.obs[["mito"]].to_numpy())
    with pytest.warns(UserWarning, match="covariate 1 is constant or a linear combination"):
        made = scn.array.regress_out(adata.X, adata.obs[["mito", "twice"]].to_numpy())
    np.testing.assert_array_equal(made, plain)
    design = np.c_[np.ones(80), adata.obs[["mito", "twice"]].to_numpy()]
    import statsmodels.api as sm

    theirs = sm.GLM(adata.X[:, 0], design, family=sm.families.Gaussian()).fit().resid_response
    np.testing.assert_allclose(made[:, 0], theirs, atol=1e-10)


@pytest.mark.parametrize("keys", [["n_counts", "percent_mito"], "cell_type"])
def test_real_cells(sc, pbmc3k, keys):
    genes = np.asarray(pbmc3k.X.sum(axis=0)).ravel().argsort()[-300:]
    adata = pbmc3k[:, genes].copy()
    adata.obs["n_counts"] = np.asarray(np.expm1(pbmc3k.X).sum(axis=1)).ravel() + np.arange(pbmc3k.n_obs) % 13
    adata.obs["percent_mito"] = np.random.default_rng(0).random(adata.n_obs)
    if keys == "cell_type":
        adata.obs["cell_type"] = np.random.default_rng(1).choice(list("abcd"), adata.n_obs)
    ours, theirs = both(sc, adata, keys)
    np.testing.assert_allclose(ours, theirs, atol=5e-6)


def test_layer_and_copy():
    adata = cells(sp.csr_matrix, "float32")
    adata.layers["log"] = adata.X.copy()
    made = scn.pp.regress_out(adata, "mito", layer="log", copy=True)
    assert sp.issparse(adata.layers["log"]) and sp.issparse(made.X)
    assert abs(made.layers["log"].mean(axis=0)).max() < 1e-5
    assert scn.pp.regress_out(adata, "mito", n_jobs=2) is None
    np.testing.assert_array_equal(adata.X, made.layers["log"])


@pytest.mark.parametrize("grouped", [False, True])
def test_same_bits(grouped):
    adata = cells(np.ascontiguousarray, "int64")
    covariates = adata.obs[["depth", "mito"]].to_numpy()
    labels = np.arange(80) % 3
    how = {"groups": labels} if grouped else {"covariates": covariates}
    same_bits(lambda X: scn.array.regress_out(X, dtype="float64", **how), adata.X)
    same_bits(lambda X: scn.array.regress_out(X, dtype="float32", **how), (adata.X * 2).astype("f4"), values=("f4",), canonical=False)


def test_errors():
    import pandas as pd

    adata = cells(sp.csr_matrix, "float32")
    before = adata.X.copy()
    adata.obs["holes"] = pd.Categorical.from_codes(np.arange(80) % 3 - 1, ["x", "y"])
    adata.obs["nan"] = np.where(np.arange(80) == 4, np.nan, 1.5)
    with pytest.raises(ValueError, match="only a single one"):
        scn.pp.regress_out(adata, ["batch", "mito"])
    with pytest.raises(KeyError, match="nothing"):
        scn.pp.regress_out(adata, ["nothing"])
    with pytest.raises(ValueError, match="keys: is empty"):
        scn.pp.regress_out(adata, [])
    with pytest.raises(ValueError, match="27 cells have no category"):
        scn.pp.regress_out(adata, "holes")
    with pytest.raises(ValueError, match="covariate 0 in cell 4 is NaN"):
        scn.pp.regress_out(adata, "nan")
    assert (adata.X != before).nnz == 0
    with pytest.raises(ValueError, match="one row for each of 80 cells"):
        scn.array.regress_out(adata.X, np.ones(79))
    with pytest.raises(ValueError, match="give one of them"):
        scn.array.regress_out(adata.X)
    with pytest.raises(ValueError, match=r"groups\[0\]: is 7"):
        scn.array.regress_out(adata.X, groups=np.full(80, 7), n_groups=3)
    with pytest.raises(TypeError, match="type tag"):
        scn.array.regress_out(adata.X, np.ones(80), dtype="int32")


def test_empty_and_one_cell():
    assert scn.array.regress_out(np.empty((0, 3)), np.empty((0, 2))).shape == (0, 3)
    assert scn.array.regress_out(np.empty((3, 0)), np.arange(3.0)).shape == (3, 0)
    with pytest.warns(UserWarning, match="covariate 0"):
        assert (scn.array.regress_out(np.ones((1, 3)), np.array([2.0])) == 0).all()


def test_nan_stays_in_its_gene():
    adata = cells(np.ascontiguousarray, "float64")
    adata.X[3, 1] = np.nan
    made = scn.array.regress_out(adata.X, adata.obs[["mito"]].to_numpy())
    assert np.isnan(made[:, 1]).all() and np.isfinite(np.delete(made, 1, axis=1)).all()
