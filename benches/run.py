"""The benchmark: every operation on every tool, one process for each, ours before and after its peers; results compared as well as timed.

    run.py --library FILE [--ops A,B] [--peers A,B] [--data W1,W3,small] [--threads 2]

Keeps all rows in FOLDER/results.json (a run of a part changes its own rows alone) and writes docs/benchmarks.md from them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import footprint  # noqa: E402
import models  # noqa: E402, F401  registers its calls
import ours  # noqa: E402, F401
import peers  # noqa: E402, F401
import render  # noqa: E402
import seurat  # noqa: E402, F401
from machine import bandwidth, machine, versions  # noqa: E402
from operations import OPERATIONS, Operation, chosen  # noqa: E402
from workloads import SHAPES, workload  # noqa: E402

OURS = "scnative"
#: Seconds after which a tool is stopped; of the small matrix, for each operation.
TIMEOUT, TIMEOUT_SMALL = 300, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, required=True, help="libscnative.so")
    parser.add_argument("--r-library", type=Path, default=ROOT / "target/r-library", help="where the R package is installed")
    parser.add_argument("--wheel", type=Path, help="the wheel whose size is measured")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/bench")
    parser.add_argument("--ops", default="", help="names of operations or patterns, by commas")
    parser.add_argument("--peers", default="", help="names of peers, by commas; scnative runs always")
    parser.add_argument("--data", default="", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--threads", type=int, default=2)
    Run(parser.parse_args()).all()


class Run:
    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.folder = asked.folder.resolve()
        self.threads = asked.threads
        # Of another number of threads in a file of its own, so that neither spoils the other.
        self.results_file = self.folder / ("results.json" if self.threads == 2 else f"results-{self.threads}.json")
        self.results: dict[str, Any] = {"rows": {}}
        if self.results_file.exists():
            self.results = json.loads(self.results_file.read_text())
        for name in ("answers", "numba"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def all(self) -> None:
        ops = [op for op in OPERATIONS.values() if chosen(op.name, self.asked.ops)]
        whole = not (self.asked.ops or self.asked.peers or self.asked.data)
        self.results["machine"] = machine()
        self.results["versions"] = versions()
        self.results["threads"] = self.threads
        self.results["bandwidth"] = bandwidth(self.folder, self.threads)
        for name in SHAPES:
            if name != "tiny" and chosen(name, self.asked.data):
                print(f"data {name}", flush=True)
                workload(name, self.folder / "data")

        for i, op in enumerate(ops, 1):
            if chosen(op.workload, self.asked.data):
                print(f"[{i}/{len(ops)}] {op.title}", flush=True)
                self.beside_peers(op)
        for op in ops:
            self.scaling(op)
        if chosen("small", self.asked.data):
            self.small([op for op in ops if op.small])
        if chosen("import", self.asked.ops):
            self.results["footprint"] = footprint.measure(self.folder, self.asked.wheel, self.asked.peers)
        self.remember_command(whole)
        self.save()
        print("written:", render.write(self.results, ROOT / "docs" if self.results["whole"] else self.folder))

    def remember_command(self, whole: bool) -> None:
        """What the rows are of: the last run of everything, and what was run of it again."""
        settings = {name.upper(): getattr(self.asked, name) for name in ("ops", "peers", "data")}
        if self.threads != 2:
            settings["THREADS"] = self.threads
        command = " ".join(["make bench", *(f"{name}={value}" for name, value in settings.items() if value)])
        before = [] if whole else [old for old in self.results.get("commands", []) if old != command]
        self.results["commands"] = [*before, command]
        self.results["whole"] = whole or self.results.get("whole", False)

    def tools(self, op: Operation) -> list[str]:
        """Peers first by their name in the table; ours before them and after them, so that a machine that slows down shows."""
        return [OURS, *(name for name in op.tools if name != OURS and chosen(name, self.asked.peers)), OURS]

    def beside_peers(self, op: Operation) -> None:
        self.forget(op.name, op.workload)
        for tool in self.tools(op):
            self.job(tool, [op.name], op.workload, self.threads, seconds=2.5, repetitions=25, answer=True)
        self.compare([op], op.workload)

    def scaling(self, op: Operation) -> None:
        """Ours with one thread, and on the large matrix."""
        if not op.scales:
            return
        others = [(op.workload, 1), ("W3", self.threads)] + ([("W1", self.threads)] if op.workload != "W1" else [])
        for name, threads in others:
            if chosen(name, self.asked.data):
                self.forget(op.name, name, threads)
                self.job(OURS, [op.name], name, threads, seconds=2.0, repetitions=10, answer=False)

    def small(self, ops: list[Operation]) -> None:
        for op in ops:
            self.forget(op.name, "small")
        names = sorted({tool for op in ops for tool in self.tools(op)} - {OURS})
        for tool in [OURS, *names, OURS]:
            mine = [op.name for op in ops if tool in op.tools]
            if mine:
                self.job(tool, mine, "small", self.threads, seconds=0.3, repetitions=200, answer=True)
        self.compare(ops, "small")

    def job(self, tool: str, operations: list[str], workload: str, threads: int, **how: Any) -> None:
        """Runs a tool in processes of their own, a new one after each that dies."""
        left = list(operations)
        while left:
            done, error = self.process(tool, left, workload, threads, **how)
            for line in done:
                self.add(line.pop("operation"), workload, threads, tool, line)
            if error:
                self.add(left[len(done)], workload, threads, tool, {"error": error})
            left = left[len(done) + bool(error) :]
        self.save()

    def process(self, tool: str, operations: list[str], workload: str, threads: int, **how: Any) -> tuple[list[dict[str, Any]], str]:
        output, request = self.folder / "output.jsonl", self.folder / "request.json"
        output.unlink(missing_ok=True)
        answer = how.pop("answer") and str(self.folder / "answers" / f"{{operation}}.{workload}.{tool}.npz")
        asked = {"tool": tool, "operations": operations, "workload": workload, "threads": threads, "output": str(output), **how}
        request.write_text(json.dumps({**asked, "data": str(self.folder / "data"), "answer": answer}))
        program = [sys.executable, str(HERE / "measure.py")]
        if OPERATIONS[operations[0]].language == "r" or tool in seurat.R_TOOLS:
            program = ["Rscript", str(HERE / "seurat.R")]
            seurat.prepare(workload, self.folder / "data", self.folder / "r-data")
        limit = TIMEOUT if workload != "small" or len(operations) == 1 else TIMEOUT_SMALL * len(operations)
        ended = run(program + [str(request)], self.environment(threads), limit, self.folder / "log.txt")
        lines = [json.loads(line) for line in output.read_text().splitlines()] if output.exists() else []
        done = [line for line in lines if "operation" in line]
        return done, ended if len(done) < len(operations) else ""

    def environment(self, threads: int) -> dict[str, str]:
        env = dict(os.environ)
        for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON", "SCN"):
            env[f"{name}_NUM_THREADS"] = str(threads)
        env["POLARS_MAX_THREADS"] = str(threads)
        env["NUMBA_CACHE_DIR"] = str(self.folder / "numba")
        env["PYTHONWARNINGS"] = "ignore"
        env["PYTHONPATH"] = str(ROOT / "bindings/python")
        env["SCNATIVE_LIB"] = str(self.asked.library.resolve())
        env["R_LIBS"] = os.pathsep.join(filter(None, [str(self.asked.r_library.resolve()), env.get("R_LIBS", "")]))
        env["BENCH_R_DATA"] = str(self.folder / "r-data")
        return env

    def add(self, operation: str, workload: str, threads: int, tool: str, line: dict[str, Any]) -> None:
        """A row, or more repetitions for one that is there."""
        row = self.results["rows"].setdefault(key(operation, workload, threads, tool), {})
        if "error" in line:
            row["error"] = line["error"]
        else:
            times = sorted(row.get("times", []) + line.pop("times"))
            first = row.get("first", 0)
            row.update(line, times=times, first=max(first, line["first"]))
            row["min"], row["median"], row["n"] = times[0], times[len(times) // 2], len(times)
            # That of this run: another may find the machine otherwise.
            row["bandwidth"] = self.results.get("bandwidth", {}).get(str(threads), {}).get(row.get("limit"))
        row["date"] = datetime.date.today().isoformat()
        said = row.get("error") or f"{1e3 * row['min']:10.2f} ms, median {1e3 * row['median']:.2f}, {row['n']} times"
        print(f"    {operation:24} {workload:5} {threads} {tool:18} {said}", flush=True)

    def forget(self, operation: str, workload: str, threads: int | None = None) -> None:
        """Old rows of what is measured now."""
        for tool in set(self.tools(OPERATIONS[operation])):
            self.results["rows"].pop(key(operation, workload, threads or self.threads, tool), None)

    def compare(self, ops: list[Operation], workload: str) -> None:
        for op in ops:
            for tool in op.tools:
                row = self.results["rows"].get(key(op.name, workload, self.threads, tool))
                if row and "error" not in row:
                    row.update(compared(op, workload, tool, self.folder / "answers"))
        self.save()

    def save(self) -> None:
        part = self.results_file.with_suffix(".part")
        part.write_text(json.dumps(self.results, indent=1))
        part.replace(self.results_file)


def compared(op: Operation, workload: str, tool: str, folder: Path) -> dict[str, Any]:
    """How a tool's answer compares with the references'."""
    reference: dict[str, Any] = {}
    for name in reversed(op.references):
        operation, _, other = name.rpartition(":")
        if (operation or op.name, other) != (op.name, tool) or len(op.references) > 1:
            reference |= load(folder / f"{operation or op.name}.{workload}.{other}.npz")
    if op.references[0] == tool:
        return {"right": True, "agreement": "the reference"}
    answer = load(folder / f"{op.name}.{workload}.{tool}.npz")
    if not answer or not reference:
        return {"right": None, "agreement": "not compared"}
    try:
        right, words = op.agreement(answer, reference)
    except (KeyError, ValueError) as error:
        right, words = False, f"cannot be compared: {error!r}"
    return {"right": right, "agreement": words}


def load(file: Path) -> dict[str, Any]:
    import numpy as np

    if file.exists():
        with np.load(file) as arrays:
            return dict(arrays)
    # What R wrote: an array in each file.
    return {part.suffixes[-2][1:]: np.fromfile(part) for part in file.parent.glob(f"{file.stem}.*.bin")}


def key(operation: str, workload: str, threads: int, tool: str) -> str:
    return "|".join((operation, workload, str(threads), tool))


def run(command: list[str], env: dict[str, str], limit: float, log: Path) -> str:
    """Runs a command and all that it starts; says how it ended, if not well."""
    if not shutil.which(command[0]):
        return f"{command[0]} is not installed"
    with log.open("ab") as said:
        said.write(f"\n$ {' '.join(command)}\n".encode())
        child = subprocess.Popen(command, env=env, stdout=said, stderr=said, start_new_session=True)
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            # The process that is stopped may have started others; their group is ours alone.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
    if code is None:
        return f"stopped after {limit:.0f} s"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


if __name__ == "__main__":
    main()
