"""tl.rank_genes_groups and get.rank_genes_groups_df beside scanpy's, on real cells."""

from __future__ import annotations

from importlib.metadata import version

import matplotlib
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from conftest import data_file

import scnative as scn

matplotlib.use("Agg")

SCANPY_1_12 = tuple(map(int, version("scanpy").split(".")[:2])) >= (1, 12)
#: scanpy 1.11 takes variances of float32 values in float32 here and there.
T_TEST = dict(rtol=1e-9, atol=1e-10) if SCANPY_1_12 else dict(rtol=2e-3, atol=1e-5)


@pytest.fixture(scope="module")
def cells(pbmc3k):
    """PBMC 3k with its cell types, the genes seen in 30 cells or more."""
    adata = pbmc3k.copy()
    sc.pp.filter_genes(adata, min_cells=30)
    adata.obs["cell_type"] = adata.obs["cell_type"].astype("category")
    return adata


@pytest.fixture(scope="module")
def few(cells):
    """800 cells, 1500 genes: for what need not be large."""
    chosen = np.random.default_rng(0).choice(cells.n_obs, 800, replace=False)
    adata = cells[np.sort(chosen), :1500].copy()
    sizes = adata.obs["cell_type"].value_counts()
    adata = adata[adata.obs["cell_type"].isin(sizes.index[sizes >= 10])].copy()
    return adata


def both(adata, *args, ours=None, **kwargs):
    """The same call of scanpy's function and of ours, each on its own copy."""
    theirs, mine = adata.copy(), adata.copy()
    sc.tl.rank_genes_groups(theirs, *args, **kwargs)
    scn.tl.rank_genes_groups(mine, *args, **kwargs, **(ours or {}))
    key = kwargs.get("key_added") or "rank_genes_groups"
    return mine.uns[key], theirs.uns[key]


def assert_same_table(mine, theirs, tolerance, rankby_abs=False):
    """Same keys, dtypes and groups; the same numbers gene by gene; the same order wherever scores differ by more than
    their rounding."""
    assert list(mine) == list(theirs) or set(mine) == set(theirs)
    assert mine["params"] == theirs["params"]
    for name in ("names", "scores", "pvals", "pvals_adj", "logfoldchanges"):
        assert mine[name].dtype == theirs[name].dtype, name
        assert type(mine[name]) is type(theirs[name]), name
        assert mine[name].shape == theirs[name].shape, name
    for group in theirs["names"].dtype.names:
        a = pd.DataFrame({name: mine[name][group] for name in ("names", "scores", "pvals", "pvals_adj", "logfoldchanges")})
        b = pd.DataFrame({name: theirs[name][group] for name in a})
        sizes = [np.abs(x["scores"]) if rankby_abs else x["scores"] for x in (a, b)]
        np.testing.assert_allclose(*sizes, rtol=1e-6, atol=max(tolerance["atol"], 1e-7))
        a, b = (x.set_index("names") for x in (a, b))
        common = a.index.intersection(b.index)
        # where genes of equal scores straddle the last place, either may be listed
        last = b["scores"].abs().min()
        missing = a.loc[a.index.difference(b.index), "scores"].abs()
        assert (missing <= last * (1 + 1e-6) + tolerance["atol"]).all()
        a, b = a.loc[common], b.loc[common]
        np.testing.assert_allclose(a["scores"], b["scores"], rtol=1e-6, atol=max(tolerance["atol"], 1e-7))
        np.testing.assert_allclose(a["logfoldchanges"], b["logfoldchanges"], rtol=1e-6, atol=1e-6)
        sure = b["pvals"] > 1e-300
        for name in ("pvals", "pvals_adj"):
            np.testing.assert_allclose(a[name][sure], b[name][sure], rtol=tolerance["rtol"])
            assert (a[name][~sure] < 1.01e-300 * (len(a) if name == "pvals_adj" else 1)).all()


@pytest.mark.parametrize("tie_correct", [False, True])
def test_wilcoxon_of_all_cell_types(cells, tie_correct):
    # scanpy 1.11 counts the ties once for each group: a quarter of the genes will do
    adata = cells[:, ::4] if tie_correct else cells
    mine, theirs = both(adata, "cell_type", method="wilcoxon", tie_correct=tie_correct, pts=True)
    assert_same_table(mine, theirs, dict(rtol=1e-9, atol=0))
    for name in ("pts", "pts_rest"):
        pd.testing.assert_frame_equal(mine[name], theirs[name], check_exact=False, rtol=1e-14)
    if not tie_correct:  # not a bit apart, as the same operations are done in the same order
        for group in theirs["scores"].dtype.names:
            np.testing.assert_array_equal(mine["scores"][group], theirs["scores"][group])


@pytest.mark.parametrize("method", ["t-test", "t-test_overestim_var"])
@pytest.mark.parametrize("reference", ["rest", "B"])
def test_t_tests(cells, method, reference):
    mine, theirs = both(cells, "cell_type", method=method, reference=reference)
    assert_same_table(mine, theirs, T_TEST)


