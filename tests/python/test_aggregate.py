"""scn.get.aggregate beside scanpy's."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from packaging.version import Version

import scnative as scn

NEWEST = Version(sc.__version__) >= Version("1.12")
FUNCTIONS = ["sum", "mean", "var", "count_nonzero", "median"]


@pytest.fixture(scope="module")
def cells(pbmc3k):
    adata = pbmc3k[:, :2000].copy()
    rng = np.random.default_rng(0)
    adata.obs["cluster"] = pd.Categorical(rng.choice(list("abc"), adata.n_obs), categories=list("cabd"))
    adata.obs["batch"] = rng.choice([3, 1], adata.n_obs)
    adata.obs["good"] = rng.random(adata.n_obs) < 0.8
    adata.var["kind"] = rng.choice(["x", "y"], adata.n_vars)
    adata.layers["dense"] = adata.X.toarray().astype("f8")
    adata.layers["counts"] = sp.csc_matrix(np.expm1(adata.X.toarray()).round().astype("i4"))
    adata.obsm["array"] = rng.normal(size=(adata.n_obs, 4))
    adata.obsm["frame"] = pd.DataFrame(adata.obsm["array"], index=adata.obs_names, columns=list("pqrs"))
    adata.varm["loadings"] = rng.normal(size=(adata.n_vars, 3))
    return adata


def assert_alike(ours, theirs, *, layers_rtol=1e-5):
    """scanpy sums float32 in float32 (1.11), and its older variances cancel: hence the tolerance for float32 input."""
    assert list(ours.layers) == list(theirs.layers) or set(ours.layers) == set(theirs.layers)
    counted = ["n_obs_aggregated"]
    for mine, its in ((ours.obs, theirs.obs), (ours.var, theirs.var)):
        if not NEWEST:
            mine = mine.drop(columns=[c for c in counted if c in mine])
        pd.testing.assert_frame_equal(mine, its, check_dtype=False, check_index_type=False)
    for name in theirs.layers:
        np.testing.assert_allclose(ours.layers[name], theirs.layers[name], rtol=layers_rtol, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(by="cluster", func=FUNCTIONS),
        dict(by=["batch", "cluster"], func=["mean", "var"]),
        dict(by=["cluster", "batch"], func=["mean", "var"], dof=0),
        dict(by="cluster", func="sum"),
        dict(by="cluster", func=FUNCTIONS, layer="dense"),
        dict(by="cluster", func=FUNCTIONS, layer="counts"),
        dict(by="kind", func=FUNCTIONS, axis="var"),
        dict(by="kind", func=["mean"], axis=1, layer="counts"),
        dict(by="kind", func=["mean", "median"], varm="loadings"),
        dict(by="cluster", func=FUNCTIONS, obsm="array"),
        dict(by="cluster", func=["var"], obsm="frame"),
        dict(by="cluster", func=["sum", "count_nonzero"], mask="good"),
    ],
    ids=str,
)
def test_aggregate_is_scanpys(cells, arguments):
    func = arguments["func"]
    if arguments.get("layer") == "counts" and not NEWEST and "median" in func:
        arguments = {**arguments, "func": [f for f in func if f != "median"]}
    theirs = sc.get.aggregate(cells, **arguments)
    ours = scn.get.aggregate(cells, **arguments)
    assert_alike(ours, theirs, layers_rtol=1e-5 if arguments.get("layer") != "dense" else 1e-9)


@pytest.mark.skipif(not NEWEST, reason="scanpy 1.11 counts masked cells in the divisor and fails on missing values")
def test_masked_means_and_missing_values_are_those_of_scanpy_1_12(cells):
    cells = cells.copy()
    cells.obs.loc[cells.obs_names[::7], "cluster"] = np.nan
    for arguments in (dict(func=["mean", "var", "count_nonzero"], mask=cells.obs["good"].to_numpy()), dict(func=["mean", "sum"])):
        theirs = sc.get.aggregate(cells, by=["cluster", "batch"], **arguments)
        assert_alike(scn.get.aggregate(cells, by=["cluster", "batch"], **arguments), theirs)


def test_a_group_of_one_has_no_variance_and_integers_stay_exact():
    adata = ad.AnnData(np.array([[2**52 + 1, 1], [1, 0], [4, 0]], dtype="i8"), obs=pd.DataFrame({"g": ["a", "a", "b"]}, index=list("xyz")))
    got = scn.get.aggregate(adata, "g", ["sum", "var"])
    assert got.layers["sum"].dtype == np.int64 and got.layers["sum"].tolist() == [[2**52 + 2, 1], [4, 0]]
    assert np.isnan(got.layers["var"][1]).all()
    assert got.obs["n_obs_aggregated"].tolist() == [2, 1]


def test_variances_do_not_cancel(cells):
    cells = cells[:, :50].copy()
    cells.layers["high"] = cells.X.toarray().astype("f8") + 1e6
    got = scn.get.aggregate(cells, "cluster", "var", layer="high").layers["var"]
    for g, name in enumerate(["c", "a", "b"]):
        want = cells.layers["high"][(cells.obs["cluster"] == name).to_numpy()].var(0, ddof=1)
        np.testing.assert_allclose(got[g], want, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(by="nothing", func="sum"), LookupError, "by: adata.obs has no column 'nothing'"),
        (dict(by=[], func="sum"), ValueError, "by: names no column"),
        (dict(by="cluster", func="mode"), ValueError, "func: has 'mode', must be of"),
        (dict(by="cluster", func="sum", layer="dense", obsm="array"), TypeError, "obsm: is given along with layer"),
        (dict(by="cluster", func="sum", varm="loadings", axis=0), ValueError, "varm: can be aggregated over genes alone"),
        (dict(by="kind", func="sum", obsm="array", axis=1), ValueError, "obsm: can be aggregated over cells alone"),
        (dict(by="cluster", func="sum", layer="none"), LookupError, "layer: adata.layers has no 'none'"),
        (dict(by="cluster", func="sum", mask="none"), LookupError, "mask: there is no column 'none'"),
        (dict(by="cluster", func="sum", mask="batch"), ValueError, "mask: has dtype int64, must be bool"),
        (dict(by="cluster", func="sum", mask=np.ones(3, bool)), ValueError, r"mask: has shape \(3,\), must be"),
        (dict(by="cluster", func="sum", axis=2), ValueError, "axis: is 2, must be 'obs'"),
        (dict(by="cluster", func="var", dof=-1), ValueError, "ddof: is -1, must not be negative"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_aggregate_refuses(cells, arguments, error, message):
    with pytest.raises(error, match=message):
        scn.get.aggregate(cells, **arguments)
    with pytest.raises(TypeError, match="adata: is a csr_matrix, must be an AnnData"):
        scn.get.aggregate(cells.X, **arguments)
