"""From a count matrix to the marker genes of its cell types, and a report of it that opens in any browser.

    python examples/pbmc3k.py                        10x's PBMC 3k, downloaded once
    python examples/pbmc3k.py --data my.h5ad         an h5ad file, a 10x h5 file or a 10x folder, with raw counts

Everything that is computed on the matrix is computed by scnative. Exit status: 0 if the report was written, 2 if the data or an
option cannot be used, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import scnative as scn
import scipy.sparse as sp
from anndata import AnnData
from grouping import find_groups
from steps import Steps

#: Columns of obs that are taken for labels of the cells, the first that is there.
LABEL_COLUMNS = ("cell_type", "celltype", "cell_types", "cell_line", "annotation", "bulk_labels", "clusters", "cluster", "leiden", "louvain")
#: What people write for "no label".
NO_LABEL = {"", "nan", "na", "none", "unknown", "unlabelled", "unlabeled", "unassigned", "unclassified"}

#: Cells this many median absolute deviations above the median are taken for double (molecules, genes) or damaged (mitochondrial).
MADS = 5.0
#: Cells of fewer genes are taken for empty, or of fewer than a quarter of the median where the data have few genes.
MIN_GENES = 200
#: Less than this is never taken for damage, in percent.
HARMLESS_PCT_MT = 5.0
MIN_CELLS_OF_A_GENE = 3
TARGET_SUM = 1e4
#: A marker is expressed this much more in its type, and with less than this chance of no difference.
MIN_LOG2_FOLD_CHANGE = 1.0
MAX_ADJUSTED_P = 0.01
#: Markers of one half of the cells are compared with as many of the other half.
TOP = 20


#: What is said of types that no column has.
FOUND = "groups found here"


class Unusable(Exception):
    """The data or an option cannot be used; the message is for the user."""


@dataclass
class Limits:
    """What a cell must have to be kept."""

    min_genes: int
    max_genes: int
    max_counts: int
    max_pct_mt: float


@dataclass
class Evidence:
    """How the markers that one half of a type's cells gives do in the other half, which had no part in choosing them."""

    cells: int
    common: float
    auroc_chosen: float
    auroc_held_out: float


@dataclass
class Analysis:
    """All that the report tells."""

    adata: AnnData
    raw_obs: pd.DataFrame
    n_genes_read: int
    source: str
    simulated: bool
    limits: Limits
    dropped: dict[str, int]
    label: str
    label_origin: str
    left_out: list[str]
    ranked: dict[str, pd.DataFrame]
    evidence: dict[str, Evidence]
    fractions: pd.DataFrame
    means: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)

    @property
    def types(self) -> list[str]:
        return list(self.ranked)

    def markers(self, kind: str, n: int) -> pd.DataFrame:
        """The best genes that are markers of a type, best first."""
        return self.ranked[kind][self.ranked[kind]["is_marker"]].head(n)

    def specific_markers(self, kind: str) -> list[str]:
        """A type's markers, those first that stand out the most: by the fraction of its cells less that of the type that comes next."""
        markers = list(self.ranked[kind]["names"][self.ranked[kind]["is_marker"]])
        found = self.fractions[markers]
        stands_out = found.loc[kind] - found.drop(kind).max()
        return list(stands_out.sort_values(ascending=False, kind="stable").index)

    @property
    def label_words(self) -> str:
        if self.label_origin != FOUND:
            return self.label_origin
        return (
            "groups found here, by k-means on principal components of the highly variable genes, as many as subsamples of the cells agree on, "
            "each named by its best marker"
        )

    @property
    def chance_in_common(self) -> float:
        """The part of the top genes that two random lists would share."""
        return TOP / self.adata.n_vars


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        analysis = analyse(options)
        import report

        with analysis.steps("report", "matplotlib, HTML") as step:
            page = report.build(analysis)
            step.outcome = f"{len(page) / 2**20:.1f} MB"
        path = write(report.with_steps(page, analysis.steps), Path(options.out))
    except (Unusable, scn.ScnError, FileNotFoundError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    print_markers(analysis)
    print_evidence(analysis)
    print(f"\nReport: {path.resolve()}")
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="an h5ad file, a 10x h5 file or a 10x folder; default: 10x's PBMC 3k")
    parser.add_argument("--out", default="report", help="folder for the report (default: %(default)s)")
    parser.add_argument("--labels", help="the column of obs that has the cell types; default: the first usual one, else groups are found")
    parser.add_argument("--top-genes", type=int, default=2000, help="highly variable genes to choose (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0 for all cores (default)")
    parser.add_argument("--simulate", action="store_true", help="analyse simulated cells")
    options = parser.parse_args(arguments)
    if options.threads < 0:
        parser.error(f"--threads: is {options.threads}, must be 0 or more")
    if options.top_genes < 1:
        parser.error(f"--top-genes: is {options.top_genes}, must be 1 or more")
    if options.simulate and options.data:
        parser.error("--simulate and --data: give one of them")
    return options


