"""Count matrices from files, as AnnData."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

from ._errors import ScnLookupError, ScnValueError
from ._need import need

if TYPE_CHECKING:
    from typing import Union

    from anndata import AnnData

    PathLike = Union[str, "os.PathLike[str]"]

#: What Cell Ranger calls the matrix of a folder.
MATRIX_NAMES = ("matrix.mtx.gz", "matrix.mtx")

WHAT_READ_TAKES = "an .h5ad file, a 10x .h5 file, or a 10x folder with matrix.mtx"


def read(path: PathLike, **options: Any) -> AnnData:
    """Read a count matrix, whichever kind of file it is in.

    Parameters
    ----------
    path
        - a ``.h5ad`` file: as :func:`read_h5ad`;
        - a ``.h5`` or ``.hdf5`` file: as :func:`read_h5ad` if AnnData wrote it, else as :func:`read_10x_h5`;
        - a folder that Cell Ranger wrote, or a ``matrix.mtx`` or ``matrix.mtx.gz`` in it: as :func:`read_10x_mtx`. A folder with
          nothing but one such folder in it stands for that one (``filtered_gene_bc_matrices`` for its ``hg19``).
    **options
        Passed on.

    Returns
    -------
    AnnData
        Cells x genes.

    Raises
    ------
    FileNotFoundError
        There is no such file or folder.
    ScnValueError
        It is of no kind that can be read.
    ModuleNotFoundError
        anndata or h5py is not installed.
    """
    path = existing(path)
    if path.is_dir():
        return _read_folder(path, options)
    name = path.name.lower()
    if name.endswith(".h5ad"):
        return read_h5ad(path, **options)
    if name.endswith((".h5", ".hdf5")):
        return read_h5ad(path, **options) if _written_by_anndata(path) else read_10x_h5(path, **options)
    if name.endswith(MATRIX_NAMES):
        prefix = path.name[: -len("matrix.mtx.gz" if name.endswith(".gz") else "matrix.mtx")]
        if prefix:
            options.setdefault("prefix", prefix)
        return _read_10x_mtx(path.parent, options)
    raise ScnValueError(f"path: {path} is of no kind that can be read, must be {WHAT_READ_TAKES}")


def read_h5ad(path: PathLike, **options: Any) -> AnnData:
    """Read an AnnData from a ``.h5ad`` file.

    Parameters
    ----------
    path
        The file.
    **options
        Those of ``anndata.read_h5ad``, which reads it; ``backed='r'`` leaves the matrix on disk.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ScnValueError
        The file is not HDF5, or no AnnData is in it.
    """
    anndata = need("anndata", "reading h5ad files")
    path = existing_file(path)
    if not _written_by_anndata(path):
        raise ScnValueError(
            f"path: {path} is an HDF5 file without an AnnData in it (no obs and var); scn.read_10x_h5 reads those of 10x"
        )
    try:
        return anndata.read_h5ad(path, **options)
    except (OSError, KeyError, ValueError) as error:
        raise ScnValueError(f"path: {path} could not be read as AnnData; is it complete? {error}") from error


def read_10x_h5(path: PathLike, *, genome: str | None = None, gex_only: bool = True) -> AnnData:
    """Read a feature-barcode matrix that Cell Ranger wrote as HDF5, of version 2 or version 3 and later.

    Parameters
    ----------
    path
        The file, such as ``filtered_feature_bc_matrix.h5``.
    genome
        Keep the genes of this genome. A version 2 file with several needs it; by default all of a version 3 file are kept.
    gex_only
        Keep features of the type 'Gene Expression' alone: no antibodies, guides or other. A version 2 file has no others.

    Returns
    -------
    AnnData
        Counts as float32 csr in ``X``; cells named by barcode, genes by symbol (not made unique); ``var['gene_ids']``, and from
        version 3 ``var['feature_types']``, ``var['genome']`` and the other columns of the file. As ``scanpy.read_10x_h5``.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ScnLookupError
        The file has no such genome.
    ScnValueError
        The file is not HDF5, is not of 10x, or lacks or contradicts itself in a part.
    """
    need("anndata", "reading 10x h5 files")
    path = existing_file(path)
    with hdf5(path, "a 10x .h5 file") as file:
        return _version_3(file, path, genome, gex_only) if "matrix" in file else _version_2(file, path, genome)


def existing(path: PathLike) -> Path:
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"path: {path} does not exist, must be {WHAT_READ_TAKES}")
    return path


def existing_file(path: PathLike) -> Path:
    path = existing(path)
    if path.is_dir():
        raise ScnValueError(f"path: {path} is a folder, must be a file; scn.read reads 10x folders")
    return path


def _read_folder(folder: Path, options: dict[str, Any]) -> AnnData:
    if _has_matrix(folder):
        return _read_10x_mtx(folder, options)
    below = sorted(child for child in folder.iterdir() if child.is_dir() and _has_matrix(child))
    if len(below) == 1:
        return _read_10x_mtx(below[0], options)
    if below:
        names = ", ".join(child.name for child in below)
        raise ScnValueError(f"path: {folder} has several matrices, one in each of {names}; name one of these folders")
    if any(folder.glob("*matrix.mtx*")):  # Cell Ranger's files with a sample's name before theirs
        return _read_10x_mtx(folder, options)
    raise ScnValueError(f"path: the folder {folder} has no matrix.mtx or matrix.mtx.gz, must be {WHAT_READ_TAKES}")


def _has_matrix(folder: Path) -> bool:
    return any((folder / name).exists() for name in MATRIX_NAMES)


def _read_10x_mtx(folder: Path, options: dict[str, Any]) -> AnnData:
    import scnative

    return scnative.read_10x_mtx(folder, **options)


@contextmanager
def hdf5(path: Path, kind: str) -> Iterator[Any]:
    """The open HDF5 file; what h5py cannot open or read is an error about the path."""
    h5py = need("h5py", "reading HDF5 files")
    if not h5py.is_hdf5(path):
        raise ScnValueError(f"path: {path} is not an HDF5 file, must be {kind}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise ScnValueError(f"path: {path} could not be read to its end; is it complete? {error}") from error


def _written_by_anndata(path: Path) -> bool:
    with hdf5(path, "an .h5ad or a 10x .h5 file") as file:
        return file.attrs.get("encoding-type") == "anndata" or {"obs", "var"} <= set(file)


def _version_2(file: Any, path: Path, genome: str | None) -> AnnData:
    """One group per genome, with genes and gene_names beside the matrix."""
    genomes = [name for name, group in file.items() if hasattr(group, "keys") and "barcodes" in group]
    if not genomes:
        inside = ", ".join(file) or "nothing"
        raise ScnValueError(f"path: {path} is HDF5 but not of 10x: it has {inside}, must have a group with barcodes")
    if genome is None and len(genomes) > 1:
        raise ScnValueError(f"genome: must be given, {path} has several: {', '.join(genomes)}")
    if genome is not None and genome not in genomes:
        raise ScnLookupError(f"genome: {genome!r} is not in {path}, must be one of {', '.join(genomes)}")
    group = file[genome or genomes[0]]
    var = {"gene_ids": _text(group, "genes", path)}
    return _annotated(group, path, _text(group, "gene_names", path), {}, var)


def _version_3(file: Any, path: Path, genome: str | None, gex_only: bool) -> AnnData:
    """One group, matrix, with a group of the features' columns in it."""
    import numpy as np

    group = file["matrix"]
    if "features" not in group:
        raise ScnValueError(f"path: {path} has a matrix without features, must be a 10x .h5 file")
    features = group["features"]
    names = _text(features, "name", path)
    probes = "gene_id" in features  # a matrix of probes names its genes besides
    var = {"gene_ids": _text(features, "gene_id" if probes else "id", path)}
    if probes:
        var["probe_ids"] = _text(features, "id", path)
    var["feature_types"] = _text(features, "feature_type", path)
    taken = {"name", "id", "gene_id", "feature_type", "_all_tag_keys"}
    for column, values in features.items():
        if column not in taken and hasattr(values, "dtype"):
            var[column] = values[()] if values.dtype.kind == "b" else _text(features, column, path)
    obs = {"filtered_barcodes": group["filtered_barcodes"][()].astype(bool)} if "filtered_barcodes" in group else {}
    adata = _annotated(group, path, names, obs, var)

    keep = np.ones(adata.n_vars, bool)
    if genome is not None:
        there = [name for name in dict.fromkeys(var.get("genome", ())) if name]
        if genome not in there:
            raise ScnLookupError(f"genome: {genome!r} is not in {path}, must be one of {', '.join(there) or 'none'}")
        keep &= var["genome"] == genome
    if gex_only:
        keep &= var["feature_types"] == "Gene Expression"
    return adata if keep.all() else adata[:, keep].copy()


