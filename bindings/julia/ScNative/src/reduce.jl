# Sums, means, variances, counts, extremes and medians along an axis, of all lines or of groups of them.

const STATISTICS = (:sum, :mean, :var, :count_nonzero, :min, :max)

"""
    ScNative.stats(X; axis = :obs, ddof = 0, which = (:sum, :mean, :var, :count_nonzero, :min, :max), cells = :columns)

Sums, means, variances, numbers of non-zeros, smallest and largest values, along an axis.

- `axis`: what is summed over: `:obs` (cells) gives a value for each gene, `:var` (genes) one for each cell.
- `ddof`: the divisor of the variance is the number of lines less this.
- `which`: what to compute.

Returns a table of these. Everything is computed in Float64, in one order whatever the layout of `X`, so that the bits
depend neither on that nor on the number of threads. NaN propagates. Variances do not suffer from cancellation. Memory:
the results and a row per thread.

# Examples
```jldoctest
julia> ScNative.stats([1 2 3; 0 5 0]; which = (:sum, :count_nonzero))
(sum = [6.0, 5.0], count_nonzero = [3, 1])
```
"""
function stats(X; axis = :obs, ddof = 0, which = STATISTICS, cells = :columns)
    view, over = View(X, cells), axis_tag(axis)
    n = over == SCN_OBS ? n_vars(view) : n_obs(view)
    wanted, outputs = places(which, (n,))
    invoke(scn_matrix_stats, "stats", view, over, exactly(Int64, ddof, "ddof"), address.(outputs)..., n)
    return finished(wanted, outputs)
end

"""
    ScNative.aggregate(X, groups; n_groups, axis = :obs, ddof = 1, which, cells = :columns)

[`ScNative.stats`](@ref) of each group of cells (or, with `axis = :var`, of genes).

- `groups`: a label for each, `missing` for none; or, with `n_groups`, a number from 1 to that, 0 for none.
- `ddof`: the divisor of a group's variance is its size less this; 1 as in scanpy.

Returns `groups`, the labels in their order, and for each of `which` a matrix of genes (or cells) x groups. Of a group
of none, sums and counts are 0, all else NaN; the variance of a group not larger than `ddof` is NaN. As
`scanpy.get.aggregate`.

# Examples
```jldoctest
julia> ScNative.aggregate([1 2 3; 0 5 0], ["b", "a", "b"]; which = (:sum,))
(groups = ["a", "b"], sum = [2.0 4.0; 5.0 0.0])
```
"""
function aggregate(X, groups; n_groups = nothing, axis = :obs, ddof = 1, which = STATISTICS, cells = :columns)
    view, over = View(X, cells), axis_tag(axis)
    labels = grouped(groups, n_groups)
    shape = (over == SCN_OBS ? n_vars(view) : n_obs(view), length(labels))
    wanted, outputs = places(which, shape)
    how = (labels.codes, length(labels.codes), length(labels), exactly(Int64, ddof, "ddof"))
    invoke(scn_matrix_aggregate, "aggregate", view, over, how..., address.(outputs)..., prod(shape))
    return merge((groups = collect(labels.labels),), finished(wanted, outputs))
end

function places(which, shape)
    wanted = chosen(which, STATISTICS, "which")
    return wanted, map(name -> name in wanted ? zeros(shape) : nothing, STATISTICS)
end

function finished(wanted, outputs)
    made = NamedTuple{wanted}(Tuple(filter(!isnothing, collect(outputs))))
    return :count_nonzero in wanted ? merge(made, (count_nonzero = Int.(made.count_nonzero),)) : made
end

"""
    ScNative.median(X; axis = :obs, cells = :columns)
    ScNative.median(X, groups; n_groups, axis = :obs, cells = :columns)

Medians along an axis, of all lines or of each group of them.

- `axis`, `groups`, `n_groups`: as of [`ScNative.aggregate`](@ref).

Returns a Float64 for each gene (or cell), or `(groups, median)` with a matrix of genes (or cells) x groups. Zeros
count, stored or not. NaN where one of the values is, and for a group of none. Memory: the result twice, and up to 256
MB of the matrix transposed, if it is not compressed along the axis that is kept. As numpy's `median`; it is another
function than `Statistics.median`.

# Examples
```jldoctest
julia> ScNative.median([1 2 9; 0 5 0])
2-element Vector{Float64}:
 2.0
 0.0
```
"""
function median(X, groups = nothing; n_groups = nothing, axis = :obs, cells = :columns)
    view, over = View(X, cells), axis_tag(axis)
    lines, n = over == SCN_OBS ? (n_obs(view), n_vars(view)) : (n_vars(view), n_obs(view))
    labels = groups === nothing ? Groups(zeros(Int32, lines), Base.OneTo(1)) : grouped(groups, n_groups)
    made = zeros(n, length(labels))
    codes = (labels.codes, length(labels.codes), length(labels))
    invoke(scn_matrix_medians, "median", view, over, codes..., made, length(made))
    return groups === nothing ? vec(made) : (groups = collect(labels.labels), median = made)
end
