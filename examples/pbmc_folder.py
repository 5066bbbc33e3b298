"""Writes cells for pbmc.py and its sisters as a folder of Cell Ranger's: 10x's PBMC 3k, or, where it cannot be had, simulated cells.

    python examples/pbmc_folder.py FOLDER
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np

import scnative as scn

MARKERS = [
    ["CD3D", "CD3E", "CD2", "IL7R", "LTB"],
    ["MS4A1", "CD79A", "CD79B"],
    ["NKG7", "GNLY", "KLRD1"],
    ["LYZ", "CD14", "S100A8"],
    ["PPBP", "PF4", "GP9"],
]


def real() -> tuple:
    adata = scn.datasets.pbmc3k(simulate=False)
    return adata.X, list(adata.obs_names), list(adata.var["gene_ids"]), list(adata.var_names)


def simulated() -> tuple:
    drawn = scn.array.simulate_counts(1500, 4000, n_clusters=len(MARKERS), marker_fold_change=20, dtype="int32", seed=1)
    names = [f"GENE{i}" for i in range(4000)]
    for cluster, markers in enumerate(MARKERS):
        for gene, name in zip(np.flatnonzero(drawn.marker_of == cluster), markers):
            names[gene] = name
    names[0] = "MT-ND1" if names[0].startswith("GENE") else names[0]
    return drawn.counts, [f"CELL{i}-1" for i in range(1500)], [f"ENSG{i:011}" for i in range(4000)], names


def main(folder: Path) -> None:
    try:
        counts, cells, ids, names = real()
    except scn.ScnIOError as error:
        print(f"pbmc_folder: these cells are simulated, since\n{error}", file=sys.stderr)
        counts, cells, ids, names = simulated()
    folder.mkdir(parents=True, exist_ok=True)
    scn.array.write_mtx(folder / "matrix.mtx.gz", counts.astype("int32"), rows="var")
    columns = {"barcodes.tsv": cells, "features.tsv": [f"{i}\t{n}\tGene Expression" for i, n in zip(ids, names)]}
    for name, lines in columns.items():
        with gzip.open(folder / f"{name}.gz", "wt", encoding="utf-8", newline="\n") as out:
            out.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
