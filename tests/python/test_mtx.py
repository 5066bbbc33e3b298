"""MatrixMarket files beside scipy's, Cell Ranger's folders beside scanpy's."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.io
import scipy.sparse as sp
from conftest import layouts

import scnative as scn
from scnative import array


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u2"])
@pytest.mark.parametrize("suffix", [".mtx", ".mtx.gz"])
def test_what_we_write_scipy_reads_and_the_other_way(tmp_path, dtype, suffix):
    X = sp.random(40, 30, 0.2, random_state=1, format="csr")
    X.data = (X.data * (200 if dtype[0] != "f" else 1e-5)).astype(dtype)
    X.eliminate_zeros()
    path = tmp_path / f"a{suffix}"
    for rows, want in (("obs", X), ("var", X.T)):
        array.write_mtx(path, X, rows=rows)
        read = sp.csr_matrix(scipy.io.mmread(path))
        np.testing.assert_array_equal(read.toarray().astype(dtype), want.toarray())
        again = array.read_mtx(path, rows=rows, dtype=dtype)
        assert again.dtype == dtype and (again != X).nnz == 0 and again.has_sorted_indices
    scipy.io.mmwrite(tmp_path / "b.mtx", X)
    ours, theirs = array.read_mtx(tmp_path / "b.mtx"), scipy.io.mmread(tmp_path / "b.mtx")
    assert ours.dtype.kind == theirs.dtype.kind
    np.testing.assert_array_equal(ours.toarray(), theirs.toarray())


def test_every_layout_writes_the_same_matrix(tmp_path):
    X = sp.random(9, 7, 0.4, random_state=1, format="csr")
    X.data = np.ceil(X.data * 20)
    for name, same in layouts(X, canonical=False):
        array.write_mtx(tmp_path / "a.mtx", same)
        np.testing.assert_array_equal(array.read_mtx(tmp_path / "a.mtx").toarray(), X.toarray(), err_msg=name)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.mtx"
    path.write_text("precious")
    broken = sp.csr_matrix(np.eye(3))
    broken.indices[1] = 9
    with pytest.raises(scn.ScnValueError, match=r"indices\[1\]: is 9"):
        array.write_mtx(path, broken)
    assert path.read_text() == "precious" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(scn.ScnLookupError, match="nowhere"):
        array.write_mtx(tmp_path / "nowhere" / "a.mtx", np.eye(2))


def test_malformed_files_are_told_with_their_line(tmp_path):
    path = tmp_path / "bad.mtx"
    path.write_text("%%MatrixMarket matrix coordinate integer general\n2 2 1\n3 1 5\n")
    with pytest.raises(scn.ScnIOError, match=r"bad\.mtx, line 3: has the entry \(3, 1\)"):
        array.read_mtx(path)
    with pytest.raises(scn.ScnLookupError, match="none.mtx cannot be read"):
        array.read_mtx(tmp_path / "none.mtx")
    path.write_bytes(gzip.compress(b"%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 5\n")[:-9])
    with pytest.raises(scn.ScnIOError, match="cannot be read after line"):
        array.read_mtx(path)


@pytest.fixture(scope="module")
def counts(pbmc3k_raw):
    X = sp.csr_matrix(pbmc3k_raw.X[:300])
    X.data = X.data.astype("f4")
    return X


def write_folder(folder, X, *, version, gz=True, prefix=""):
    rng = np.random.default_rng(0)
    symbols = [f"G{i}" for i in rng.integers(0, X.shape[1] // 2, X.shape[1])]
    genes = pd.DataFrame({"id": [f"ENSG{i:011d}" for i in range(X.shape[1])], "name": symbols})
    end = ".gz" if gz else ""
    if version == 3:
        genes["type"] = np.where(np.arange(X.shape[1]) % 10 == 9, "Antibody Capture", "Gene Expression")
    name = "features" if version == 3 else "genes"
    genes.to_csv(folder / f"{prefix}{name}.tsv{end}", sep="\t", header=False, index=False)
    pd.Series([f"CELL{i}-1" for i in range(X.shape[0])]).to_csv(folder / f"{prefix}barcodes.tsv{end}", header=False, index=False)
    array.write_mtx(folder / f"{prefix}matrix.mtx{end}", X.astype("i4"), rows="var")


@pytest.mark.parametrize("version, gz", [(3, True), (3, False), (2, False)])
@pytest.mark.parametrize("options", [{}, {"var_names": "gene_ids"}, {"make_unique": False, "gex_only": False}, {"prefix": "patientA_"}], ids=str)
def test_folders_are_read_as_scanpy_does(tmp_path, counts, version, gz, options):
    write_folder(tmp_path, counts[:, :3000], version=version, gz=gz, prefix=options.get("prefix", ""))
    import inspect

    known = inspect.signature(sc.read_10x_mtx).parameters
    theirs = sc.read_10x_mtx(tmp_path, **options, **({"compressed": gz} if "compressed" in known else {})) if gz or version == 2 or "compressed" in known else None
    ours = scn.read_10x_mtx(tmp_path, **options)
    assert ours.X.dtype == np.float32 and ours.X.format == "csr"
    if theirs is not None:
        np.testing.assert_array_equal(ours.X.toarray(), theirs.X.toarray())
        pd.testing.assert_frame_equal(ours.var, theirs.var, check_dtype=False, check_index_type=False)
        pd.testing.assert_frame_equal(ours.obs, theirs.obs, check_dtype=False, check_index_type=False)


def test_folders_that_do_not_belong_together(tmp_path, counts):
    with pytest.raises(scn.ScnLookupError, match="is not a folder"):
        scn.read_10x_mtx(tmp_path / "none")
    with pytest.raises(scn.ScnLookupError, match="has no features.tsv and no genes.tsv"):
        scn.read_10x_mtx(tmp_path)
    write_folder(tmp_path, counts[:, :50], version=3, gz=False)
    with open(tmp_path / "barcodes.tsv", "a") as file:
        file.write("ONE-TOO-MANY\n")
    with pytest.raises(scn.ScnValueError, match=r"matrix\.mtx: has 300 columns, but .*barcodes\.tsv has 301 lines"):
        scn.read_10x_mtx(tmp_path)
    with pytest.raises(scn.ScnValueError, match="var_names: is 'symbols'"):
        scn.read_10x_mtx(tmp_path, var_names="symbols")
    with pytest.raises(scn.ScnUnsupported, match="cache: is True"):
        scn.read_10x_mtx(tmp_path, cache=True)


def test_read_reads_folders(tmp_path, counts):
    write_folder(tmp_path, counts[:, :50], version=3)
    np.testing.assert_array_equal(scn.read(tmp_path).X.toarray(), scn.read_10x_mtx(tmp_path).X.toarray())
