# Distances between groups of cells.

const METRICS = (sqeuclidean = SCN_METRIC_SQEUCLIDEAN, euclidean = SCN_METRIC_EUCLIDEAN)

"""
    energy_distance(X, groups; n_groups, reference, metric = :sqeuclidean, unbiased = true, cells = :columns)

The energy distance between groups of cells, `2 E d(X, Y) - E d(X, X') - E d(Y, Y')`.

- `X`: features x cells, an embedding or any matrix.
- `groups`: a label for each cell, `missing` for none; or, with `n_groups`, a number from 1 to that, 0 for none.
- `reference`: the group that all are compared with; by default each with each.
- `metric`: what d is: `:sqeuclidean` (of means and variances alone, one pass over the cells) or `:euclidean` (all pairs
  of cells).
- `unbiased`: average within a group over its pairs of different cells, not over all pairs. The defaults are scPerturb's
  `edist`; `metric = :euclidean, unbiased = false` is pertpy's `edistance`.

Returns `groups`, the labels in their order, and `distance`: groups x groups, or a vector if there is a reference. NaN
where a group is too small. The square root is not taken.

# Examples
```jldoctest
julia> energy_distance([0.0 2.0 10.0 12.0], ["a", "a", "b", "b"]; unbiased = false).distance
2×2 Matrix{Float64}:
   0.0  200.0
 200.0    0.0
```
"""
function energy_distance(
    X,
    groups;
    n_groups = nothing,
    reference = nothing,
    metric = :sqeuclidean,
    unbiased = true,
    cells = :columns,
)
    view, labels = View(X, cells), grouped(groups, n_groups)
    made = distances(labels, reference)
    how = (reference_code(labels, reference), code(metric, METRICS, "metric"), exactly(Int32, unbiased, "unbiased"))
    codes = (labels.codes, length(labels.codes), length(labels))
    invoke(scn_tl_energy_distance, "energy_distance", view, codes..., how..., made, length(made))
    return (groups = collect(labels.labels), distance = made)
end

distances(labels, reference) = reference === nothing ? zeros(length(labels), length(labels)) : zeros(length(labels))

"""
    mmd(X, groups; n_groups, reference, gammas, unbiased = false, seed, cells = :columns)

The squared maximum mean discrepancy between groups of cells, `E k(X, X') + E k(Y, Y') - 2 E k(X, Y)`.

- `X`, `groups`, `n_groups`, `reference`: as of [`energy_distance`](@ref).
- `gammas`: the kernel is `exp(-gamma * |x - y|^2)`, averaged over the gammas. By default one by the median heuristic,
  `1 / 2m^2` with the median distance m of pairs of cells, of at most 1000 of them, drawn by `seed`.
- `unbiased`: leave out pairs of a cell with itself (Gretton's U-statistic, which may be negative).
- `seed`: by default that of [`ScNative.settings`](@ref).

Returns `groups`, the labels in their order, `squared` (groups x groups, or a vector if there is a reference; NaN where
a group is too small), and the `gammas` used.

# Examples
```jldoctest
julia> mmd([0.0 0.0 1.0 1.0], [1, 1, 2, 2]; gammas = 1, reference = 1).squared ≈ [0, 2 - 2exp(-1)]
true
```
"""
function mmd(
    X,
    groups;
    n_groups = nothing,
    reference = nothing,
    gammas = nothing,
    unbiased = false,
    seed = nothing,
    cells = :columns,
)
    view, labels = View(X, cells), grouped(groups, n_groups)
    given = gammas === nothing ? Float64[] : Float64[gamma for gamma in gammas]
    made, used = distances(labels, reference), zeros(max(length(given), 1))
    codes = (labels.codes, length(labels.codes), length(labels), reference_code(labels, reference))
    tail = (exactly(Int32, unbiased, "unbiased"), made, length(made), used, length(used))
    invoke(scn_tl_mmd, "mmd", view, codes..., given, length(given), tail...; seed = seed)
    return (groups = collect(labels.labels), squared = made, gammas = used)
end
