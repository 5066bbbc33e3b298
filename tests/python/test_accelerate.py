"""accelerate_scanpy: the same results through scanpy's names, scanpy's own functions where ours do not do, and all as before after."""

from __future__ import annotations

import inspect
import sys
import threading

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp

import scnative as scn
from scnative import _accelerate

pytestmark = pytest.mark.filterwarnings("ignore")


def bindings() -> dict[tuple[str, str], int]:
    """What every name in every module of scanpy stands for."""
    modules = [(name, module) for name, module in sys.modules.items() if name.partition(".")[0] == "scanpy" and module]
    return {(name, key): id(value) for name, module in modules for key, value in vars(module).items()}


@pytest.fixture(autouse=True)
def all_as_before():
    _accelerate._find("scanpy", "experimental.pp.highly_variable_genes")  # scanpy imports some of its modules when first asked
    before = bindings()
    yield
    assert {key: value for key, value in bindings().items() if key in before} == before


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    mean = rng.gamma(0.6, 2, 300) * np.where(rng.random((3, 300)) < 0.1, 6, 1)[np.arange(400) % 3]
    adata = anndata.AnnData(sp.csr_matrix(rng.poisson(mean), dtype="f4"))
    adata.var_names = [f"MT-{i}" if i < 6 else f"g{i}" for i in range(300)]
    adata.obs["group"] = pd.Categorical(np.array(list("abc"))[np.arange(400) % 3])
    adata.obs["depth"] = np.asarray(adata.X.sum(axis=1)).ravel()
    adata.var["mt"] = adata.var_names.str.startswith("MT-")
    adata.layers["counts"] = adata.X.copy()
    return adata


@pytest.fixture
def logged(counts):
    sc.pp.normalize_total(counts, target_sum=1e4)
    sc.pp.log1p(counts)
    return counts


RAW = {
    "pp.calculate_qc_metrics": lambda a: sc.pp.calculate_qc_metrics(a, qc_vars=["mt"], percent_top=(50, 100), inplace=True),
    "pp.filter_cells": lambda a: sc.pp.filter_cells(a, min_genes=95),
    "pp.filter_genes": lambda a: sc.pp.filter_genes(a, min_cells=60),
    "pp.normalize_total": lambda a: sc.pp.normalize_total(a, key_added="size"),
    "pp.log1p": lambda a: sc.pp.log1p(a, base=2),
}
LOGGED = {
    "pp.highly_variable_genes": lambda a: sc.pp.highly_variable_genes(a, flavor="seurat_v3", layer="counts", n_top_genes=50),
    "pp.scale": lambda a: sc.pp.scale(a, max_value=5),
    "pp.regress_out": lambda a: sc.pp.regress_out(a, ["depth"], n_jobs=1),
    "tl.rank_genes_groups": lambda a: sc.tl.rank_genes_groups(a, "group", method="wilcoxon", pts=True, n_genes=80),
    "tl.score_genes": lambda a: sc.tl.score_genes(a, list(a.var_names[20:40]), score_name="s"),
    "tl.score_genes_cell_cycle": lambda a: sc.tl.score_genes_cell_cycle(a, s_genes=list(a.var_names[9:30]), g2m_genes=list(a.var_names[50:70])),
    "get.aggregate": lambda a: sc.get.aggregate(a, "group", ["mean", "var", "count_nonzero"]),
    "experimental.pp.highly_variable_genes": lambda a: sc.experimental.pp.highly_variable_genes(a, layer="counts", n_top_genes=50),
}


def test_every_function_is_tested():
    assert {*RAW, *LOGGED} == {*_accelerate.FUNCTIONS}


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


def assert_same(ours: anndata.AnnData, theirs: anndata.AnnData) -> None:
    assert ours.shape == theirs.shape
    if theirs.X is not None:
        # what is compressed along genes stays so here; scanpy turns some of it
        assert sp.issparse(ours.X) == sp.issparse(theirs.X) and ours.X.dtype == theirs.X.dtype
        np.testing.assert_allclose(dense(ours.X), dense(theirs.X), rtol=1e-5, atol=1e-5)
    assert set(ours.layers) == set(theirs.layers)  # scanpy 1.11 takes several statistics in the order of a set
    for key in theirs.layers:
        np.testing.assert_allclose(dense(ours.layers[key]), dense(theirs.layers[key]), rtol=1e-5, atol=1e-6)
    assert_same_columns(ours.obs, theirs.obs)
    assert_same_columns(ours.var, theirs.var)
    assert set(ours.uns) == set(theirs.uns)
    if "rank_genes_groups" in theirs.uns:
        for group in theirs.uns["rank_genes_groups"]["names"].dtype.names:
            mine, other = (sc.get.rank_genes_groups_df(a, group).set_index("names") for a in (ours, theirs))
            shared = mine.index.intersection(other.index)  # the last place may go to either of two genes of equal score
            assert len(shared) >= len(other) - 1
            pd.testing.assert_frame_equal(mine.loc[shared], other.loc[shared], rtol=1e-5, atol=1e-6)


