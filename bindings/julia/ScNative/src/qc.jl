# Quality metrics, and which cells and genes to keep.

"The type of totals: that of float values, else a whole number."
total_type(view::View) = (T = value_type(view.matrix.value_type)) <: AbstractFloat ? T : T <: Unsigned ? UInt64 : Int64

"""
    qc_metrics(X; percent_top = (50, 100, 200, 500), subsets = (), cells = :columns)

Quality metrics of cells and genes, in one pass over the values.

- `X`: counts, sparse or dense.
- `percent_top`: numbers of genes, each from 1 to the number of genes.
- `subsets`: masks of genes by name, `(mt = startswith.(genes, "MT-"),)` say.

Returns `(cells, genes)`, two tables with scanpy's names. Of each cell: `n_genes_by_counts` (genes that are not zero),
`total_counts`, `pct_counts_in_top_50_genes` and so on, and for each subset `total_counts_mt` and `pct_counts_mt`;
percentages of a cell without counts are NaN. Of each gene: `n_cells_by_counts`, `mean_counts`, `pct_dropout_by_counts`,
`total_counts`.

Sums are in double. Memory: the results, two doubles per gene and thread; 64 MiB more if what is compressed is genes. As
scanpy's `pp.calculate_qc_metrics`, whose logarithms are `log1p.` of these.

# Examples
```jldoctest
julia> metrics = qc_metrics([4 0; 1 5]; percent_top = (1,), subsets = (mt = [true, false],));

julia> metrics.cells.pct_counts_mt
2-element Vector{Float64}:
 80.0
  0.0

julia> keys(metrics.genes)
(:n_cells_by_counts, :mean_counts, :pct_dropout_by_counts, :total_counts)
```
"""
function qc_metrics(X; percent_top = (50, 100, 200, 500), subsets = (), cells = :columns)
    view = View(X, cells)
    n, m = n_obs(view), n_vars(view)
    tops = Int64[exactly(Int64, top, "percent_top") for top in (percent_top === nothing ? () : percent_top)]
    wrong = findfirst(top -> !(1 <= top <= m), tops)
    wrong === nothing ||
        invalid("percent_top[$wrong]: is $(tops[wrong]), must be from 1 to $m, the genes there are")
    names = [Symbol(name) for name in keys(subsets)]
    masks = zeros(UInt8, m, length(names))
    for (i, mask) in enumerate(values(subsets))
        mask isa AbstractVector{Bool} && length(mask) == m ||
            fail(:SCN_ERR_SHAPE, "subsets.$(names[i]): is a $(summary(mask)), must be a vector of $m Bool")
        masks[:, i] = mask
    end
    n_genes, totals, in_top = zeros(n), zeros(n), zeros(n, length(tops))
    subset_totals, subset_pct = zeros(n, length(names)), zeros(n, length(names))
    n_cells, gene_totals, means, dropout = zeros(m), zeros(m), zeros(m), zeros(m)
    outputs = (n_genes, totals, in_top, subset_totals, subset_pct, n_cells, gene_totals, means, dropout)
    places = Iterators.flatten((output, length(output)) for output in outputs)
    invoke(scn_pp_calculate_qc_metrics, "qc_metrics", view, tops, length(tops), masks, length(names), places...)
    T = total_type(view)
    of_cells = Pair{Symbol,Vector}[:n_genes_by_counts => Int.(n_genes), :total_counts => T.(totals)]
    append!(of_cells, [Symbol("pct_counts_in_top_$(top)_genes") => in_top[:, i] for (i, top) in enumerate(tops)])
    for (i, name) in enumerate(names)
        push!(of_cells, Symbol("total_counts_$name") => T.(subset_totals[:, i]))
        push!(of_cells, Symbol("pct_counts_$name") => subset_pct[:, i])
    end
    of_genes = (
        n_cells_by_counts = Int.(n_cells),
        mean_counts = means,
        pct_dropout_by_counts = dropout,
        total_counts = T.(gene_totals),
    )
    return (cells = (; of_cells...), genes = of_genes)
end

"""
    filter_cells(X; min_counts, min_genes, max_counts, max_genes, cells = :columns)

Which cells have enough (or not too many) counts or expressed genes. Exactly one threshold, inclusive, is given.

Returns `(keep, number)`, a table with a row for each cell: whether it passes, and its total or its number of positive
values. Nothing is removed: index by `keep`, or [`ScNative.subset`](@ref). As scanpy's `pp.filter_cells`.

# Examples
```jldoctest
julia> filter_cells([1 0 2; 1 0 0]; min_genes = 1).keep
3-element BitVector:
 1
 0
 1
```
"""
filter_cells(X; min_counts = nothing, min_genes = nothing, max_counts = nothing, max_genes = nothing, cells = :columns) =
    filtered(scn_pp_filter_cells, "filter_cells", n_obs, View(X, cells), (min_counts, min_genes, max_counts, max_genes))

"""
    filter_genes(X; min_counts, min_cells, max_counts, max_cells, cells = :columns)

Which genes have enough (or not too many) counts or cells. Exactly one threshold, inclusive, is given.

Returns `(keep, number)`, a table with a row for each gene: whether it passes, and its total or in how many cells it is
positive. Nothing is removed: index by `keep`, or [`ScNative.subset`](@ref). As scanpy's `pp.filter_genes`.

# Examples
```jldoctest
julia> filter_genes([1 0 2; 1 0 0]; min_counts = 2).number
2-element Vector{Int64}:
 3
 1
```
"""
filter_genes(X; min_counts = nothing, min_cells = nothing, max_counts = nothing, max_cells = nothing, cells = :columns) =
    filtered(scn_pp_filter_genes, "filter_genes", n_vars, View(X, cells), (min_counts, min_cells, max_counts, max_cells))

function filtered(f, title, count, view, thresholds)
    bounds = [threshold === nothing ? NaN : exactly(Float64, threshold, title) for threshold in thresholds]
    n = count(view)
    keep, numbers = zeros(UInt8, n), zeros(n)
    invoke(f, title, view, bounds..., keep, n, numbers, n)
    by_counts = thresholds[1] !== nothing || thresholds[3] !== nothing
    return (keep = keep .!= 0, number = (by_counts ? total_type(view) : Int).(numbers))
end