def analyse(options: argparse.Namespace) -> Analysis:
    scn.settings.n_threads = options.threads
    info = scn.build_info()
    print(f"scnative {info['version']}, {options.threads or info['threads']} threads\n")
    print(f"  {'step':<26}{'outcome':<58}{'time':>9} {'memory':>10}")
    steps = Steps()
    notes: list[str] = []

    with steps("read", "scn.read") as step:
        adata, source, simulated = read(options, notes)
        use_counts(adata)
        adata.var_names_make_unique()
        n_genes_read = adata.n_vars
        step.outcome = f"{adata.n_obs:,} cells x {adata.n_vars:,} genes, {float(adata.X.sum(dtype='f8')):,.0f} molecules"

    with steps("quality control", "scn.pp.calculate_qc_metrics") as step:
        adata.var["mt"] = adata.var_names.str.upper().str.startswith("MT-")
        adata.var["ribo"] = adata.var_names.str.upper().str.match(r"RP[SL]\d")
        scn.pp.calculate_qc_metrics(adata, qc_vars=["mt", "ribo"], percent_top=None, inplace=True)
        raw_obs = adata.obs.copy()
        step.outcome = f"median {raw_obs.total_counts.median():,.0f} molecules of {raw_obs.n_genes_by_counts.median():,.0f} genes in a cell"

    with steps("filter", "scn.pp.filter_cells, scn.pp.filter_genes") as step:
        limits = choose_limits(raw_obs)
        adata, dropped = filter_cells_and_genes(adata, limits)
        step.outcome = f"{adata.n_obs:,} cells x {adata.n_vars:,} genes left"

    with steps("normalise", "scn.pp.normalize_total, scn.pp.log1p") as step:
        adata.layers["counts"] = adata.X.copy()
        scn.pp.normalize_total(adata, target_sum=TARGET_SUM)
        scn.pp.log1p(adata)
        step.outcome = f"{TARGET_SUM:,.0f} per cell, natural logarithm of 1 + x"

    with steps("highly variable genes", "scn.pp.highly_variable_genes") as step:
        n_top = min(options.top_genes, adata.n_vars)
        scn.pp.highly_variable_genes(adata, flavor="seurat_v3", layer="counts", n_top_genes=n_top)
        step.outcome = f"{int(adata.var.highly_variable.sum()):,} genes by standardised variance"

    with steps("cell types", "labels, or grouping.find_groups") as step:
        label, label_origin = choose_labels(adata, options.labels)
        labelled, left_out = with_labels(adata, label)
        step.outcome = f"{labelled.obs[label].nunique()} types, {label_origin}"

    with steps("marker genes", "scn.tl.rank_genes_groups") as step:
        ranked = rank(labelled, label)
        step.outcome = f"Wilcoxon, {labelled.n_vars:,} genes in {labelled.n_obs:,} cells"

    with steps("evidence", "scn.tl.rank_genes_groups, on halves") as step:
        evidence = split_half(labelled, label)
        step.outcome = f"markers of two random halves of the cells of {len(evidence)} types"

    with steps("aggregate", "scn.get.aggregate") as step:
        fractions, means = summarise(labelled, label)
        step.outcome = "fractions and means of each gene in each type"

    if label_origin == FOUND:  # name groups by what marks them, now that it is known
        names = {kind: " ".join([kind, *ranked[kind]["names"][ranked[kind]["is_marker"]].head(1) + "+"]) for kind in ranked}
        labelled.obs[label] = labelled.obs[label].cat.rename_categories(names)
        ranked = {names[kind]: table for kind, table in ranked.items()}
        evidence = {names[kind]: found for kind, found in evidence.items()}
        fractions, means = fractions.rename(index=names), means.rename(index=names)
    return Analysis(
        labelled, raw_obs, n_genes_read, source, simulated, limits, dropped, label, label_origin, left_out, ranked, evidence,
        fractions, means, notes, steps,
    )  # fmt: skip


