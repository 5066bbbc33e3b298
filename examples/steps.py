"""Time and memory of the steps of an analysis."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator


@dataclass
class Step:
    """One step: what it was, what came of it, how long it took, and how far memory rose above where the step began."""

    name: str
    call: str = ""
    outcome: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


class Steps(list):
    """The steps so far; each is printed when it is done."""

    @contextmanager
    def __call__(self, name: str, call: str = "") -> Iterator[Step]:
        step = Step(name, call)
        before = _reset_peak()
        begun = time.perf_counter()
        yield step
        step.seconds = time.perf_counter() - begun
        step.megabytes = max(0.0, _peak() - before)
        self.append(step)
        print(f"  {name:<26}{step.outcome:<58}{step.seconds:>7.2f} s {step.megabytes:>7.0f} MB", flush=True)


def _reset_peak() -> float:
    """Linux: makes the high-water mark of memory what is in use now. Elsewhere the mark stays, and only new records count."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass
    return _status("VmRSS") or _peak()


def _peak() -> float:
    marked = _status("VmHWM")
    if marked is not None:
        return marked
    try:
        import resource
        import sys
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _status(field: str) -> float | None:
    """A field of /proc/self/status in megabytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None
