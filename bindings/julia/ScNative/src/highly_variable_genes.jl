# Highly variable genes.

const FLAVORS = (
    seurat = SCN_HVG_SEURAT,
    cell_ranger = SCN_HVG_CELL_RANGER,
    seurat_v3 = SCN_HVG_SEURAT_V3,
    seurat_v3_paper = SCN_HVG_SEURAT_V3_PAPER,
    pearson_residuals = SCN_HVG_PEARSON_RESIDUALS,
    vst = SCN_HVG_VST,
    mean_var_plot = SCN_HVG_MEAN_VAR_PLOT,
    dispersion = SCN_HVG_DISPERSION,
)
const BINNINGS = (equal_width = SCN_HVG_BINS_EQUAL_WIDTH, equal_frequency = SCN_HVG_BINS_EQUAL_FREQUENCY)

"The columns that a flavor has beside those that all have."
function columns_of(flavor, batched)
    if flavor in (SCN_HVG_SEURAT_V3, SCN_HVG_SEURAT_V3_PAPER, SCN_HVG_VST)
        expected = batched ? () : (:variances_expected,)
        return (:variances, expected..., :variances_norm, :highly_variable_rank)
    end
    flavor == SCN_HVG_PEARSON_RESIDUALS && return (:variances, :residual_variances, :highly_variable_rank)
    ranked = flavor in (SCN_HVG_MEAN_VAR_PLOT, SCN_HVG_DISPERSION)
    return (:dispersions, :dispersions_norm, (ranked ? (:highly_variable_rank,) : ())...)
end

