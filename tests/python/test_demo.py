"""The demo: from a count matrix to a report, run as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import ROOT, data_file
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from scnative import _lib

sys.path.insert(0, str(ROOT / "examples"))
SECTIONS = ["qc", "genes", "markers", "dots", "evidence", "steps", "provenance"]


def demo(*arguments: object, **env: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "SCNATIVE_LIB": _lib.path(), "PYTHONPATH": str(ROOT / "bindings" / "python"), "SCNATIVE_OFFLINE": "1", **env}
    command = [sys.executable, str(ROOT / "examples" / "pbmc3k.py"), *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)


class Page(HTMLParser):
    """What a page loads, and the text and rows of each of its sections and cards."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.loads, self.ids, self.open, self.cards, self.heading = [], [], [], {}, None
        self.feed(self.source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        assert tag not in ("script", "iframe", "link", "object", "embed")
        self.loads += [value for name, value in attributes.items() if name in ("src", "href", "srcset", "data", "action", "poster")]
        if tag == "section":
            self.ids.append(attributes["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] == "h3":
            self.heading = text
            self.cards[text] = []
        elif self.open[-3:] == ["tr", "td", "strong"] and "article" in self.open:
            self.cards[self.heading].append(text)


def assert_stands_alone(page: Page) -> None:
    assert page.loads and all(load.startswith("data:image/svg+xml;base64,") for load in page.loads)
    assert not re.search(r"url\(|@import|https?://(?!cf\.10xgenomics\.com/samples)", page.source)
    assert page.ids == SECTIONS and len(page.loads) == 3


@pytest.fixture(scope="module")
def on_pbmc3k(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    done = demo("--data", data_file("pbmc3k_raw.h5ad"), "--out", folder)
    assert done.returncode == 0, done.stderr
    return done, Page(folder / "index.html")


KNOWN = {
    "B": {"MS4A1", "CD79A"},
    "NK": {"NKG7", "GNLY"},
    "Platelet": {"PPBP", "PF4"},
    "CD14+ Mono": {"LYZ", "S100A8"},
    "FCGR3A+ Mono": {"FCGR3A"},
    "DC": {"FCER1A"},
    "CD8 T": {"CCL5"},
}


def test_the_known_markers_of_pbmc_are_found(on_pbmc3k):
    done, page = on_pbmc3k
    for kind, genes in KNOWN.items():
        assert genes <= set(page.cards[kind]), f"{kind}: {page.cards[kind]}"
    assert len(page.cards) == 9 and "SIMULATED" not in done.stdout and 'id="simulated"' not in page.source


def test_the_known_markers_are_nowhere_in_the_demo():
    demo = (ROOT / "examples" / "pbmc3k.py").read_text()
    parts = [name for name in ("grouping", "report", "steps") if f"from {name} import" in demo or f"import {name}\n" in demo]
    assert len(parts) == 3, "the demo is in other files than this test reads"
    source = demo + "".join((ROOT / "examples" / f"{name}.py").read_text() for name in parts)
    assert not [gene for genes in KNOWN.values() for gene in genes if gene in source]


def test_the_report_stands_alone(on_pbmc3k):
    _, page = on_pbmc3k
    assert_stands_alone(page)
    assert "Marker genes of PBMC 3k" in page.source and "scanpy</dt><dd>not loaded" in page.source


def test_the_terminal_shows_steps_and_markers(on_pbmc3k):
    done, _ = on_pbmc3k
    for step in ("read", "quality control", "filter", "normalise", "highly variable genes", "marker genes", "evidence", "report"):
        assert re.search(rf"^  {step} .* \d+\.\d\d s +\d+ MB$", done.stdout, re.M), step
    assert re.search(r"^B +3\d\d  .*CD79A 0\.9\d", done.stdout, re.M) and re.search(r"^Report: .*index\.html$", done.stdout, re.M)
    assert re.search(r"best genes that one half of the cells gives, [6-9]\d% are", done.stdout)


def test_data_without_labels_are_grouped(tmp_path):
    adata = anndata.read_h5ad(data_file("pbmc3k_raw.h5ad"))
    truth = adata.obs["cell_type"].copy()
    adata.obs = adata.obs[[]]
    adata.write_h5ad(tmp_path / "plain.h5ad")
    import pbmc3k

    analysis = pbmc3k.analyse(pbmc3k.parse(["--data", str(tmp_path / "plain.h5ad")]))
    groups = analysis.adata.obs[analysis.label]
    assert analysis.label_origin == pbmc3k.FOUND
    for kind in analysis.types:
        assert kind.endswith("+") == (len(analysis.markers(kind, 1)) == 1)
    assert adjusted_rand_score(truth[groups.index], groups) > 0.6
    for kind in ("B", "Platelet"):  # these stand apart, and each has a group of its own
        inside = groups[truth[groups.index] == kind].value_counts()
        assert inside.iloc[0] / inside.sum() > 0.9 and inside.iloc[0] / groups.value_counts()[inside.index[0]] > 0.9
    repeated = pbmc3k.analyse(pbmc3k.parse(["--data", str(tmp_path / "plain.h5ad"), "--threads", "1"]))
    assert list(repeated.adata.obs[repeated.label]) == list(groups)


def test_auroc_is_that_of_sklearn():
    import pbmc3k

    adata = anndata.read_h5ad(data_file("pbmc3k_raw.h5ad"))[:, ::40].copy()
    pbmc3k.use_counts(adata)
    ranked = pbmc3k.rank(adata, "cell_type")
    for kind in ("B", "Platelet"):
        table = ranked[kind].set_index("names")["auroc"]
        for gene in table.index[[0, 1, 30, 200, -1]]:
            values = adata[:, gene].X.toarray().ravel()
            assert abs(table[gene] - roc_auc_score(adata.obs["cell_type"] == kind, values)) < 1e-6


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    done = demo("--simulate", "--out", folder / "new" / "report", "--threads", "2", "--top-genes", "300")
    assert done.returncode == 0, done.stderr
    return done, Page(folder / "new" / "report" / "index.html")


def test_simulated_cells_are_called_so_and_their_markers_found(simulated):
    done, page = simulated
    assert_stands_alone(page)
    assert "simulated: the report shows what the software does, not biology" in done.stdout
    assert "These cells are simulated." in page.source and "Nothing on this page is biology" in page.source
    import scnative as scn

    made = scn.datasets.simulate_counts(2700, 4000, n_clusters=8, markers_per_cluster=25)
    for kind, genes in page.cards.items():
        assert len(genes) == 8 and set(made.var["marker_of"][genes]) == {kind}


def test_without_data_cells_are_simulated_and_it_says_why(tmp_path):
    done = demo("--out", tmp_path, "--top-genes", "500", SCNATIVE_DATA_DIR=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "THESE CELLS ARE SIMULATED" in done.stdout and "SCNATIVE_OFFLINE is set" in done.stdout
    page = Page(tmp_path / "index.html")
    assert 'id="simulated"' in page.source and "has no pbmc3k_raw.h5ad" in page.source


def small(**changes) -> anndata.AnnData:
    rng = np.random.default_rng(0)
    X = sp.csr_matrix(rng.poisson(2, (120, 80)), dtype="f4")
    obs = pd.DataFrame({"cell_type": np.array(["a", "b"])[np.arange(120) % 2]}, index=[f"c{i}" for i in range(120)])
    adata = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=[f"g{i}" for i in range(80)]))
    for name, value in changes.items():
        setattr(adata, name, value)
    return adata


BAD = {
    "no such file": (None, [], "path: .* does not exist, must be an .h5ad file"),
    "normalised": (lambda: small(X=np.log1p(small().X.toarray())), [], "the data have no raw counts: X must have non-negative whole"),
    "negative": (lambda: small(X=small().X.toarray() - 3), [], "the data have no raw counts"),
    "empty": (lambda: small(X=sp.csr_matrix((120, 80), dtype="f4")), [], "the data have no raw counts"),
    "NaN": (lambda: small(X=np.full((120, 80), np.nan)), [], "the data have no raw counts"),
    "too few cells": (lambda: small()[:20].copy(), [], "is left, which is too few|are left, which is too few"),
    "no such labels": (small, ["--labels", "nothing"], "--labels: there is no 'nothing' in obs, must be one of cell_type"),
    "one type": (lambda: small(obs=small().obs.assign(kind="x")), ["--labels", "kind"], r"obs\['kind'\] has 1 types of two cells or more"),
}


@pytest.mark.parametrize("what", BAD)
def test_data_that_cannot_be_used_say_why(tmp_path, capsys, what):
    import pbmc3k

    make, arguments, message = BAD[what]
    path = tmp_path / "data.h5ad"
    if make is not None:
        make().write_h5ad(path)
    assert pbmc3k.main(["--data", str(path), "--out", str(tmp_path / "report"), *arguments]) == 2
    assert re.search(f"error: .*({message})", capsys.readouterr().err)
    assert not (tmp_path / "report").exists()


def test_wrong_options_and_places(tmp_path, capsys):
    import pbmc3k

    for arguments in (["--threads", "-1"], ["--top-genes", "0"], ["--simulate", "--data", "x"]):
        with pytest.raises(SystemExit) as stopped:
            pbmc3k.main(arguments)
        assert stopped.value.code == 2
    (tmp_path / "file").write_text("in the way")
    small().write_h5ad(tmp_path / "data.h5ad")
    assert pbmc3k.main(["--data", str(tmp_path / "data.h5ad"), "--out", str(tmp_path / "file")]) == 2
    assert "--out: cannot write to" in capsys.readouterr().err


def test_counts_in_a_layer_odd_labels_and_names_that_are_html(tmp_path, capsys):
    import pbmc3k

    adata = small()
    adata.layers["counts"] = adata.X.copy()
    adata.X = np.log1p(adata.X.toarray())
    kinds = np.array(["<b>a & b</b>", "B cells", "unlabelled", None], object)[np.arange(120) % 4]
    kinds[0] = "alone"
    adata.obs["cell_type"] = kinds
    adata.var_names = [f"<i>{i}" for i in range(80)]
    adata.write_h5ad(tmp_path / "data.h5ad")
    assert pbmc3k.main(["--data", str(tmp_path / "data.h5ad"), "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    page = Page(tmp_path / "index.html")
    assert "<b>a" not in page.source and "<i>1" not in page.source and "alone has one cell" in page.source
    assert "60 cells have no label" in page.source and "".join(page.cards) != ""
