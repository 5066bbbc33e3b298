"""The report of an analysis: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import io
import platform
import sys
from datetime import datetime, timezone
from html import escape
from importlib.metadata import PackageNotFoundError, version

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import scnative as scn
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK, MUTED, FAINT, ACCENT, SOFT = "#1c2733", "#66727f", "#e3e7eb", "#b4372f", "#b9c3cd"
VIOLIN = "#4f7cac"
STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "svg.hashsalt": "scnative",
}
#: Where the table of steps goes, which is complete only when the rest of the page has been made.
STEPS_HERE = "<!-- steps -->"
#: Genes in a type's table, and genes for each type in the dot plot.
MARKERS, DOTS = 8, 3


def build(analysis) -> str:
    """The page, without its table of steps."""
    with plt.rc_context(STYLE):
        figures = {"qc": qc_violins(analysis), "variance": mean_variance(analysis), "dots": dot_plot(analysis)}
    sections = [
        summary(analysis),
        section("qc", "Quality control", qc_text(analysis), picture(figures["qc"], "Violins of molecules, genes and mitochondrial percentage of the cells"), qc_table(analysis)),
        section("genes", "Highly variable genes", variance_text(analysis), picture(figures["variance"], "Mean and variance of each gene, the chosen ones in colour, the most variable named")),
        section("markers", "Marker genes of each cell type", markers_text(analysis), cards(analysis)),
        section("dots", "Markers across all types", dots_text(analysis), picture(figures["dots"], "Dot plot of markers: size is the fraction of cells, colour the mean")),
        section("evidence", "How far the markers can be trusted", evidence_text(analysis), evidence_table(analysis)),
        section("steps", "Time and memory", steps_text(), STEPS_HERE),
        section("provenance", "Provenance", provenance(analysis)),
    ]  # fmt: skip
    title = f"Marker genes of {data_name(analysis)}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<header>
<p class="eyebrow">scnative</p>
<h1>{escape(title)}</h1>
<p class="lead">{lead(analysis)}</p>
{banner(analysis)}
</header>
<main>
{"".join(sections)}
</main>
</body>
</html>
"""


def with_steps(page: str, steps) -> str:
    """The page with its table of steps."""
    most = max(step.seconds for step in steps) or 1.0
    rows = [
        [
            f"<strong>{escape(step.name)}</strong><br><code>{escape(step.call)}</code>",
            escape(step.outcome),
            f"{step.seconds:.2f} s{bar(step.seconds / most)}",
            f"{step.megabytes:,.0f} MB",
        ]
        for step in steps
    ]
    rows.append(["<strong>all</strong>", "", f"<strong>{sum(s.seconds for s in steps):.2f} s</strong>", ""])
    return page.replace(STEPS_HERE, table(["Step", "Outcome", "Time", "Memory"], rows, numbers={2, 3}))


# Text


def data_name(analysis) -> str:
    if analysis.simulated:
        return "simulated cells"
    if "pbmc3k" in analysis.source:
        return "PBMC 3k"
    return analysis.source.replace("\\", "/").rstrip("/").rpartition("/")[2]


def lead(analysis) -> str:
    read, kept = len(analysis.raw_obs), analysis.adata.n_obs
    return escape(
        f"{read:,} cells and {analysis.n_genes_read:,} genes were read from {analysis.source}; {kept:,} cells of {len(analysis.types)} types and "
        f"{analysis.adata.n_vars:,} genes were analysed. The types are {analysis.label_words}."
    )


def banner(analysis) -> str:
    if not analysis.simulated:
        return ""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in analysis.notes)
    why = f"<p>Real cells could not be had:</p><ul>{reasons}</ul>" if reasons else ""
    return (
        '<div class="banner" id="simulated"><strong>These cells are simulated.</strong> They come from scnative\'s own simulator, with types and '
        f"markers that it made up. Nothing on this page is biology.{why}</div>"
    )


def summary(analysis) -> str:
    found = analysis.evidence.values()
    tiles = [
        (f"{analysis.adata.n_obs:,}", f"cells kept of {len(analysis.raw_obs):,}"),
        (f"{analysis.adata.n_vars:,}", f"genes kept of {analysis.n_genes_read:,}"),
        (f"{int(analysis.adata.var.highly_variable.sum()):,}", "highly variable genes"),
        (f"{len(analysis.types)}", "cell types"),
    ]
    if found:
        tiles.append((f"{np.mean([e.common for e in found]):.0%}", "of the top markers found again in the other half of the cells"))
    tiles.append((f"{sum(s.seconds for s in analysis.steps):.1f} s", "from file to markers"))
    return '<div class="tiles">' + "".join(f"<div><b>{value}</b><span>{text}</span></div>" for value, text in tiles) + "</div>"


