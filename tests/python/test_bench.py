"""The benchmark's harness: what it measures, keeps and says; no peers are needed."""

from __future__ import annotations

import argparse
import json
import os
import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benches"))
import counts  # noqa: E402
import render  # noqa: E402
import run as harness  # noqa: E402
from agreement import close, overlap  # noqa: E402
from operations import OPERATIONS, chosen  # noqa: E402
from verdict import Results, losses  # noqa: E402
from workloads import SHAPES, workload  # noqa: E402


def row(seconds, **more):
    made = {"times": [seconds], "min": seconds, "median": seconds, "n": 1, "first": seconds, "cpu": seconds, "memory": 1e6, "output": 1e6}
    return {
        **made,
        "stored": 28_000_000,
        "traffic": 2.4e8,
        "limit": "read",
        "bandwidth": 3e10,
        "note": "",
        "less": False,
        "right": True,
        "agreement": "",
        "date": "2026-01-01",
        **more,
    }


def results(rows, **more):
    machine = {"cpu": "a processor", "cores": 2, "vectors": ["avx2"], "memory": "8 GB", "system": "Linux", "python": "3.12"}
    bandwidth = {"1": {"read": 2e10, "triad": 2e10, "update": 3e10}, "2": {"read": 3e10, "triad": 3e10, "update": 5e10}}
    return {
        "rows": rows,
        "machine": machine,
        "versions": {"scanpy": "1"},
        "threads": 2,
        "bandwidth": bandwidth,
        "commands": ["make bench"],
        **more,
    }


def test_a_wrong_result_does_not_count_and_a_part_of_the_work_is_no_loss():
    rows = {
        "hvg_seurat|W1|2|scnative": row(0.1),
        "hvg_seurat|W1|2|scanpy": row(1.5),
        "hvg_seurat|W1|2|biosparse": row(0.01, right=False, agreement="590 of 2,000 genes"),
        "qc|W1|2|scnative": row(0.06),
        "qc|W1|2|brisc": row(0.05, less=True),
    }
    assert losses(results(rows)) == []
    rows["hvg_seurat|W1|2|biosparse"]["right"] = True
    assert [line.partition(": ")[2] for line in losses(results(rows))] == ["10.00 times the time of biosparse"]


def test_every_kind_of_loss_is_listed():
    rows = {
        "normalize_log1p|W1|2|scnative": row(0.02, right=False, agreement="x 1e-01"),
        "normalize_log1p|W1|1|scnative": row(0.03),
        "normalize_log1p|W3|2|scnative": row(0.2, stored=100_000_000, memory=5e8, output=0),
        "normalize_log1p|W1|2|brisc": row(0.01),
        "normalize_log1p|small|2|scnative": row(0.002),
        "normalize_log1p|small|2|brisc": row(0.001),
        "to_var|W1|2|scnative": {"error": "stopped after 300 s", "date": "2026-01-01"},
    }
    said = "\n".join(losses(results(rows, footprint=[{"tool": "scnative", "import": 0.03, "own": 16e6}])))
    for part in (
        "our result is not the reference's: x 1e-01",
        "2.00 times the time of brisc\n",
        "2.00 times the time of brisc on the small matrix",
        "2.00 of the time of brisc, the bar is 0.7",
        "500 MB above the input on W3, 64 are allowed",
        "takes 2.80 times as long",
        "2 threads are 1.50 times as fast",
        "ours failed: stopped after 300 s",
        "30 ms, the bar is 20",
        "16.0 MB, the bar is 15",
    ):
        assert part in said


def test_memory_bound_work_need_not_scale():
    rows = {"mean_var_obs|W1|2|scnative": row(0.01), "mean_var_obs|W1|1|scnative": row(0.012)}
    assert Results.of(results(rows)).of_bandwidth(OPERATIONS["mean_var_obs"]) == pytest.approx(0.8)
    assert losses(results(rows)) == []


