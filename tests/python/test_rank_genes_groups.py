"""Marker genes against scipy in double precision, exact arithmetic, and scanpy."""

from __future__ import annotations

import threading
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import data_file, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import scnative as scn
from scnative.array import rank_genes_groups, rank_order

ALL = ("scores", "pvals", "pvals_adj", "log_fold_changes", "ln_pvals", "means", "means_reference", "fractions", "fractions_reference")
WITH_U = (*ALL, "u", "auroc")


def small(seed: int = 0, n_obs: int = 60, n_vars: int = 12, negative: bool = False):
    """Sparse values with many ties, groups 0 to 2 and cells in none, an all-zero and a constant gene."""
    rng = np.random.default_rng(seed)
    x = rng.poisson(0.7, (n_obs, n_vars)).astype("f4")
    x[:, 1] = 0
    x[:, 2] = 1
    x[:, 3] = np.where(rng.random(n_obs) < 0.5, 0, np.log1p(rng.random(n_obs)).astype("f4"))
    if negative:
        x[:, 4] = rng.integers(-3, 4, n_obs)
        x[:, 5] = -rng.integers(0, 2, n_obs)
    groups = rng.integers(-1, 3, n_obs).astype("i4")
    groups[:6] = [0, 0, 1, 1, 2, 2]
    return sp.csr_matrix(x), groups


def sides(x, groups, group, reference):
    """The values of a group and of what it is compared with, in double precision."""
    dense = np.asarray(x.todense() if sp.issparse(x) else x).astype("f8")
    return dense[groups == group], dense[groups != group if reference is None else groups == reference]


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("reference", [None, 1])
@pytest.mark.parametrize("continuity", [False, True])
def test_wilcoxon_is_scipys_mannwhitneyu(negative, reference, continuity):
    x, groups = small(negative=negative)
    made = rank_genes_groups(
        x, groups, method="wilcoxon", reference=reference, tie_correct=True, continuity=continuity, results=WITH_U
    )
    for group in range(3):
        if group == reference:
            for name in ("scores", "pvals", "pvals_adj", "ln_pvals", "log_fold_changes", "u", "auroc"):
                assert np.isnan(getattr(made, name)[group]).all()
            continue
        ours, others = sides(x, groups, group, reference)
        with np.errstate(invalid="ignore", divide="ignore"):
            truth = stats.mannwhitneyu(ours, others, method="asymptotic", use_continuity=continuity)
        np.testing.assert_array_equal(made.u[group], truth.statistic)
        np.testing.assert_array_equal(made.auroc[group], truth.statistic / (len(ours) * len(others)))
        # all values tied: scipy has no p-value, scanpy takes 1
        p = np.where(np.isnan(truth.pvalue), 1, truth.pvalue)
        np.testing.assert_allclose(made.pvals[group], p, rtol=1e-12)
        np.testing.assert_allclose(made.ln_pvals[group], np.log(p), rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(made.means[group], ours.mean(0), rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(made.means_reference[group], others.mean(0), rtol=1e-14, atol=1e-16)
        np.testing.assert_array_equal(made.fractions[group], np.count_nonzero(ours, axis=0) / len(ours))
        np.testing.assert_array_equal(made.fractions_reference[group], np.count_nonzero(others, axis=0) / len(others))


VALUES = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, 0.1, 1e-30, 1e30, -1.0, -0.1, 3.5, 1 / 3])


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(-1, 2), VALUES), min_size=0, max_size=60),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_wilcoxon_of_any_values(cells, reference, ties, continuity, var_major):
    cells = cells + [(0, 0.0), (0, 1.0), (1, 0.5), (1, -2.0), (2, 0.0), (2, 7.0)]
    groups = np.array([g for g, _ in cells], "i4")
    x = np.array([[v] for _, v in cells])
    matrix = sp.csc_matrix(x) if var_major else sp.csr_matrix(x)
    made = rank_genes_groups(
        matrix, groups, method="wilcoxon", reference=reference, tie_correct=ties, continuity=continuity, results=("scores", "pvals", "u")
    )
    for group in range(3):
        if group == reference:
            continue
        ours, others = sides(x, groups, group, reference)
        n, m = len(ours), len(others)
        ranks = stats.rankdata(np.concatenate([ours, others])[:, 0])
        u = ranks[:n].sum() - n * (n + 1) / 2
        tie = stats.tiecorrect(ranks) if ties else 1
        apart = max(abs(u - n * m / 2) - (0.5 if continuity else 0), 0)
        z = np.sign(u - n * m / 2) * apart / np.sqrt(tie * n * m * (n + m + 1) / 12)
        assert made.u[group, 0] == u
        assert made.scores[group, 0] == pytest.approx(z, rel=1e-12, abs=0)
        assert made.pvals[group, 0] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-11)