def qc_text(analysis) -> str:
    limits = analysis.limits
    return (
        f"<p>A cell is kept if it has at least {limits.min_genes} genes, and is not an outlier above: at most {limits.max_genes:,} genes, "
        f"{limits.max_counts:,} molecules and {limits.max_pct_mt:.1f} % mitochondrial molecules. The upper limits lie five median absolute deviations "
        "above the median, sizes taken as logarithms; up to 5 % mitochondrial is never taken for damage. Dashed lines are the limits, the white "
        "mark is the median.</p>"
    )


def variance_text(analysis) -> str:
    return (
        f"<p>The {int(analysis.adata.var.highly_variable.sum()):,} genes whose variance is largest for their mean, by the method of Seurat 3: the "
        "logarithm of the variance of the counts is fitted to that of the mean by local regression, counts are standardised with the fitted "
        "variance and clipped, and genes are ordered by the variance that is left. Left, the variance as it is, with the line on which molecules "
        "counted at random (Poisson) would lie; right, as it is after standardising.</p>"
    )


def markers_text(analysis) -> str:
    return (
        f"<p>Each type against all other cells, by Wilcoxon's rank sum test. A gene is listed if its mean is at least twice as high in the type "
        "(log₂ fold change of 1) and the p-value, adjusted for all genes by Benjamini and Hochberg, is below 0.01; genes are ordered by AUROC, the "
        "chance that a cell of the type expresses more of the gene than another cell. No list of known genes had any part in this: every number here is "
        "computed from the matrix and the labels.</p>"
    )


def dots_text(analysis) -> str:
    return (
        f"<p>The {DOTS} markers of each type that are the most specific to it: of which the fraction of cells that express them stands out the most "
        "from that of the type that comes next. Size is the fraction of the type's cells that express the "
        "gene, colour its mean, in natural logarithms of molecules per 10,000 plus one.</p>"
    )


def evidence_text(analysis) -> str:
    if not analysis.evidence:
        return "<p>There are too few cells to split in halves.</p>"
    found = list(analysis.evidence.values())
    common, held = np.mean([e.common for e in found]), np.mean([e.auroc_held_out for e in found])
    chosen = np.mean([e.auroc_chosen for e in found])
    top = 20
    return (
        f"<p>The cells of each type were split at random into two halves, and genes were ranked in each half alone. On average "
        f"<strong>{common:.0%}</strong> of the {top} best genes of one half are among the {top} best of the other; chance would give "
        f"{analysis.chance_in_common:.1%}. In the half that had no part in choosing them, the chosen genes have a mean AUROC of "
        f"<strong>{held:.2f}</strong>, against {chosen:.2f} in the half that chose them: the difference is what choosing the best of many genes adds by "
        "luck.</p><p>The last columns name each type's most specific marker: the fraction of the type's own cells that express it, and of the type that "
        "comes next.</p><p class='note'>p-values of markers say less than they seem to when the types were themselves found from the expression of the same cells, "
        "as is usual: they order genes, and are not evidence that a type exists.</p>"
    )


def steps_text() -> str:
    return (
        "<p>Wall-clock time, and the highest memory of the process above what it had when the step began. Each matrix kernel is one call into "
        "scnative's native library.</p>"
    )


# Tables


def qc_table(analysis) -> str:
    rows = [[escape(what), f"{n:,}"] for what, n in analysis.dropped.items()]
    rows += [[escape(text), ""] for text in analysis.left_out]
    return table(["Left out, one after the other", "Number"], rows, numbers={1}, narrow=True)


def cards(analysis) -> str:
    sizes = analysis.adata.obs[analysis.label].value_counts()
    return '<div class="cards">' + "".join(card(analysis, kind, sizes[kind]) for kind in analysis.types) + "</div>"


def card(analysis, kind: str, size: int) -> str:
    best = analysis.markers(kind, MARKERS)
    rows = [
        [
            f"<strong>{escape(gene.names)}</strong>",
            f"{gene.auroc:.3f}",
            f"{gene.logfoldchanges:.1f}",
            f"{gene.pct_nz_group:.0%}{bar(gene.pct_nz_group)}",
            f"{gene.pct_nz_reference:.0%}{bar(gene.pct_nz_reference, quiet=True)}",
            scientific(gene.pvals_adj),
        ]
        for gene in best.itertuples()
    ]
    body = (
        table(["Gene", "AUROC", "log₂ fold", "in type", "in others", "adj. p"], rows, numbers={1, 2, 3, 4, 5})
        if rows
        else "<p>No gene passes both limits.</p>"
    )
    n = int(analysis.ranked[kind]["is_marker"].sum())
    return f"<article><h3>{escape(kind)}</h3><p class='note'>{size:,} cells, {n:,} marker genes</p>{body}</article>"