def test_the_page_says_it_all(tmp_path):
    rows = {
        "qc|W1|2|scnative": row(0.0605),
        "qc|W1|2|scanpy": row(1.5),
        "qc|W1|2|crest": row(0.01, right=False, agreement="total 2e-01"),
        "qc|W1|2|scranpy": {"error": "ended with status 1", "date": "2026-01-01"},
        "qc|W1|1|scnative": row(0.12),
        "qc|W3|2|scnative": row(0.2, stored=100_000_000),
        "qc|small|2|scnative": row(0.004),
        "qc|small|2|scanpy": row(0.09),
    }
    page = render.write(results(rows), tmp_path).read_text()
    assert "| **scnative** | 60.5 | 60.5 | 1.00 |" in page
    assert "| crest | 10.0 | 10.0 | 0.17 | 10.0 | 1.0 | **wrong**: total 2e-01 |" in page
    assert "*failed*: ended with status 1" in page
    assert "0.04 of scanpy (bar 0.05)" in page and "Nowhere." in page
    assert "| 4,000 | 4,000 | scanpy 90,000 |" in page
    for picture in ("ratio", "memory", "scaling"):
        svg = (tmp_path / "benchmarks" / f"{picture}.svg").read_text()
        assert "QC: all metrics" in svg and f"benchmarks/{picture}.svg" in page
    # the same numbers make the same files
    before = {file: file.read_bytes() for file in (tmp_path / "benchmarks").iterdir()}
    render.write(results(rows), tmp_path)
    assert before == {file: file.read_bytes() for file in (tmp_path / "benchmarks").iterdir()}


def test_the_page_of_nothing(tmp_path):
    assert "Where we lose" in render.write(results({}), tmp_path).read_text()


def test_agreement():
    reference = {"p": np.array([0.5, 1e-300, 0.1]), "score": np.array([1.0, 2.0, 3.0])}
    compare = close(p=1e-3, score=1e-4)
    assert compare(reference, reference) == (True, "p the same, score the same")
    assert compare({"p": np.array([0.5, 0.0, 0.1])}, reference)[0]  # a peer that has no p-values so small
    assert compare({"p": np.array([0.501, 1e-300, 0.1])}, reference) == (False, "p 2e-03")
    assert compare({"p": np.array([np.nan, 1e-300, 0.1])}, reference)[0] is False
    assert compare({"p": np.array([np.nan, 1e-300, 0.1]), "partial": True}, reference)[0]
    assert compare({"other": np.ones(3)}, reference) == (False, "nothing to compare")
    genes = np.arange(1000) < 200
    assert overlap()({"chosen": genes}, {"chosen": genes}) == (True, "200 of 200 genes")
    assert overlap()({"chosen": np.roll(genes, 50)}, {"chosen": genes}) == (False, "150 of 200 genes")


@pytest.fixture
def bench(tmp_path):
    asked = argparse.Namespace(library=_library(), r_library=tmp_path, wheel=None, folder=tmp_path, ops="", peers="", data="", threads=2)
    return harness.Run(asked)


def _library():
    from scnative import _lib

    return ROOT / _lib.path()


def test_one_operation_from_the_data_to_the_row(bench):
    """In processes of their own, as the benchmark does it."""
    op = OPERATIONS["mean_var_obs"]
    for tool in ("scnative", "numpy", "scnative"):
        bench.job(tool, [op.name], "tiny", 2, seconds=0.1, repetitions=5, answer=True)
    bench.compare([op], "tiny")
    rows = json.loads(bench.results_file.read_text())["rows"]
    mine, numpy = rows["mean_var_obs|tiny|2|scnative"], rows["mean_var_obs|tiny|2|numpy"]
    assert mine["right"] and mine["n"] == 10 and 0 < mine["min"] <= mine["median"]
    assert mine["output"] == 2 * 8 * SHAPES["tiny"].n_vars and mine["traffic"] == 8 * mine["stored"]
    assert numpy["agreement"] == "the reference"


def test_our_calls_run_on_the_small_shape(bench):
    """Each of our calls, so that one that breaks is found here and not after an hour."""
    names = [op.name for op in OPERATIONS.values() if op.language == "python" and not op.name.startswith("hvg_")]
    bench.job("scnative", names, "tiny", 1, seconds=0, repetitions=1, answer=True)
    rows = bench.results["rows"]
    assert {name: rows[f"{name}|tiny|1|scnative"].get("error") for name in names} == dict.fromkeys(names)


