"""What is measured: each operation, the limit that memory sets to it, the bar that it is held to, and how the tools' results are compared.

The calls themselves are in ours.py, peers.py and seurat.R.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from agreement import Agreement, close, overlap


@dataclass(frozen=True)
class Call:
    """One tool's call of one operation, ready to be timed."""

    #: What is timed; gets what `fresh` made.
    run: Callable[[Any], Any]
    #: Makes the input of one call, untimed: a copy, for what works in place.
    fresh: Callable[[], Any] = lambda: None
    #: The result as named arrays that can be compared.
    answer: Callable[[Any], dict[str, Any]] | None = None
    #: What a reader should know: the layout that was prepared untimed, what is left out.
    note: str = ""
    #: The tool does only a part of what we do: it may be named in a bar, but being slower than it is no loss.
    less: bool = False
    #: A part of the work was run; times are multiplied by this.
    times: float = 1


@dataclass(frozen=True)
class Bar:
    """Our time is to be at most `ratio` of that of the fastest of the peers whose result is right."""

    ratio: float
    peers: tuple[str, ...]


@dataclass(frozen=True)
class Traffic:
    """Bytes that any program must move through memory, however it computes, and in which way."""

    read: float
    written: float = 0
    in_place: bool = False

    @property
    def kind(self) -> str:
        """Which of the measured bandwidths is its limit."""
        if self.in_place:
            return "update"
        return "triad" if self.written > 0.1 * self.read else "read"


@dataclass(frozen=True)
class Operation:
    name: str
    title: str
    workload: str
    traffic: Callable[[Any], Traffic]
    agreement: Agreement
    bars: tuple[Bar, ...] = ()
    #: Whose answers the others are held against, "tool" or "operation:tool"; what the first does not have comes from the next.
    references: tuple[str, ...] = ("scanpy",)
    in_place: bool = False
    #: How many values its input stores: the non-zeros, unless it is dense.
    stored: Callable[[Any], int] = lambda w: w.counts.nnz
    #: Also measured on the small matrix, with one thread, and on W3.
    small: bool = True
    scales: bool = True
    language: str = "python"
    #: Tool -> the function that makes its call.
    tools: dict[str, Callable[..., Call]] = field(default_factory=dict)


OPERATIONS: dict[str, Operation] = {}


def operation(name: str, title: str, workload: str = "W1", **more: Any) -> None:
    bars = tuple(Bar(ratio, (peers,) if isinstance(peers, str) else peers) for ratio, peers in more.pop("bars", ()))
    OPERATIONS[name] = Operation(name, title, workload, bars=bars, **more)


def chosen(name: str, patterns: str) -> bool:
    """Whether a name is among those asked for, by commas: the beginning of one is enough, and `*` stands for anything. All are, if none is."""
    asked = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    return not asked or any(fnmatch(name, pattern) or name.startswith(pattern) for pattern in asked)


def tool(name: str, *operations: str) -> Callable:
    """Registers a function of (operation, workload, threads) -> Call as a tool's way to do some operations."""

    def register(function: Callable) -> Callable:
        for one in operations:
            OPERATIONS[one].tools[name] = function
        return function

    return register


# What must be moved. A non-zero is a float32 value and an int32 index.
def values(w: Any) -> Traffic:
    return Traffic(4 * w.counts.nnz)


def non_zeros(w: Any) -> Traffic:
    return Traffic(8 * w.counts.nnz)


def tests(w: Any) -> Traffic:
    """The non-zeros, and four doubles for each group and gene."""
    return Traffic(8 * w.counts.nnz, 4 * 8 * w.shape.n_groups * w.shape.n_vars)