def _annotated(group: Any, path: Path, names: Any, obs: dict[str, Any], var: dict[str, Any]) -> AnnData:
    """The matrix of a group, which 10x stores as genes x cells in CSC: the same bytes as cells x genes in CSR."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from anndata import AnnData

    n_vars, n_obs = (int(n) for n in _numbers(group, "shape", path))
    parts = [_numbers(group, part, path) for part in ("data", "indices", "indptr")]
    barcodes = _text(group, "barcodes", path)
    for what, found, expected in (("barcodes", len(barcodes), n_obs), ("features", len(names), n_vars)):
        if found != expected:
            raise ScnValueError(f"path: {path} has {found} {what}, but its matrix has {expected}; is it complete?")
    try:
        matrix = sp.csr_matrix((parts[0].astype(np.float32), *parts[1:]), shape=(n_obs, n_vars))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ScnValueError(f"path: the matrix of {path} contradicts itself: {error}") from error
    return AnnData(
        matrix,
        obs=pd.DataFrame(obs, index=pd.Index(barcodes, dtype=object)),
        var=pd.DataFrame(var, index=pd.Index(names, dtype=object)),
    )


def _part(group: Any, name: str, path: Path) -> Any:
    if name not in group:
        raise ScnValueError(f"path: {path} has no {group.name}/{name}, must be a 10x .h5 file")
    return group[name][()]


def _numbers(group: Any, name: str, path: Path) -> Any:
    values = _part(group, name, path)
    if getattr(values, "ndim", None) != 1 or values.dtype.kind not in "iuf":
        raise ScnValueError(f"path: {group.name}/{name} of {path} is not a list of numbers")
    return values


def _text(group: Any, name: str, path: Path) -> Any:
    """A list of strings, of fixed or of variable length, as Python's."""
    import numpy as np

    values = _part(group, name, path)
    if getattr(values, "ndim", None) != 1:
        raise ScnValueError(f"path: {group.name}/{name} of {path} is not a list")
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)
