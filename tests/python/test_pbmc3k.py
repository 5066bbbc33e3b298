"""datasets.pbmc3k: each place that it is looked for, over a server on the loopback interface; the real one is never asked."""

from __future__ import annotations

import http.server
import io
import os
import tarfile
import threading

import anndata
import numpy as np
import pytest
import scipy.io
from conftest import data_file

import scnative as scn
from scnative.datasets import _download, _pbmc3k

NAME = "pbmc3k_filtered_gene_bc_matrices.tar.gz"
DATA_DIR = os.environ.get("SCNATIVE_DATA_DIR", "")


def archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return out.getvalue()


def as_10x(adata: anndata.AnnData) -> dict[str, bytes]:
    """The three files of Cell Ranger 1, at the paths that 10x's archive has."""
    matrix = io.BytesIO()
    scipy.io.mmwrite(matrix, adata.X.T.tocoo(), field="integer")
    genes = "".join(f"{i}\t{name}\n" for i, name in zip(adata.var["gene_ids"], adata.var_names))
    folder = "filtered_gene_bc_matrices/hg19/"
    return {
        f"{folder}barcodes.tsv": "".join(f"{name}\n" for name in adata.obs_names).encode(),
        f"{folder}genes.tsv": genes.encode(),
        f"{folder}matrix.mtx": matrix.getvalue(),
    }


@pytest.fixture(scope="module")
def real():
    return anndata.read_h5ad(data_file("pbmc3k_raw.h5ad"))


@pytest.fixture(scope="module")
def real_files(real):
    return as_10x(real)


@pytest.fixture(scope="module")
def real_archive(real_files):
    return archive(real_files)


