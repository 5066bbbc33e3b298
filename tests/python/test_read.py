"""Readers: what scanpy reads from the same files, and what a file that cannot be read says."""

from __future__ import annotations

import builtins
import gzip
import shutil

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from conftest import data_file

import scnative as scn


def same(ours: anndata.AnnData, theirs: anndata.AnnData) -> None:
    assert ours.X.format == theirs.X.format == "csr" and ours.X.dtype == theirs.X.dtype
    assert ours.X.indices.dtype == theirs.X.indices.dtype
    assert (ours.X != theirs.X).nnz == 0 and ours.shape == theirs.shape
    pd.testing.assert_frame_equal(ours.obs, theirs.obs)
    pd.testing.assert_frame_equal(ours.var, theirs.var, check_like=True)


V2 = "small/10x_format/cr1.2_filtered_gene_bc_matrices_h5.h5"
V2_MANY = "small/10x_format/cr1.2_multiple_genomes.h5"
V3 = "small/10x_format/cr3_filtered_feature_bc_matrix.h5"


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@pytest.mark.parametrize(
    "name, options",
    [(V2, {}), (V2_MANY, {"genome": "hg19_chr21"}), (V2_MANY, {"genome": "another_genome"}), (V3, {}), (V3, {"gex_only": False})],
)
def test_10x_h5_is_what_scanpy_reads(name, options):
    path = data_file(name)
    same(scn.read_10x_h5(path, **options), sc.read_10x_h5(path, **options))
    same(scn.read(str(path), **options), sc.read_10x_h5(path, **options))


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_10x_h5_of_two_genomes_and_features(tmp_path):
    path = tmp_path / "two.h5"
    counts = sp.random(30, 9, density=0.4, format="csr", random_state=1)
    counts.data = np.ceil(counts.data * 9).astype("i4")
    write_version_3(path, counts, genome=["GRCh38"] * 4 + ["mm10"] * 4 + [""], kinds=["Gene Expression"] * 8 + ["Antibody Capture"])
    for options in ({}, {"genome": "mm10"}, {"gex_only": False}, {"genome": "GRCh38", "gex_only": False}):
        same(scn.read_10x_h5(path, **options), sc.read_10x_h5(path, **options))
    with pytest.raises(LookupError, match="genome: 'hg19' is not in .*two.h5, must be one of GRCh38, mm10"):
        scn.read_10x_h5(path, genome="hg19")


def write_version_3(path, counts, genome, kinds) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["shape"] = np.array([counts.shape[1], counts.shape[0]], "i4")
        group["data"], group["indices"], group["indptr"] = counts.data, counts.indices.astype("i8"), counts.indptr.astype("i8")
        group["barcodes"] = np.array([f"CELL{i}-1" for i in range(counts.shape[0])], "S")
        features = group.create_group("features")
        features["id"] = np.array([f"ENSG{i}" for i in range(counts.shape[1])], "S")
        features["name"] = np.array([f"GENE{i}" for i in range(counts.shape[1])], "S")
        features["feature_type"], features["genome"] = np.array(kinds, "S"), np.array(genome, "S")
        features["_all_tag_keys"] = np.array(["genome"], "S")
        features["panel"] = np.arange(counts.shape[1]) % 2 == 0
        file["matrix/filtered_barcodes"] = np.arange(counts.shape[0]) % 3 == 0


def test_genome_must_be_chosen_where_there_are_several():
    path = data_file(V2_MANY)
    with pytest.raises(ValueError, match="genome: must be given, .* has several: another_genome, hg19_chr21"):
        scn.read_10x_h5(path)
    with pytest.raises(LookupError, match="genome: 'hg38' is not in .*, must be one of another_genome, hg19_chr21"):
        scn.read_10x_h5(path, genome="hg38")


def test_h5ad(tmp_path):
    adata = anndata.AnnData(
        sp.random(20, 10, density=0.3, format="csr", random_state=0, dtype="f4"),
        obs=pd.DataFrame({"kind": pd.Categorical(list("ab") * 10)}, index=[f"c{i}" for i in range(20)]),
        var=pd.DataFrame(index=[f"g{i}" for i in range(10)]),
    )
    for name in ("some.h5ad", "some.h5"):
        adata.write_h5ad(tmp_path / name)
        same(scn.read(tmp_path / name), adata)
    assert scn.read_h5ad(tmp_path / "some.h5ad", backed="r").isbacked


@pytest.fixture
def damaged(tmp_path):
    """Makes a copy of a 10x file with one thing wrong."""

    def damage(name: str, change) -> str:
        path = tmp_path / "damaged.h5"
        shutil.copy(data_file(name), path)
        path.chmod(0o644)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return damage


def replace(file: h5py.File, name: str, values) -> None:
    del file[name]
    file[name] = values


