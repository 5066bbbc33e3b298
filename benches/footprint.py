"""What a package weighs: how long its import takes, and how much it installs."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from operations import chosen

#: Distribution -> what is imported.
PEERS = {
    "scanpy": "scanpy",
    "brisc": "brisc",
    "crest-sc": "crest",
    "illico": "illico",
    "pdex": "pdex",
    "numba-mwu": "numba_mwu",
    "scranpy": "scranpy",
    "biosparse": "biosparse",
    "scanpy-kernels": "scanpy_kernels",
    "fast-array-utils": "fast_array_utils",
}


def measure(folder: Path, wheel: Path | None, peers: str) -> list[dict[str, Any]]:
    """A row for scnative and for each peer: seconds of the import alone, MB of the package and with all that it requires."""
    rows = []
    for name in ["scnative", *(name for name in PEERS if chosen(name, peers))]:
        try:
            rows.append({"tool": name, **(ours(folder / "footprint", wheel) if name == "scnative" else theirs(name))})
        except (metadata.PackageNotFoundError, subprocess.CalledProcessError, OSError) as error:
            rows.append({"tool": name, "error": str(error)[:200]})
    return rows


def ours(folder: Path, wheel: Path | None) -> dict[str, Any]:
    """Of the wheel in an environment of its own."""
    if not wheel or not wheel.exists():
        raise FileNotFoundError("there is no wheel: make wheel")
    python, site = installed(folder, wheel)
    own = own_size(site / "scnative")
    whole = own + own_size(site / "numpy") + own_size(site / "numpy.libs")
    return {"import": importing(python, "scnative", 15), "own": own, "whole": whole, "requires": "numpy"}


def theirs(name: str) -> dict[str, Any]:
    """Of a peer where the benchmark has it."""
    needed = closure(name)
    row = {"own": distribution_size(name), "whole": sum(map(distribution_size, needed)), "requires": f"{len(needed) - 1} packages"}
    return {"import": importing(sys.executable, PEERS[name], 3), **row}


def installed(folder: Path, wheel: Path) -> tuple[str, Path]:
    """A fresh environment with the wheel and what it requires."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel.resolve())], check=True)
    return str(python), next(folder.glob("lib/python3*/site-packages"))


def importing(python: str, module: str, times: int) -> float:
    """Seconds of the import alone, without those of starting Python: the least of some, the first left out."""

    def least(code: str) -> float:
        seconds = []
        for _ in range(times + 1):
            began = time.perf_counter()
            subprocess.run([python, "-c", code], check=True, capture_output=True, cwd="/")
            seconds.append(time.perf_counter() - began)
        return min(seconds[1:])

    return max(0.0, least(f"import {module}") - least("pass"))


def own_size(folder: Path) -> int:
    """Bytes of what is installed, without what Python compiles on the way."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")


def distribution_size(name: str) -> int:
    files = metadata.files(name) or []
    return sum(Path(file.locate()).stat().st_size for file in files if file.suffix != ".pyc" and Path(file.locate()).is_file())


def closure(name: str) -> set[str]:
    """The distribution and all that it requires, by the names that are installed here."""
    found, left = set(), [name]
    while left:
        one = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if one in found:
            continue
        try:
            requires = metadata.requires(one) or []
        except metadata.PackageNotFoundError:
            if one == name:
                raise
            continue
        found.add(one)
        left += [re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0] for line in requires if "extra ==" not in line]
    return found
