"""Tails of distributions against scipy in its own precision and against exact arithmetic; corrections against
statsmodels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

import scnative as scn
from scnative.array import adjust_p, normal_p, student_p


def exact_normal_p(z: float) -> Fraction:
    """P(|Z| >= z) for 6 <= z: exp by its series and Mills' ratio by Laplace's fraction, in rational arithmetic."""
    z = Fraction(z)
    tail = z
    for k in range(400, 0, -1):
        tail = z + k / tail
        tail = Fraction(round(tail * 2**160), 2**160)
    x, halvings = z * z / 2, 12
    small = x / 2**halvings
    term = total = Fraction(1)
    for k in range(1, 60):
        term = Fraction(round(term * small / k * 2**400), 2**400)
        total += term
    for _ in range(halvings):
        total = Fraction(round(total * total * 2**400), 2**400)
    pi = Fraction("3.14159265358979323846264338327950288419716939937510")
    two_over_pi = 2 / pi
    root = Fraction(np.sqrt(float(two_over_pi)))
    for _ in range(3):
        root = (root + two_over_pi / root) / 2
        root = Fraction(round(root * 2**160), 2**160)
    return root / (total * tail)


def test_normal_is_right_to_the_last_digits_in_the_far_tail():
    for z in [6.0, 8.3, 12.1, 20.0, 26.7, 31.9, 36.9]:
        truth = exact_normal_p(z)
        assert abs(Fraction(float(normal_p(z))) / truth - 1) < 2e-15, z


def test_normal_against_scipy():
    z = np.concatenate([np.linspace(0, 37, 5000), [1e-300, 1e-9, 38.0, 38.4, 50.0, 1e200, np.inf]])
    p = normal_p(np.stack([z, -z]))
    assert np.array_equal(p[0], p[1])
    # scipy's own error grows with z squared, to 3e-13 at 37
    np.testing.assert_allclose(p[0][z <= 37], 2 * stats.norm.sf(z[z <= 37]), rtol=4e-13)
    np.testing.assert_allclose(p[0], 2 * stats.norm.sf(z), rtol=4e-13, atol=1e-300)
    far = np.concatenate([z[z < 1e100], [100, 1e4, 1e60]])
    np.testing.assert_allclose(normal_p(far, logarithm=True), stats.norm.logsf(far) + np.log(2), rtol=3e-14, atol=1e-15)
    assert np.isnan(normal_p(np.nan)) and normal_p(np.array([])).shape == (0,)


@pytest.mark.parametrize("df", [1, 1.3, 2, 5.5, 17, 39.9, 40.1, 253.7, 1e4, 1e6, 2e7])
def test_student_against_scipy(df):
    t = np.concatenate([np.linspace(1e-3, 12, 500), np.geomspace(12.1, 1e4, 200)])
    truth = 2 * stats.t.sf(t, df)
    sure = truth > 1e-300
    np.testing.assert_allclose(student_p(t, df)[sure], truth[sure], rtol=1e-12)
    assert (student_p(t, df)[~sure] < 1.01e-300).all()
    log = student_p(t, df, logarithm=True)
    np.testing.assert_allclose(log[sure], np.log(truth[sure]), rtol=1e-12, atol=1e-13)
    assert (np.diff(log) < 0).all()


def test_student_edges():
    t = [0.0, np.inf, -np.inf, np.nan, 2.0, 2.0, 2.0, 2.0]
    df = [3.0, 3.0, 3.0, 3.0, 0.0, -1.0, np.nan, np.inf]
    expected = [1, 0, 0, np.nan, np.nan, np.nan, np.nan, normal_p(2.0)]
    np.testing.assert_array_equal(student_p(t, df), expected)
    assert student_p([[1.0], [2.0]], [1.0, 2.0, 3.0]).shape == (2, 3)


@pytest.mark.parametrize(
    ("method", "name"),
    [("benjamini-hochberg", "fdr_bh"), ("benjamini-yekutieli", "fdr_by"), ("bonferroni", "bonferroni")],
)
def test_corrections_against_statsmodels(method, name):
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(7)
    for p in (rng.random(1000) ** 4, np.round(rng.random(500), 2), np.zeros(5), np.ones(3), np.array([0.3])):
        np.testing.assert_allclose(adjust_p(p, method), multipletests(p, method=name)[1], rtol=1e-14)
    p = rng.random(50)
    with_nan = np.insert(p, [0, 10, 50], np.nan)
    np.testing.assert_array_equal(adjust_p(with_nan, method)[~np.isnan(with_nan)], adjust_p(p, method))
    assert np.isnan(adjust_p(with_nan, method)[np.isnan(with_nan)]).all()


def test_wrong_arguments_are_named():
    for p in ([0.5, 1.5], [-0.1]):
        with pytest.raises(scn.ScnValueError, match=r"pvals\[\d\]: is .*must be from 0 to 1"):
            adjust_p(p)
    with pytest.raises(scn.ScnValueError, match="method: is 'holm', must be one of"):
        adjust_p([0.5], "holm")
