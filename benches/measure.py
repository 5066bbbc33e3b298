"""Measures one tool in a process of its own: times, peak memory above the input, and the result.

usage: measure.py REQUEST.json, as run.py writes it. Appends to the request's `output` a line before each operation and one after it, so
that run.py knows what was being done if the process dies.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main(request_file: str) -> None:
    request = json.loads(Path(request_file).read_text())
    with open(request["output"], "a") as output:

        def say(**line: Any) -> None:
            output.write(json.dumps(line) + "\n")
            output.flush()

        for name in request["operations"]:
            say(begin=name)
            try:
                say(operation=name, **measure(name, request))
            except BaseException as error:  # some peers panic with what is no Exception
                if isinstance(error, KeyboardInterrupt):
                    raise
                say(operation=name, error=f"{type(error).__name__}: {error}"[:300])
                traceback.print_exc()


def measure(name: str, request: dict[str, Any]) -> dict[str, Any]:
    import models  # noqa: F401  registers
    import ours  # noqa: F401
    import peers  # noqa: F401
    from operations import OPERATIONS
    from workloads import workload

    op = OPERATIONS[name]
    w = workload(request["workload"], Path(request["data"]))
    call = op.tools[request["tool"]](name, w, request["threads"])
    w.counts  # noqa: B018  is in memory before memory is measured
    row = repeat(call, request["seconds"], request["repetitions"], in_place=op.in_place)
    result = row.pop("result")
    if call.answer and request["answer"]:
        import numpy as np

        parts = {part: np.asarray(values) for part, values in call.answer(result).items()}
        np.savez(
            request["answer"].format(operation=name), **{part: x.astype("f8") if x.dtype == object else x for part, x in parts.items()}
        )
    traffic = op.traffic(w)
    return {
        **row,
        "note": call.note,
        "less": call.less,
        "stored": int(op.stored(w)),
        "traffic": traffic.read + traffic.written,
        "limit": traffic.kind,
    }


def repeat(call: Any, seconds: float, repetitions: int, in_place: bool) -> dict[str, Any]:
    """The first call is reported by itself, since some tools compile during it. Memory is that of the second."""
    first, _, _ = once(call)
    gc.collect()
    release_memory()
    argument = call.fresh()
    before = resident("VmRSS")
    reset_peak()
    times, cpu, result = [], [], None
    wall, spent, result = once(call, argument)
    peak = max(0, resident("VmHWM") - before)
    del argument
    times.append(wall), cpu.append(spent)
    began = time.perf_counter()
    enough = 1 if wall > 10 else 2 if wall > 3 else 3
    while len(times) < enough or (len(times) < repetitions and time.perf_counter() - began < seconds):
        del result
        wall, spent, result = once(call)
        times.append(wall), cpu.append(spent)
    return {
        "times": [t * call.times for t in times],
        "cpu": min(cpu) * call.times,
        "first": first * call.times,
        "memory": peak,
        "output": 0 if in_place else size(result),
        "result": result,
    }


def once(call: Any, argument: Any = None) -> tuple[float, float, Any]:
    argument = call.fresh() if argument is None else argument
    cpu, wall = time.process_time(), time.perf_counter()
    result = call.run(argument)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, result


def size(result: Any) -> int:
    """Bytes of the arrays of a result."""
    if hasattr(result, "nbytes"):
        return int(result.nbytes)
    if hasattr(result, "indptr"):
        return sum(int(part.nbytes) for part in (result.data, result.indices, result.indptr))
    if isinstance(result, (tuple, list)):
        return sum(map(size, result))
    return 0


def resident(field: str) -> int:
    """VmRSS or VmHWM in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def release_memory() -> None:
    """Gives back what malloc keeps of what was freed, so that it does not hide the need of the next call."""
    ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
