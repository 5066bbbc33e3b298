"""What the C and C++ tests need of the machine, and how they run programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
LIBRARY = Path(os.environ.get("SCNATIVE_LIB") or ROOT / "target" / "release" / "libscnative.so").resolve()

#: tool -> the Debian package that has it
PACKAGES = {"gcc": "gcc", "g++": "g++", "clang": "clang", "clang++": "clang", "cmake": "cmake", "pkg-config": "pkg-config", "valgrind": "valgrind"}
EIGEN = Path(os.environ.get("EIGEN3_INCLUDE_DIR", "/usr/include/eigen3"))


def missing(what: str, package: str) -> None:
    """A skip that says what is not tested for want of what; a failure where everything must be tested."""
    message = f"NOT TESTED: needs {what}: apt-get install {package}"
    pytest.fail(message) if os.environ.get("SCN_REQUIRE_ALL") else pytest.skip(message)


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            missing(tool, PACKAGES[tool])


def need_eigen() -> str:
    if not (EIGEN / "Eigen" / "SparseCore").exists():
        missing("Eigen", "libeigen3-dev")
    return f"-isystem{EIGEN}"


def need_library(path: Path = LIBRARY) -> Path:
    if not path.exists():
        missing(str(path), "(no package: run `make build`, or set SCNATIVE_LIB)")
    return path


def need_models() -> Path:
    """The folder of the small models that the tests run."""
    folder = Path(os.environ.get("SCNATIVE_MODELS_DIR", ""))
    if not (folder / "scgpt-plain" / "config.json").exists():
        missing("SCNATIVE_MODELS_DIR=the folder of the fixtures of models", "(no package)")
    return folder


def attempt(*command: object, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)


def run(*command: object, **options: object) -> str:
    done = attempt(*command, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def together(jobs: list) -> list:
    """The results of functions without arguments, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def linked_to(folder: Path) -> list[str]:
    """What links a program with the library under test, by the names that linker and loader look for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("libscnative.so", "libscnative.so.0"):
        if not (folder / name).exists():
            (folder / name).symlink_to(need_library())
    return [f"-L{folder}", "-lscnative", f"-Wl,-rpath,{folder}"]
