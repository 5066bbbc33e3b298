"""What the measurements were made on, and how fast its memory is."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def machine() -> dict[str, Any]:
    cpu = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines() if ":" in line)
    cpu = {name.strip(): value.strip() for name, value in cpu.items()}
    memory = int(Path("/proc/meminfo").read_text().split()[1])
    vectors = [name for name in ("avx2", "avx512f") if name in cpu.get("flags", "").split()]
    return {
        "cpu": cpu.get("model name", platform.machine()),
        "vectors": vectors,
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{memory / 1e6:.0f} GB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, glibc {platform.libc_ver()[1]}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of the peers that requirements.txt names; what could not be installed is said."""
    names = (HERE / "requirements.txt").read_text().splitlines()
    wanted = [re.split(r"[=; ]", line)[0] for line in names if line.strip() and not line.startswith("#")]
    found = {}
    for name in dict.fromkeys(wanted):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    if shutil.which("Rscript"):
        asked = 'for (p in c("Seurat", "presto")) if (requireNamespace(p, quietly = TRUE)) cat(p, as.character(packageVersion(p)), "\\n")'
        said = subprocess.run(["Rscript", "-e", asked], capture_output=True, text=True).stdout
        found |= dict(line.split()[:2] for line in said.splitlines() if len(line.split()) == 2)
    found.setdefault("Seurat", "not installed")
    found.setdefault("presto", "not installed")
    return found


def bandwidth(folder: Path, threads: int) -> dict[str, dict[str, float]]:
    """Bytes per second by number of threads and kind, {"2": {"read": ...}}; empty where there is no rustc to build the program with."""
    program = folder / "bandwidth"
    if not shutil.which("rustc"):
        return {}
    build = ["rustc", "--edition", "2021", "-C", "opt-level=3", "-C", "target-cpu=native", "-o", str(program), str(HERE / "bandwidth.rs")]
    subprocess.run(build, check=True)
    return {
        str(n): json.loads(subprocess.run([str(program), str(n)], check=True, capture_output=True).stdout) for n in sorted({1, threads})
    }