DAMAGE = {
    "no indices": (lambda f: f.__delitem__("matrix/indices"), "has no /matrix/indices"),
    "no features": (lambda f: f.__delitem__("matrix/features"), "a matrix without features"),
    "no names": (lambda f: f.__delitem__("matrix/features/name"), "has no /matrix/features/name"),
    "fewer barcodes": (lambda f: replace(f, "matrix/barcodes", f["matrix/barcodes"][:5]), "has 5 barcodes, but its matrix has 1107"),
    "text for numbers": (lambda f: replace(f, "matrix/data", np.array([b"a"] * 23866)), "/matrix/data of .* is not a list of numbers"),
    "an index too large": (lambda f: f["matrix/indices"].__setitem__(3, 600), "contradicts itself: .*"),
    "offsets that decrease": (lambda f: f["matrix/indptr"].__setitem__(9, 23000), "contradicts itself: .*"),
    "values cut short": (lambda f: replace(f, "matrix/data", f["matrix/data"][:100]), "contradicts itself: .*"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_10x_files_say_what_is_wrong(damaged, what):
    change, message = DAMAGE[what]
    with pytest.raises(scn.ScnValueError, match=message):
        scn.read_10x_h5(damaged(V3, change))


def test_files_of_another_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match="path: /no/such.h5ad does not exist, must be an .h5ad file"):
        scn.read("/no/such.h5ad")
    table = tmp_path / "counts.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(scn.ScnValueError, match="counts.csv is of no kind that can be read, must be an .h5ad"):
        scn.read(table)
    for name in ("text.h5ad", "text.h5"):
        (tmp_path / name).write_text("not HDF5")
        with pytest.raises(scn.ScnValueError, match=f"{name} is not an HDF5 file"):
            scn.read(tmp_path / name)
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["stars"] = np.arange(3)
    with pytest.raises(scn.ScnValueError, match="without an AnnData in it"):
        scn.read(tmp_path / "other.h5ad")
    with pytest.raises(scn.ScnValueError, match="not of 10x: it has stars, must have a group with barcodes"):
        scn.read_10x_h5(tmp_path / "other.h5ad")
    (tmp_path / "empty").mkdir()
    with pytest.raises(scn.ScnValueError, match="the folder .*empty has no matrix.mtx"):
        scn.read(tmp_path / "empty")
    with pytest.raises(scn.ScnValueError, match="is a folder, must be a file"):
        scn.read_10x_h5(tmp_path / "empty")


@pytest.mark.parametrize("keep", [0.5, 0.98])
def test_files_that_were_cut_off(tmp_path, keep):
    for name in (V3, "small/pbmc_small.h5ad"):
        whole = data_file(name).read_bytes()
        path = tmp_path / name.rpartition("/")[2]
        path.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(scn.ScnValueError, match="path: .*complete"):
            scn.read(path)


def test_missing_packages_are_named(monkeypatch, tmp_path):
    real = builtins.__import__
    path = tmp_path / "some.h5"
    path.write_bytes(b"")
    from scnative import _need

    def without(package):
        def find(name, *rest):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return real(name, *rest) and __import__("sys").modules[name]

        return find

    for package in ("h5py", "anndata"):
        monkeypatch.setattr(_need, "import_module", without(package))
        with pytest.raises(ModuleNotFoundError, match=f"needs {package}, which is not installed: pip install {package}"):
            scn.read_10x_h5(path)
    monkeypatch.setattr(_need, "import_module", without("anndata"))
    with pytest.raises(ModuleNotFoundError, match="reading h5ad files needs anndata"):
        scn.read_h5ad(path)


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_10x_folders(tmp_path):
    source = data_file("small/10x_format/cr3_filtered_feature_bc_matrix/matrix.mtx.gz").parent
    expected = sc.read_10x_mtx(source)
    outer = tmp_path / "filtered_gene_bc_matrices"
    shutil.copytree(source, outer / "hg19")
    for path in (source, source / "matrix.mtx.gz", outer):
        ours = scn.read(path)
        assert (ours.X != expected.X).nnz == 0
        assert list(ours.var_names) == list(expected.var_names) and list(ours.obs_names) == list(expected.obs_names)
    shutil.copytree(source, outer / "mm10")
    with pytest.raises(scn.ScnValueError, match="several matrices, one in each of hg19, mm10"):
        scn.read(outer)
    named = tmp_path / "named"
    named.mkdir()
    for file in source.iterdir():
        shutil.copy(file, named / f"sample1_{file.name}")
    assert scn.read(named / "sample1_matrix.mtx.gz").shape == expected.shape
    with gzip.open(named / "sample1_matrix.mtx.gz") as file:
        assert file.readline().startswith(b"%%MatrixMarket")
