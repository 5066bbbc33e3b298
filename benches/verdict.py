"""What the rows mean: who counts, who is faster, what is missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from operations import OPERATIONS, Bar, Operation

OURS = "scnative"
#: A peer is faster if its time is below ours by more than what differs from run to run.
NOISE = 1.05
#: Above the input on W3, at most this many times the output, and as many bytes more.
MEMORY_RATIO, MEMORY_MORE = 1.5, 64e6
#: Time per stored value on W3, at most this many times that on W1; two threads over one, at least; unless this part of the bandwidth is reached.
PER_VALUE, SPEED_UP, BOUND_BY_BANDWIDTH = 1.3, 1.7, 0.5
IMPORT, INSTALLED = 0.020, 15e6


@dataclass(frozen=True)
class Results:
    """results.json."""

    rows: dict[str, dict[str, Any]]
    threads: int

    @classmethod
    def of(cls, results: dict[str, Any]) -> Results:
        return cls(results["rows"], results.get("threads", 2))

    def row(self, op: Operation, tool: str = OURS, workload: str | None = None, threads: int | None = None) -> dict[str, Any] | None:
        """A row that has times."""
        row = self.rows.get("|".join((op.name, workload or op.workload, str(threads or self.threads), tool)))
        return row if row and "min" in row else None

    def tools(self, op: Operation, workload: str | None = None) -> dict[str, dict[str, Any]]:
        """All rows of an operation beside its peers, the fastest first, those without times last."""
        begin, found = f"{op.name}|{workload or op.workload}|{self.threads}|", {}
        for key, row in self.rows.items():
            if key.startswith(begin):
                found[key.removeprefix(begin)] = row
        return dict(sorted(found.items(), key=lambda item: item[1].get("min", float("inf"))))

    def rivals(self, op: Operation, workload: str | None = None) -> dict[str, dict[str, Any]]:
        """The peers that do the same work and whose result is not wrong, the fastest first."""
        return {name: row for name, row in self.tools(op, workload).items() if name != OURS and counts(row) and not row.get("less")}

    def of_bandwidth(self, op: Operation, workload: str | None = None, threads: int | None = None) -> float | None:
        """The part of the machine's memory bandwidth that we reach."""
        row = self.row(op, workload=workload, threads=threads)
        return row["traffic"] / row["min"] / row["bandwidth"] if row and row.get("bandwidth") else None

    def against(self, op: Operation, bar: Bar) -> tuple[str, float] | None:
        """The fastest of a bar's peers and our time over its time."""
        mine, tools = self.row(op), self.tools(op)
        there = [name for name in tools if name in bar.peers and counts(tools[name])]
        return (there[0], mine["min"] / tools[there[0]]["min"]) if mine and there else None

    def speed_up(self, op: Operation) -> float | None:
        one, more = self.row(op, threads=1), self.row(op)
        return one["min"] / more["min"] if one and more and self.threads > 1 else None

    def per_value(self, op: Operation) -> float | None:
        """Time per stored value on W3 over that on W1."""
        large, usual = self.row(op, workload="W3"), self.row(op, workload="W1")
        return large["min"] / large["stored"] / (usual["min"] / usual["stored"]) if large and usual else None


def counts(row: dict[str, Any]) -> bool:
    """Whether a row is a measurement of the right result."""
    return "min" in row and row.get("right") is not False


def beats(peer: dict[str, Any], mine: dict[str, Any]) -> bool:
    return mine["min"] > NOISE * peer["min"]


def memory_allowed(row: dict[str, Any]) -> float:
    return MEMORY_RATIO * row["output"] + MEMORY_MORE


def losses(results: dict[str, Any]) -> list[str]:
    """All that is missed, in words."""
    r = Results.of(results)
    said = []
    for op in OPERATIONS.values():
        said += [f"{op.title} ({op.workload}): {what}" for what in of_operation(r, op)]
    for row in results.get("footprint", []):
        if row["tool"] == OURS and row.get("import", 0) > IMPORT:
            said.append(f"`import scnative`: {1e3 * row['import']:.0f} ms, the bar is {1e3 * IMPORT:.0f}")
        if row["tool"] == OURS and row.get("own", 0) > INSTALLED:
            said.append(f"installed: {row['own'] / 1e6:.1f} MB, the bar is {INSTALLED / 1e6:.0f}")
    return said


def of_operation(r: Results, op: Operation) -> list[str]:
    said = []
    for workload in dict.fromkeys((op.workload, "small")):
        mine = r.row(op, workload=workload)
        where = "" if workload == op.workload else f" on the {workload} matrix"
        if not mine:
            error = r.tools(op, workload).get(OURS, {}).get("error")
            said += [f"ours failed{where}: {error}"] if error else []
            continue
        if mine.get("right") is False:
            said.append(f"our result{where} is not the reference's: {mine['agreement']}")
        # One row is enough for a peer that beats us: the fastest.
        for name, row in list(r.rivals(op, workload).items())[:1]:
            if beats(row, mine):
                said.append(f"{mine['min'] / row['min']:.2f} times the time of {name}{where}")
    for bar in op.bars:
        against = r.against(op, bar)
        if against and against[1] > bar.ratio:
            said.append(f"{against[1]:.2f} of the time of {against[0]}, the bar is {bar.ratio:g}")
    large = r.row(op, workload="W3")
    if large and large["memory"] > memory_allowed(large):
        said.append(f"{large['memory'] / 1e6:.0f} MB above the input on W3, {memory_allowed(large) / 1e6:.0f} are allowed")
    more = r.per_value(op)
    if more and more > PER_VALUE:
        said.append(f"a stored value of W3 takes {more:.2f} times as long as one of W1, the bar is {PER_VALUE}")
    gain, bandwidth = r.speed_up(op), r.of_bandwidth(op)
    if gain and gain < SPEED_UP and (bandwidth or 0) < BOUND_BY_BANDWIDTH:
        said.append(f"{r.threads} threads are {gain:.2f} times as fast as one, the bar is {SPEED_UP}")
    return said
