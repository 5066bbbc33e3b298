"""What the Python tests share: where the library and the data are."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

# What hypothesis tries must be right, not quick: an example may meet a busy machine.
hypothesis.settings.register_profile("any pace", deadline=None)
hypothesis.settings.load_profile("any pace")


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


INDEX_TYPES = [(indices, indptr) for indices in ("i4", "i8") for indptr in ("i4", "i8")]
VALUE_TYPES = ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


def layouts(matrix, *, values=VALUE_TYPES, canonical=True):
    """Yields (name, the same matrix) in every layout that the library takes: compressed along cells and along genes,
    dense in both orders and with gaps between lines, each type of values (of those that hold the values exactly), of
    indices and of offsets, counted from 0 and from 1, with stored zeros; unless ``canonical``, also with unsorted and
    repeated indices (repeats are summed, so their halves must be exact).
    """
    import numpy as np
    import scipy.sparse as sp

    csr = sp.csr_matrix(matrix)
    csr.sum_duplicates()
    dense = csr.toarray()
    kinds = [kind for kind in values if np.array_equal(_cast(dense, kind), dense, equal_nan=True)]
    for at, kind in enumerate(kinds):
        for axis, along in (("obs", csr.tocsr()), ("var", csr.tocsc())):
            # Each type of values with one pair of index types and one base, the first with all of them.
            pairs = INDEX_TYPES if at == 0 else [INDEX_TYPES[at % 4]]
            for pair in pairs:
                for base in (0, 1) if at == 0 else (at // 2 % 2,):
                    typed = _typed(along, kind, pair, base)
                    yield f"sparse along {axis}, {kind}, indices {pair[0]}, indptr {pair[1]}, base {base}", typed
        yield f"dense, C order, {kind}", _cast(dense, kind)
        yield f"dense, Fortran order, {kind}", np.asfortranarray(_cast(dense, kind))
    wide = np.full((dense.shape[0], dense.shape[1] + 3), 77, dense.dtype)
    wide[:, : dense.shape[1]] = dense
    yield "dense, with gaps between cells", wide[:, : dense.shape[1]]
    yield "dense, every other column", np.repeat(dense, 2, axis=1)[:, ::2]
    for axis, along in (("obs", csr.tocsr()), ("var", csr.tocsc())):
        yield f"sparse along {axis}, with stored zeros", _with_stored_zeros(along)
        if not canonical:
            yield f"sparse along {axis}, unsorted and repeated", _scrambled(along)


def same_bits(run, matrix, *, threads=(1, 2, 3, 8), values=VALUE_TYPES, canonical=True):
    """Fails unless ``run(X)`` (an array, or a tuple or dict of them) gives the same bits for every layout of the matrix,
    and at every thread count. Returns the result."""
    import numpy as np

    import scnative as scn

    first = None
    for name, same in layouts(matrix, values=values, canonical=canonical):
        for n in threads:
            with scn.settings.override(n_threads=n):
                result = run(same)
            parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
            parts = [np.asarray(part) for part in parts]
            if first is None:
                first, names, kept = parts, name, result
            assert len(parts) == len(first)
            for i, (a, b) in enumerate(zip(parts, first)):
                assert a.shape == b.shape and a.dtype == b.dtype, f"part {i}: {name}, {n} threads"
                if a.dtype == object:
                    assert (a == b).all(), f"part {i}: {name}, {n} threads differs from {names}"
                else:
                    assert a.tobytes() == b.tobytes(), f"part {i}: {name}, {n} threads differs from {names}"
    return kept


def _cast(array, kind):
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        return array.astype(kind)


def _one_based():
    """csr_matrix and csc_matrix whose arrays reach the library counted from 1, as Julia's are."""
    import numpy as np
    import scipy.sparse as sp

    from scnative import _matrix

    if not hasattr(_matrix, "_one_based_for_tests"):

        class Csr(sp.csr_matrix):
            pass

        class Csc(sp.csc_matrix):
            pass

        plain = _matrix.View._sparse

        def _sparse(self, matrix, name):
            plain(self, matrix, name)
            if isinstance(matrix, (Csr, Csc)):
                self.keep += [matrix.indptr + 1, matrix.indices + 1]
                self.struct.indptr, self.struct.indices = (array.ctypes.data for array in self.keep[-2:])
                self.struct.index_base = np.int32(1)

        _matrix.View._sparse = _sparse
        _matrix._one_based_for_tests = (Csr, Csc)
    return _matrix._one_based_for_tests


def _typed(along, kind, pair, base):
    import scipy.sparse as sp

    csr, csc = _one_based() if base == 1 else (sp.csr_matrix, sp.csc_matrix)
    made = (csr if along.format == "csr" else csc)(along.shape, dtype=kind)
    made.data, made.indices, made.indptr = _cast(along.data, kind), along.indices.astype(pair[0]), along.indptr.astype(pair[1])
    return made


def _with_stored_zeros(along):
    """The last absent place of each line is stored as zero."""
    import numpy as np

    full = along.toarray()
    indptr, indices, data = [0], [], []
    for i, line in enumerate(full if along.format == "csr" else full.T):
        stored = np.union1d(np.flatnonzero(line), np.flatnonzero(line == 0)[-1:])
        indices.append(stored), data.append(line[stored]), indptr.append(indptr[-1] + len(stored))
    return _put_together(along, indptr, indices, data)


def _scrambled(along):
    """Each line backwards, its first value in two halves."""
    import numpy as np

    indptr, indices, data = [0], [], []
    for i in range(len(along.indptr) - 1):
        line = slice(along.indptr[i], along.indptr[i + 1])
        j, x = along.indices[line][::-1], along.data[line][::-1]
        if len(j):
            j, x = np.append(j, j[0]), np.append(x, x[0] / 2).astype(x.dtype)
            x[0] -= x[-1]
        indices.append(j), data.append(x), indptr.append(indptr[-1] + len(j))
    return _put_together(along, indptr, indices, data)


def _put_together(like, indptr, indices, data):
    import numpy as np

    made = type(like)(like.shape, dtype=like.dtype)
    made.indptr = np.array(indptr, like.indptr.dtype)
    made.indices = np.concatenate([like.indices[:0], *indices]).astype(like.indices.dtype)
    made.data = np.concatenate([like.data[:0], *data])
    return made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where everything must be tested (SCN_REQUIRE_ALL), a test that lacks what it needs fails."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("SCN_REQUIRE_ALL") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("needs "):
            report.outcome, report.longrepr = "failed", f"SCN_REQUIRE_ALL is set, and this test {reason}"