def assert_same_columns(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Equal but for what differs between versions of scanpy: the width of numbers, and a column that 1.12 has and 1.11 has
    not. scanpy sums float32 in float32 where it comes in csc: hence 1e-5."""
    assert set(ours) - set(theirs) <= {"n_obs_aggregated"} and [c for c in ours if c in theirs] == list(theirs)
    kinds = {c: {"i": "int64", "f": "float64"}[theirs[c].dtype.kind] for c in theirs if theirs[c].dtype.kind in "if"}
    assert all(ours[c].dtype.kind == theirs[c].dtype.kind for c in theirs)
    pd.testing.assert_frame_equal(ours[list(theirs)].astype(kinds), theirs.astype(kinds), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [*RAW, *LOGGED])
@pytest.mark.parametrize("layout", ["csr", "csc", "dense", "view"])
def test_same_results_through_the_same_name(request, name, layout):
    theirs = request.getfixturevalue("counts" if name in RAW else "logged")
    call = {**RAW, **LOGGED}[name]
    if layout == "csc":
        theirs.X = theirs.X.tocsc()
    elif layout == "dense":
        theirs.X, theirs.layers["counts"] = theirs.X.toarray(), theirs.layers["counts"].toarray()
    ours = theirs.copy()
    if layout == "view":
        ours, theirs = ours[3:], theirs[3:]
    expected = call(theirs)
    with scn.accelerate_scanpy() as acceleration:
        found = call(ours)
    assert acceleration.calls[name, "scnative"] == 1, acceleration.calls
    assert_same(ours, theirs) if expected is None else assert_same(found, expected)


def test_a_method_of_scanpys_goes_to_scanpy(logged):
    ours = logged.copy()
    sc.tl.rank_genes_groups(logged, "group", method="logreg", max_iter=50)
    with scn.accelerate_scanpy() as acceleration:
        sc.tl.rank_genes_groups(ours, "group", method="logreg", max_iter=50)
    (call,) = acceleration.calls
    assert call[0] == "tl.rank_genes_groups" and call[1].startswith("scanpy: ")
    for field in ("names", "scores"):
        theirs = logged.uns["rank_genes_groups"][field]
        for group in theirs.dtype.names:
            assert list(ours.uns["rank_genes_groups"][field][group]) == list(theirs[group])


def test_data_that_are_no_anndata_in_memory_go_to_scanpy(counts, tmp_path):
    matrix = counts.X.copy()
    counts.write_h5ad(tmp_path / "counts.h5ad")
    with scn.accelerate_scanpy() as acceleration:
        sc.pp.log1p(matrix)
        backed = anndata.read_h5ad(tmp_path / "counts.h5ad", backed="r+")
        sc.pp.log1p(backed, chunked=True, chunk_size=100)
    np.testing.assert_allclose(matrix.data, np.log1p(counts.X.data), rtol=1e-6)
    np.testing.assert_allclose(backed.X[:].data, np.log1p(counts.X.data), rtol=1e-6)
    backed.file.close()
    assert not any(where == "scnative" for _, where in acceleration.calls)
    assert ("pp.log1p", "scanpy: the data are on disk") in acceleration.calls


def test_arrays_of_other_kinds_go_to_scanpy(counts, monkeypatch):
    asked = []
    monkeypatch.setattr(_accelerate, "_is_plain", lambda matrix: asked.append(matrix) or False)
    expected = counts.copy()
    sc.pp.normalize_total(expected)
    with scn.accelerate_scanpy() as acceleration:
        sc.pp.normalize_total(counts)
    assert asked and (counts.X != expected.X).nnz == 0
    assert list(acceleration.calls) == [("pp.normalize_total", "scanpy: X is a scipy.sparse._csr.csr_matrix")]


@pytest.mark.parametrize(
    "matrix, plain",
    [
        (np.zeros((2, 2)), True),
        (np.zeros((2, 2), "i4"), True),
        (np.zeros((2, 2), complex), False),
        (np.zeros((2, 2), object), False),
        (np.ma.zeros((2, 2)), False),
        (sp.csr_matrix((2, 2)), True),
        (sp.csc_array((2, 2)), True),
        (sp.coo_matrix((2, 2)), False),
        (pd.DataFrame(np.zeros((2, 2))), False),
    ],
)
def test_what_counts_as_a_matrix_of_ours(matrix, plain):
    assert _accelerate._is_plain(matrix) is plain


def test_what_ours_refuses_goes_to_scanpy_untouched(counts, monkeypatch):
    def refuses(adata, *, target_sum=None, **_):
        raise scn.ScnUnsupported("target_sum: not today")

    def fails(adata, **_):
        raise scn.ScnInternalError("a defect")

    expected = counts.copy()
    sc.pp.normalize_total(expected, target_sum=10)
    monkeypatch.setattr(_accelerate, "_find", lambda package, name: refuses)
    with scn.accelerate_scanpy() as acceleration:
        sc.pp.normalize_total(counts, target_sum=10)
    assert (counts.X != expected.X).nnz == 0
    assert acceleration.calls == {("pp.normalize_total", "scanpy: target_sum: not today"): 1}
    monkeypatch.setattr(_accelerate, "_find", lambda package, name: fails)
    with scn.accelerate_scanpy(), pytest.raises(scn.ScnInternalError, match="a defect"):
        sc.pp.normalize_total(counts)


def test_wrong_calls_get_scanpys_errors(counts):
    with scn.accelerate_scanpy():
        with pytest.raises(TypeError, match="no_such"):
            sc.pp.normalize_total(counts, no_such=1)
        with pytest.raises(ValueError, match="nowhere"):
            sc.tl.rank_genes_groups(counts, "group", reference="nowhere")
        with pytest.raises(KeyError):
            sc.pp.normalize_total(counts, layer="nowhere")


def test_scanpys_own_calls_are_swapped_too(counts):
    theirs, ours = counts.copy(), counts.copy()
    sc.pp.recipe_zheng17(theirs, n_top_genes=100)
    with scn.accelerate_scanpy() as acceleration:
        sc.pp.recipe_zheng17(ours, n_top_genes=100)
    assert {name for name, where in acceleration.calls if where == "scnative"} >= {"pp.filter_genes", "pp.normalize_total"}
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(dense(ours.X), dense(theirs.X), atol=1e-4)


def test_names_signatures_and_attributes_stay():
    before = {name: _accelerate._find("scanpy", name) for name in _accelerate.FUNCTIONS}
    with scn.accelerate_scanpy():
        for name, original in before.items():
            ours = _accelerate._find("scanpy", name)
            assert ours is not original and ours.__name__ == original.__name__ and ours.__doc__ == original.__doc__
            assert ours.__module__ == original.__module__ and inspect.signature(ours) == inspect.signature(original)
        assert sc.pp.log1p is sc.preprocessing._simple.log1p and hasattr(sc.pp.log1p, "register")


def test_restored_after_an_error(logged):
    original = sc.tl.rank_genes_groups
    with pytest.raises(ZeroDivisionError), scn.accelerate_scanpy():
        assert sc.tl.rank_genes_groups is not original
        1 / 0
    assert sc.tl.rank_genes_groups is original


def test_blocks_in_blocks_and_the_permanent_form(counts):
    original = sc.pp.log1p
    permanent = scn.accelerate_scanpy(permanent=True)
    try:
        with scn.accelerate_scanpy() as inner, inner:
            assert sc.pp.log1p is not original
        assert sc.pp.log1p is not original and "on" in repr(permanent)
        sc.pp.log1p(counts)
        assert permanent.calls["pp.log1p", "scnative"] == 1 and not inner.calls
    finally:
        permanent.disable()
    permanent.disable()
    assert sc.pp.log1p is original and "off" in repr(permanent)
    permanent.enable()
    assert sc.pp.log1p is not original
    permanent.disable()


def test_a_function_that_was_kept_is_scanpys_after_the_block(counts):
    with scn.accelerate_scanpy() as acceleration:
        kept = sc.pp.log1p
    expected = np.log1p(counts.X.data)
    kept(counts)
    np.testing.assert_allclose(counts.X.data, expected, rtol=1e-6)
    assert not acceleration.calls


def test_modules_imported_in_a_block_are_restored(monkeypatch):
    import types

    late = types.ModuleType("scanpy._imported_late")
    original = sc.pp.log1p
    with scn.accelerate_scanpy():
        late.log1p = sc.pp.log1p
        monkeypatch.setitem(sys.modules, "scanpy._imported_late", late)
        assert late.log1p is not original
    assert late.log1p is original


def test_several_threads(counts):
    original = sc.pp.log1p
    errors = []

    def work():
        try:
            for _ in range(20):
                with scn.accelerate_scanpy() as acceleration:
                    sc.pp.log1p(counts.copy())
                assert acceleration.calls["pp.log1p", "scnative"] >= 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and sc.pp.log1p is original


def test_without_scanpy(monkeypatch):
    monkeypatch.setattr(_accelerate, "need", lambda package, purpose: (_ for _ in ()).throw(ModuleNotFoundError(f"{purpose} needs {package}")))
    with pytest.raises(ModuleNotFoundError, match="accelerate_scanpy needs scanpy"):
        scn.accelerate_scanpy()
