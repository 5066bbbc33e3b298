"""Highly variable genes, on AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._errors import ScnLookupError, ScnTypeError, ScnValueError
from ..array._highly_variable_genes import SCANPY_FLAVORS, HighlyVariableGenes, compute, name_order

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from anndata import AnnData


def highly_variable_genes(
    adata: AnnData,
    *,
    layer: str | None = None,
    n_top_genes: int | None = None,
    min_disp: float = 0.5,
    max_disp: float = float("inf"),
    min_mean: float = 0.0125,
    max_mean: float = 3,
    span: float = 0.3,
    n_bins: int = 20,
    flavor: str = "seurat",
    subset: bool = False,
    inplace: bool = True,
    batch_key: str | None = None,
    filter_unexpressed_genes: bool | None = None,
    check_values: bool = True,
    theta: float = 100,
    clip: float | None = None,
) -> pd.DataFrame | None:
    """Annotate the genes that vary more between cells than genes of their expression usually do.

    Parameters
    ----------
    adata
        Cells x genes: log-normalised for flavors ``seurat`` and ``cell_ranger``, counts for the others.
    layer
        Use ``adata.layers[layer]`` rather than ``adata.X``.
    n_top_genes
        How many genes to choose. Default: by the cut-offs (``seurat``, ``cell_ranger``), 2000 (``seurat_v3``);
        ``pearson_residuals`` must be told.
    min_disp, max_disp, min_mean, max_mean
        Exclusive cut-offs of ``seurat`` and ``cell_ranger``, not used with `n_top_genes`.
    span
        ``seurat_v3``: the part of the genes that a local fit of the curve takes.
    n_bins
        ``seurat``: bins of genes by mean.
    flavor
        ``"seurat"``, ``"cell_ranger"``, ``"seurat_v3"``, ``"seurat_v3_paper"``, or, which in scanpy is
        ``scanpy.experimental.pp.highly_variable_genes``, ``"pearson_residuals"``.
    subset
        Keep the chosen genes only.
    inplace
        Write to ``adata.var`` and ``adata.uns['hvg']``; else return the same as a DataFrame.
    batch_key
        Column of ``adata.obs``: each batch is judged by itself, and the verdicts are combined.
    filter_unexpressed_genes
        ``seurat``, ``cell_ranger``: leave out genes without a positive value. With batches they are, always.
    check_values
        Warn if counts are expected and values are not whole.
    theta, clip
        ``pearson_residuals``: overdispersion, and where residuals are cut off (default: the square root of the number of
        cells).

    Returns
    -------
    pandas.DataFrame or None
        With ``inplace=False`` the columns that are otherwise written to ``adata.var``: ``highly_variable``, ``means``;
        ``dispersions`` and ``dispersions_norm``, or ``variances``, ``highly_variable_rank`` and ``variances_norm`` or
        ``residual_variances``; with `batch_key` ``highly_variable_nbatches`` and (not ``seurat_v3``)
        ``highly_variable_intersection``.

    Raises
    ------
    ValueError
        An unknown flavor; an option out of range; a batch of one cell; NaN, infinite or negative values; too many genes of
        the same mean for bins.

    Warns
    -----
    UserWarning
        More genes asked for than there are (all are chosen, as in scanpy); cut-offs beside `n_top_genes`; counts that are
        not whole.
    """
    _check_anndata(adata)
    if flavor not in SCANPY_FLAVORS:
        raise ScnValueError(f"flavor: is {flavor!r}, must be one of {', '.join(map(repr, SCANPY_FLAVORS))}")
    X = _matrix(adata, layer)
    batched = batch_key is not None
    dispersions = flavor in ("seurat", "cell_ranger")
    if batched and dispersions and filter_unexpressed_genes is False:
        _warn("filter_unexpressed_genes: is False, which is ignored with batches: unexpressed genes are left out")
    found = compute(
        X,
        _batch_codes(adata, batch_key, by_category=dispersions) if batched else None,
        name_order(adata.var_names) if batched and dispersions else None,
        flavor=flavor,
        n_top_genes=_at_most(n_top_genes, adata.n_vars),
        min_disp=min_disp,
        max_disp=max_disp,
        min_mean=min_mean,
        max_mean=max_mean,
        span=span,
        n_bins=n_bins,
        theta=theta,
        clip=clip,
        log_base=adata.uns.get("log1p", {}).get("base") if flavor == "seurat" else None,
        filter_unexpressed_genes=bool(filter_unexpressed_genes),
        check_values=check_values,
    )
    if dispersions:
        in_name_order = batched and n_top_genes is None
        frame = _batched_frame(adata, found, in_name_order) if batched else _dispersion_frame(adata, found)
        columns = ["highly_variable", "means", "dispersions", "dispersions_norm"]
        columns += ["highly_variable_nbatches", "highly_variable_intersection"] if batched else []
    elif flavor == "pearson_residuals":
        frame = _residual_frame(adata, found, batched)
        columns = [column for column in frame if column != "highly_variable"] + ["highly_variable"]
    else:
        frame = _standardized_frame(adata, found, batched)
        columns = ["highly_variable", "highly_variable_rank", "means", "variances", "variances_norm"]
        columns += ["highly_variable_nbatches"] if batched else []
    if not inplace:
        return frame[frame["highly_variable"]] if subset else frame

    adata.uns["hvg"] = {"flavor": flavor}
    if flavor == "pearson_residuals":
        adata.uns["hvg"]["computed_on"] = layer if layer else "adata.X"
    arrays = {column: _column(found, column) for column in columns}
    if dispersions:
        arrays["dispersions_norm"] = arrays["dispersions_norm"].astype("float32")
    for column, array in arrays.items():
        adata.var[column] = array
    if subset:
        adata._inplace_subset_var(found.highly_variable)
    return None


def _check_anndata(adata: Any) -> None:
    from anndata import AnnData

    if not isinstance(adata, AnnData):
        kind = f"{type(adata).__module__}.{type(adata).__qualname__}"
        raise ScnTypeError(f"adata: is a {kind}, must be an AnnData; scnative.array.highly_variable_genes takes matrices")


def _matrix(adata: AnnData, layer: str | None) -> Any:
    if layer is not None and layer not in adata.layers:
        raise ScnLookupError(f"layer: is {layer!r}, must be one of adata.layers: {list(adata.layers)}")
    X = adata.X if layer is None else adata.layers[layer]
    if X is None:
        raise ScnValueError("adata.X: is None; name a layer")
    return X


def _at_most(n_top_genes: int | None, n_vars: int) -> int | None:
    """scanpy takes all genes if more are asked for."""
    if n_top_genes is None or n_top_genes <= n_vars:
        return n_top_genes
    _warn(f"n_top_genes: is {n_top_genes}, more than the {n_vars} genes that there are; all are ranked")
    return n_vars


def _batch_codes(adata: AnnData, batch_key: str, *, by_category: bool) -> np.ndarray:
    """Batches as numbers from 0: by the order of categories, or of sorted labels, whichever scanpy goes by."""
    import numpy as np
    import pandas as pd

    if batch_key not in adata.obs:
        raise ScnLookupError(f"batch_key: is {batch_key!r}, must be a column of adata.obs: {list(adata.obs)}")
    column = adata.obs[batch_key]
    if by_category and isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories().cat.codes.to_numpy(np.int32)
    return pd.factorize(column.to_numpy(), sort=True)[0].astype(np.int32)


def _column(found: HighlyVariableGenes, name: str) -> np.ndarray:
    """A column in scanpy's type: ranks are float32, whole and half numbers that it holds exactly."""
    column = getattr(found, name)
    return column.astype("float32") if name == "highly_variable_rank" else column