def test_a_run_of_a_part_keeps_the_other_rows(bench):
    bench.add("qc", "W1", 2, "brisc", {"times": [1.0], "first": 1.0})
    bench.add("qc", "W1", 2, "scanpy", {"times": [3.0, 2.0], "first": 4.0})
    bench.add("to_var", "W1", 2, "brisc", {"times": [5.0], "first": 5.0})
    bench.save()
    part = harness.Run(argparse.Namespace(**{**vars(bench.asked), "ops": "qc", "peers": "scanpy"}))
    bench.remember_command(whole=True)
    part.results["commands"] = bench.results["commands"]
    part.remember_command(whole=False)
    assert part.results["commands"] == ["make bench", "make bench OPS=qc PEERS=scanpy"]
    part.forget("qc", "W1")
    part.add("qc", "W1", 2, "scanpy", {"times": [7.0], "first": 7.0})
    part.add("qc", "W1", 2, "scanpy", {"times": [6.0, 8.0], "first": 6.0})
    rows = part.results["rows"]
    assert rows["qc|W1|2|scanpy"]["times"] == [6.0, 7.0, 8.0] and rows["qc|W1|2|scanpy"]["median"] == 7.0
    assert rows["qc|W1|2|brisc"]["min"] == 1.0 and rows["to_var|W1|2|brisc"]["min"] == 5.0


def test_a_tool_that_dies_is_a_row_and_the_rest_goes_on(bench, monkeypatch):
    asked = []

    def process(tool, operations, *_, **__):
        asked.append(list(operations))
        done = [{"operation": name, "times": [1.0], "first": 1.0} for name in operations]
        return (done[:1], "killed by SIGSEGV") if len(operations) == 3 else (done, "")

    monkeypatch.setattr(bench, "process", process)
    bench.job("brisc", ["qc", "to_var", "subset_obs"], "small", 2, seconds=1, repetitions=1, answer=False)
    rows = bench.results["rows"]
    assert asked == [["qc", "to_var", "subset_obs"], ["subset_obs"]]
    assert rows["to_var|small|2|brisc"]["error"] == "killed by SIGSEGV" and rows["subset_obs|small|2|brisc"]["min"] == 1.0


def test_how_a_process_ends(tmp_path):
    log = tmp_path / "log"
    assert harness.run(["sh", "-c", "kill -SEGV $$"], dict(os.environ), 10, log) == "killed by SIGSEGV"
    assert harness.run(["sh", "-c", "exit 3"], dict(os.environ), 10, log) == "ended with status 3"
    assert harness.run(["sh", "-c", "sleep 60 & sleep 60"], dict(os.environ), 0.2, log) == "stopped after 0 s"
    assert harness.run(["no-such-program"], dict(os.environ), 10, log) == "no-such-program is not installed"


def test_the_data_are_what_they_say(tmp_path):
    w = workload("tiny", tmp_path)
    x = w.counts
    assert x.shape == (120, 600) and abs(x.nnz / 72_000 / SHAPES["tiny"].density - 1) < 0.2
    assert x.has_canonical_format and x.data.min() >= 1 and np.all(x.data == np.round(x.data))
    assert set(w.groups) == set(range(4)) and w.mitochondrial.sum() == 13
    totals = np.asarray(x.sum(1))
    np.testing.assert_allclose(w.logged.toarray(), np.log1p(x.toarray() / totals * 1e4), rtol=1e-5)


def test_which_operations_are_asked_for():
    assert chosen("hvg_seurat", "") and chosen("hvg_seurat", "qc, hvg") and chosen("hvg_seurat", "*seurat")
    assert not chosen("hvg_seurat", "qc")


def test_instruction_counts_are_read_as_written_and_compared():
    here, counted = {"rustc": "1.95.0", "vectors": "avx2"}, {"qc": 1000, "log1p": 500}
    assert counts.read(counts.record(here, counted)) == (here, counted)
    assert counts.difference("qc", 1000, 1029) == counts.difference("qc", 1000, 971) == ""
    assert counts.difference("qc", 1000, 1100) == "qc: 1,000 instructions recorded, 1,100 now (+10.0%)"
    assert counts.difference("qc", None, 1) == "qc: is not recorded"
