"""Blood cells as vectors, by a foundation model.

    python examples/embed.py                   # a small scGPT with random weights, made here: no network is needed
    python examples/embed.py scgpt-human       # a real model, downloaded once (205 MB)
    python examples/embed.py FOLDER            # a model of your own

Options: --data cells.h5ad (default: 10x's PBMC 3k), --out embedding.png, --cells 300.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import scnative as scn

if TYPE_CHECKING:
    from anndata import AnnData

MARKERS = {"T cells": "CD3D", "B cells": "MS4A1", "NK cells": "GNLY", "monocytes": "LYZ", "platelets": "PPBP"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="a name of scn.models.list(), a Hugging Face repository, or a folder")
    parser.add_argument("--data", help="an h5ad file, a 10x h5 file or a 10x folder with raw counts")
    parser.add_argument("--out", default="embedding.png", type=Path)
    parser.add_argument("--cells", default=300, type=int, help="how many cells, taken evenly; 0 is all")
    asked = parser.parse_args()

    adata = scn.read(asked.data) if asked.data else scn.datasets.pbmc3k()
    if 0 < asked.cells < adata.n_obs:
        adata = adata[np.linspace(0, adata.n_obs - 1, asked.cells).astype(int)].copy()
    print(f"{adata.n_obs} cells x {adata.n_vars} genes")

    with tempfile.TemporaryDirectory() as folder:
        model = scn.models.load(asked.model) if asked.model else small_model(Path(folder), adata.var_names)
        print(model)
        # What random weights make of <cls> is nearly the same for all cells; the mean over a cell's genes is not.
        model.embed(adata, **({} if asked.model else {"cell_embedding": "avg-pool"}))

    key = f"X_{model.family}"
    vectors = adata.obsm[key]
    genes = json.loads(adata.uns[key]["report"])["genes"]
    print(f"{genes['matched']} of {genes['genes']} genes are in the model's vocabulary of {genes['vocabulary']}")
    print(f"adata.obsm[{key!r}]: {vectors.shape[0]} cells x {vectors.shape[1]} dimensions, {vectors.dtype}")

    types = cell_types(adata)
    for name in MARKERS:
        cells = np.flatnonzero(types == name)
        if len(cells):
            print(f"  {name:10} {len(cells):4} cells, likeness within {likeness(vectors[cells]):.3f}, of all {likeness(vectors):.3f}")
    draw(vectors, types, str(model) + ("" if asked.model else ", random weights"), asked.out)
    print("drawn:", asked.out)


def small_model(folder: Path, genes: list[str]) -> scn.models.Model:
    """A scGPT of the cells' own genes with random weights: saved, registered under a name, and loaded by it."""
    made, saved = folder / "made", folder / "saved"
    made.mkdir()
    vocabulary = {gene: i for i, gene in enumerate([*dict.fromkeys(genes), "<pad>", "<cls>", "<eoc>"])}
    config = {"model_type": "scgpt", "ntoken": len(vocabulary), "d_model": 64, "nhead": 4, "d_hid": 64, "nlayers": 2, "nlayers_cls": 3}
    config |= {"n_cls": 1, "pad_token": "<pad>", "pad_value": -2, "n_input_bins": 51, "cell_emb_style": "cls"}
    (made / "config.json").write_text(json.dumps(config))
    (made / "vocab.json").write_text(json.dumps(vocabulary))

    scn.models.load(made, weights="random").save(saved)
    scn.models.register({"id": "scgpt-small", "family": "scgpt", "title": "a small scGPT", "source": {"local": str(saved)}})
    return scn.models.load("scgpt-small")


def cell_types(adata: AnnData) -> np.ndarray:
    """By the marker that a cell has most of, for the colours."""
    found = [gene for gene in MARKERS.values() if gene in adata.var_names]
    if not found:
        return np.full(adata.n_obs, "cells", dtype=object)
    names = [name for name, gene in MARKERS.items() if gene in found]
    counts = np.asarray(adata[:, found].X.todense() if hasattr(adata.X, "todense") else adata[:, found].X)
    best = counts.argmax(axis=1)
    return np.where(counts.max(axis=1) > 0, np.array(names, dtype=object)[best], "other")


def likeness(vectors: np.ndarray) -> float:
    """The mean cosine of two of them."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    n = len(unit)
    return float((np.square(unit.sum(axis=0)).sum() - n) / max(n * (n - 1), 1))


def draw(vectors: np.ndarray, types: np.ndarray, title: str, path: Path) -> None:
    """The two directions in which the vectors vary most."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    centred = vectors - vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    x, y = (centred @ directions[:2].T).T
    share = sizes**2 / np.square(sizes).sum()
    figure, axes = plt.subplots(figsize=(6.4, 5), constrained_layout=True)
    for name in [*MARKERS, "other", "cells"]:
        cells = types == name
        if cells.any():
            axes.scatter(x[cells], y[cells], s=10, label=name, c="lightgrey" if name == "other" else None, zorder=1 if name == "other" else 2)
    axes.set_xlabel(f"first component ({share[0]:.0%} of the variance)")
    axes.set_ylabel(f"second ({share[1]:.0%})")
    axes.set_title(title.replace("<", "").replace(">", ""), fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