def _dispersion_frame(adata: AnnData, found: HighlyVariableGenes) -> pd.DataFrame:
    import pandas as pd

    # Bins get the labels that pandas gives them.
    labels = pd.cut([], bins=found.bin_edges).categories.astype("string")
    columns = {
        "means": found.means,
        "dispersions": found.dispersions,
        "mean_bin": pd.Categorical.from_codes(found.mean_bin, labels, ordered=True),
        "dispersions_norm": found.dispersions_norm,
        "highly_variable": found.highly_variable,
    }
    return pd.DataFrame(columns, index=adata.var_names)


def _batched_frame(adata: AnnData, found: HighlyVariableGenes, in_name_order: bool) -> pd.DataFrame:
    import pandas as pd

    names = ["means", "dispersions", "dispersions_norm", "highly_variable"]
    names += ["highly_variable_nbatches", "highly_variable_intersection"]
    frame = pd.DataFrame({name: getattr(found, name) for name in names}, index=adata.var_names)
    return frame.sort_index(kind="stable") if in_name_order else frame


def _standardized_frame(adata: AnnData, found: HighlyVariableGenes, batched: bool) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame({"means": found.means, "variances": found.variances}, index=adata.var_names)
    frame["gene_name"] = frame.index
    names = ["highly_variable_nbatches"] if batched else []
    for name in [*names, "highly_variable_rank", "variances_norm", "highly_variable"]:
        frame[name] = _column(found, name)
    return frame


def _residual_frame(adata: AnnData, found: HighlyVariableGenes, batched: bool) -> pd.DataFrame:
    import pandas as pd

    names = ["means", "variances", "residual_variances", "highly_variable_rank"]
    names += ["highly_variable_nbatches", "highly_variable_intersection"] if batched else []
    return pd.DataFrame({name: _column(found, name) for name in [*names, "highly_variable"]}, index=adata.var_names)


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, UserWarning, stacklevel=3)
