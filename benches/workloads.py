"""The matrices that are measured on: simulated once, the same on every machine, kept in a folder as plain arrays.

The counts are negative binomial: a cell's mean of a gene is the gene's expression times the cell's size times what its group and its batch
make of the gene. numpy alone is needed, and only the non-zeros are drawn one by one, so that 100,000 cells take a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# Of the negative binomial, in numpy's sense: the variance is mean + mean^2 / SIZE. At 2, zeros and values have closed forms.
SIZE = 2


@dataclass(frozen=True)
class Shape:
    """What a workload is."""

    n_obs: int
    n_vars: int
    #: Part of the values that are not zero, about.
    density: float
    n_groups: int
    n_batches: int
    seed: int
    #: Cells of group 0, if it is a group of controls; else all groups are drawn alike.
    n_controls: int = 0
    what: str = ""


SHAPES = {
    "W1": Shape(20_000, 20_000, 0.07, 20, 3, 1, what="20 clusters, 3 batches"),
    "W2": Shape(30_000, 8_000, 0.20, 501, 1, 2, n_controls=3_000, what="Perturb-seq: 500 perturbations, 3,000 control cells"),
    "W3": Shape(100_000, 20_000, 0.05, 20, 3, 3, what="20 clusters, 3 batches"),
    "small": Shape(2_700, 13_700, 0.062, 8, 2, 4, what="the size of PBMC 3k: 8 clusters, 2 batches"),
    "tiny": Shape(120, 600, 0.2, 4, 2, 5, what="for the tests of this harness"),
}

ARRAYS = ("indptr", "indices", "counts", "logged", "groups", "batches")


@dataclass(frozen=True)
class Workload:
    """A matrix, its labels, and the forms of it that tools want, each made when it is first asked for."""

    name: str
    folder: Path

    @property
    def shape(self) -> Shape:
        return SHAPES[self.name]

    def array(self, name: str) -> Any:
        import numpy as np

        return np.load(self.folder / self.name / f"{name}.npy")

    @cached_property
    def counts(self) -> Any:
        """Cells x genes, CSR, float32 and int32."""
        return self._csr(self.array("counts"))

    @cached_property
    def logged(self) -> Any:
        """log1p of counts per 10,000, of the same structure."""
        return self._csr(self.array("logged"))

    @cached_property
    def counts_var(self) -> Any:
        """The counts compressed along genes: CSC."""
        return _known_sorted(self.counts.tocsc())

    @cached_property
    def logged_var(self) -> Any:
        return _known_sorted(self.logged.tocsc())

    @cached_property
    def groups(self) -> Any:
        return self.array("groups")

    @cached_property
    def batches(self) -> Any:
        return self.array("batches")

    @cached_property
    def chosen(self) -> Any:
        """Numbers of the 2,000 most variable genes (fewer of a small matrix), ascending: what is scaled, regressed and cut out."""
        import numpy as np

        x = self.logged
        n = x.shape[0]
        mean = np.bincount(x.indices, x.data, x.shape[1]) / n
        square = np.bincount(x.indices, x.data.astype("f8") ** 2, x.shape[1]) / n
        dispersion = (square - mean**2) / np.maximum(mean, 1e-12)
        # As the most variable genes are chosen: among those of like expression.
        standing = np.empty(x.shape[1])
        bins = np.digitize(mean, np.linspace(0, mean.max(), 21))
        for alike in (bins == b for b in np.unique(bins)):
            standing[alike] = (dispersion[alike] - dispersion[alike].mean()) / max(dispersion[alike].std(), 1e-12)
        return np.sort(np.argsort(-standing, kind="stable")[: min(2000, x.shape[1] // 2)])

    @cached_property
    def chosen_logged(self) -> Any:
        """The chosen genes' logged values: CSR."""
        return _known_sorted(self.logged[:, self.chosen].tocsr())

    @cached_property
    def chosen_dense(self) -> Any:
        return self.chosen_logged.toarray()

    @cached_property
    def covariates(self) -> Any:
        """Each cell's total and number of genes: what is usually regressed out."""
        import numpy as np

        return np.column_stack([np.asarray(self.counts.sum(1)).ravel(), np.diff(self.counts.indptr)]).astype("f8")

    @cached_property
    def mitochondrial(self) -> Any:
        import numpy as np

        genes = np.zeros(self.shape.n_vars, bool)
        genes[np.random.default_rng(7).choice(self.shape.n_vars, 13, replace=False)] = True
        return genes

    @cached_property
    def gene_names(self) -> list[str]:
        return [f"MT-{i}" if mt else f"G{i}" for i, mt in enumerate(self.mitochondrial)]

    @cached_property
    def group_names(self) -> list[str]:
        """Names that sort as the groups are numbered."""
        return [f"g{i:03d}" for i in range(self.shape.n_groups)]

    def annotated(self, matrix: Any) -> Any:
        """An AnnData of the matrix, with the labels."""
        import anndata
        import pandas as pd

        cells = pd.DataFrame(index=[f"cell{i}" for i in range(matrix.shape[0])])
        cells["group"] = pd.Categorical.from_codes(self.groups, self.group_names)
        cells["batch"] = pd.Categorical.from_codes(self.batches, [f"b{i}" for i in range(self.shape.n_batches)])
        genes = pd.DataFrame({"mt": self.mitochondrial}, index=self.gene_names)
        if matrix.shape[1] != len(genes):
            genes = genes.iloc[self.chosen]
        return anndata.AnnData(matrix, obs=cells, var=genes)

    def _csr(self, values: Any) -> Any:
        import scipy.sparse as sp

        parts = values, self.array("indices"), self.array("indptr")
        return _known_sorted(sp.csr_matrix(parts, shape=(self.shape.n_obs, self.shape.n_vars)))


