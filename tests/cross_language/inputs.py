"""The inputs of the cross-language proof: raw little-endian binaries that every language reads in a line.

shape.txt holds the numbers `n_obs n_vars nnz n_groups n_batches`; all labels and gene numbers count from 0. What a line of a list
below says is <file> <type> <length>.

    counts.indptr      i32  n_obs + 1     cells x genes, compressed along the cells: the bytes of R's and Julia's genes x cells
    counts.indices     i32  nnz
    counts.values      f64  nnz           whole numbers
    unsorted.indptr    i32  n_obs + 1     the same kind of matrix, its indices neither sorted nor unique
    unsorted.indices   i32  shape.txt's sixth number
    unsorted.values    f64
    points             f64  n_obs x 4     dense, cell after cell
    groups             i32  n_obs         0 to n_groups - 1, -1 for cells in no group
    batches            i32  n_obs         0 to n_batches - 1
    lonely             i32  n_obs         groups of which one has a single cell: an error for tests
    covariates         f64  n_obs x 3     covariate after covariate
    gene_set           i64  25
    gene_pool          i64  n_vars - 40
    subset_obs         i64  120           with repeats, in no order
    subset_vars        i64  90
    keep_obs           u8   n_obs         masks
    keep_vars          u8   n_vars
    mito, ribo         u8   n_vars        masks of genes
    loess_x, loess_y, loess_w   f64  300
    loess_new          f64  50            some outside the range
    z, t, df, p        f64  400           with infinities and NaN, far tails
    s_score, g2m_score f64  n_obs
    not_finite.values  f64  nnz           counts' values but for one infinity
    10x/               matrix.mtx.gz, barcodes.tsv.gz, features.tsv.gz
    model_counts       f64  40 x 30       dense, cell after cell, whole numbers; of a model's first 24 genes and 6 that it does not know
    model_src          i64  3 x 6         token numbers of the model scgpt-plain, row after row
    model_values       f64  3 x 6
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp

N_OBS, N_VARS, N_GROUPS, N_BATCHES = 400, 600, 5, 3


def write(folder: Path) -> None:
    import scnative as scn

    rng = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)

    def save(name: str, values: object, dtype: str) -> None:
        np.ascontiguousarray(values, dtype="<" + dtype).tofile(folder / f"{name}.bin")

    drawn = scn.array.simulate_counts(N_OBS, N_VARS, n_clusters=N_GROUPS, n_batches=N_BATCHES, dtype="float32", seed=3)
    counts = drawn.counts.astype("f8")
    for name, dtype in (("indptr", "i4"), ("indices", "i4"), ("data", "f8")):
        save(f"counts.{name.replace('data', 'values')}", getattr(counts, name), dtype)

    rows, columns = rng.integers(N_OBS, size=6000), rng.integers(N_VARS, size=6000)
    rows.sort()
    save("unsorted.indptr", np.concatenate([[0], np.bincount(rows, minlength=N_OBS).cumsum()]), "i4")
    save("unsorted.indices", columns, "i4")
    save("unsorted.values", rng.normal(size=6000), "f8")

    groups = np.where(rng.random(N_OBS) < 0.05, -1, drawn.clusters)
    save("groups", groups, "i4")
    save("batches", drawn.batches, "i4")
    save("lonely", np.where(np.arange(N_OBS) == 7, 1, 0), "i4")
    save("points", rng.normal(size=(N_OBS, 4)), "f8")
    save("covariates", rng.normal(size=(3, N_OBS)), "f8")
    save("gene_set", rng.choice(N_VARS, 25, replace=False), "i8")
    in_set = np.fromfile(folder / "gene_set.bin", "<i8")
    others = np.setdiff1d(np.arange(N_VARS), in_set)
    save("gene_pool", np.sort(np.concatenate([in_set, rng.permutation(others)[: N_VARS - 65]])), "i8")
    save("subset_obs", rng.integers(N_OBS, size=120), "i8")
    save("subset_vars", rng.permutation(N_VARS)[:90], "i8")
    for name, n in (("keep_obs", N_OBS), ("keep_vars", N_VARS), ("mito", N_VARS), ("ribo", N_VARS)):
        save(name, rng.random(n) < 0.3, "u1")
    x = rng.normal(size=300)
    save("loess_x", x, "f8")
    save("loess_y", np.sin(2 * x) + rng.normal(size=300) / 5, "f8")
    save("loess_w", rng.random(300), "f8")
    save("loess_new", np.linspace(x.min() - 0.2, x.max() + 0.2, 50), "f8")
    z = rng.normal(size=400) * 12
    z[:4] = [0, np.inf, -np.inf, np.nan]
    save("z", z, "f8")
    save("t", z[::-1], "f8")
    save("df", np.exp(rng.normal(size=400) * 2), "f8")
    p = rng.random(400) ** 8
    p[:3] = [0, 1, np.nan]
    save("p", p, "f8")
    save("s_score", rng.normal(size=N_OBS), "f8")
    save("g2m_score", rng.normal(size=N_OBS), "f8")
    bad = counts.data.copy()
    bad[17] = np.inf
    save("not_finite.values", bad, "f8")
    model_counts = rng.poisson(2, size=(40, 30))
    model_counts[4, :24] = 0  # a cell without a gene that the model knows
    save("model_counts", model_counts, "f8")
    save("model_src", np.hstack([np.full((3, 1), 62), rng.permuted(np.tile(np.arange(60), (3, 1)), axis=1)[:, :5]]), "i8")
    save("model_values", np.hstack([np.zeros((3, 1)), rng.integers(1, 51, size=(3, 5))]), "f8")
    (folder / "shape.txt").write_text(f"{N_OBS} {N_VARS} {counts.nnz} {N_GROUPS} {N_BATCHES} 6000\n")
    write_10x(folder / "10x", counts)


def write_10x(folder: Path, counts: sp.csr_matrix) -> None:
    folder.mkdir(exist_ok=True)
    genes = counts.T.tocoo()
    lines = ["%%MatrixMarket matrix coordinate integer general", f"{N_VARS} {N_OBS} {genes.nnz}"]
    lines += [f"{i + 1} {j + 1} {int(v)}" for i, j, v in zip(genes.row, genes.col, genes.data)]
    texts = {
        "matrix.mtx": lines,
        "barcodes.tsv": [f"cell{i:04}-1" for i in range(N_OBS)],
        "features.tsv": [f"ENSG{i:011}\tGène {i // 2}\tGene Expression" for i in range(N_VARS)],  # names repeat, and are UTF-8
    }
    for name, rows in texts.items():
        with gzip.open(folder / f"{name}.gz", "wt", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