@pytest.fixture(autouse=True)
def server(monkeypatch, tmp_path):
    """A server whose answer a test sets; the cache is a new folder, and no data folder is set."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append((self.path, self.headers["User-Agent"]))
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(server.body) + server.withheld))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.body, server.withheld, server.asked = 200, b"", 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(_pbmc3k, "URL", f"http://127.0.0.1:{server.server_port}/samples/{NAME}")
    monkeypatch.setattr(_download, "TIMEOUT", 2.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("SCNATIVE_DATA_DIR", raising=False)
    monkeypatch.delenv("SCNATIVE_OFFLINE", raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def cached(tmp_path):
    return [path.name for path in (tmp_path / "cache" / "scnative").glob("*")] if (tmp_path / "cache").exists() else []


def test_downloaded_once_and_then_cached(server, real, real_archive, tmp_path):
    server.body = real_archive
    parts = []
    with scn.settings.override(progress=parts.append):
        adata = scn.datasets.pbmc3k(simulate=False)
    downloading = parts[: parts.index(1) + 1]  # what comes after it is the reading of the matrix
    assert downloading == sorted(downloading) and len(downloading) > 5
    assert adata.X.dtype == np.float32 and (adata.X != real.X).nnz == 0
    assert list(adata.obs_names) == list(real.obs_names)
    assert list(adata.var["gene_ids"]) == list(real.var["gene_ids"]) and adata.var_names.is_unique
    assert adata.uns["pbmc3k"]["source"] == f"10x Genomics, {_pbmc3k.URL}" and not adata.uns["pbmc3k"]["simulated"]
    assert cached(tmp_path) == [NAME]
    assert server.asked == [(f"/samples/{NAME}", f"scnative/{scn.__version__}")]
    again = scn.datasets.pbmc3k(simulate=False)
    assert (again.X != real.X).nnz == 0 and again.uns["pbmc3k"]["source"].endswith("(cached)") and len(server.asked) == 1
    # what is damaged in the cache is thrown away and downloaded again
    path = tmp_path / "cache" / "scnative" / NAME
    path.write_bytes(real_archive[: len(real_archive) // 2])
    third = scn.datasets.pbmc3k(simulate=False)
    assert third.shape == (2700, 32738) and len(server.asked) == 2
    assert "cache: removed" in third.uns["pbmc3k"]["tried"][0] and path.read_bytes() == real_archive


SMALL = {f"x/{name}": b"" for name in ("barcodes.tsv", "genes.tsv")}
TINY = {"a/barcodes.tsv": b"c1\nc2\n", "a/genes.tsv": b"i1\tg1\n", "a/matrix.mtx": b"%%MatrixMarket matrix coordinate integer general\n1 2 1\n1 1 5\n"}

BAD = {
    "not found": (dict(status=404, body=b"no"), "answered 404"),
    "forbidden": (dict(status=403, body=b"no"), "answered 403"),
    "a server's failure": (dict(status=500, body=b""), "answered 500"),
    "cut off": (dict(body=archive(TINY), withheld=1000), r"(ended after \d+ of \d+ bytes|more expected)"),
    "a login page": (dict(body=b"<html>log in</html>"), "is not a complete tar.gz archive"),
    "half an archive": (dict(body=archive(TINY)[:100]), "is not a complete tar.gz archive"),
    "an archive without the matrix": (dict(body=archive(SMALL)), "has no matrix.mtx"),
    "other cells": (dict(body=archive(TINY)), "has 2 x 1 cells x genes, must have 2700 x 32738"),
    "a link for a matrix": (dict(body=archive(SMALL, {"x/matrix.mtx": "/etc/passwd"})), "has no matrix.mtx"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_downloads_leave_nothing(server, tmp_path, what):
    answer, message = BAD[what]
    for name, value in answer.items():
        setattr(server, name, value)
    with pytest.raises(scn.ScnIOError, match=rf"download: .*{message}"):
        scn.datasets.pbmc3k(simulate=False)
    assert len(server.asked) == 1 and cached(tmp_path) == []


def test_other_counts_are_refused(server, real, real_files, tmp_path):
    matrix = real_files["filtered_gene_bc_matrices/hg19/matrix.mtx"]
    head, _, last = matrix.rstrip(b"\n").rpartition(b" ")
    server.body = archive({**real_files, "filtered_gene_bc_matrices/hg19/matrix.mtx": head + b" %d\n" % (int(last) + 1)})
    with pytest.raises(scn.ScnIOError, match="has 6390632 molecules, must have 6390631"):
        scn.datasets.pbmc3k(simulate=False)
    assert cached(tmp_path) == []


def test_paths_in_an_archive_do_not_matter(server, real_files, tmp_path):
    evil = {f"../../{name.rpartition('/')[2]}": content for name, content in real_files.items()}
    server.body = archive({"../../../evil": b"evil", "/tmp/scnative-evil": b"evil", **evil})
    assert scn.datasets.pbmc3k(simulate=False).shape == (2700, 32738)
    assert not list(tmp_path.rglob("evil")) and not (tmp_path.parent / "evil").exists()


def test_a_download_that_is_too_large(server, monkeypatch, tmp_path):
    server.body = b"0" * 200_000
    monkeypatch.setattr(_pbmc3k, "ARCHIVE_AT_MOST", 100_000)
    with pytest.raises(scn.ScnIOError, match="is larger than 100000 bytes"):
        scn.datasets.pbmc3k(simulate=False)
    monkeypatch.setattr(_pbmc3k, "MEMBER_AT_MOST", 3)
    server.body = archive(TINY)
    with pytest.raises(scn.ScnIOError, match="its barcodes.tsv has 6 bytes, which is too many"):
        scn.datasets.pbmc3k(simulate=False)
    assert cached(tmp_path) == []


def test_no_server(monkeypatch):
    import socket

    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(_pbmc3k, "URL", f"http://127.0.0.1:{taken.getsockname()[1]}/{NAME}")
        with pytest.raises(scn.ScnIOError, match="download: http://127.0.0.1:.*refused.*SCNATIVE_DATA_DIR: is not set"):
            scn.datasets.pbmc3k(simulate=False)


def test_a_server_that_says_nothing(monkeypatch):
    import socket

    monkeypatch.setattr(_download, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(_pbmc3k, "URL", f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}")
        with pytest.raises(scn.ScnIOError, match="download: .*timed out"):
            scn.datasets.pbmc3k(simulate=False)


def test_ctrl_c_in_a_download_leaves_nothing(server, tmp_path):
    def interrupt(_part):
        raise KeyboardInterrupt

    server.body = b"0" * 300_000
    with scn.settings.override(progress=interrupt), pytest.raises(KeyboardInterrupt):
        scn.datasets.pbmc3k()
    assert cached(tmp_path) == []


@pytest.mark.parametrize("how", ["argument", "environment", "404"])
def test_the_data_folder_comes_after_the_download(server, real, monkeypatch, how):
    monkeypatch.setenv("SCNATIVE_DATA_DIR", DATA_DIR)
    server.status = 404
    if how == "environment":
        monkeypatch.setenv("SCNATIVE_OFFLINE", "1")
    adata = scn.datasets.pbmc3k(download=how != "argument", simulate=False)
    assert len(server.asked) == (how == "404")
    assert (adata.X != real.X).nnz == 0 and adata.X.dtype == np.float32 and "cell_type" in adata.obs
    assert adata.uns["pbmc3k"]["source"] == "pbmc3k_raw.h5ad of SCNATIVE_DATA_DIR"
    assert [reason.split(":")[0] for reason in adata.uns["pbmc3k"]["tried"]] == ["cache", "download"]


def test_simulated_cells_come_last_and_say_so(server, monkeypatch, tmp_path):
    server.status = 404
    (tmp_path / "pbmc3k_raw.h5ad").write_bytes(b"not a file of HDF5")
    monkeypatch.setenv("SCNATIVE_DATA_DIR", str(tmp_path))
    with pytest.warns(UserWarning, match="SIMULATED, they are not PBMC 3k, .*cache.*404.*is not an HDF5 file") as caught:
        adata = scn.datasets.pbmc3k()
    assert caught[0].filename == __file__
    assert adata.uns["pbmc3k"]["simulated"] and adata.n_obs == 2700 and adata.obs["cell_type"].nunique() == 8
    adata.write_h5ad(tmp_path / "kept.h5ad")
    assert scn.read(tmp_path / "kept.h5ad").uns["pbmc3k"]["simulated"]
