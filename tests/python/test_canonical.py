"""Whether the indices of a matrix ascend without repeats: asked once, and remembered where scipy remembers it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import scnative as scn
from scnative import _abi as abi
from scnative import _matrix, array
from scnative._matrix import View

KINDS = [sp.csr_matrix, sp.csc_matrix, sp.csr_array, sp.csc_array]
#: Three lines of seven places: offsets, and indices of each kind.
OFFSETS = [0, 3, 3, 6]
SORTED, UNSORTED, REPEATED, OUTSIDE = [0, 4, 6, 2, 3, 6], [0, 4, 6, 2, 6, 3], [0, 4, 4, 2, 3, 6], [0, 4, 6, 2, 3, 7]
pytestmark = pytest.mark.filterwarnings("ignore:Some cells have zero counts")


def made(kind, indices, index="i4"):
    """Of arrays, so that scipy knows nothing of it."""
    shape = (7, 3) if "csc" in kind.__name__ else (3, 7)
    X = kind(shape, dtype="f8")
    X.data, X.indices, X.indptr = np.arange(1.0, 7), np.array(indices, index), np.array(OFFSETS, index)
    for known in ("_has_canonical_format", "_has_sorted_indices"):
        X.__dict__.pop(known, None)
    return X


def knows(X) -> tuple:
    return X.__dict__.get("_has_canonical_format"), X.__dict__.get("_has_sorted_indices")


@pytest.fixture
def asked(monkeypatch):
    """The calls that views make."""
    calls = []

    def invoke(name, *args):
        calls.append(name)
        return call(name, *args)

    call = _matrix.invoke
    monkeypatch.setattr(_matrix, "invoke", invoke)
    return calls


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("index", ["i4", "i8"])
def test_is_canonical_is_what_scipy_says(kind, index):
    for indices in (SORTED, UNSORTED, REPEATED):
        X = made(kind, indices, index)
        assert array.is_canonical(X) is made(kind, indices, index).has_canonical_format is (indices == SORTED)
        assert knows(X) == ((True, True) if indices == SORTED else (None, None))
    with pytest.raises(scn.ScnValueError, match=r"indices\[5\]: is 7 .* must be from 0 to 6"):
        array.is_canonical(made(kind, OUTSIDE, index))


def test_is_canonical_of_dense_and_empty_matrices():
    assert array.is_canonical(np.eye(3)) is array.is_canonical(np.asfortranarray(np.eye(3))) is True
    for shape in ((0, 5), (5, 0), (4, 4)):
        assert array.is_canonical(sp.csr_matrix(shape)) and array.is_canonical(sp.csc_array(shape))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("indices", [UNSORTED, REPEATED])
def test_is_canonical_reads_what_is_said_to_be_so_and_corrects_it(kind, indices):
    X = made(kind, indices)
    X.has_canonical_format = True
    assert array.is_canonical(X) is False and X.has_canonical_format is False
    expected = made(kind, indices).toarray()
    X.sum_duplicates()
    assert array.is_canonical(X) and X.has_canonical_format
    np.testing.assert_array_equal(X.toarray(), expected)
    X.has_sorted_indices = False
    assert array.is_canonical(X) and X.has_canonical_format and X.has_sorted_indices


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_asks_once_and_scipy_remembers(kind, asked):
    X = made(kind, SORTED)
    first = array.stats(X)
    assert asked == ["scn_matrix_is_canonical"] and knows(X) == (True, True)
    assert View(X).struct.flags == abi.SCN_MATRIX_CANONICAL
    for again in (array.stats(X), array.stats(X)):
        for a, b in zip(first, again):
            np.testing.assert_array_equal(a, b)
    assert len(asked) == 1
    assert X.has_canonical_format and X.has_sorted_indices
    array.stats(X.copy())  # scipy's copy knows it as well, or is asked once more
    assert len(asked) <= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("indices", [UNSORTED, REPEATED])
def test_what_is_not_canonical_stays_as_it_was(kind, indices, asked):
    X = made(kind, indices)
    expected = X.toarray()
    np.testing.assert_array_equal(array.stats(X).sum, expected.sum(0))
    assert asked == ["scn_matrix_is_canonical"] and knows(X) == (None, None) and View(X).struct.flags == 0
    np.testing.assert_array_equal(X.indices, indices)
    assert not X.has_canonical_format
    del asked[:]
    np.testing.assert_array_equal(array.stats(X).sum, expected.sum(0))
    assert asked == [], "scipy knows that it is not"
    X.sum_duplicates()
    assert X.has_canonical_format and View(X).struct.flags == abi.SCN_MATRIX_CANONICAL
    np.testing.assert_array_equal(array.stats(X).sum, expected.sum(0))
    assert asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_out_of_range_is_told_by_the_call_itself(kind, asked):
    X = made(kind, OUTSIDE)
    with pytest.raises(scn.ScnValueError, match=r"^matrix.indices\[5\]: is 7 \(in (obs|var) 2\), must be from 0 to 6 as there are 7"):
        array.stats(X)
    assert asked == ["scn_matrix_is_canonical"] and knows(X) == (None, None)
    with pytest.raises(scn.ScnValueError, match="axis: is 7"):
        array.stats(X, axis=7)
    np.testing.assert_array_equal(array.normalize_relative(made(sp.csr_matrix, OUTSIDE)).indices, OUTSIDE)


def test_calls_that_do_not_read_the_order_do_not_ask(asked, tmp_path):
    X = made(sp.csr_matrix, SORTED)
    array.validate(X)
    array.sum_duplicates(X)
    array.normalize_total(X)
    array.normalize_total(X, inplace=True)
    array.normalize_relative(X)
    assert asked == [] and knows(X) == (None, None)
    assert array.normalize_total(X).X.__dict__.get("_has_canonical_format") is None


def test_what_is_made_of_a_matrix_is_known_as_well(asked):
    X = made(sp.csr_matrix, SORTED)
    logged = array.normalize_log1p(X).X
    scaled = array.scale(logged, zero_center=False, copy=True).X
    assert scaled is not logged and knows(X) == knows(logged) == knows(scaled) == (True, True)
    assert len(asked) == 1
    unsorted = array.scale(made(sp.csr_matrix, UNSORTED), zero_center=False, copy=True).X
    assert knows(unsorted)[0] is not True


def test_scipy_changes_a_matrix_that_is_known(asked):
    X = made(sp.csr_matrix, SORTED)
    array.stats(X)
    with pytest.warns(sp.SparseEfficiencyWarning):
        X[1, 5] = 3.0
        X[0, 1] = 2.0
    X[0, 0] = 0.0
    for change in (lambda: None, X.eliminate_zeros, X.sort_indices, lambda: X.resize((4, 6))):
        change()
        assert X.has_canonical_format and array.is_canonical(X.copy())
        np.testing.assert_array_equal(array.stats(X).sum, X.toarray().sum(0))
    turned = X.tocsc()
    np.testing.assert_array_equal(array.stats(turned).sum, X.toarray().sum(0))


@pytest.mark.parametrize("kind", KINDS)
def test_who_changes_indices_in_place_says_so(kind):
    X = made(kind, SORTED)
    array.stats(X)
    X.indices[:] = UNSORTED
    X.has_sorted_indices = X.has_canonical_format = False
    assert View(X).struct.flags == 0
    np.testing.assert_array_equal(array.to_dense(X), made(kind, UNSORTED).toarray())
    X.sort_indices()
    assert array.is_canonical(X) and X.has_canonical_format


class Sealed(sp.csr_matrix):
    """Cannot be told that it is canonical."""

    def __setattr__(self, name, value):
        if name == "has_canonical_format":
            raise RuntimeError(f"{name} cannot be set")
        super().__setattr__(name, value)


def test_a_matrix_that_cannot_remember_is_asked_again(asked):
    X = made(Sealed, SORTED)
    for n in (1, 2):
        np.testing.assert_array_equal(array.stats(X).sum, X.toarray().sum(0))
        assert View(X, asks=False).struct.flags == 0 and len(asked) == n
    assert array.is_canonical(X) is True
    for changed in (array.log1p(X), array.scale(X, zero_center=False, copy=True).X):
        assert type(changed) is Sealed and changed.nnz == X.nnz


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), scn.ScnCancelled("enough"), MemoryError()])
def test_what_stops_the_question_stops_the_call(stop, monkeypatch):
    def invoke(*_):
        raise stop

    X = made(sp.csr_matrix, SORTED)
    with monkeypatch.context() as during:
        during.setattr(_matrix, "invoke", invoke)
        with pytest.raises(type(stop)):
            array.stats(X)
    assert knows(X) == (None, None)
    np.testing.assert_array_equal(array.stats(X).sum, X.toarray().sum(0))


def test_anndata_remembers_it_for_its_matrix(asked):
    import anndata

    adata = anndata.AnnData(made(sp.csr_matrix, SORTED))
    adata.obs["group"] = ["a", "b", "a"]
    scn.pp.log1p(adata)
    scn.get.aggregate(adata, "group", "sum")
    assert len(asked) == 1 and adata.X.has_canonical_format
