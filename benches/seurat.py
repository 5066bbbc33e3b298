"""What R is asked to do, in seurat.R: Seurat's verbs, ours beside them, and presto; here are their names and the matrices for R to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from operations import Call, tool

#: Python's operations that R has a tool for.
R_TOOLS = ("presto",)


def in_r(op: str, w: Any, threads: int) -> Call:
    raise RuntimeError(f"{op} is done in R")


for name in ("scnative", "Seurat"):
    tool(name, "seurat_normalize", "seurat_vst", "seurat_markers")(in_r)
tool("presto", "wilcoxon_rest_obs")(in_r)


def prepare(name: str, data: Path, folder: Path) -> None:
    """Plain arrays without numpy's header, which R reads at once."""
    import numpy as np
    from workloads import SHAPES, workload

    if (folder / name / "shape").exists():
        return
    (folder / name).mkdir(parents=True, exist_ok=True)
    w = workload(name, data)
    for part in ("indptr", "indices", "counts", "logged", "groups"):
        np.ascontiguousarray(w.array(part)).tofile(folder / name / part)
    (folder / name / "shape").write_text(f"{SHAPES[name].n_obs} {SHAPES[name].n_vars} {w.counts.nnz}\n")