@pytest.mark.parametrize("kind", ["csr", "csc", "dense", "float64"])
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        dict(method="wilcoxon", reference="B", pts=True),
        dict(method="wilcoxon", groups=["B", "NK"], corr_method="bonferroni", n_genes=20),
        dict(method="wilcoxon", groups=["NK"], reference="B", rankby_abs=True, key_added="here"),
        dict(groups=["NK", "B"], n_genes=5000, pts=True),
        dict(method="wilcoxon", mask_var="chosen", n_genes=50),
        dict(method="wilcoxon", layer="half", use_raw=False),
    ],
    ids=lambda kwargs: ", ".join(map(str, kwargs.items())),
)
def test_arguments(few, kind, kwargs):
    adata = few.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].cat.remove_unused_categories()
    adata.var["chosen"] = np.arange(adata.n_vars) % 3 == 0
    make = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": lambda x: x.toarray(), "float64": lambda x: x.astype("f8")}
    adata.X = make[kind](adata.X)
    adata.layers["half"] = adata.X / 2
    mine, theirs = both(adata, "cell_type", **kwargs)
    t_test = "method" not in kwargs
    # scanpy squares dense float32 values in float32
    rough = t_test and not (SCANPY_1_12 and kind != "dense") and kind != "float64"
    tolerance = dict(rtol=2e-3, atol=1e-4) if rough else dict(rtol=1e-8, atol=1e-9)
    assert_same_table(mine, theirs, tolerance, kwargs.get("rankby_abs", False))
    for name in ("pts", "pts_rest"):
        assert (name in mine) == (name in theirs)
        if name in theirs:
            pd.testing.assert_frame_equal(mine[name], theirs[name], check_exact=False, rtol=1e-14)


def test_raw_is_tested_where_it_is_there(few):
    adata = few.copy()
    adata.raw = few[:, :1000].copy()
    adata.X = adata.X * 0.5
    for use_raw in (None, True, False):
        mine, theirs = both(adata, "cell_type", method="wilcoxon", groups=["B"], use_raw=use_raw)
        assert_same_table(mine, theirs, dict(rtol=1e-9, atol=0))


def test_log1p_base(few):
    adata = few.copy()
    adata.uns["log1p"] = {"base": 2}
    adata.X = adata.X / np.float32(np.log(2))
    mine, theirs = both(adata, "cell_type", method="wilcoxon")
    assert_same_table(mine, theirs, dict(rtol=1e-9, atol=0))


def test_a_copy_leaves_the_original(few):
    before = few.copy()
    made = scn.tl.rank_genes_groups(few, "cell_type", copy=True)
    assert "rank_genes_groups" in made.uns and "rank_genes_groups" not in few.uns
    assert (few.X != before.X).nnz == 0
    assert scn.tl.rank_genes_groups(before, "cell_type") is None


def test_columns_that_are_text_or_partly_missing(few):
    adata = few.copy()
    labels = adata.obs["cell_type"].astype(object)
    labels[::7] = np.nan
    adata.obs["text"] = pd.Categorical(labels)
    adata.obs["plain"] = few.obs["cell_type"].astype(str).to_numpy()
    for column in ("text", "plain"):
        mine, theirs = both(adata, column, method="wilcoxon")
        assert_same_table(mine, theirs, dict(rtol=1e-9, atol=0))
    scn.tl.rank_genes_groups(adata, "plain")
    assert isinstance(adata.obs["plain"].dtype, pd.CategoricalDtype)


def test_scanpys_readers_and_plots_take_the_result(few):
    mine, theirs = few.copy(), few.copy()
    for module, adata in ((scn, mine), (sc, theirs)):
        module.tl.rank_genes_groups(adata, "cell_type", method="wilcoxon", pts=True)
    sc.pl.rank_genes_groups_dotplot(mine, n_genes=3, show=False, dendrogram=False)
    sc.pl.rank_genes_groups(mine, n_genes=3, show=False)
    sc.tl.filter_rank_genes_groups(mine)
    for kwargs in (dict(group=None), dict(group="B"), dict(group=["B", "NK"], pval_cutoff=0.01, log2fc_min=0.5, log2fc_max=3)):
        for adata in (mine, theirs):
            ours, expected = scn.get.rank_genes_groups_df(adata, **kwargs), sc.get.rank_genes_groups_df(adata, **kwargs)
            if "group" in expected:  # scanpy's is no longer categorical where there are fractions
                expected["group"] = expected["group"].astype(ours["group"].dtype)
            pd.testing.assert_frame_equal(ours, expected)
    symbols = sc.get.rank_genes_groups_df(mine, "B", gene_symbols="gene_ids")
    pd.testing.assert_frame_equal(scn.get.rank_genes_groups_df(mine, "B", gene_symbols="gene_ids"), symbols)


def test_the_result_is_written_and_read_back(few, tmp_path):
    import anndata

    adata = few.copy()
    scn.tl.rank_genes_groups(adata, "cell_type", pts=True)
    adata.write_h5ad(tmp_path / "a.h5ad")
    back = anndata.read_h5ad(tmp_path / "a.h5ad")
    a, b = (scn.get.rank_genes_groups_df(x, None) for x in (adata, back))
    pd.testing.assert_frame_equal(a, b, check_dtype=False, check_categorical=False)