def read(options: argparse.Namespace, notes: list[str]) -> tuple[AnnData, str, bool]:
    """The data, where they came from, and whether they are simulated."""
    if options.data:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Variable names are not unique")  # they are made so below
            return scn.read(options.data), str(options.data), False
    if options.simulate:
        adata = scn.datasets.simulate_counts(2700, 4000, n_clusters=8, markers_per_cluster=25)
        adata.obs["cell_type"] = adata.obs.pop("cluster")
        return adata, "scnative.datasets.simulate_counts", True
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="These cells are SIMULATED")  # said below and in the report
        adata = scn.datasets.pbmc3k()
    told = adata.uns.pop("pbmc3k")
    for reason in told["tried"]:
        notes.append(reason)
        print(f"  - {reason}")
    if told["simulated"]:
        print("  ! PBMC 3k could not be had: THESE CELLS ARE SIMULATED")
    return adata, told["source"], told["simulated"]


def use_counts(adata: AnnData) -> None:
    """Makes X the raw counts as float32 csr, from wherever they are; refuses data that have none."""
    places = {"layers['counts']": adata.layers.get("counts"), "X": adata.X}
    for matrix in places.values():
        if matrix is not None and is_counts(matrix):
            break
    else:
        raise Unusable(
            f"the data have no raw counts: {' and '.join(n for n, m in places.items() if m is not None) or 'X'} must have "
            "non-negative whole numbers, and molecules in it; normalised or scaled values cannot be used"
        )
    adata.X = sp.csr_matrix(matrix, dtype=np.float32)
    adata.layers.clear()
    adata.raw = None


def is_counts(matrix: object) -> bool:
    values = matrix.data if sp.issparse(matrix) else np.asarray(matrix)
    if values.dtype.kind not in "iufb" or values.size == 0:
        return False
    with np.errstate(invalid="ignore"):
        return bool(values.min() >= 0 and values.max() > 0 and np.isfinite(values).all() and (np.rint(values) == values).all())


def choose_limits(obs: pd.DataFrame) -> Limits:
    """Upper limits from the data, sizes on the scale of logarithms; the lower one is low, for small cells are cells too."""

    def above(values: pd.Series) -> float:
        median = values.median()
        return float(median + MADS * (values - median).abs().median())

    return Limits(
        min_genes=min(MIN_GENES, int(obs["n_genes_by_counts"].median() / 4)),
        max_genes=int(np.expm1(above(obs["log1p_n_genes_by_counts"]))),
        max_counts=int(np.expm1(above(obs["log1p_total_counts"]))),
        max_pct_mt=max(HARMLESS_PCT_MT, above(obs["pct_counts_mt"])),
    )


