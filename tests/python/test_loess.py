"""loess against scikit-misc (always) and R's stats::loess (where there is an Rscript)."""

from __future__ import annotations

import shutil
import subprocess
import warnings

import numpy as np
import pytest

import scnative as scn
from conftest import data_file

TOLERANCE = 1e-10


def skmisc(x, y, *, weights=None, span=0.75, degree=2, surface="interpolate", cell=0.2):
    from skmisc.loess import loess

    model = loess(x, y, weights=weights, span=span, degree=degree, surface=surface, cell=cell)
    try:
        model.fit()
    except ValueError as error:
        # The approximation of its degrees of freedom may fail after the fit itself is done.
        if "Chernobyl" not in str(error):
            raise
    return np.array(model.outputs.fitted_values)


def r_loess(x, y, folder, *, weights=None, span=0.75, degree=2, surface="interpolate", cell=0.2):
    if shutil.which("Rscript") is None:
        warnings.warn("no Rscript: loess is not compared with R here", stacklevel=2)
        pytest.skip("needs Rscript")
    weights = np.ones_like(x) if weights is None else weights
    np.savetxt(folder / "in.txt", np.column_stack([x, y, weights]), fmt="%.17g")
    script = f"""
    d <- read.table("{folder}/in.txt")
    fit <- loess(V2 ~ V1, d, weights = V3, span = {span!r}, degree = {degree}, family = "gaussian",
                 control = loess.control(surface = "{surface}", cell = {cell!r}, statistics = "approximate"))
    writeLines(sprintf("%.17g", fit$fitted), "{folder}/out.txt")
    """
    (folder / "fit.R").write_text(script)
    done = subprocess.run(["Rscript", "--vanilla", str(folder / "fit.R")], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return np.loadtxt(folder / "out.txt")


def mean_variance(X):
    X = X.astype("f8").toarray() if hasattr(X, "toarray") else X
    mean, var = X.mean(0), X.var(0, ddof=1)
    keep = var > 0
    return np.log10(mean[keep]), np.log10(var[keep])


@pytest.fixture(scope="module")
def pbmc_curve(pbmc3k_raw):
    """Log mean and log variance of the genes of PBMC 3k: thousands of ties among the rare ones."""
    X = pbmc3k_raw.X.astype("f8")
    mean = np.asarray(X.mean(0)).ravel()
    var = (np.asarray(X.multiply(X).mean(0)).ravel() - mean**2) * X.shape[0] / (X.shape[0] - 1)
    keep = var > 0
    return np.log10(mean[keep]), np.log10(var[keep])


def generated():
    """Name -> (x, y, options): the odd and the ordinary."""
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=400)
    cases = {"400 normal points": (smooth, np.sin(smooth) + rng.normal(size=400) / 5, {})}
    ordinary = rng.gamma(2, 2, 150)
    for degree in (0, 1, 2):
        for span in (0.3, 0.5, 1.0, 1.7):
            cases[f"degree {degree}, span {span}"] = (ordinary, np.log(ordinary) + rng.normal(size=150), dict(degree=degree, span=span))
    few = np.array([0.1, 0.7, 0.2, 0.5, 0.35])
    cases["five points"] = (few, few**2 + [0.1, 0, 0, -0.2, 0.1], dict(span=1.0))
    cases["six points, degree 1"] = (np.arange(6.0), np.array([1.0, 3, 2, 5, 4, 6]), dict(span=0.7, degree=1))
    whole = np.arange(200.0)
    cases["equally spaced"] = (whole, np.cos(whole / 30), dict(span=0.2))
    rounded = np.round(rng.gamma(2, 2, 1200), 1)
    cases["ties"] = (rounded, np.sqrt(rounded) + rng.normal(size=1200) / 9, dict(span=0.4))
    lump = np.concatenate([np.zeros(100), rng.uniform(0, 5, 900)])
    cases["a lump at the end"] = (lump, np.exp(-lump) + rng.normal(size=1000) / 20, dict(span=0.5))
    middle = np.concatenate([np.full(150, 2.0), rng.uniform(0, 5, 900)])
    cases["a lump in the middle"] = (middle, middle + rng.normal(size=1050), dict(span=0.5))
    far = np.concatenate([rng.normal(size=300), [40.0, 41.0, 55.0, 90.0]])
    cases["outliers"] = (far, rng.normal(size=304), dict(span=0.5))
    cases["large values"] = (smooth * 1e8 + 1e10, smooth * 1e-6, dict(span=0.6))
    cases["tiny values"] = (smooth * 1e-9, smooth * 1e6 + rng.normal(size=400), dict(span=0.6))
    cases["sorted backwards"] = (np.sort(smooth)[::-1].copy(), np.sort(smooth) ** 3, dict(span=0.3))
    weights = rng.uniform(0.1, 3, 400)
    cases["weights"] = (smooth, smooth**2 + rng.normal(size=400), dict(weights=weights))
    cases["small cells"] = (smooth, smooth**2 + rng.normal(size=400), dict(span=0.3, cell=0.02))
    cases["one cell"] = (smooth, smooth**2 + rng.normal(size=400), dict(span=0.9, cell=3.0))
    for surface in ("direct",):
        cases["direct"] = (ordinary, np.log(ordinary) + rng.normal(size=150), dict(span=0.4, surface=surface))
        cases["direct, ties"] = (rounded, np.sqrt(rounded), dict(span=0.4, surface=surface, degree=1))
    return cases