def _known_sorted(matrix: Any) -> Any:
    """Says what is so: scipy would find it out again on each call that wants to know."""
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


def workload(name: str, folder: Path) -> Workload:
    """The workload of that name, simulated if it is not in the folder yet."""
    ready = folder / name / "ready"
    if not ready.exists():
        (folder / name).mkdir(parents=True, exist_ok=True)
        _simulate(SHAPES[name], folder / name)
        ready.touch()
    return Workload(name, folder)


def _simulate(shape: Shape, folder: Path) -> None:
    import numpy as np

    random = np.random.default_rng(shape.seed)
    groups, batches = _labels(shape, random)
    size = random.lognormal(0, 0.35, shape.n_obs).astype("f4")
    expression = _expression(shape, size, random)
    profiles = expression * _fold_changes(shape, random)[:, None, :] * _batch_effects(shape, random)[None, :, :]

    lengths, indices, counts = [], [], []
    step = max(1, 10_000_000 // shape.n_vars)
    for begin in range(0, shape.n_obs, step):
        cells = slice(begin, begin + step)
        mean = profiles[groups[cells], batches[cells]] * size[cells, None]
        # P(count > 0) = 1 - (1 + mean / 2)^-2
        not_zero = random.random(mean.shape, dtype="f4") < 1 - (1 + mean / SIZE) ** -SIZE
        lengths.append(not_zero.sum(1))
        indices.append(np.nonzero(not_zero)[1].astype("i4"))
        counts.append(_above_zero(mean[not_zero].astype("f8"), random))

    made = {
        "indptr": np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype("i4"),
        "indices": np.concatenate(indices),
        "counts": np.concatenate(counts),
        "groups": groups.astype("i4"),
        "batches": batches.astype("i4"),
    }
    lines = np.diff(made["indptr"])
    totals = np.bincount(np.repeat(np.arange(shape.n_obs), lines), made["counts"], shape.n_obs)
    made["logged"] = np.log1p(made["counts"] * np.repeat((1e4 / np.maximum(totals, 1)).astype("f4"), lines))
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", made[name])


def _labels(shape: Shape, random: Any) -> tuple[Any, Any]:
    import numpy as np

    if shape.n_controls:
        weights = random.gamma(4, 1, shape.n_groups - 1)
        others = random.choice(np.arange(1, shape.n_groups), shape.n_obs - shape.n_controls, p=weights / weights.sum())
        # Each perturbation has two cells at least, so that all can be tested.
        others[: 2 * (shape.n_groups - 1)] = np.repeat(np.arange(1, shape.n_groups), 2)
        groups = random.permutation(np.concatenate([np.zeros(shape.n_controls, int), others]))
    else:
        groups = random.choice(shape.n_groups, shape.n_obs, p=random.dirichlet(np.full(shape.n_groups, 3.0)))
        groups[: 2 * shape.n_groups] = np.tile(np.arange(shape.n_groups), 2)
    return groups, random.integers(0, shape.n_batches, shape.n_obs)


def _expression(shape: Shape, size: Any, random: Any) -> Any:
    """Each gene's mean, log-normal, at the level that makes the density what it should be."""
    import numpy as np

    spread = np.exp(random.normal(0, 2.2, shape.n_vars))
    sizes = np.quantile(size, np.linspace(0.02, 0.98, 25))[:, None]
    low, high = 1e-7, 1e4
    for _ in range(60):
        level = np.sqrt(low * high)
        dense = (1 - (1 + level * spread * sizes / SIZE) ** -SIZE).mean()
        low, high = (level, high) if dense < shape.density else (low, level)
    return np.minimum(level * spread, 800).astype("f4")


def _fold_changes(shape: Shape, random: Any) -> Any:
    """Groups x genes: 200 markers of each cluster; or what a perturbation does, which begins with its target."""
    import numpy as np

    folds = np.ones((shape.n_groups, shape.n_vars), "f4")
    for group in range(shape.n_groups):
        if not shape.n_controls:
            markers = random.choice(shape.n_vars, min(200, shape.n_vars // 10), replace=False)
            folds[group, markers] = np.exp(random.normal(1.2, 0.8, len(markers)))
        elif group:
            changed = random.choice(shape.n_vars, int(random.integers(0, 150)), replace=False)
            folds[group, changed] = np.exp(random.normal(0, 0.7, len(changed)))
            folds[group, group * 13 % shape.n_vars] = 0.2
    return folds


def _batch_effects(shape: Shape, random: Any) -> Any:
    import numpy as np

    if shape.n_batches == 1:
        return np.ones((1, shape.n_vars), "f4")
    affected = random.random((shape.n_batches, shape.n_vars)) < 0.3
    return np.exp(random.normal(0, 0.25, affected.shape) * affected).astype("f4")


def _above_zero(mean: Any, random: Any) -> Any:
    """Counts that are not zero. A negative binomial of size 2 is the sum of two geometric ones: either the first of them is not zero,
    and the second is anything, or the second alone is not zero."""
    p = SIZE / (SIZE + mean)
    both = random.random(mean.shape) < (1 - p) / (1 - p * p)
    return (random.geometric(p) + both * (random.geometric(p) - 1)).astype("f4")