operation(
    "normalize_log1p",
    "normalise + log1p, in place",
    traffic=lambda w: Traffic(4 * w.counts.nnz, 4 * w.counts.nnz, in_place=True),
    agreement=close(x=1e-5),
    bars=[(0.7, "brisc")],
    in_place=True,
)
operation(
    "qc",
    "QC: all metrics of cells and genes, with `percent_top`",
    traffic=non_zeros,
    agreement=close(total=1e-6, n_genes=0, mt=1e-4, top=1e-4),
    bars=[(2.0, "brisc"), (0.05, "scanpy")],
)
operation(
    "mean_var_obs",
    "mean and variance of each gene, obs-major",
    traffic=non_zeros,
    agreement=close(mean=1e-6, var=1e-5),
    bars=[(0.7, "fast-array-utils")],
    references=("numpy",),
)
operation(
    "mean_var_var",
    "mean and variance of each gene, var-major",
    traffic=values,
    agreement=close(mean=1e-6, var=1e-5),
    bars=[(1.0, "biosparse")],
    references=("mean_var_obs:numpy",),
)
operation(
    "to_var",
    "change of the major axis, obs to var",
    traffic=lambda w: Traffic(8 * w.counts.nnz, 8 * w.counts.nnz),
    agreement=close(indptr=0, indices=0, x=0),
    bars=[(0.5, "brisc")],
    references=("scipy",),
)
operation(
    "subset_obs",
    "2,000 genes of an obs-major matrix",
    traffic=lambda w: Traffic(4 * w.counts.nnz + 4 * w.chosen_logged.nnz, 8 * w.chosen_logged.nnz),
    agreement=close(indptr=0, indices=0, x=0),
    bars=[(0.5, "brisc")],
    references=("scipy",),
)
operation(
    "subset_var",
    "2,000 genes of a var-major matrix",
    traffic=lambda w: Traffic(8 * w.chosen_logged.nnz, 8 * w.chosen_logged.nnz),
    agreement=close(indptr=0, indices=0, x=0),
    references=("scipy",),
)
operation(
    "hvg_seurat",
    "variable genes, `seurat`",
    traffic=non_zeros,
    agreement=overlap(),
    bars=[(0.1, "scanpy")],
)
operation(
    "hvg_cell_ranger",
    "variable genes, `cell_ranger`",
    traffic=non_zeros,
    agreement=overlap(),
    bars=[(0.35, "scanpy")],
)
operation(
    "hvg_cell_ranger_var",
    "variable genes, `cell_ranger`, var-major float64",
    traffic=lambda w: Traffic(8 * w.counts.nnz),
    agreement=overlap(),
    bars=[(1.0, "biosparse")],
    references=("hvg_cell_ranger:scanpy",),
    scales=False,
)
operation(
    "hvg_seurat_v3",
    "variable genes, `seurat_v3`",
    traffic=non_zeros,
    agreement=overlap(),
    bars=[(0.5, "brisc")],
)
operation(
    "hvg_seurat_v3_batches",
    "variable genes, `seurat_v3`, with batches",
    traffic=non_zeros,
    agreement=overlap(),
    bars=[(0.5, "brisc")],
)
operation(
    "hvg_pearson",
    "variable genes, `pearson_residuals`",
    traffic=non_zeros,
    agreement=overlap(),
    bars=[(0.4, "biosparse")],
)
for workload_name in ("W1", "W2"):
    operation(
        f"aggregate_{workload_name.lower()}",
        "sum, mean, variance and count by group",
        workload_name,
        traffic=tests,
        agreement=close(sum=1e-6, mean=1e-5, var=1e-4, count=0),
        bars=[(1.0, ("brisc sum", "scanpy sum"))],
        references=("scanpy",),
        small=workload_name == "W1",
        scales=workload_name == "W1",
    )
for layout, what, ratio in (("var", "var-major", 0.25), ("obs", "obs-major", 0.25), ("raw", "raw counts, obs-major", 0.15)):
    operation(
        f"wilcoxon_rest_{layout}",
        f"Wilcoxon, each group against the rest, {what}",
        traffic=tests,
        agreement=close(p=1e-3, score=1e-4, u=1e-9),
        bars=[(ratio, ("illico", "presto") if layout == "obs" else "illico")],
        references=("scanpy" if layout != "var" else "wilcoxon_rest_obs:scanpy", "illico"),
    )