def filter_cells_and_genes(adata: AnnData, limits: Limits) -> tuple[AnnData, dict[str, int]]:
    """What is left, and how many cells and genes each criterion took, one after the other."""
    dropped = {}

    def drop(what: str, criterion: dict[str, int]) -> None:
        before = adata.n_obs
        scn.pp.filter_cells(adata, **criterion)
        dropped[what] = before - adata.n_obs
        if adata.n_obs == 0:
            raise Unusable(f"no cell is left after '{what}'")

    drop(f"fewer than {limits.min_genes:,} genes", {"min_genes": limits.min_genes})
    drop(f"more than {limits.max_genes:,} genes", {"max_genes": limits.max_genes})
    drop(f"more than {limits.max_counts:,} molecules", {"max_counts": limits.max_counts})
    keep = (adata.obs["pct_counts_mt"] <= limits.max_pct_mt).to_numpy()
    dropped[f"more than {limits.max_pct_mt:.1f} % mitochondrial"] = int((~keep).sum())
    adata = adata[keep].copy()
    before = adata.n_vars
    scn.pp.filter_genes(adata, min_cells=MIN_CELLS_OF_A_GENE)
    dropped[f"genes in fewer than {MIN_CELLS_OF_A_GENE} cells"] = before - adata.n_vars
    if adata.n_obs < 50 or adata.n_vars < 50:
        raise Unusable(f"{adata.n_obs} cells x {adata.n_vars} genes are left, which is too few: there must be 50 of each")
    return adata, dropped


def choose_labels(adata: AnnData, wanted: str | None) -> tuple[str, str]:
    """The column of obs with the cells' types, and where it is from; groups are found where no column has them."""
    if wanted is not None and wanted not in adata.obs:
        raise Unusable(f"--labels: there is no {wanted!r} in obs, must be one of {', '.join(adata.obs.columns) or 'none'}")
    usual = [name for name in LABEL_COLUMNS if name in adata.obs and 2 <= labels_of(adata, name).nunique() <= 60]
    column = wanted or next(iter(usual), None)
    if column is not None:
        return column, f"labels of obs[{column!r}]"
    variable = adata[:, adata.var["highly_variable"].to_numpy()]
    groups, _ = find_groups(sp.csr_matrix(variable.X))
    adata.obs["group"] = pd.Categorical([f"group {g + 1}" for g in groups], [f"group {g + 1}" for g in range(groups.max() + 1)])
    return "group", FOUND


def labels_of(adata: AnnData, column: str) -> pd.Series:
    """Labels as text, missing where a cell has none."""
    text = adata.obs[column].astype(object)
    return text.where(text.notna() & ~text.astype(str).str.strip().str.lower().isin(NO_LABEL)).map(str, na_action="ignore")


def with_labels(adata: AnnData, column: str) -> tuple[AnnData, list[str]]:
    """The cells that have a label which others share, and a line on each kind of those that were left out."""
    labels = labels_of(adata, column)
    left_out = [f"{int(labels.isna().sum()):,} cells have no label"] if labels.isna().any() else []
    sizes = labels.value_counts()
    for rare in sizes.index[sizes < 2]:
        left_out.append(f"{rare} has one cell")
        labels = labels.where(labels != rare)
    kinds = [kind for kind in order_of(adata.obs[column]) if sizes.get(kind, 0) >= 2]
    if len(kinds) < 2:
        raise Unusable(f"obs[{column!r}] has {len(kinds)} types of two cells or more, must have two")
    adata = adata[labels.notna().to_numpy()].copy()
    adata.obs[column] = pd.Categorical(labels.dropna(), kinds)
    return adata, left_out


def order_of(column: pd.Series) -> list[str]:
    """The types in their categories' order, else the larger first."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [str(kind) for kind in column.cat.categories]
    return [str(kind) for kind in column.value_counts().index]


def rank(adata: AnnData, label: str) -> dict[str, pd.DataFrame]:
    """All genes of each type against all other cells by Wilcoxon's test: best first, by AUROC."""
    scn.tl.rank_genes_groups(adata, label, method="wilcoxon", pts=True)
    sizes = adata.obs[label].value_counts()
    tables = {}
    for kind in adata.obs[label].cat.categories:
        table = scn.get.rank_genes_groups_df(adata, group=kind)
        table["auroc"] = auroc(table["scores"], sizes[kind], adata.n_obs - sizes[kind])
        table["is_marker"] = (table["logfoldchanges"] >= MIN_LOG2_FOLD_CHANGE) & (table["pvals_adj"] < MAX_ADJUSTED_P)
        tables[kind] = table
    return tables