@pytest.mark.parametrize("reference", [None, 1])
@pytest.mark.parametrize("ties", [False, True])
def test_wilcoxon_is_exact_at_twenty_million_cells(reference, ties):
    n = 20_000_000
    rng = np.random.default_rng(3)
    cells = np.sort(rng.choice(n, 1_500_000, replace=False)).astype("i4")
    values = rng.integers(1, 4, len(cells)).astype("f4")
    groups = np.ones(n, "i4")
    groups[::5] = 0
    # a shift that ties do not hide, small enough for a p-value to be seen
    groups[cells[values == 3][:20_000]] = 0
    x = sp.csc_matrix((values, cells, np.array([0, len(cells)])), shape=(n, 1))
    made = rank_genes_groups(
        x, groups, n_groups=2, reference=reference, method="wilcoxon", tie_correct=ties, results=("scores", "pvals", "u")
    )
    nonzero = np.zeros((2, 4), int)
    np.add.at(nonzero, (groups[cells], values.astype(int)), 1)
    sizes = np.bincount(groups)
    nonzero[:, 0] = sizes - nonzero.sum(1)
    counts = [[int(c) for c in row] for row in nonzero]
    ours, others = counts
    u = Fraction(0)
    for i, c in enumerate(ours):
        u += c * (sum(others[:i]) + Fraction(others[i], 2))
    size = [sum(ours), sum(others)]
    total = sum(size)
    pairs = size[0] * size[1]
    variance = Fraction(pairs * (total + 1), 12)
    if ties:
        variance -= Fraction(pairs * sum((a + b) ** 3 - (a + b) for a, b in zip(ours, others)), 12 * total * (total - 1))
    assert Fraction(made.u[0, 0]) == u
    square = (u - Fraction(pairs, 2)) ** 2 / variance
    assert abs(Fraction(made.scores[0, 0]) ** 2 / square - 1) < 2e-15
    assert 1e-300 < made.pvals[0, 0] < 1e-3
    assert made.pvals[0, 0] == pytest.approx(2 * stats.norm.sf(float(square) ** 0.5), rel=1e-10)


@pytest.mark.parametrize("reference", [None, 2])
@pytest.mark.parametrize("method", ["t-test", "student", "t-test_overestim_var"])
def test_t_tests_are_scipys(method, reference):
    rng = np.random.default_rng(5)
    x = sp.random(300, 40, 0.4, "csr", random_state=rng, data_rvs=lambda n: rng.gamma(2, 1, n)).astype("f4")
    groups = rng.integers(-1, 4, 300).astype("i4")
    made = rank_genes_groups(x, groups, method=method, reference=reference, results=ALL)
    for group in range(4):
        if group == reference:
            assert np.isnan(made.scores[group]).all()
            continue
        ours, others = sides(x, groups, group, reference)
        truth = stats.ttest_ind_from_stats(
            ours.mean(0), ours.std(0, ddof=1), len(ours),
            others.mean(0), others.std(0, ddof=1), len(ours) if method == "t-test_overestim_var" else len(others),
            equal_var=method == "student",
        )
        np.testing.assert_allclose(made.scores[group], truth.statistic, rtol=1e-11)
        np.testing.assert_allclose(made.pvals[group], truth.pvalue, rtol=1e-10)
        np.testing.assert_allclose(made.ln_pvals[group], np.log(truth.pvalue), rtol=1e-10)


def test_t_tests_of_constant_genes():
    x = np.array([[0, 0.1, 2, 3, 1]] * 4 + [[0, 0.1, 2, 0, 0]] * 30)
    x[:, 4] = [1, 1, 1, 1] + [0, 1] * 15
    groups = np.array([0] * 4 + [1] * 30)
    for method in ("t-test", "student", "t-test_overestim_var"):
        made = rank_genes_groups(x, groups, method=method)
        np.testing.assert_array_equal(made.scores[0][:4], [0, 0, 0, np.inf])
        np.testing.assert_array_equal(made.scores[1][:4], [0, 0, 0, -np.inf])
        np.testing.assert_array_equal(made.pvals[:, :4], [[1, 1, 1, 0]] * 2)
        assert 0 < made.pvals[0, 4] < 1


@pytest.mark.parametrize("shift", [0, 1e4])
def test_variances_do_not_cancel(shift):
    rng = np.random.default_rng(11)
    x = rng.normal(shift, 1e-3 if shift else 1, (500, 5))
    groups = rng.integers(0, 2, 500)
    made = rank_genes_groups(x, groups, method="t-test")
    truth = stats.ttest_ind(x[groups == 0] - shift, x[groups == 1] - shift, equal_var=False)
    # a mean near 1e4 is off by 1e-12 or so, a hundred-millionth of its standard error
    np.testing.assert_allclose(made.scores[0], truth.statistic, rtol=1e-12, atol=1e-6 if shift else 1e-14)


