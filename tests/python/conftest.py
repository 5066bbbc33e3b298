"""What the Python tests share: where the library and the data are."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))


def data_file(name: str) -> Path:
    """A file of SCNATIVE_DATA_DIR; the test is skipped, and says why, where there is none."""
    folder = os.environ.get("SCNATIVE_DATA_DIR")
    path = Path(folder or "") / name
    if not folder or not path.exists():
        warnings.warn(f"SCNATIVE_DATA_DIR has no {name}: a test on real cells is skipped", stacklevel=2)
        pytest.skip(f"needs {name}: set SCNATIVE_DATA_DIR to a folder that has it")
    return path


@pytest.fixture(scope="session")
def pbmc3k_raw():
    """10x's PBMC 3k, raw counts (2700 x 32738), with cell types. Shared: copy before changing."""
    import anndata

    return anndata.read_h5ad(data_file("pbmc3k_raw.h5ad"))


@pytest.fixture(scope="session")
def pbmc3k(pbmc3k_raw):
    """The same normalised and logged by scanpy. Shared: copy before changing."""
    import scanpy as sc

    adata = pbmc3k_raw.copy()
    adata.X = adata.X.astype("float32")
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    return adata


@pytest.fixture(autouse=True)
def quiet_settings():
    """Each test starts from default settings, without progress bars."""
    import scnative as scn

    with scn.settings.override(n_threads=0, seed=0, progress=False):
        yield
