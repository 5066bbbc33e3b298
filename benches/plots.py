"""The plots of docs/benchmarks.md: plain, horizontal bars. Without matplotlib there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from operations import OPERATIONS
from verdict import SPEED_UP, Results, memory_allowed

GOOD, BAD, MARK = "#4477aa", "#cc6677", "#222222"


def draw(r: Results, folder: Path) -> bool:
    """ratio.svg, memory.svg and scaling.svg, each if there is something to show; whether there is a matplotlib to draw them with."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    # The same file for the same numbers.
    matplotlib.rcParams.update(
        {"svg.hashsalt": "scnative", "svg.fonttype": "none", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    )
    ratio(r, folder / "ratio.svg")
    memory(r, folder / "memory.svg")
    scaling(r, folder / "scaling.svg")
    return True


def ratio(r: Results, file: Path) -> None:
    """Our time over that of the peers that the bars name, or else the fastest that is right."""
    rows = []
    for op in OPERATIONS.values():
        bars = [(against, bar.ratio) for bar in op.bars if (against := r.against(op, bar))]
        rival, mine = next(iter(r.rivals(op).items()), None), r.row(op)
        if not bars and rival and mine:
            bars = [((rival[0], mine["min"] / rival[1]["min"]), 1.0)]
        rows += [(f"{plain(op.title)} / {name}", x, limit) for (name, x), limit in bars]
    bars_on_log_axis(file, rows, "our time over theirs (less is better); | is the bar")


def memory(r: Results, file: Path) -> None:
    rows = [
        (plain(op.title), max(row["memory"], 1e5) / 1e6, memory_allowed(row) / 1e6)
        for op in OPERATIONS.values()
        if (row := r.row(op, workload="W3"))
    ]
    bars_on_log_axis(file, rows, "MB above the input on W3 (less is better); | is what is allowed")


def scaling(r: Results, file: Path) -> None:
    rows = [(plain(op.title), gain, SPEED_UP) for op in OPERATIONS.values() if (gain := r.speed_up(op))]
    bars_on_log_axis(
        file, rows, f"times as fast with {r.threads} threads as with one; | is the bar where memory is not the limit", log=False, less=False
    )


def bars_on_log_axis(file: Path, rows: list[tuple[str, float, float]], what: str, *, log: bool = True, less: bool = True) -> None:
    """A bar for each row, and a mark at its limit."""
    if not rows:
        return
    from matplotlib.figure import Figure

    names, xs, limits = (list(column) for column in zip(*rows))
    figure = Figure(figsize=(8, 0.6 + 0.2 * len(rows)), layout="constrained")
    axes: Any = figure.subplots()
    met = [x <= limit if less else x >= limit for x, limit in zip(xs, limits)]
    axes.barh(range(len(rows)), xs, color=[GOOD if ok else BAD for ok in met], height=0.7)
    axes.scatter(limits, range(len(rows)), marker="|", s=60, color=MARK, zorder=3)
    if log:
        axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel(what)
    figure.savefig(file, metadata={"Date": None})


def plain(title: str) -> str:
    return title.replace("`", "")