"""
    highly_variable_genes(X; flavor = :seurat, n_top_genes, batches, min_disp, max_disp, min_mean, max_mean, span, n_bins, theta,
                          clip, log_base, filter_unexpressed_genes, check_values, gene_names, binning, variances_expected, bin_edges = false,
                          cells = :columns)

Finds the genes that vary more between cells than genes of their expression usually do.

- `X`: log-normalised values for `:seurat`, `:cell_ranger`, `:mean_var_plot` and `:dispersion`, counts for the other
  flavors; sparse or dense.
- `flavor`: scanpy's `:seurat`, `:cell_ranger`, `:seurat_v3`, `:seurat_v3_paper`, `:pearson_residuals`; or Seurat's own
  `:vst`, `:mean_var_plot`, `:dispersion`.
- `n_top_genes`: how many genes to choose. By default by the cut-offs (`:seurat`, `:cell_ranger`), 2000 (`:seurat_v3`,
  `:vst`, `:dispersion`); `:pearson_residuals` must be told, `:mean_var_plot` takes none.
- `batches`: a label for each cell (`missing` for none). Each batch is judged by itself, then the verdicts are combined.
- `min_disp`, `max_disp`, `min_mean`, `max_mean`: exclusive cut-offs of `:seurat`, `:cell_ranger` and `:mean_var_plot`
  (0.5, Inf, 0.0125, 3).
- `span`: of `:seurat_v3` and `:vst`, the part of the genes that a local fit of the curve takes (0.3).
- `n_bins`, `log_base`: of `:seurat`, bins of genes by mean (20), and the base of the logarithm that `X` is (e).
- `theta`, `clip`: of `:pearson_residuals`, overdispersion (100), and where residuals are cut off (square root of the
  number of cells).
- `filter_unexpressed_genes`: leave out genes without a positive value (`:seurat`, `:cell_ranger`; always with batches).
- `check_values`: warn if counts are expected and values are not whole (true).
- `gene_names`: with `batches` and `n_top_genes`, what settles ties (the first name wins); by default the order of the
  genes.
- `binning`: of `:mean_var_plot` and `:dispersion`, `:equal_width` (default) or `:equal_frequency`, of whose bins
  `n_bins` counts the ends.
- `variances_expected`: of `:vst` without batches, the variance expected of each gene in place of the fitted curve.
- `bin_edges`: whether to return `(genes, bin_edges)`, the table and where the bins of `:seurat` and `:cell_ranger` end.

Returns a table with a row for each gene: `highly_variable`, `means`, then what the flavor has (`dispersions`,
`dispersions_norm`, or `variances`, `variances_expected`, `variances_norm`, `residual_variances`, `highly_variable_rank`
from 0, NaN for none), `highly_variable_nbatches`, `highly_variable_intersection`, and without batches `mean_bin`, the
gene's bin from 1, 0 if it was left out.

Throws a [`ScNativeError`](@ref) for an option out of range, `n_top_genes` above the number of genes, a batch of one
cell, NaN, infinite or negative values. Memory: a few doubles for each gene, batch and thread. The chosen genes are
those of scanpy 1.11 and 1.12; `scnative.h` says where these differ.

# Examples
```jldoctest
julia> counts = simulate_counts(100, 200; seed = 1).counts;

julia> genes = highly_variable_genes(counts; flavor = :seurat_v3, n_top_genes = 10);

julia> count(genes.highly_variable)
10

julia> findfirst(iszero, genes.highly_variable_rank) == argmax(genes.variances_norm)
true
```
"""
function highly_variable_genes(
    X;
    flavor = :seurat,
    n_top_genes = nothing,
    batches = nothing,
    gene_names = nothing,
    binning = nothing,
    variances_expected = nothing,
    bin_edges = false,
    cells = :columns,
    kwargs...,
)
    number = code(flavor, FLAVORS, "flavor")
    n_top_genes === nothing || n_top_genes >= 1 ||
        invalid("n_top_genes: is $n_top_genes, must be at least 1, or nothing")
    options = defaults(ScnHighlyVariableGenesOptions; flavor = number, n_top_genes = n_top_genes, known(kwargs, HVG_KEYWORDS)...)
    view = View(X, cells)
    n = n_vars(view)
    groups = batches === nothing ? nothing : grouped(batches, nothing, "batches")
    order = gene_names === nothing ? nothing : Int64.(invperm(sortperm(gene_names)) .- 1)
    binning === nothing || (options.binning = code(binning, BINNINGS, "binning"))
    curve = doubles(variances_expected, "variances_expected")
    if curve !== nothing
        options.variances_expected, options.variances_expected_len = pointer(curve), length(curve)
    end
    extra = columns_of(number, groups !== nothing)
    columns = Dict{Symbol,Vector}(name => zeros(n) for name in (:means, extra...))
    columns[:highly_variable] = zeros(UInt8, n)
    columns[:highly_variable_nbatches] = zeros(Int64, n)
    columns[:highly_variable_intersection] = zeros(UInt8, n)
    has_bins = :dispersions in extra && groups === nothing
    if has_bins
        columns[:mean_bin] = zeros(Int32, n)
        ends = :highly_variable_rank in extra && options.binning == SCN_HVG_BINS_EQUAL_FREQUENCY
        columns[:bin_edges] = zeros(number == SCN_HVG_CELL_RANGER ? 21 : max(options.n_bins, 0) + (ends ? 0 : 1))
    end
    outputs = defaults(ScnHighlyVariableGenesOutputs; n_vars = n, columns...)
    outputs.bin_edges_len = has_bins ? length(columns[:bin_edges]) : 0
    codes, n_batches = groups === nothing ? (nothing, 0) : (groups.codes, length(groups))
    labels = (address(codes), len(codes), n_batches, address(order), len(order))
    invoke(scn_pp_highly_variable_genes, "highly_variable_genes", view, labels..., options, outputs; keep = (columns, curve))
    for name in (:highly_variable, :highly_variable_intersection)
        columns[name] = columns[name] .!= 0
    end
    has_bins && (columns[:mean_bin] .+= Int32(1))
    names = (:highly_variable, :means, extra..., :highly_variable_nbatches, :highly_variable_intersection)
    has_bins && (names = (names..., :mean_bin))
    genes = NamedTuple{names}(Tuple(columns[name] for name in names))
    return bin_edges ? (genes = genes, bin_edges = get(columns, :bin_edges, nothing)) : genes
end

const HVG_KEYWORDS = (
    :min_disp,
    :max_disp,
    :min_mean,
    :max_mean,
    :span,
    :n_bins,
    :theta,
    :clip,
    :log_base,
    :filter_unexpressed_genes,
    :check_values,
)

"The keywords, which must be among these."
function known(kwargs, names)
    for name in keys(kwargs)
        name in names || invalid("$name: is no keyword of this function, there are also $(join(names, ", "))")
    end
    return kwargs
end