def auroc(z: pd.Series, n: int, n_others: int) -> pd.Series:
    """The area under the ROC curve is the part of pairs that U counts, and Wilcoxon's score is U less its mean, over its deviation."""
    return 0.5 + z * np.sqrt((n + n_others + 1) / (12 * n * n_others))


def split_half(adata: AnnData, label: str) -> dict[str, Evidence]:
    """Ranks the genes in two halves of each type's cells, drawn at random, and holds one against the other, both ways."""
    rng = np.random.default_rng(0)
    order = rng.permutation(adata.n_obs)
    codes = adata.obs[label].cat.codes.to_numpy()[order]
    place = np.empty(adata.n_obs, int)
    place[order] = pd.Series(codes).groupby(codes).cumcount()
    halves = [adata[place % 2 == half].copy() for half in (0, 1)]
    sizes = [half.obs[label].value_counts() for half in halves]
    kinds = [kind for kind in adata.obs[label].cat.categories if min(size[kind] for size in sizes) >= 2]
    if len(kinds) < 2:
        return {}
    ranked = []
    for half in halves:
        half = half[half.obs[label].isin(kinds).to_numpy()].copy()
        half.obs[label] = half.obs[label].cat.remove_unused_categories()
        ranked.append(rank(half, label))
    evidence = {}
    for kind in kinds:
        first, second = (tables[kind].set_index("names") for tables in ranked)
        tops = [list(table.index[:TOP]) for table in (first, second)]
        evidence[kind] = Evidence(
            cells=int(sum(size[kind] for size in sizes)),
            common=len(set(tops[0]) & set(tops[1])) / TOP,
            auroc_chosen=float(np.mean([first.auroc[tops[0]].mean(), second.auroc[tops[1]].mean()])),
            auroc_held_out=float(np.mean([second.auroc[tops[0]].mean(), first.auroc[tops[1]].mean()])),
        )
    return evidence


def summarise(adata: AnnData, label: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part of a type's cells that express a gene, and the gene's mean in them: types x genes."""
    summary = scn.get.aggregate(adata, by=label, func=["mean", "count_nonzero"])
    kinds = list(summary.obs_names)
    sizes = adata.obs[label].value_counts().reindex(kinds).to_numpy()[:, None]
    fractions = pd.DataFrame(np.asarray(summary.layers["count_nonzero"]) / sizes, kinds, adata.var_names)
    return fractions, pd.DataFrame(np.asarray(summary.layers["mean"]), kinds, adata.var_names)


def print_markers(analysis: Analysis) -> None:
    widest = max(len(kind) for kind in analysis.types)
    print(f"\n{'cell type':<{widest}}  cells  top markers (AUROC against all other cells)")
    sizes = analysis.adata.obs[analysis.label].value_counts()
    for kind in analysis.types:
        best = analysis.markers(kind, 6)
        text = "  ".join(f"{name} {auroc:.2f}" for name, auroc in zip(best["names"], best["auroc"]))
        print(f"{kind:<{widest}}  {sizes[kind]:>5}  {text or 'none at these limits'}")


def print_evidence(analysis: Analysis) -> None:
    if not analysis.evidence:
        return
    found = analysis.evidence.values()
    print(
        f"\nOf the {TOP} best genes that one half of the cells gives, {np.mean([e.common for e in found]):.0%} are among the {TOP} best of "
        f"the other half (chance: {analysis.chance_in_common:.1%});\nin the half that had no part in choosing them their mean AUROC is "
        f"{np.mean([e.auroc_held_out for e in found]):.2f} (in the half that chose them: {np.mean([e.auroc_chosen for e in found]):.2f})."
    )
    if analysis.simulated:
        print("These cells are simulated: the report shows what the software does, not biology.")


def write(page: str, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "index.html"
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"--out: cannot write to {folder}: {error.strerror or error}") from error
    return path


if __name__ == "__main__":
    sys.exit(main())
