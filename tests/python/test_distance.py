"""Energy distance and MMD against their definitions, by scipy's cdist and scikit-learn's kernels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import same_bits
from scipy.spatial.distance import cdist, pdist

import scnative as scn


def cells(n=300, dims=7, n_groups=4, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(-1, n_groups, n)
    return random.normal(size=(n, dims)) * [1 + d / 3 for d in range(dims)] + 0.7 * labels[:, None], labels


def by_definition(X, labels, n_groups, unbiased, value):
    """2 E value(X, Y) - E value(X, X') - E value(Y, Y'), as scPerturb's edist and pertpy's distances have it."""
    parts = [X[labels == g] for g in range(n_groups)]
    within = []
    for part in parts:
        n = len(part)
        table = value(part, part)
        within.append((table.sum() - table.trace()) / (n * (n - 1)) if unbiased else table.mean())
    out = np.zeros((n_groups, n_groups))
    for a in range(n_groups):
        for b in range(n_groups):
            if a != b:
                out[a, b] = 2 * value(parts[a], parts[b]).mean() - within[a] - within[b]
    return out


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
def test_energy_distance(metric, unbiased):
    X, labels = cells()
    expected = by_definition(X, labels, 4, unbiased, lambda a, b: cdist(a, b, metric))
    made = scn.array.energy_distance(X, labels, metric=metric, unbiased=unbiased)
    np.testing.assert_allclose(made, expected, rtol=1e-10, atol=1e-11)
    row = scn.array.energy_distance(X, labels, metric=metric, unbiased=unbiased, reference=2)
    np.testing.assert_array_equal(row, made[2])
    # many cells far from the origin: nothing is lost to cancellation
    far = scn.array.energy_distance(X + 1e5, labels, metric=metric, unbiased=unbiased)
    np.testing.assert_allclose(far, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("gammas", [1.0, 0.05, [2, 1, 0.5, 0.1, 0.01, 0.005]])
def test_mmd(gammas, unbiased):
    kernels = pytest.importorskip("sklearn.metrics.pairwise")
    X, labels = cells()

    def value(a, b):
        return -np.mean([kernels.rbf_kernel(a, b, gamma=gamma) for gamma in np.atleast_1d(gammas)], axis=0)

    made = scn.array.mmd(X, labels, gammas=gammas, unbiased=unbiased)
    np.testing.assert_allclose(made.squared, by_definition(X, labels, 4, unbiased, value), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(made.gammas, np.atleast_1d(gammas))


def test_median_heuristic():
    X, labels = cells()
    for n in (0, 1):  # an odd and an even number of pairs
        X, labels = X[n:], labels[n:]
        median = np.median(pdist(X[labels >= 0]))
        np.testing.assert_allclose(scn.array.mmd(X, labels).gammas, 1 / (2 * median**2), rtol=1e-13)
    many, their = cells(5000)
    made = [scn.array.mmd(many, their, reference=0, seed=seed).gammas[0] for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    median = np.median(pdist(many[their >= 0]))
    np.testing.assert_allclose(made, 1 / (2 * median**2), rtol=0.1)


def test_real_cells(pbmc3k):
    """Groups of more cells than a block has, in the genes themselves."""
    genes = np.asarray(pbmc3k.X.sum(axis=0)).ravel().argsort()[-40:]
    X = pbmc3k.X[:, genes].astype("float64")
    labels = np.arange(pbmc3k.n_obs) % 3 - (np.arange(pbmc3k.n_obs) % 11 == 0) * 9
    labels = np.maximum(labels, -1)
    dense = X.toarray()
    for metric in ("sqeuclidean", "euclidean"):
        expected = by_definition(dense, labels, 3, True, lambda a, b: cdist(a, b, metric))
        made = scn.array.energy_distance(X, labels, metric=metric)
        np.testing.assert_allclose(made, expected, rtol=1e-7, atol=1e-10)


def test_same_bits():
    X = np.random.default_rng(0).poisson(1.5, (90, 6)).astype(float)
    labels = np.arange(90) % 4 - 1

    def run(X):
        made = scn.array.mmd(X, labels, gammas=[0.1, 1])
        return made.squared, *(scn.array.energy_distance(X, labels, metric=m) for m in ("euclidean", "sqeuclidean"))

    same_bits(run, X, threads=(1, 3))
    same_bits(run, X * 2, values=("f8",), canonical=False)


def test_same_bits_at_every_thread_count():
    X, labels = cells(3000, 5, 3)
    first = None
    for threads in (1, 2, 3, 8):
        with scn.settings.override(n_threads=threads):
            made = scn.array.mmd(X, labels).squared, scn.array.energy_distance(X, labels, metric="euclidean")
        first = first or made
        assert all(a.tobytes() == b.tobytes() for a, b in zip(first, made))


def test_small_groups_and_missing_values():
    X, labels = cells()
    labels[labels == 3] = -1
    labels[0] = 3
    for metric in ("sqeuclidean", "euclidean"):
        made = scn.array.energy_distance(X, labels, n_groups=5, metric=metric)
        assert np.isnan(made[:3, 3:]).all() and np.isfinite(made[:3, :3]).all() and (made.diagonal() == 0).all()
        made = scn.array.energy_distance(X, labels, n_groups=5, metric=metric, unbiased=False)
        one = 2 * cdist(X[:1], X[labels == 1], metric).mean() - cdist(X[labels == 1], X[labels == 1], metric).mean()
        np.testing.assert_allclose(made[3, 1], one, rtol=1e-12)
        assert np.isnan(made[:4, 4]).all()
    X[labels == 1, 2] = np.nan
    assert np.isnan(scn.array.mmd(X, labels, gammas=1).squared[1, 0])
    assert np.isfinite(scn.array.mmd(X, labels, gammas=1).squared[0, 2])
    assert scn.array.energy_distance(np.empty((0, 3)), np.empty(0, int)).shape == (0, 0)


def test_anndata():
    import pandas as pd
    from anndata import AnnData

    X, labels = cells()
    adata = AnnData(sp.csr_matrix(X), obs=pd.DataFrame({"group": pd.Categorical.from_codes(labels, list("abcd"))}))
    adata.obsm["X_pca"] = X[:, :3].astype("float32")
    table = scn.tl.energy_distance(adata, "group")
    expected = scn.array.energy_distance(X[:, :3].astype("float32"), labels)
    np.testing.assert_array_equal(table.to_numpy(), expected)
    assert list(table.index) == list(table.columns) == list("abcd")
    row = scn.tl.energy_distance(adata, "group", reference="b")
    np.testing.assert_array_equal(row.to_numpy(), expected[1])
    made = scn.tl.mmd(adata, "group", use_rep="X")
    np.testing.assert_array_equal(made.to_numpy(), scn.array.mmd(X, labels).squared)
    assert made.attrs["gammas"] == scn.array.mmd(X, labels).gammas.tolist()
    with pytest.raises(KeyError, match="X_umap"):
        scn.tl.mmd(adata, "group", use_rep="X_umap")
    with pytest.raises(ValueError, match="'z' is not a group"):
        scn.tl.mmd(adata, "group", reference="z")
    with pytest.raises(KeyError, match="nothing"):
        scn.tl.mmd(adata, "nothing")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda X, g: scn.array.energy_distance(X, g, metric="cosine"), "metric: is 'cosine'"),
        (lambda X, g: scn.array.energy_distance(X, g, reference=4), "reference: is 4"),
        (lambda X, g: scn.array.energy_distance(X, g[1:]), "groups: has 299 labels"),
        (lambda X, g: scn.array.mmd(X, g, n_groups=2), r"groups\[\d+\]: is [23]"),
        (lambda X, g: scn.array.mmd(X, g, gammas=[1, -1]), r"gammas\[1\]: is -1"),
        (lambda X, g: scn.array.mmd(X * 0, g), "median distance of the cells is 0"),
    ],
)
def test_errors(call, says):
    with pytest.raises(ValueError, match=says):
        call(*cells())