@pytest.mark.parametrize("reference", [None, 1])
@pytest.mark.parametrize("base", [None, 2.0, 10.0])
def test_fold_changes_by_each_convention(reference, base):
    rng = np.random.default_rng(2)
    counts = rng.poisson(1.5, (80, 9)).astype("f8")
    counts[:, 0] = 0
    groups = rng.integers(0, 3, 80)
    ln = np.log(base) if base else 1
    x = np.log1p(counts) / ln
    for group in range(3):
        if group == reference:
            continue
        ours, others = sides(x, groups, group, reference)
        unlog = lambda v: np.expm1(v * ln)  # noqa: E731
        expected = {
            "scanpy_v1": np.log2((unlog(ours.mean(0)) + 1e-9) / (unlog(others.mean(0)) + 1e-9)),
            "scanpy_v2": np.log2((unlog(ours).mean(0) + 1e-9) / (unlog(others).mean(0) + 1e-9)),
            "seurat_v4": np.log2(unlog(ours).mean(0) + 1) - np.log2(unlog(others).mean(0) + 1),
            "seurat_v5": np.log2((unlog(ours).sum(0) + 1) / len(ours)) - np.log2((unlog(others).sum(0) + 1) / len(others)),
        }
        for convention, truth in expected.items():
            made = rank_genes_groups(
                sp.csr_matrix(x), groups, reference=reference, fold_change=convention, log1p_base=base, results="log_fold_changes"
            )
            np.testing.assert_allclose(made.log_fold_changes[group], truth, rtol=1e-12, atol=1e-13, err_msg=convention)
            natural = rank_genes_groups(
                x, groups, reference=reference, fold_change=convention, log1p_base=base, fold_change_base=np.e,
                pseudocount=0.5, results="log_fold_changes",
            )
            assert np.isfinite(natural.log_fold_changes[group]).all()


@pytest.mark.parametrize("method", ["wilcoxon", "t-test", "student"])
@pytest.mark.parametrize("reference", [None, 1])
@pytest.mark.parametrize("whole", [False, True])
def test_same_bits_for_every_layout_and_thread_count(method, reference, whole, recwarn):
    x, groups = small(3, negative=not whole)
    if whole:
        x = sp.csr_matrix(np.rint(x.toarray()))
    results = WITH_U if method == "wilcoxon" else ALL
    for convention in ("scanpy_v1", "scanpy_v2"):
        same_bits(
            lambda m: rank_genes_groups(
                m, groups, method=method, reference=reference, tie_correct=method == "wilcoxon", fold_change=convention, results=results
            ),
            x,
            canonical=False,
        )


def test_nothing_but_what_was_asked_for():
    x, groups = small()
    made = rank_genes_groups(x, groups, method="wilcoxon", results="auroc")
    assert made.auroc.shape == (3, 12)
    assert all(value is None for name, value in zip(made._fields, made) if name != "auroc")
    whole = rank_genes_groups(x, groups, method="wilcoxon", results=WITH_U)
    for name in WITH_U:
        alone = getattr(rank_genes_groups(x, groups, method="wilcoxon", results=name), name)
        np.testing.assert_array_equal(alone, getattr(whole, name))


def test_order():
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=(4, 300)), 1)
    for by_abs in (False, True):
        key = -(np.abs(scores) if by_abs else scores)
        truth = np.argsort(key, axis=1, kind="stable")
        np.testing.assert_array_equal(rank_order(scores, by_abs=by_abs), truth)
        for n_top in (0, 1, 17, 299):
            np.testing.assert_array_equal(rank_order(scores, n_top, by_abs=by_abs), truth[:, :n_top])
    with pytest.raises(scn.ScnValueError, match="n_top: is 301, must be at most 300"):
        rank_order(scores, 301)


def test_empty_matrices():
    groups = [0, 0, 1, 1]
    for method in ("wilcoxon", "t-test"):
        assert rank_genes_groups(np.zeros((4, 0)), groups, method=method).scores.shape == (2, 0)
        made = rank_genes_groups(sp.csr_matrix((4, 3)), groups, method=method)
        np.testing.assert_array_equal(made.scores, np.zeros((2, 3)))
        np.testing.assert_array_equal(made.pvals, np.ones((2, 3)))
        np.testing.assert_array_equal(made.log_fold_changes, np.zeros((2, 3)))


