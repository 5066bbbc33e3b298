"""Groups of cells for data that come without labels: principal components, then k-means. numpy and scipy alone.

It is a simple stand-in for a real clustering, and deterministic. The number of groups is the largest for which clusterings of
different subsamples of the cells agree (Ben-Hur, Elisseeff and Guyon 2002, A stability based method for discovering structure in
clustered data).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import scipy.linalg
import scipy.sparse as sp

N_COMPONENTS = 15
MOST_GROUPS = 12
#: Mean adjusted Rand index from which two clusterings count as the same.
AGREEMENT = 0.9
SUBSAMPLES = 3
RESTARTS = 6
#: Cells of a smaller group go to the nearest of the others: k-means gives odd cells centres of their own.
SMALLEST_GROUP = 5


def find_groups(X: sp.csr_matrix) -> tuple[np.ndarray, float]:
    """Group of each cell, 0 being the largest, from cells x genes; and how well subsamples agreed on them."""
    points = principal_components(X, min(N_COMPONENTS, min(X.shape) - 1))
    best = (np.zeros(len(points), int), 1.0)
    for k in range(2, min(MOST_GROUPS, len(points) // (2 * SMALLEST_GROUP)) + 1):
        agreement = stability(points, k)
        if agreement >= AGREEMENT or k == 2:
            centres, groups = k_means(points, k, np.random.default_rng(0))
            centres = centres[np.bincount(groups, minlength=k) >= SMALLEST_GROUP]
            best = _squared_distances(points, centres).argmin(axis=1), agreement
    groups, agreement = best
    largest_first = np.argsort(np.argsort(-np.bincount(groups), kind="stable"), kind="stable")
    return largest_first[groups], agreement


def principal_components(X: sp.csr_matrix, n: int) -> np.ndarray:
    """Scores of the first components of genes scaled to unit variance, from their correlations: nothing of cells x genes is dense."""
    X = X.astype(np.float64)
    mean = np.asarray(X.mean(axis=0)).ravel()
    covariance = (X.T @ X).toarray() / X.shape[0] - np.outer(mean, mean)
    sd = np.sqrt(np.maximum(covariance.diagonal(), 0))
    weight = np.divide(1, sd, out=np.zeros_like(sd), where=sd > 1e-12)
    genes = len(mean)
    _, vectors = scipy.linalg.eigh(covariance * np.outer(weight, weight), subset_by_index=[genes - n, genes - 1])
    axes = vectors[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n)])  # an axis has no direction of its own: fix one
    axes = axes * weight[:, None]
    return X @ axes - mean @ axes


def k_means(points: np.ndarray, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres and groups of the best of several runs of Lloyd's algorithm from k-means++ starts."""
    runs = [_lloyd(points, _spread_centres(points, k, rng)) for _ in range(RESTARTS)]
    _, centres, groups = min(runs, key=lambda run: run[0])
    return centres, groups


def _spread_centres(points: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++ (Arthur and Vassilvitskii 2007): each further centre with chance proportional to its squared distance."""
    centres = [points[rng.integers(len(points))]]
    nearest = _squared_distances(points, centres[0][None]).ravel()
    while len(centres) < k:
        centres.append(points[rng.choice(len(points), p=nearest / nearest.sum())])
        nearest = np.minimum(nearest, _squared_distances(points, centres[-1][None]).ravel())
    return np.array(centres)


def _lloyd(points: np.ndarray, centres: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    for _ in range(100):
        distances = _squared_distances(points, centres)
        groups = distances.argmin(axis=1)
        sizes = np.bincount(groups, minlength=len(centres))
        sums = np.stack([np.bincount(groups, weights=axis, minlength=len(centres)) for axis in points.T], axis=1)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return distances[np.arange(len(points)), groups].sum(), centres, groups


def _squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    squared = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    return np.maximum(squared, 0)


def stability(points: np.ndarray, k: int) -> float:
    """Mean adjusted Rand index, over all cells, of clusterings of different four fifths of the cells."""
    clusterings = []
    for seed in range(SUBSAMPLES):
        rng = np.random.default_rng([k, seed])
        kept = rng.choice(len(points), len(points) * 4 // 5, replace=False)
        centres, _ = k_means(points[kept], k, rng)
        clusterings.append(_squared_distances(points, centres).argmin(axis=1))
    return float(np.mean([adjusted_rand_index(a, b) for a, b in combinations(clusterings, 2)]))


def adjusted_rand_index(a: np.ndarray, b: np.ndarray) -> float:
    """Agreement of two partitions: 1 if they are the same, 0 on average by chance (Hubert and Arabie 1985)."""
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    pairs = lambda n: (n * (n - 1) / 2).sum()  # noqa: E731
    both, in_a, in_b = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = in_a * in_b / pairs(np.array([len(a)]))
    most = (in_a + in_b) / 2
    return 1.0 if most == chance else float((both - chance) / (most - chance))
