"""Instruction counts of the main kernels: recorded, and compared with a tolerance. Times on shared machines are noisy, these are not.

usage: counts.py LIBRARY [--update]

Instructions depend on the compiler and on the vectors that the processor has (callgrind knows AVX2 at most), so the record says which they
were; on another one there is nothing to compare, which is said, and is no failure.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "instruction_counts.toml"
#: A kernel may take this part more instructions than recorded, or fewer: then the record is out of date.
TOLERANCE = 0.03


def main(library: str, update: str = "") -> int:
    here, counted = conditions(), count(Path(library).resolve())
    if update:
        RECORD.write_text(record(here, counted))
        print(f"recorded {len(counted)} kernels in {RECORD.relative_to(HERE.parent)}")
        return 0
    was, recorded = read(RECORD.read_text())
    if was != here:
        other = ", ".join(f"{name} {was.get(name)} (here {here[name]})" for name in here if was.get(name) != here[name])
        print(f"instruction counts were recorded with {other}: nothing to compare; `make counts` records these", file=sys.stderr)
        return 3
    off = [line for name in sorted({*counted, *recorded}) if (line := difference(name, recorded.get(name), counted.get(name)))]
    print("\n".join(off or [f"instruction counts of {len(counted)} kernels are within {TOLERANCE:.0%} of those recorded"]))
    if off:
        print("if this is meant: make counts", file=sys.stderr)
    return 1 if off else 0


def difference(name: str, before: int | None, now: int | None) -> str:
    if before is None or now is None:
        return f"{name}: {'is not recorded' if before is None else 'is recorded, but not counted'}"
    change = now / before - 1
    return f"{name}: {before:,} instructions recorded, {now:,} now ({change:+.1%})" if abs(change) > TOLERANCE else ""


def conditions() -> dict[str, str]:
    """What the counts depend on, beside the code."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    vectors = "avx2" if flags and "avx2" in flags[1].split() else "sse2"
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return {"rustc": rustc, "vectors": vectors, "glibc": platform.libc_ver()[1]}


def count(library: Path) -> dict[str, int]:
    """Kernel -> instructions of one call."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The linker wants the file under the name that programs ask for.
        for link in (soname(library), "libscnative.so"):
            (folder / link).symlink_to(library)
        program = folder / "counts"
        where = [f"-I{HERE.parent / 'include'}", f"-L{folder}", f"-Wl,-rpath,{folder}"]
        subprocess.run(["cc", "-std=c99", "-O1", *where, HERE / "counts.c", "-o", program, "-lscnative"], check=True)
        tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder / 'out'}"]
        done = subprocess.run([*tool, program], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return dict(filter(None, map(dumped, folder.glob("out*"))))


def soname(library: Path) -> str:
    return re.search(rb"libscnative\.so\.\d+", library.read_bytes())[0].decode()


def dumped(file: Path) -> tuple[str, int] | None:
    """The kernel and the count of one of callgrind's files; the last has neither."""
    text = file.read_text()
    kernel, total = (
        re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE),
        re.search(r"^totals: (\d+)$", text, re.MULTILINE),
    )
    return (kernel[1], int(total[1])) if kernel and total else None


def record(here: dict[str, str], counted: dict[str, int]) -> str:
    lines = [
        "# Instructions of one call of each kernel of benches/counts.c. Made by `make counts`; `make test-counts` compares.",
        "",
        "[recorded]",
    ]
    lines += [f'{name} = "{value}"' for name, value in here.items()]
    lines += ["", "[instructions]", *(f"{name} = {n}" for name, n in sorted(counted.items()))]
    return "\n".join(lines) + "\n"


def read(text: str) -> tuple[dict[str, str], dict[str, int]]:
    """What `record` wrote. Not by tomllib, which Python 3.10 does not have."""
    strings = dict(re.findall(r'^(\w+) = "(.*)"$', text, re.MULTILINE))
    return strings, {name: int(n) for name, n in re.findall(r"^(\w+) = (\d+)$", text, re.MULTILINE)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
