"""docs/benchmarks.md and its plots, from results.json."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import plots
from operations import OPERATIONS
from verdict import (
    BOUND_BY_BANDWIDTH,
    IMPORT,
    INSTALLED,
    MEMORY_MORE,
    MEMORY_RATIO,
    NOISE,
    OURS,
    PER_VALUE,
    SPEED_UP,
    Results,
    beats,
    counts,
    losses,
    memory_allowed,
)
from workloads import SHAPES


def write(results: dict[str, Any], folder: Path) -> Path:
    """Writes benchmarks.md and benchmarks/*.svg into the folder."""
    r = Results.of(results)
    pictures = folder / "benchmarks"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn = plots.draw(r, pictures)
    parts = [
        head(results),
        summary(r, drawn),
        where_we_lose(results),
        all_tools(r),
        memory(r, drawn),
        scaling(r, drawn),
        small(r),
        light(results),
    ]
    into = folder / "benchmarks.md"
    into.write_text("\n\n".join(part for part in parts if part) + "\n")
    return into


def head(results: dict[str, Any]) -> str:
    m, threads = results["machine"], results["threads"]
    gb = results.get("bandwidth", {}).get(str(threads), {})
    speeds = ", ".join(f"{gb[kind] / 1e9:.0f} GB/s {words}" for kind, words in KINDS.items() if kind in gb) or "not measured (needs rustc)"
    dates = sorted({row["date"] for row in results["rows"].values()})
    days = " to ".join(dict.fromkeys(dates[:1] + dates[-1:]))
    commands = ", then ".join(f"`{command}`" for command in results["commands"])
    tools = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    data = "\n".join(
        f"- **{name}**: {s.n_obs:,} cells x {s.n_vars:,} genes, {s.density:.0%} not zero; {s.what}"
        for name, s in SHAPES.items()
        if name != "tiny"
    )
    return f"""# Benchmarks

Made by `make bench`: do not edit. This file is of {commands}, {days}.

- machine: {m["cpu"]}, {m["cores"]} cores ({", ".join(m["vectors"]) or "no AVX2"}), {m["memory"]}; {m["system"]}; Python {m["python"]}
- memory: {speeds} with {threads} threads, measured in the same run
- tools, each with {threads} threads: {tools}

The matrices are simulated, the same on every machine (float32 values, int32 indices):

{data}

**How to read it.** Each operation runs in every tool in one run, each in a process of its own; ours before its peers and again after them. Times are
those of the call alone, after a first call that is not counted: some tools compile in it. A tool gets its input in the layout that it likes
best, made untimed; where that is not the layout named in the operation, a note says so. Results are compared as well as timed. **A tool whose result is
wrong does not count**, nor is it a loss to be slower than one that does only a part of the work: its row says what. "Memory" is the highest resident
memory during a call above that before it, with the result and without the input. "Of bandwidth" is the bytes that any program must move, over our time, over
the bandwidth of this machine for that way to move them. Times on shared machines are noisy: look at minimum and median."""


KINDS = {"read": "to read", "triad": "to read two and write one", "update": "to change in place"}


def summary(r: Results, drawn: bool) -> str:
    rows = []
    for op in OPERATIONS.values():
        mine = r.row(op)
        if not mine:
            continue
        bars = [(bar, r.against(op, bar)) for bar in op.bars]
        words = "; ".join(
            f"{against[1]:.2f} of {against[0]} ({'bar' if against[1] <= bar.ratio else '**bar**'} {bar.ratio:g})"
            for bar, against in bars
            if against
        )
        rival = next(iter(r.rivals(op).items()), None)
        fastest = f"{rival[0]} {ms(rival[1]['min'])}" if rival else ""
        rows.append(
            (op.title, op.workload, ms(mine["min"]), ms(mine["median"]), fastest, words, percent(r.of_bandwidth(op)), mb(mine["memory"]))
        )
    picture = "\n\n![Our time over that of the fastest peer](benchmarks/ratio.svg)" if drawn and rows else ""
    names = ("operation", "on", "ms", "median", "fastest right peer, ms", "our time over theirs", "of bandwidth", "memory, MB")
    return f"## In short\n\nA **bar** in bold is missed.\n\n{table(names, rows)}{picture}"


def where_we_lose(results: dict[str, Any]) -> str:
    said = losses(results)
    lines = "\n".join(f"- {line}" for line in said) or "Nowhere."
    return f"## Where we lose\n\nEvery bar that is missed, and the fastest tool where one that is right is faster than ours by more than {NOISE - 1:.0%}.\n\n{lines}"


def all_tools(r: Results) -> str:
    parts = ["## Every operation, every tool"]
    for op in OPERATIONS.values():
        tools, mine = r.tools(op), r.row(op)
        if not tools:
            continue
        rows = []
        for name, row in tools.items():
            label = f"**{name}**" if name == OURS else name
            if "error" in row and "min" not in row:
                rows.append((label, "", "", "", "", "", "", one_line(row["error"])))
                continue
            times = f"{row['min'] / mine['min']:.2f}" if mine else ""
            agrees = row.get("agreement", "")
            agrees = f"**wrong**: {agrees}" if not counts(row) else agrees
            rows.append((label, ms(row["min"]), ms(row["median"]), times, ms(row["first"]), mb(row["memory"]), agrees, row.get("note", "")))
        names = ("tool", "ms", "median", "times ours", "first call", "memory, MB", "result", "note")
        parts.append(f"### {op.title} ({op.workload})\n\n{table(names, rows)}")
    return "\n\n".join(parts)


def memory(r: Results, drawn: bool) -> str:
    rows = []
    for op in OPERATIONS.values():
        row = r.row(op, workload="W3")
        if row:
            over = row["memory"] > memory_allowed(row)
            rows.append((op.title, mb(row["output"]), f"**{mb(row['memory'])}**" if over else mb(row["memory"]), mb(memory_allowed(row))))
    if not rows:
        return ""
    picture = "\n\n![Memory above the input](benchmarks/memory.svg)" if drawn else ""
    names = ("operation", "output, MB", "above the input, MB", "allowed")
    return f"""## Memory

On W3. Allowed is {MEMORY_RATIO:g} times the output and {MEMORY_MORE / 1e6:.0f} MB more; bold is above that.

{table(names, rows)}{picture}"""


def scaling(r: Results, drawn: bool) -> str:
    rows = []
    for op in OPERATIONS.values():
        gain, more, bandwidth, large = r.speed_up(op), r.per_value(op), r.of_bandwidth(op), r.row(op, workload="W3")
        if not gain and not more:
            continue
        one = r.row(op, threads=1)
        slow = gain and gain < SPEED_UP and (bandwidth or 0) < BOUND_BY_BANDWIDTH
        times = (ms(one["min"]), ms(r.row(op)["min"])) if gain else ("", "")
        speed = "" if not gain else f"**{gain:.2f}**" if slow else f"{gain:.2f}"
        per = "" if not more else f"**{more:.2f}**" if more > PER_VALUE else f"{more:.2f}"
        rows.append((op.title, op.workload, *times, speed, percent(bandwidth), ms(large["min"]) if large else "", per))
    if not rows:
        return ""
    picture = "\n\n![Threads](benchmarks/scaling.svg)" if drawn else ""
    names = (
        "operation",
        "on",
        "1 thread, ms",
        f"{r.threads} threads, ms",
        "times as fast",
        "of bandwidth",
        "W3, ms",
        "per value, W3 over W1",
    )
    return f"""## Threads, and larger data

{r.threads} threads are to be {SPEED_UP} times as fast as one, unless memory is the limit (at least {BOUND_BY_BANDWIDTH:.0%} of its bandwidth); a value that W3 stores is to take
at most {PER_VALUE} times as long as one of W1: a non-zero, of a dense matrix each value. Bold is what misses that.

{table(names, rows)}{picture}"""


def small(r: Results) -> str:
    rows = []
    for op in OPERATIONS.values():
        mine = r.row(op, workload="small")
        if not mine or not op.small:
            continue
        rivals = r.rivals(op, "small")
        wrong = [name for name, row in r.tools(op, "small").items() if name != OURS and name not in rivals and "min" in row]
        peers = ", ".join(f"{name} {us(row['min'])}" for name, row in rivals.items())
        rest = ", ".join(f"{name} {us(row['min'])}" for name, row in r.tools(op, "small").items() if name in wrong)
        slower = any(beats(row, mine) for row in rivals.values())
        rows.append((op.title, f"**{us(mine['min'])}**" if slower else us(mine["min"]), us(mine["median"]), peers, rest))
    names = ("operation", "scnative", "median", "peers", "wrong, or less work")
    return f"## Small input\n\nMicroseconds for a call on 2,700 cells; bold is slower than a peer.\n\n{table(names, rows)}" if rows else ""


def light(results: dict[str, Any]) -> str:
    rows = []
    for row in sorted(results.get("footprint", []), key=lambda row: row.get("import", float("inf"))):
        if "error" in row:
            rows.append((row["tool"], "", "", "", one_line(row["error"])))
            continue
        name = f"**{row['tool']}**" if row["tool"] == OURS else row["tool"]
        rows.append((name, f"{1e3 * row['import']:.0f}", mb(row["own"]), mb(row["whole"]), row["requires"]))
    names = ("package", "import, ms", "MB", "with what it requires, MB", "requires")
    limits = f"Ours is to take {1e3 * IMPORT:.0f} ms and {INSTALLED / 1e6:.0f} MB at most, and numpy alone."
    return f"## Import and size\n\nThe import alone, without the start of Python. {limits}\n\n{table(names, rows)}" if rows else ""


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ms(seconds: float) -> str:
    return three(1e3 * seconds)


def us(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f}"


def mb(size: float) -> str:
    return f"{size / 1e6:,.0f}" if size >= 10e6 else f"{size / 1e6:.1f}"


def percent(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


def three(x: float) -> str:
    """About three digits."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def one_line(error: str) -> str:
    return "*failed*: " + " ".join(error.split())[:160]
