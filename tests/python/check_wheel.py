"""The wheel in a folder: one tag for every Python, small, accepted by auditwheel, and working beside numpy alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import textwrap
import venv
import zipfile
from pathlib import Path

SMOKE = """
    import sys, time
    import scnative as scn
    assert "numpy" not in sys.modules
    import numpy as np
    info = scn.build_info()
    assert "site-packages" in info["path"], info
    counts = np.random.default_rng(0).poisson(1.0, (50, 30)).astype("f4")
    scn.array.log1p(counts)
    found = sorted({m.partition(".")[0] for m in sys.modules} & {"scipy", "pandas", "anndata", "scanpy"})
    assert not found, found
    print("works from", info["path"])
"""


def output(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def main(folder: str) -> None:
    (wheel,) = Path(folder).glob("*.whl")
    assert wheel.name.endswith("-py3-none-manylinux2014_x86_64.whl"), wheel.name

    shown = " ".join(output(Path(sys.executable).parent / "auditwheel", "show", wheel).split())
    assert re.search(r'consistent with the following platform tag: "manylinux_2_(\d+)_x86_64"', shown), shown
    assert int(re.search(r'"manylinux_2_(\d+)_x86_64"', shown)[1]) <= 17, shown

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert "scnative/_lib/libscnative.so" in names and "scnative/py.typed" in names, names
        unpacked = sum(entry.file_size for entry in archive.infolist())
        (metadata,) = [n for n in names if n.endswith("METADATA")]
        requires = [line for line in archive.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    assert unpacked < 15e6, unpacked
    assert [r for r in requires if "extra ==" not in r] == ["Requires-Dist: numpy"], requires

    with tempfile.TemporaryDirectory() as home:
        venv.create(home, with_pip=True)
        python = Path(home) / "bin" / "python"
        output(python, "-m", "pip", "install", "--quiet", wheel)
        print(output(python, "-c", textwrap.dedent(SMOKE)).strip())
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {unpacked / 1e6:.1f} MB installed")


if __name__ == "__main__":
    main(*sys.argv[1:])
