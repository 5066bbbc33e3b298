"""Statistics per group of cells, as AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Iterable

from .._errors import ScnLookupError, ScnTypeError, ScnValueError
from .._need import need
from ..array._matrix_ops import axis_tag
from ..array._reduce import aggregate as aggregate_array
from ..array._reduce import median as median_array

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from anndata import AnnData

#: What can be computed, in the order of the layers that it becomes.
FUNCTIONS = ("sum", "mean", "count_nonzero", "var", "median")


def aggregate(
    adata: AnnData,
    by: str | Collection[str],
    func: str | Iterable[str],
    *,
    axis: Any = None,
    mask: np.ndarray | str | None = None,
    dof: int = 1,
    layer: str | None = None,
    obsm: str | None = None,
    varm: str | None = None,
) -> AnnData:
    """Aggregate the data of each group of cells, as :func:`scanpy.get.aggregate`.

    Parameters
    ----------
    adata
        The annotated matrix.
    by
        Column of ``adata.obs`` (of ``adata.var`` with `axis` 1) to group by, or several: then each combination that
        occurs is a group. Cells that have no value are in none.
    func
        What to compute: ``'sum'``, ``'mean'``, ``'var'``, ``'count_nonzero'``, ``'median'``; one or several.
    axis
        ``'obs'`` (or 0), the default, groups cells; ``'var'`` (or 1), the default with `varm`, groups genes.
    mask
        Cells (or genes) to use: a boolean array, or a column that is one.
    dof
        Degrees of freedom of the variance: its divisor is the group's size less this.
    layer, obsm, varm
        Aggregate this instead of ``adata.X``; one of them at most.

    Returns
    -------
    AnnData
        A row for each group (a column with `axis` 1), a layer for each function; the grouping columns and
        ``n_obs_aggregated``, the number of cells in the group, in ``obs`` (``var``).

    Notes
    -----
    Sums of integers are int64, counts int64, all else float64, computed in float64: scanpy 1.11 sums float32 in float32 and
    takes variances from sums of squares, which cancel. Groups and masked means are those of scanpy 1.12 (in 1.11, cells
    without a value are an error, masked cells count in the mean's divisor, and ``n_obs_aggregated`` is missing).
    """
    anndata, np = need("anndata", "aggregate"), need("numpy", "aggregate")
    if not isinstance(adata, anndata.AnnData):
        raise ScnTypeError(f"adata: is a {type(adata).__name__}, must be an AnnData; for a matrix use scnative.array.aggregate")
    over = axis_tag((1 if varm is not None else 0) if axis is None else axis)
    annotation = adata.obs if over == 0 else adata.var
    functions = _functions(func)
    data = _data(adata, over, layer=layer, obsm=obsm, varm=varm)
    codes, labels = _combinations(annotation, [by] if isinstance(by, str) else list(by), "obs" if over == 0 else "var")
    if mask is not None:
        codes = np.where(_mask(annotation, mask), codes, -1)
    labels["n_obs_aggregated"] = np.bincount(codes[codes >= 0], minlength=len(labels))

    frame = data if hasattr(data, "columns") else None
    matrix = data.to_numpy() if frame is not None else data
    # What is grouped lies along the matrix' own axis: obsm and varm have it along their rows.
    along = over if obsm is None and varm is None else 0
    layers = _layers(matrix, codes, len(labels), along, functions, dof)

    if obsm is not None or varm is not None:
        names = frame.columns if frame is not None else [str(i) for i in range(matrix.shape[1])]
        other = need("pandas", "aggregate").DataFrame(index=names)
    else:
        other = adata.var if over == 0 else adata.obs
    made = anndata.AnnData(layers=layers, obs=labels, var=other)
    return made if over == 0 else made.T


def _functions(func: str | Iterable[str]) -> list[str]:
    asked = {func} if isinstance(func, str) else set(func)
    unknown = sorted(map(str, asked - set(FUNCTIONS)))
    if unknown:
        raise ScnValueError(f"func: has {unknown[0]!r}, must be of {', '.join(map(repr, FUNCTIONS))}")
    return [name for name in FUNCTIONS if name in asked]


def _data(adata: AnnData, over: int, *, layer: str | None, obsm: str | None, varm: str | None) -> Any:
    given = [name for name, key in (("layer", layer), ("obsm", obsm), ("varm", varm)) if key is not None]
    if len(given) > 1:
        raise ScnTypeError(f"{given[1]}: is given along with {given[0]}, must be one of layer, obsm and varm at most")
    if varm is not None and over != 1:
        raise ScnValueError("varm: can be aggregated over genes alone, axis must be 'var'")
    if obsm is not None and over != 0:
        raise ScnValueError("obsm: can be aggregated over cells alone, axis must be 'obs'")
    for name, key in (("layer", layer), ("obsm", obsm), ("varm", varm)):
        if key is not None:
            held = adata.layers if name == "layer" else getattr(adata, name)
            if key not in held:
                names = sorted(other for other in held if other is not None)
                raise ScnLookupError(f"{name}: adata.{name}{'s' if name == 'layer' else ''} has no {key!r}, has {names}")
            return held[key]
    if adata.X is None:
        raise ScnValueError("adata.X: is None, must be a matrix (or give a layer)")
    return adata.X


def _mask(annotation: pd.DataFrame, mask: np.ndarray | str) -> np.ndarray:
    import numpy as np

    if isinstance(mask, str):
        if mask not in annotation.columns:
            raise ScnLookupError(f"mask: there is no column {mask!r}")
        mask = annotation[mask].to_numpy()
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ScnValueError(f"mask: has dtype {mask.dtype}, must be bool")
    if mask.shape != (len(annotation),):
        raise ScnValueError(f"mask: has shape {mask.shape}, must be ({len(annotation)},)")
    return mask


def _combinations(annotation: pd.DataFrame, columns: list[str], axis: str) -> tuple[np.ndarray, pd.DataFrame]:
    """The group of each cell, and a row for each combination of values that occurs, in the order of the categories."""
    import numpy as np
    import pandas as pd

    if not columns:
        raise ScnValueError("by: names no column, must name at least one")
    missing = [column for column in columns if column not in annotation.columns]
    if missing:
        raise ScnLookupError(f"by: adata.{axis} has no column {missing[0]!r}, has {list(annotation.columns)}")
    factors = [pd.Categorical(annotation[column]).remove_unused_categories() for column in columns]
    combined = np.zeros(len(annotation), np.int64)
    for factor in factors:
        combined = combined * len(factor.categories) + factor.codes
    combined[np.any([factor.codes < 0 for factor in factors], axis=0)] = -1
    present, codes = np.unique(combined[combined >= 0], return_inverse=True)
    combined[combined >= 0] = codes

    levels, rest = [], present
    for factor in reversed(factors):
        levels.insert(0, pd.Categorical.from_codes(rest % len(factor.categories) if len(present) else [], factor.categories))
        rest = rest // max(len(factor.categories), 1)
    names = pd.Index(["_".join(map(str, values)) for values in zip(*levels)], dtype=str)
    return combined.astype(np.int32), pd.DataFrame(dict(zip(columns, levels)), index=names)


def _layers(
    matrix: Any, codes: np.ndarray, n_groups: int, along: int, functions: list[str], dof: int
) -> dict[str, np.ndarray]:
    which = [name for name in functions if name != "median"]
    got = aggregate_array(matrix, codes, n_groups, axis=along, ddof=dof, which=which)._asdict() if which else {}
    if "median" in functions:
        got["median"] = median_array(matrix, codes, n_groups, axis=along)
    if got.get("sum") is not None and matrix.dtype.kind in "iub":
        got["sum"] = got["sum"].astype("int64")
    return {name: got[name] for name in functions}