def evidence_table(analysis) -> str:
    rows = []
    for kind, found in analysis.evidence.items():
        gene = next(iter(analysis.specific_markers(kind)), None)
        own = analysis.fractions.loc[kind, gene] if gene else np.nan
        others = analysis.fractions[gene].drop(kind) if gene else None
        rows.append(
            [
                f"<strong>{escape(kind)}</strong>",
                f"{found.cells:,}",
                f"{found.common:.0%}{bar(found.common)}",
                f"{found.auroc_chosen:.2f}",
                f"{found.auroc_held_out:.2f}",
                escape(gene) if gene else "none",
                f"{own:.0%}" if gene else "",
                f"{others.max():.0%} <span class='note'>{escape(str(others.idxmax()))}</span>" if gene else "",
            ]
        )
    if not rows:
        return ""
    heads = ["Cell type", "Cells", "Top 20 in both halves", "AUROC, chosen", "AUROC, held out", "Most specific", "expressed in", "and next in"]
    return table(heads, rows, numbers={1, 2, 3, 4, 6})


def provenance(analysis) -> str:
    info = scn.build_info()
    facts = [
        ("Data", analysis.source + (" (simulated)" if analysis.simulated else "")),
        *[("Tried before", note) for note in analysis.notes],
        ("Cell types", analysis.label_words),
        ("Made", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("scnative", f"{info['version']} (ABI {info['abi_version']}), package {info['package_version']}"),
        ("Threads", str(scn.settings.n_threads or info["threads"])),
        ("CPU features used", ", ".join(info["cpu_features"]) or "none beyond the baseline"),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("Packages", ", ".join(f"{name} {v}" for name in ("numpy", "scipy", "pandas", "anndata", "matplotlib") if (v := package_version(name)))),
        ("Normalised to", "10,000 molecules per cell, natural logarithm of 1 + x"),
        ("scanpy", "loaded" if "scanpy" in sys.modules else "not loaded: it has no part in this"),
    ]
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>"


def package_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def table(heads: list[str], rows: list[list[str]], numbers: set[int], narrow: bool = False) -> str:
    kind = ["class='n'" if i in numbers else "" for i in range(len(heads))]
    head = "".join(f"<th {kind[i]}>{text}</th>" for i, text in enumerate(heads))
    body = "".join("<tr>" + "".join(f"<td {kind[i]}>{cell}</td>" for i, cell in enumerate(row)) + "</tr>" for row in rows)
    return f"<div class='scroll'><table{' class=narrow' if narrow else ''}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def bar(part: float, quiet: bool = False) -> str:
    return f"<i class='bar{' quiet' if quiet else ''}'><i style='width:{100 * float(np.clip(part, 0, 1)):.0f}%'></i></i>"


def scientific(p: float) -> str:
    if p == 0:
        return "&lt; 10<sup>−323</sup>"  # what a double cannot tell from zero
    digit, _, exponent = f"{p:.0e}".partition("e")
    return f"{p:.2f}" if p >= 0.01 else f"{digit} × 10<sup>−{-int(exponent)}</sup>"


def section(name: str, title: str, *parts: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2>{"".join(parts)}</section>'


# Pictures


def picture(figure: Figure, text: str) -> str:
    """The figure as SVG inside the page, where its points are a picture and its letters stay letters' outlines."""
    out = io.BytesIO()
    figure.savefig(out, format="svg", dpi=170, bbox_inches="tight", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return f'<figure><img alt="{escape(text)}" src="data:image/svg+xml;base64,{base64.b64encode(out.getvalue()).decode()}"></figure>'


def qc_violins(analysis) -> Figure:
    obs, limits = analysis.raw_obs, analysis.limits
    panels = [
        ("total_counts", "Molecules per cell", (limits.max_counts,), True),
        ("n_genes_by_counts", "Genes per cell", (limits.min_genes, limits.max_genes), True),
        ("pct_counts_mt", "Mitochondrial, %", (limits.max_pct_mt,), False),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.7), layout="constrained")
    rng = np.random.default_rng(0)
    for ax, (column, title, lines, logarithmic) in zip(axes, panels):
        values = obs[column].to_numpy(float)
        shown = np.log10(np.maximum(values, 1)) if logarithmic else values
        if np.ptp(shown) > 0:
            violin = ax.violinplot(shown, [0], widths=0.85, showextrema=False, points=200)
            violin["bodies"][0].set(facecolor=VIOLIN, edgecolor=VIOLIN, alpha=0.35, linewidth=1)
        ax.plot(rng.uniform(-0.3, 0.3, len(shown)), shown, ".", ms=2.2, color=INK, alpha=0.2, rasterized=True, mew=0)
        ax.plot(0, np.median(shown), "o", color="white", mec=INK, mew=1.2, ms=6, zorder=5)
        for line in lines:
            at = np.log10(max(line, 1)) if logarithmic else line
            ax.axhline(at, color=ACCENT, lw=1.1, ls=(0, (4, 3)))
            ax.annotate(f"{line:,.0f}" if logarithmic else f"{line:.1f} %", (0.47, at), xytext=(0, 3), textcoords="offset points", ha="right", color=ACCENT, fontsize=8.5)  # fmt: skip
        ax.set(title=title, xticks=[], xlim=(-0.5, 0.5))
        ax.spines["bottom"].set_visible(False)
        ax.grid(axis="y", color=FAINT, lw=0.8)
        ax.set_axisbelow(True)
        if logarithmic:
            low, high = ax.get_ylim()
            ticks = [m * 10.0**e for e in range(0, 8) for m in (1, 2, 5) if low <= np.log10(m * 10.0**e) <= high]
            ax.set_yticks(np.log10(ticks), [f"{t:,.0f}" for t in ticks])
    return figure


def mean_variance(analysis) -> Figure:
    var = analysis.adata.var
    mean, variance, left = (var[c].to_numpy(float) for c in ("means", "variances", "variances_norm"))
    chosen = var["highly_variable"].to_numpy(bool)
    seen = (mean > 0) & (variance > 0)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    panels = [(variance, "Variance of the counts", "log"), (left, "Variance after standardising", "log")]
    for ax, (values, title, scale) in zip(axes, panels):
        for mask, color, size, alpha in ((seen & ~chosen, SOFT, 3.2, 0.7), (seen & chosen, ACCENT, 4.2, 0.65)):
            ax.plot(mean[mask], values[mask], ".", ms=size, color=color, alpha=alpha, mew=0, rasterized=True)
        ax.set(xscale="log", yscale=scale, title=title, xlabel="Mean of the counts")
        ax.grid(color=FAINT, lw=0.8)
        ax.set_axisbelow(True)
    span = np.array([mean[seen].min(), mean[seen].max()])
    (poisson,) = axes[0].plot(span, span, color=INK, lw=1.1, ls=(0, (4, 3)))
    handles = [Line2D([], [], marker="o", ls="", color=ACCENT, ms=4.5), Line2D([], [], marker="o", ls="", color=SOFT, ms=4.5), poisson]
    axes[0].legend(handles, [f"chosen ({chosen.sum():,})", f"others ({(~chosen).sum():,})", "Poisson: variance = mean"], frameon=False, loc="upper left", fontsize=8.5)  # fmt: skip
    best = np.argsort(-np.where(seen, left, -np.inf), kind="stable")[:12]
    place_labels(axes[1], mean[best], left[best], [str(name) for name in var.index[best]])
    return figure


def place_labels(ax, x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    """Names of points in a column at the right, spread so that none covers another, with a line to each point."""
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * 1.25)
    ax.set_xlim(right=ax.get_xlim()[1] * 4)
    to_axes = ax.transData + ax.transAxes.inverted()
    points = to_axes.transform(np.column_stack([x, y]))
    order = np.argsort(-points[:, 1])
    step, at = 0.048, 0.985
    for i in order:
        at = min(at, points[i, 1] + 0.06)
        ax.annotate(
            names[i], (x[i], y[i]), xytext=(0.86, at), textcoords="axes fraction", fontsize=8.5, va="center", ha="left",
            arrowprops={"arrowstyle": "-", "color": MUTED, "lw": 0.6, "shrinkA": 2, "shrinkB": 2, "relpos": (0, 0.5)},
        )  # fmt: skip
        at -= step


def dot_plot(analysis) -> Figure:
    genes, owners = [], []
    auroc = pd.DataFrame({kind: ranked.set_index("names")["auroc"] for kind, ranked in analysis.ranked.items()})
    best_of = auroc.idxmax(axis=1)
    for kind in analysis.types:
        own = [name for name in analysis.specific_markers(kind) if best_of[name] == kind][:DOTS]
        genes += own
        owners += [kind] * len(own)
    kinds = analysis.types
    if not genes:
        figure, ax = plt.subplots(figsize=(6, 1))
        ax.set_axis_off()
        ax.text(0, 0.5, "No gene passes both limits.")
        return figure
    fraction, mean = analysis.fractions.loc[kinds, genes].to_numpy(), analysis.means.loc[kinds, genes].to_numpy()
    figure, ax = plt.subplots(figsize=(max(4.5, 0.30 * len(genes) + 2.2), 0.32 * len(kinds) + 1.5))
    across, down = np.meshgrid(np.arange(len(genes)), np.arange(len(kinds)))
    dots = ax.scatter(across, down, s=115 * fraction, c=mean, cmap="YlGnBu", vmin=0, edgecolors=SOFT, linewidths=0.4)
    for column in range(1, len(genes)):
        if owners[column] != owners[column - 1]:
            ax.axvline(column - 0.5, color=FAINT, lw=1, zorder=0)
    ax.set_xticks(np.arange(len(genes)), genes, rotation=90, color=INK, fontsize=8.5)
    ax.set_yticks(np.arange(len(kinds)), kinds, color=INK)
    ax.set(xlim=(-0.7, len(genes) - 0.3), ylim=(len(kinds) - 0.4, -0.6))
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    sizes = [0.25, 0.5, 0.75, 1.0]
    handles = [Line2D([], [], marker="o", ls="", color=SOFT, ms=np.sqrt(115 * s)) for s in sizes]
    ax.legend(handles, [f"{s:.0%}" for s in sizes], title="of cells", frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.03), fontsize=8.5, title_fontsize=8.5, alignment="left")  # fmt: skip
    inset = ax.inset_axes([1.035, 0.02, 0.02, max(0.12, 1 - 1.9 / (0.32 * len(kinds) + 0.2))])
    scale = figure.colorbar(dots, cax=inset)
    scale.outline.set_visible(False)
    scale.set_label("mean", fontsize=8.5)
    scale.ax.tick_params(labelsize=8, length=0)
    return figure


CSS = """
:root { --ink: #1c2733; --muted: #66727f; --faint: #e3e7eb; --accent: #b4372f; --bar: #4f7cac; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
header, main { max-width: 1080px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 48px; }
.eyebrow { margin: 0; color: var(--accent); font-weight: 600; letter-spacing: .08em; text-transform: uppercase; font-size: 13px; }
h1 { margin: 4px 0 8px; font-size: 36px; line-height: 1.15; letter-spacing: -.02em; }
h2 { margin: 0 0 8px; font-size: 22px; letter-spacing: -.01em; }
h3 { margin: 0; font-size: 17px; }
.lead { max-width: 62em; margin: 0 0 20px; color: var(--muted); font-size: 17px; }
section { margin: 24px 0; padding: 26px 28px; background: #fff; border: 1px solid var(--faint); border-radius: 10px; }
section > p { max-width: 62em; margin: 0 0 12px; }
.note { color: var(--muted); font-size: 13.5px; }
.banner { margin: 0 0 20px; padding: 14px 18px; background: #fdf1ec; border: 1px solid #e9b9a8; border-left: 5px solid var(--accent); border-radius: 8px; }
.banner ul { margin: 4px 0 0; }
.banner p { margin: 8px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; }
.tiles div { padding: 16px 18px; background: #fff; border: 1px solid var(--faint); border-radius: 10px; }
.tiles b { display: block; font-size: 27px; line-height: 1.2; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tiles span { display: block; color: var(--muted); font-size: 13.5px; line-height: 1.35; }
figure { margin: 8px 0 12px; overflow-x: auto; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
table.narrow { width: auto; min-width: 420px; }
th { padding: 6px 10px 6px 0; color: var(--muted); font-weight: 500; font-size: 12.5px; text-align: left; border-bottom: 1px solid var(--faint); vertical-align: bottom; }
td { padding: 5px 10px 5px 0; border-bottom: 1px solid #f0f2f4; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th.n, td.n { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
code { color: var(--muted); font: 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.bar { display: block; height: 4px; margin-top: 2px; min-width: 44px; background: var(--faint); border-radius: 2px; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bar); }
.bar.quiet i { background: #b9c3cd; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 18px 36px; }
article { min-width: 0; padding-top: 12px; border-top: 2px solid var(--ink); }
article .note { margin: 0 0 6px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; margin: 0; font-size: 14.5px; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
sup { line-height: 0; font-size: 75%; }
@media (max-width: 560px) { .cards { grid-template-columns: 1fr; } h1 { font-size: 28px; } section { padding: 20px 16px; } dl { grid-template-columns: 1fr; } dt { margin-top: 6px; } }
@media print { body { background: #fff; } section, .tiles div { break-inside: avoid; } }
"""