def test_known_markers_come_first(cells):
    adata = cells.copy()
    scn.tl.rank_genes_groups(adata, "cell_type", method="wilcoxon", n_genes=25)
    top = {group: set(adata.uns["rank_genes_groups"]["names"][group]) for group in adata.obs["cell_type"].cat.categories}
    assert {"CD79A", "MS4A1"} <= top["B"] and {"NKG7", "GNLY"} <= top["NK"]


def test_beyond_scanpy(few):
    adata = few.copy()
    scn.tl.rank_genes_groups(adata, "cell_type", method="student", corr_method="benjamini-yekutieli", fold_change="seurat_v5")
    plain = few.copy()
    scn.tl.rank_genes_groups(plain, "cell_type")
    a, b = (x.uns["rank_genes_groups"] for x in (adata, plain))
    assert a["params"]["method"] == "student"
    for field in ("scores", "pvals_adj", "logfoldchanges"):
        assert not np.array_equal(a[field]["B"], b[field]["B"])


def test_counts_get_a_warning_as_scanpys(pbmc3k_raw):
    adata = pbmc3k_raw[:, :500].copy()
    with pytest.warns(UserWarning, match="raw counts"):
        scn.tl.rank_genes_groups(adata, "cell_type")


WRONG = {
    "an unknown column": (dict(groupby="nothing"), scn.ScnLookupError, "groupby: is 'nothing'"),
    "an unknown group": (dict(groups=["B", "neuron"]), scn.ScnLookupError, r"groups: has \['neuron'\]"),
    "one group as text": (dict(groups="B"), scn.ScnValueError, "Specify a sequence of groups"),
    "a group twice": (dict(groups=["B", "B"]), scn.ScnValueError, "a group twice"),
    "an unknown reference": (dict(reference="neuron"), scn.ScnValueError, "reference = neuron needs to be one of"),
    "raw that is not there": (dict(use_raw=True), scn.ScnValueError, "`adata.raw` is empty"),
    "an unknown method": (dict(method="anova"), scn.ScnValueError, "method: is 'anova'"),
    "logreg": (dict(method="logreg"), scn.ScnUnsupported, "logreg"),
    "an unknown correction": (dict(corr_method="holm"), scn.ScnValueError, "corr_method: is 'holm'"),
    "no genes": (dict(n_genes=0), scn.ScnValueError, "n_genes: is 0"),
    "a mask too short": (dict(mask_var=np.array([True])), scn.ScnValueError, "mask_var: has shape"),
    "a mask of numbers": (dict(mask_var=np.zeros(1500)), scn.ScnValueError, "Mask array must be boolean"),
    "a mask that is not there": (dict(mask_var="nothing"), scn.ScnLookupError, "mask_var: is 'nothing'"),
    "an unknown argument": (dict(penalty="l1"), scn.ScnTypeError, r"does not take \['penalty'\]"),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_arguments_are_named_and_leave_the_object(few, what):
    given, error, message = WRONG[what]
    adata = few.copy()
    with pytest.raises(error, match=message):
        scn.tl.rank_genes_groups(adata, **{"groupby": "cell_type", **given})
    assert "rank_genes_groups" not in adata.uns


def test_a_group_of_one_cell(few):
    adata = few.copy()
    labels = np.array(["a"] * adata.n_obs, dtype=object)
    labels[3] = "alone"
    adata.obs["group"] = pd.Categorical(labels)
    for module in (sc, scn):
        with pytest.raises(ValueError, match="Could not calculate statistics for groups alone since they only contain one"):
            module.tl.rank_genes_groups(adata, "group")


def test_df_of_what_is_not_there(few):
    adata = few.copy()
    with pytest.raises(scn.ScnLookupError, match="run rank_genes_groups first"):
        scn.get.rank_genes_groups_df(adata, None)
    scn.tl.rank_genes_groups(adata, "cell_type")
    with pytest.raises(scn.ScnLookupError, match="group: has"):
        scn.get.rank_genes_groups_df(adata, "neuron")


def test_perturbations_against_their_controls():
    """papalexi: every perturbation against the non-targeting cells."""
    import anndata

    adata = anndata.read_h5ad(data_file("papalexi2021_eccite_20729x299.h5ad"))
    adata.obs["perturbation"] = adata.obs["perturbation"].astype("category")
    adata.X = adata.X.astype("f4")
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    control = next(name for name in adata.obs["perturbation"].cat.categories if "non-targeting" in name.lower())
    some = [name for name in adata.obs["perturbation"].cat.categories if name != control][::6]
    for method in ("wilcoxon", "t-test"):
        mine, theirs = both(adata, "perturbation", method=method, reference=control, groups=some)
        assert_same_table(mine, theirs, dict(rtol=1e-9, atol=0) if method == "wilcoxon" else T_TEST)