WRONG = {
    "a label too many": (dict(groups=[0, 0, 1, 1, 1]), "groups: has 5 labels, must have 4"),
    "a label out of range": (dict(n_groups=1), r"groups\[2\]: is 1, must be from 0 to 0"),
    "a label below -1": (dict(groups=[0, 0, -2, 1]), r"groups\[2\]: is -2"),
    "labels that are not whole": (dict(groups=[0.0, 0.0, 1.0, 1.0]), "groups: has dtype float64"),
    "labels in two dimensions": (dict(groups=[[0, 0], [1, 1]]), "groups: has 2 dimensions"),
    "a group of one cell": (dict(groups=[0, 0, 0, 1]), "groups: group 1 has 1 cell, must have at least 2"),
    "an empty group": (dict(n_groups=3), "groups: group 2 has 0 cells"),
    "no group": (dict(groups=[-1] * 4), "n_groups: is 0, must be from 1"),
    "one group of all cells": (dict(groups=[0] * 4), "outside group 0 there are 0 cells"),
    "an unknown method": (dict(method="anova"), "method: is 'anova', must be one of"),
    "an unknown correction": (dict(corr_method="holm"), "corr_method: is 'holm'"),
    "an unknown convention": (dict(fold_change="edger"), "fold_change: is 'edger'"),
    "a reference out of range": (dict(reference=2), "reference: is 2, must be from 0 to 1"),
    "a negative reference": (dict(reference=-1), "reference: is -1"),
    "ties of a t-test": (dict(method="t-test", tie_correct=True), "tie_correct: is set with a t-test"),
    "continuity of a t-test": (dict(method="student", continuity=True), "continuity: is set with a t-test"),
    "U of a t-test": (dict(method="t-test", results="u"), "u: is asked for with a t-test"),
    "an unknown result": (dict(results=["z"]), r"results: has \['z'\]"),
    "base 1": (dict(log1p_base=1.0), "log1p_base: is 1, must be positive and not 1"),
    "a negative pseudocount": (dict(pseudocount=-2.0), "pseudocount: is -2, must not be negative"),
    "NaN": (dict(X=np.array([[0, 1], [0, np.nan], [0, 0], [1, 1]])), "cell 1, gene 1 is NaN, must be finite"),
    "infinity": (dict(X=sp.csc_matrix([[0, 1], [0, 0], [0, -np.inf], [1, 1]])), "cell 2, gene 1 is -inf"),
}


@pytest.mark.parametrize("method", ["wilcoxon", "t-test"])
@pytest.mark.parametrize("what", WRONG)
def test_bad_input_is_named(what, method):
    given, message = WRONG[what]
    good = dict(X=np.array([[0.0, 1.5], [2, 0], [0, 0], [1, 1]]), groups=[0, 0, 1, 1], method=method)
    with pytest.raises(scn.ScnValueError, match=message):
        rank_genes_groups(**{**good, **given})


def test_logreg_is_not_there():
    with pytest.raises(scn.ScnUnsupported, match="method: is 'logreg', which scnative does not have"):
        rank_genes_groups(np.eye(4), [0, 0, 1, 1], method="logreg")


def test_counts_get_a_warning_where_fold_changes_are_wanted(recwarn):
    x, groups = np.array([[0, 1], [2, 0], [0, 0], [1, 1]]), [0, 0, 1, 1]
    with pytest.warns(UserWarning, match="whole numbers"):
        rank_genes_groups(x, groups)
    recwarn.clear()
    rank_genes_groups(x, groups, results="scores")
    rank_genes_groups(x + 0.5, groups)
    rank_genes_groups(-x, groups)
    rank_genes_groups(np.zeros((4, 2)), groups)
    assert not recwarn


def test_several_threads_may_call_at_once():
    x, groups = small(9, n_obs=400, n_vars=50)
    truth = rank_genes_groups(x, groups, method="wilcoxon").scores
    results = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: rank_genes_groups(x, groups, method="wilcoxon").scores}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for scores in results.values():
        np.testing.assert_array_equal(scores, truth)


def test_perturbations_against_their_controls():
    """papalexi: every perturbation against the non-targeting cells, by scipy in double precision."""
    import anndata

    adata = anndata.read_h5ad(data_file("papalexi2021_eccite_20729x299.h5ad"))
    labels = adata.obs["perturbation"].astype("category").cat
    names = list(labels.categories)
    control = next(i for i, name in enumerate(names) if "non-targeting" in name.lower() or name.upper() == "NT")
    groups = labels.codes.to_numpy().astype("i4")
    x = adata.X
    made = rank_genes_groups(
        x, groups, method="wilcoxon", reference=control, tie_correct=True, continuity=True, results=("pvals", "u")
    )
    dense = x.toarray().astype("f8")
    controls = dense[groups == control]
    for group in range(0, len(names), 4):
        if group == control:
            continue
        truth = stats.mannwhitneyu(dense[groups == group], controls, method="asymptotic")
        np.testing.assert_array_equal(made.u[group], truth.statistic)
        sure = ~np.isnan(truth.pvalue) & (truth.pvalue > 1e-300)
        np.testing.assert_allclose(made.pvals[group][sure], truth.pvalue[sure], rtol=1e-9)
