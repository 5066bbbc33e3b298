"""
    simulate_counts(n_obs = 2000, n_vars = 2000; n_clusters, markers_per_cluster, marker_fold_change, n_batches, batch_sd, library_size,
                    library_sd, gene_sd, dispersion, type = Float32, index_type = Int, seed, cells = :columns)

Draws a count matrix whose clusters, markers, batches and library sizes are known.

A cell of cluster c and batch b with library size L has negative binomial counts of mean L * share and variance mean +
dispersion * mean^2. A gene's share is its base expression, times `marker_fold_change` if it marks c, times its effect
in b, divided by the sum of that over all genes.

- `n_obs`, `n_vars`: cells and genes.
- `n_clusters`: clusters (5). Cell i is of cluster (i - 1) % n_clusters + 1.
- `markers_per_cluster`: genes that mark each cluster (20), drawn among the more expressed half of the genes; none marks
  two.
- `marker_fold_change`: how many times more of a marker a cell of its cluster expresses (8).
- `n_batches`: batches (1), crossed with the clusters; `batch_sd`: standard deviation of the natural logarithm of a
  gene's effect in a batch (0.3).
- `library_size`, `library_sd`: median of the log-normal library sizes (3000) and the standard deviation of their
  natural logarithm (0.35).
- `gene_sd`: standard deviation of the natural logarithm of the genes' base expression (2).
- `dispersion`: of the negative binomial (0.3); 0 is Poisson.
- `type`: Float32 or Int32; `index_type`: of the result's indices.
- `seed`: the same seed gives the same bits on every machine; by default that of [`ScNative.settings`](@ref).

Returns `(counts, clusters, batches, marker_of)`: the sparse matrix, genes x cells; the cluster and batch of each cell
from 1; the cluster that each gene marks, or 0.

# Examples
```jldoctest
julia> made = simulate_counts(6, 100; n_clusters = 3, seed = 7);

julia> size(made.counts)
(100, 6)

julia> made.clusters == [1, 2, 3, 1, 2, 3]
true
```
"""
function simulate_counts(
    n_obs = 2000,
    n_vars = 2000;
    type = Float32,
    index_type = Int,
    seed = nothing,
    cells = :columns,
    kwargs...,
)
    options = defaults(ScnSimulateOptions; value_type = value_tag(type, "type"), known(kwargs, SIMULATE_KEYWORDS)...)
    n, m = exactly(Int64, n_obs, "n_obs"), exactly(Int64, n_vars, "n_vars")
    clusters, batches, marker_of = zeros(Int32, max(n, 0)), zeros(Int32, max(n, 0)), zeros(Int32, max(m, 0))
    handle = Handle{ScnSparse}()
    labels = (clusters, length(clusters), batches, length(batches), marker_of, length(marker_of))
    invoke(scn_simulate_counts, "simulate_counts", n, m, options, handle, labels...; seed = seed)
    counts = sparse_result(handle, cells_in_columns(cells), index_type)
    from_1 = map(codes -> Int.(codes) .+ 1, (clusters, batches, marker_of))
    return (counts = counts, clusters = from_1[1], batches = from_1[2], marker_of = from_1[3])
end

const SIMULATE_KEYWORDS = (
    :n_clusters,
    :markers_per_cluster,
    :marker_fold_change,
    :n_batches,
    :batch_sd,
    :library_size,
    :library_sd,
    :gene_sd,
    :dispersion,
)
