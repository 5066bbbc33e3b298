"""10x's PBMC 3k: 2700 peripheral blood mononuclear cells of a healthy donor."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import ScnError, ScnIOError, ScnValueError
from .._need import need
from ._download import cache_folder, download

if TYPE_CHECKING:
    from anndata import AnnData

URL = "https://cf.10xgenomics.com/samples/cell-exp/1.1.0/pbmc3k/pbmc3k_filtered_gene_bc_matrices.tar.gz"

#: What is known of the data: cells x genes, and the sum of all counts. 10x states no sha256.
SHAPE = (2700, 32738)
MOLECULES = 6_390_631

#: The archive has 7.6 MB, its largest file 27 MB.
ARCHIVE_AT_MOST = 64 << 20
MEMBER_AT_MOST = 256 << 20

#: The simulated cells that stand in for the real ones.
SIMULATED = {"n_obs": 2700, "n_vars": 5000, "n_clusters": 8, "markers_per_cluster": 25, "seed": 0}


def pbmc3k(*, download: bool = True, simulate: bool = True) -> AnnData:
    """10x's PBMC 3k, raw counts, wherever they can be had.

    It is looked for, in this order:

    1. in the cache, ``$XDG_CACHE_HOME/scnative`` (by default ``~/.cache/scnative``);
    2. at 10x, from where it is downloaded into the cache, once (7.6 MB); not if ``download`` is False or the environment has
       ``SCNATIVE_OFFLINE=1``;
    3. as ``pbmc3k_raw.h5ad`` in the folder that ``SCNATIVE_DATA_DIR`` names;
    4. simulated cells of the same number, with a warning; not if ``simulate`` is False.

    Real data are checked: 2700 x 32738, 6,390,631 molecules.

    Parameters
    ----------
    download
        Whether to try to download it.
    simulate
        Whether simulated cells may stand in for the real ones.

    Returns
    -------
    AnnData
        Counts in ``X`` (csr, float32), genes by symbol (made unique), ``var['gene_ids']`` their Ensembl ids. Those of
        ``SCNATIVE_DATA_DIR`` may have ``obs['cell_type']``; simulated cells do. ``uns['pbmc3k']`` has ``source`` (in words),
        ``simulated``, and ``tried`` (why the places before it did not do).

    Raises
    ------
    ScnIOError
        Real data were asked for, and no place has them; the message says why for each.

    References
    ----------
    Zheng et al. 2017, Massively parallel digital transcriptional profiling of single cells, Nature Communications 8.
    """
    need("anndata", "scnative.datasets.pbmc3k")
    tried: list[str] = []
    for place in (_cached, _downloaded if download else None, _local):
        if place is None:
            tried.append("download: not asked for")
            continue
        try:
            adata, source = place()
        except (ScnError, OSError) as error:
            tried.append(str(error))
            continue
        return _told(adata, source, False, tried)
    reasons = "; ".join(tried)
    if not simulate:
        raise ScnIOError(f"PBMC 3k could not be had: {reasons}")
    from . import simulate_counts

    adata = simulate_counts(**SIMULATED)
    adata.obs["cell_type"] = adata.obs.pop("cluster")
    warnings.warn(f"These cells are SIMULATED, they are not PBMC 3k, which could not be had: {reasons}", stacklevel=2)
    return _told(adata, "simulated by scnative.datasets.simulate_counts", True, tried)


def _told(adata: AnnData, source: str, simulated: bool, tried: list[str]) -> AnnData:
    adata.uns["pbmc3k"] = {"source": source, "simulated": simulated, "tried": tried}
    return adata


def _archive() -> Path:
    return cache_folder() / URL.rpartition("/")[2]


def _cached() -> tuple[AnnData, str]:
    path = _archive()
    if not path.exists():
        raise ScnIOError(f"cache: {path} is not there yet")
    try:
        return _from_archive(path), f"10x Genomics, {URL} (cached)"
    except ScnError as error:
        path.unlink(missing_ok=True)  # it was whole when it was put there; the next place downloads it again
        raise ScnIOError(f"cache: removed {path}: {error}") from error


def _downloaded() -> tuple[AnnData, str]:
    if os.environ.get("SCNATIVE_OFFLINE", "") not in ("", "0"):
        raise ScnIOError("download: SCNATIVE_OFFLINE is set")
    read: list[AnnData] = []
    try:
        download(URL, _archive(), lambda path: read.append(_from_archive(path)), at_most=ARCHIVE_AT_MOST)
    except (ScnError, OSError) as error:
        raise ScnIOError(f"download: {error}") from error
    return read[0], f"10x Genomics, {URL}"


def _local() -> tuple[AnnData, str]:
    from .. import read_h5ad

    folder = os.environ.get("SCNATIVE_DATA_DIR")
    if not folder:
        raise ScnIOError("SCNATIVE_DATA_DIR: is not set")
    path = Path(folder) / "pbmc3k_raw.h5ad"
    if not path.exists():
        raise ScnIOError(f"SCNATIVE_DATA_DIR: has no {path.name}")
    adata = _checked(read_h5ad(path), path)
    adata.X = adata.X.astype("float32")
    adata.uns.pop("source", None)
    return adata, f"{path.name} of SCNATIVE_DATA_DIR"


def _from_archive(path: Path) -> AnnData:
    """The matrix in 10x's archive.

    Only the three files that it needs are taken out, to names of our own: what paths or links an archive holds never matters.
    """
    from .. import read_10x_mtx

    with tempfile.TemporaryDirectory(prefix="scnative-") as folder:
        try:
            with tarfile.open(path, "r:gz") as archive:
                for member in archive:
                    name = member.name.rpartition("/")[2]
                    if name not in ("barcodes.tsv", "genes.tsv", "matrix.mtx") or not member.isfile():
                        continue
                    if member.size > MEMBER_AT_MOST:
                        raise ScnValueError(f"{path.name}: its {name} has {member.size} bytes, which is too many")
                    with open(Path(folder) / name, "wb") as out:
                        shutil.copyfileobj(archive.extractfile(member), out)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ScnValueError(f"{path.name} is not a complete tar.gz archive: {error}") from error
        missing = [name for name in ("barcodes.tsv", "genes.tsv", "matrix.mtx") if not (Path(folder) / name).exists()]
        if missing:
            raise ScnValueError(f"{path.name} has no {' and no '.join(missing)}")
        adata = read_10x_mtx(folder)
    return _checked(adata, path)


def _checked(adata: AnnData, path: Path) -> AnnData:
    if adata.shape != SHAPE:
        raise ScnValueError(f"{path.name} has {adata.n_obs} x {adata.n_vars} cells x genes, must have {SHAPE[0]} x {SHAPE[1]}")
    molecules = float(adata.X.sum(dtype="float64"))
    if molecules != MOLECULES:
        raise ScnValueError(f"{path.name} has {molecules:.0f} molecules, must have {MOLECULES}")
    adata.var_names_make_unique()
    return adata