for layout, what, ratio in (("var", "var-major", 0.1), ("obs", "obs-major", 0.1), ("raw", "raw counts, obs-major", 0.3)):
    operation(
        f"wilcoxon_reference_{layout}",
        f"Wilcoxon, each group against a reference, {what}",
        "W2",
        traffic=tests,
        agreement=close(p=1e-3, score=1e-4, u=1e-9),
        bars=[(ratio, "illico")],
        references=("scanpy" if layout != "var" else "wilcoxon_reference_obs:scanpy", "illico"),
    )
operation(
    "ttest_rest",
    "t-test, each group against the rest",
    traffic=tests,
    agreement=close(p=1e-3, score=1e-4),
    bars=[(0.08, "scanpy")],
)
operation(
    "ttest_reference",
    "t-test, each group against a reference",
    "W2",
    traffic=tests,
    agreement=close(p=1e-3, score=1e-4),
    bars=[(0.1, "biosparse")],
)
operation(
    "score_genes",
    "score of 50 genes, with its control genes",
    traffic=non_zeros,
    agreement=close(score=1e-4),
    bars=[(0.1, "scanpy")],
)
operation(
    "scale_dense",
    "scale 2,000 genes, dense, in place",
    traffic=lambda w: Traffic(4 * w.chosen_dense.size, 4 * w.chosen_dense.size, in_place=True),
    agreement=close(x=1e-4),
    bars=[(0.5, "scanpy-kernels")],
    in_place=True,
    stored=lambda w: w.chosen_dense.size,
)
operation(
    "scale_sparse",
    "scale 2,000 genes, sparse, not centred, in place",
    traffic=lambda w: Traffic(8 * w.chosen_logged.nnz, 4 * w.chosen_logged.nnz, in_place=True),
    agreement=close(x=1e-4),
    bars=[(0.5, "scanpy-kernels")],
    in_place=True,
)
operation(
    "regress_numeric",
    "regress two numbers out of 2,000 genes, dense",
    traffic=lambda w: Traffic(4 * w.chosen_dense.size, 4 * w.chosen_dense.size),
    agreement=close(x=1e-3),
    bars=[(0.7, "numpy QR")],
    references=("numpy f64",),
    stored=lambda w: w.chosen_dense.size,
)
operation(
    "regress_category",
    "regress a category out of 2,000 genes, dense",
    traffic=lambda w: Traffic(4 * w.chosen_dense.size, 4 * w.chosen_dense.size),
    agreement=close(x=1e-3),
    bars=[(0.01, "scanpy")],
    stored=lambda w: w.chosen_dense.size,
)
operation(
    "seurat_normalize",
    "`NormalizeData` of a Seurat object",
    traffic=lambda w: Traffic(8 * w.counts.nnz, 8 * w.counts.nnz),
    agreement=close(x=1e-10),
    bars=[(0.1, "Seurat")],
    references=("Seurat",),
    language="r",
    small=False,
    scales=False,
)
operation(
    "seurat_vst",
    "`FindVariableFeatures` of a Seurat object, `vst`",
    traffic=lambda w: Traffic(12 * w.counts.nnz),
    agreement=overlap(),
    bars=[(0.1, "Seurat")],
    references=("Seurat",),
    language="r",
    small=False,
    scales=False,
)
operation(
    "seurat_markers",
    "`FindAllMarkers` of a Seurat object, all genes",
    "small",
    traffic=lambda w: Traffic(12 * w.counts.nnz),
    agreement=close(p=1e-6),
    bars=[(0.1, "Seurat")],
    references=("Seurat",),
    language="r",
    small=False,
    scales=False,
)