def assert_close(got, want, y):
    scale = max(1.0, np.abs(y).max())
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("name", generated())
def test_generated_points_as_scikit_misc(name):
    x, y, options = generated()[name]
    if options.get("span", 0) > 1 or name == "small cells":
        return refused_by_scikit_misc(x, y, options)
    assert_close(scn.array.loess(x, y, **options), skmisc(x, y, **options), y)


def refused_by_scikit_misc(x, y, options):
    """R takes spans above 1, and cells so small that their number is limited: compared below."""
    with pytest.raises(ValueError, match="Span should be between|limited by memory"):
        skmisc(x, y, **options)


@pytest.mark.parametrize("name", generated())
def test_generated_points_as_r(name, tmp_path):
    x, y, options = generated()[name]
    assert_close(scn.array.loess(x, y, **options), r_loess(x, y, tmp_path, **options), y)


@pytest.mark.parametrize("span", [0.3, 0.5, 0.75])
def test_mean_and_variance_of_real_genes(pbmc_curve, span, tmp_path):
    x, y = pbmc_curve
    got = scn.array.loess(x, y, span=span)
    assert_close(got, skmisc(x, y, span=span), y)
    assert_close(got, r_loess(x, y, tmp_path, span=span), y)


def test_mean_and_variance_of_the_mixology_batches(tmp_path):
    import anndata

    adata = anndata.read_h5ad(data_file("sc_mixology_4batch.h5ad"))
    key = [c for c in adata.obs if adata.obs[c].nunique() == 4][0]
    for batch in adata.obs[key].unique():
        x, y = mean_variance(adata.X[(adata.obs[key] == batch).to_numpy()])
        assert_close(scn.array.loess(x, y, span=0.3), skmisc(x, y, span=0.3), y)


def test_predictions_blend_between_the_points_and_end_where_they_end():
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 4, 300)
    y = np.sin(x)
    at = np.array([-0.1, x.min(), 1.234, x.max(), 4.2])
    got = scn.array.loess(x, y, span=0.3, new_x=at)
    assert np.isnan(got[[0, 4]]).all() and np.isfinite(got[1:4]).all()
    fitted = scn.array.loess(x, y, span=0.3)
    assert got[1] == fitted[x.argmin()] and got[3] == fitted[x.argmax()]
    from skmisc.loess import loess

    model = loess(x, y, span=0.3)
    model.fit()
    np.testing.assert_allclose(got[1:4], model.predict(at[1:4]).values, atol=1e-10)


def test_near_singular_fits_warn_and_agree_with_r(tmp_path):
    rng = np.random.default_rng(1)
    x = np.repeat([0.0, 1.0, 2.0, 3.0], 30)
    y = x + rng.normal(size=120)
    with pytest.warns(UserWarning, match="near singular"):
        got = scn.array.loess(x, y, span=0.6)
    assert_close(got, r_loess(x, y, tmp_path, span=0.6), y)


@pytest.mark.parametrize(
    "x, y, options, message",
    [
        (np.ones(50), np.arange(50.0), {}, "x is constant"),
        (np.repeat([0.0, 1.0], 50), np.arange(100.0), dict(span=0.2), "larger span"),
        (np.arange(10.0), np.arange(10.0), dict(span=0.3), "span: is 0.3, which takes 3 of 10 points"),
        (np.arange(10.0), np.arange(10.0), dict(span=0.0), "span: is 0, must be positive"),
        (np.arange(10.0), np.arange(10.0), dict(degree=3), "degree: is 3"),
        (np.arange(10.0), np.arange(9.0), {}, "y: has 9 values, must have 10"),
        (np.arange(10.0), np.full(10, np.nan), {}, r"y\[0\]: is NaN"),
        (np.array([]), np.array([]), {}, "x: is empty"),
        (np.arange(10.0), np.arange(10.0), dict(surface="cubic"), "surface: is 'cubic'"),
        (np.arange(10.0), np.arange(10.0), dict(weights=-np.ones(10)), r"weights\[0\]: is -1"),
        (np.arange(10.0), np.arange(10.0), dict(cell=-1.0), "cell: is -1"),
        (np.ones((2, 5)), np.arange(10.0), {}, "x: has 2 dimensions"),
    ],
)
def test_bad_input_is_named(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        scn.array.loess(x, y, **options)


def test_where_the_references_fail_so_do_we(pbmc_curve):
    # A tenth of the genes of PBMC 3k are fewer than those that one cell has one molecule of.
    for x, span in ((pbmc_curve[0], 0.1), (np.ones(50), 0.75), (np.repeat([0.0, 1.0], 50), 0.2), (np.arange(10.0), 0.1)):
        with pytest.raises(ValueError):
            skmisc(x, np.arange(float(len(x))), span=span)
        with pytest.raises(ValueError):
            scn.array.loess(x, np.arange(float(len(x))), span=span)


def test_same_bits_at_every_thread_count(pbmc_curve):
    x, y = pbmc_curve
    results = []
    for n in (1, 2, 3, 8):
        with scn.settings.override(n_threads=n):
            results.append(scn.array.loess(x, y, span=0.3).tobytes() + scn.array.loess(x[:400], y[:400], surface="direct").tobytes())
    assert len(set(results)) == 1
