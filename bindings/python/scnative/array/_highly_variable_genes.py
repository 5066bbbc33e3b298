"""Highly variable genes, on matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _abi as abi
from .._errors import ScnTypeError, ScnValueError
from .._lib import address, invoke, options
from .._matrix import View

if TYPE_CHECKING:
    import numpy as np

FLAVORS = {
    "seurat": abi.SCN_HVG_SEURAT,
    "cell_ranger": abi.SCN_HVG_CELL_RANGER,
    "seurat_v3": abi.SCN_HVG_SEURAT_V3,
    "seurat_v3_paper": abi.SCN_HVG_SEURAT_V3_PAPER,
    "pearson_residuals": abi.SCN_HVG_PEARSON_RESIDUALS,
    "vst": abi.SCN_HVG_VST,
    "mean_var_plot": abi.SCN_HVG_MEAN_VAR_PLOT,
    "dispersion": abi.SCN_HVG_DISPERSION,
}
#: Those that scanpy has, under its own names.
SCANPY_FLAVORS = ("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper", "pearson_residuals")
BINNINGS = {"equal_width": abi.SCN_HVG_BINS_EQUAL_WIDTH, "equal_frequency": abi.SCN_HVG_BINS_EQUAL_FREQUENCY}

_DISPERSIONS = ("dispersions", "dispersions_norm")
_STANDARDIZED = ("variances", "variances_expected", "variances_norm", "highly_variable_rank")
#: What each flavor has beside the means.
_COLUMNS = {
    "seurat": _DISPERSIONS,
    "cell_ranger": _DISPERSIONS,
    "seurat_v3": _STANDARDIZED,
    "seurat_v3_paper": _STANDARDIZED,
    "pearson_residuals": ("variances", "residual_variances", "highly_variable_rank"),
    "vst": _STANDARDIZED,
    "mean_var_plot": (*_DISPERSIONS, "highly_variable_rank"),
    "dispersion": (*_DISPERSIONS, "highly_variable_rank"),
}


class HighlyVariableGenes(NamedTuple):
    """One value for each gene; None for what the flavor does not have."""

    #: Whether the gene was chosen.
    highly_variable: np.ndarray
    #: Mean over cells; ``seurat``, ``mean_var_plot``, ``dispersion``: log1p of the mean before the logarithm.
    means: np.ndarray
    #: ``seurat``, ``cell_ranger``, ``mean_var_plot``, ``dispersion``: variance over mean, but for ``cell_ranger`` its
    #: logarithm.
    dispersions: np.ndarray | None
    #: The same flavors: dispersions in units of the spread within the bin.
    dispersions_norm: np.ndarray | None
    #: Counts' flavors: variance over all cells.
    variances: np.ndarray | None
    #: ``seurat_v3``, ``vst``: variance after standardisation, mean over batches.
    variances_norm: np.ndarray | None
    #: ``pearson_residuals``: variance of the residuals, mean over batches.
    residual_variances: np.ndarray | None
    #: All but ``seurat`` and ``cell_ranger``: rank from 0, median over batches; NaN if the gene was not chosen in any.
    highly_variable_rank: np.ndarray | None
    #: In how many batches the gene was chosen; without batches 0 or 1.
    highly_variable_nbatches: np.ndarray
    #: Whether that is all of them.
    highly_variable_intersection: np.ndarray
    #: Dispersions' flavors without batches: bin of the gene, -1 if it is in none.
    mean_bin: np.ndarray | None
    #: Where these bins end, open below and closed above.
    bin_edges: np.ndarray | None
    #: ``seurat_v3``, ``vst`` without batches: the variance that the curve expects, 0 for a gene that does not vary.
    variances_expected: np.ndarray | None


def highly_variable_genes(
    X: Any,
    *,
    flavor: str = "seurat",
    n_top_genes: int | None = None,
    batches: Any = None,
    min_disp: float = 0.5,
    max_disp: float = float("inf"),
    min_mean: float = 0.0125,
    max_mean: float = 3,
    span: float = 0.3,
    n_bins: int = 20,
    theta: float = 100,
    clip: float | None = None,
    log_base: float | None = None,
    filter_unexpressed_genes: bool = False,
    check_values: bool = True,
    gene_names: Any = None,
    binning: str = "equal_width",
    variances_expected: Any = None,
) -> HighlyVariableGenes:
    """Find the genes that vary more between cells than genes of their expression usually do.

    Parameters
    ----------
    X
        Cells x genes, scipy.sparse or numpy: log-normalised values for ``seurat``, ``cell_ranger``, ``mean_var_plot`` and
        ``dispersion``, counts for the other flavors.
    flavor
        scanpy's ``"seurat"``, ``"cell_ranger"``, ``"seurat_v3"``, ``"seurat_v3_paper"``, ``"pearson_residuals"``; Seurat's
        ``"vst"``, ``"mean_var_plot"``, ``"dispersion"``, which are the ones that scanpy's first and third follow, to the genes
        and their order as Seurat itself has them.
    n_top_genes
        How many genes to choose. Default: by the cut-offs (``seurat``, ``cell_ranger``), 2000 (``seurat_v3``, ``vst``,
        ``dispersion``); ``pearson_residuals`` must be told, ``mean_var_plot`` takes none.
    batches
        A label for each cell; not for ``mean_var_plot`` and ``dispersion``. Each batch is judged by itself, in the order of the sorted labels, and the verdicts are
        combined.
    min_disp, max_disp, min_mean, max_mean
        Exclusive cut-offs of ``seurat``, ``cell_ranger`` and ``mean_var_plot`` (Seurat's own: means 0.1 to 8, dispersions
        from 1), not used with `n_top_genes`.
    span
        ``seurat_v3``, ``vst``: the part of the genes that a local fit of the curve takes.
    n_bins
        ``seurat``, ``mean_var_plot``, ``dispersion``: bins of genes by mean; of equal frequency, their ends.
    theta
        ``pearson_residuals``: overdispersion.
    clip
        ``pearson_residuals``: residuals are cut off at this; default the square root of the number of cells (of the first
        batch, as in scanpy). ``vst``: standardised values above it become it; default the square root of the number of cells.
    log_base
        ``seurat``, ``mean_var_plot``, ``dispersion``: base of the logarithm that `X` is; default e.
    filter_unexpressed_genes
        ``seurat``, ``cell_ranger``: leave out genes without a positive value. With batches they are, always.
    check_values
        Warn if counts are expected and `X` has values that are not whole.
    gene_names
        ``seurat``, ``cell_ranger`` with batches and `n_top_genes`: what settles ties (the first name wins); default the
        order of the genes.
    binning
        ``mean_var_plot``, ``dispersion``: ``"equal_width"``, or ``"equal_frequency"`` among the genes that some cell expresses.
    variances_expected
        ``vst`` without batches: the variance that you expect of each gene, in place of the fitted curve; 0 for a gene that is
        not to be judged.

    Returns
    -------
    HighlyVariableGenes
        Arrays with one value for each gene.

    Raises
    ------
    ValueError
        An unknown flavor; an option out of range; `n_top_genes` above the number of genes; a batch of one cell; NaN,
        infinite or negative values; too many genes of the same mean for bins.

    Notes
    -----
    Chosen genes are those of scanpy 1.11 and 1.12, or of Seurat 4.3 and 5; scnative.h says where we differ.
    """
    codes = None if batches is None else _codes(batches)
    order = None if gene_names is None else name_order(gene_names)
    return compute(
        X,
        codes,
        order,
        flavor=flavor,
        n_top_genes=n_top_genes,
        min_disp=min_disp,
        max_disp=max_disp,
        min_mean=min_mean,
        max_mean=max_mean,
        span=span,
        n_bins=n_bins,
        theta=theta,
        clip=clip,
        log_base=log_base,
        filter_unexpressed_genes=filter_unexpressed_genes,
        check_values=check_values,
        binning=binning,
        variances_expected=variances_expected,
    )


def compute(
    X: Any,
    codes: np.ndarray | None,
    order: np.ndarray | None,
    *,
    flavor: str,
    n_top_genes: int | None,
    binning: str = "equal_width",
    variances_expected: Any = None,
    **fields: Any,
) -> HighlyVariableGenes:
    """The same with batches as codes from 0 (-1: in none) and names as their places."""
    import numpy as np

    if flavor not in FLAVORS:
        raise ScnValueError(f"flavor: is {flavor!r}, must be one of {', '.join(map(repr, FLAVORS))}")
    if n_top_genes is not None:
        n_top_genes = _whole(n_top_genes, "n_top_genes")
        if n_top_genes < 1:
            raise ScnValueError(f"n_top_genes: is {n_top_genes}, must be at least 1, or None")
    fields["n_bins"] = _whole(fields["n_bins"], "n_bins")
    if binning not in BINNINGS:
        raise ScnValueError(f"binning: is {binning!r}, must be one of {', '.join(map(repr, BINNINGS))}")
    given = options(
        "ScnHighlyVariableGenesOptions",
        flavor=FLAVORS[flavor],
        n_top_genes=n_top_genes,
        binning=BINNINGS[binning],
        **fields,
    )
    if variances_expected is not None:
        curve = np.ascontiguousarray(variances_expected, np.float64)
        given.variances_expected, given.variances_expected_len = address(curve), curve.size
    view = View(X)
    n = view.shape[1]
    names = ["means", *_COLUMNS[flavor]]
    if codes is not None and "variances_expected" in names:
        names.remove("variances_expected")
    arrays: dict[str, Any] = {name: np.empty(n) for name in names}
    arrays["highly_variable"] = np.empty(n, np.bool_)
    arrays["highly_variable_nbatches"] = np.empty(n, np.int64)
    arrays["highly_variable_intersection"] = np.empty(n, np.bool_)
    if "dispersions" in names and codes is None:
        arrays["mean_bin"] = np.empty(n, np.int32)
        by_frequency = binning == "equal_frequency" and flavor in ("mean_var_plot", "dispersion")
        n_edges = 21 if flavor == "cell_ranger" else max(fields["n_bins"], 0) + (not by_frequency)
        arrays["bin_edges"] = np.empty(n_edges)
    places = options("ScnHighlyVariableGenesOutputs", n_vars=n, **{name: address(array) for name, array in arrays.items()})
    places.bin_edges_len = len(arrays.get("bin_edges", ()))
    batches = (None, 0, 0) if codes is None else (codes, len(codes), int(codes.max(initial=-1)) + 1)
    names_order = (None, 0) if order is None else (order, len(order))
    invoke("scn_pp_highly_variable_genes", view, *batches, *names_order, given, places)
    return HighlyVariableGenes(**{name: arrays.get(name) for name in HighlyVariableGenes._fields})


def name_order(names: Any) -> np.ndarray:
    """The place of each name among the sorted names."""
    import numpy as np

    order = np.argsort(np.asarray(names, dtype=object), kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _codes(labels: Any) -> np.ndarray:
    import numpy as np

    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ScnValueError(f"batches: has {labels.ndim} dimensions, must have 1, a label for each cell")
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def _whole(number: Any, name: str) -> int:
    if isinstance(number, bool) or int(number) != number:
        raise ScnTypeError(f"{name}: is {number!r}, must be a whole number")
    return int(number)
