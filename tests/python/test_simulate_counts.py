"""Simulated counts: their distribution, and that nothing but the seed and the arguments decides them."""

from __future__ import annotations

import numpy as np
import pytest

import scnative as scn


def same(a, b):
    for x, y in zip(a, b):
        if hasattr(x, "indptr"):
            assert (x.indptr == y.indptr).all() and (x.indices == y.indices).all() and (x.data == y.data).all()
        else:
            assert (x == y).all()


def test_threads_and_seed():
    one = scn.array.simulate_counts(300, 700, n_batches=2, seed=3)
    for threads in (1, 2, 3, 8):
        with scn.settings.override(n_threads=threads):
            same(scn.array.simulate_counts(300, 700, n_batches=2, seed=3), one)
    other = scn.array.simulate_counts(300, 700, n_batches=2, seed=4)
    assert (other.counts != one.counts).nnz > 0
    with scn.settings.override(seed=3):
        same(scn.array.simulate_counts(300, 700, n_batches=2), one)


@pytest.mark.parametrize("dispersion", [0.0, 0.25, 2.0])
def test_counts_are_negative_binomial(dispersion):
    """Goodness of fit to scipy's own negative binomial: every count has the same mean here."""
    from scipy import stats

    mean = 1.7
    made = scn.array.simulate_counts(
        2000, 50, markers_per_cluster=0, library_size=50 * mean, library_sd=0, gene_sd=0, dispersion=dispersion, seed=1
    )
    counts = np.bincount(made.counts.toarray().astype(int).ravel(), minlength=400)
    if dispersion == 0:
        expected = stats.poisson(mean)
    else:
        size = 1 / dispersion
        expected = stats.nbinom(size, size / (size + mean))
    last = int(expected.ppf(0.999))
    seen = np.append(counts[:last], counts[last:].sum())
    wanted = np.append(expected.pmf(range(last)), expected.sf(last - 1)) * counts.sum()
    assert stats.chisquare(seen, wanted).pvalue > 1e-4


def test_library_sizes_and_batches():
    made = scn.array.simulate_counts(
        3000, 800, library_size=5000, library_sd=0.5, gene_sd=1, n_batches=3, batch_sd=0.6, dispersion=0.1, n_clusters=1
    )
    sizes = np.log(np.asarray(made.counts.sum(axis=1)).ravel())
    assert abs(np.median(sizes) - np.log(5000)) < 0.05
    assert abs(sizes.std() - 0.5) < 0.05
    # the log ratio of two batches' profiles has the standard deviation of two effects' difference
    profiles = [np.asarray(made.counts[made.batches == b].sum(axis=0)).ravel() for b in range(3)]
    well = np.minimum(profiles[0], profiles[1]) > 1000
    assert well.sum() > 200
    assert abs(np.std(np.log(profiles[0] / profiles[1])[well]) - 0.6 * 2**0.5) < 0.12


def test_anndata():
    adata = scn.datasets.simulate_counts(120, 300, n_clusters=3, n_batches=2, markers_per_cluster=10, dtype="int32")
    assert adata.X.dtype == np.int32 and adata.shape == (120, 300)
    assert adata.obs["cluster"].value_counts().to_dict() == {"cluster_0": 40, "cluster_1": 40, "cluster_2": 40}
    assert adata.obs["batch"].nunique() == 2
    assert adata.var["marker_of"].value_counts().to_dict() == {f"cluster_{c}": 10 for c in range(3)}
    assert adata.var["marker_of"].isna().sum() == 270


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"n_clusters": 0}, ValueError, "n_clusters: is 0"),
        ({"n_clusters": -1}, ValueError, "n_clusters: is -1"),
        ({"n_batches": 0}, ValueError, "n_batches"),
        ({"markers_per_cluster": 1000}, ValueError, "markers_per_cluster: is 1000"),
        ({"marker_fold_change": 0.0}, ValueError, "marker_fold_change"),
        ({"library_size": float("nan")}, ValueError, "library_size"),
        ({"library_sd": -1.0}, ValueError, "library_sd"),
        ({"dispersion": -0.1}, ValueError, "dispersion"),
        ({"dtype": "float64"}, TypeError, "value_type"),
        ({"n_obs": -1}, ValueError, "n_obs: is -1"),
        ({"n_vars": -1}, ValueError, "n_vars: is -1"),
    ],
)
def test_errors(change, error, says):
    with pytest.raises(error, match=says):
        scn.array.simulate_counts(**{"n_obs": 10, "n_vars": 200, **change})


def test_empty():
    assert scn.array.simulate_counts(0, 0, markers_per_cluster=0).counts.shape == (0, 0)
    assert scn.datasets.simulate_counts(0, 200).shape == (0, 200)
    assert scn.datasets.simulate_counts(5, 0, markers_per_cluster=0).shape == (5, 0)
