# Functions that change every stored value of a matrix: in place, or into a matrix of the same structure.

"Calls `inplace` if there is nothing to make, and `copying` with a place for new values of type T otherwise."
function change!(inplace, title, X, cells, before, after = ())
    view = View(X, cells; inplace = true)
    invoke(inplace, title, view, before..., after...)
    return X
end

function change(copying, title, view::View, T, before, after = ())
    values = Vector{T}(undef, n_stored(view))
    invoke(copying, title, view, before..., values, value_tag(T), length(values), after...)
    return like(view, values)
end

"The type of the results: floats keep theirs, integers become `other`."
float_or(view::View, other) = (T = value_type(view.matrix.value_type)) <: AbstractFloat ? T : other

"0 stands for e in the library."
function log_base(base)
    base === nothing && return 0.0
    base == 0 && invalid("base: is $base, must be positive and not 1")
    return exactly(Float64, base, "base")
end

# ---- log(1 + x)

"""
    ScNative.log1p(X; base = nothing, cells = :columns)
    log1p!(X; base = nothing, cells = :columns)

log(1 + x) of each value: a new matrix of the same structure, or in place.

- `X`: sparse or dense; `log1p!` needs Float32 or Float64 values. `ScNative.log1p` keeps floats' type and makes Float64
  of integers.
- `base`: of the logarithm; `nothing` is e.

Within 0.9 ulp (1.07 below 0), the same bits on every machine. Values below -1 become NaN, with a warning. Memory: the
result. As scanpy's `pp.log1p`. `ScNative.log1p` is not exported: it is another function than `Base.log1p`.

# Examples
```jldoctest
julia> X = [0.0 1.0; 3.0 7.0];

julia> ScNative.log1p(X; base = 2)
2×2 Matrix{Float64}:
 0.0  1.0
 2.0  3.0

julia> log1p!(X; base = 2) === X
true
```
"""
function log1p(X; base = nothing, cells = :columns)
    view = View(X, cells)
    return change(scn_pp_log1p, "log1p", view, float_or(view, Float64), (log_base(base),))
end

@doc (@doc log1p)
log1p!(X; base = nothing, cells = :columns) = change!(scn_pp_log1p_inplace, "log1p", X, cells, (log_base(base),))

# ---- equal totals

const NORMALIZE_KEYWORDS = """
- `target_sum`: the total that each cell gets; `nothing` is the median total of the cells that have any counts.
- `exclude_highly_expressed`, `max_fraction`: whether genes that have more than `max_fraction` (0.05) of the total of
  any one cell do not count towards the totals.
"""

"""
    normalize_total(X; target_sum, exclude_highly_expressed = false, max_fraction, cells = :columns)
    normalize_total!(X; ...)

Divides each cell's values by its size factor, its total over `target_sum`, so that all cells have the same total.

- `X`: sparse or dense counts. `normalize_total!` changes Float32 or Float64 values in place; `normalize_total` gives a
  new matrix, Float32 for integers. $NORMALIZE_KEYWORDS Returns `(X, size_factors, target_sum, highly_expressed)`: the
  matrix; a Float64 for each cell, 0 for a cell without counts, which stays as it is; the target; and a `Bool` for each
  gene that did not count. Bit for bit scanpy's `pp.normalize_total` on counts. Memory: the result, three doubles a
  cell.

# Examples
```jldoctest
julia> result = normalize_total([1.0 2.0; 3.0 2.0]; target_sum = 8);

julia> result.X
2×2 Matrix{Float64}:
 2.0  4.0
 6.0  4.0

julia> result.size_factors
2-element Vector{Float64}:
 0.5
 0.5
```
"""
normalize_total(X; cells = :columns, kwargs...) =
    normalized(scn_pp_normalize_total, nothing, "normalize_total", X, cells; kwargs...)

@doc (@doc normalize_total)
normalize_total!(X; cells = :columns, kwargs...) =
    normalized(nothing, scn_pp_normalize_total_inplace, "normalize_total", X, cells; kwargs...)

"""
    normalize_log1p(X; target_sum, exclude_highly_expressed = false, max_fraction, base = nothing, cells = :columns)
    normalize_log1p!(X; ...)

[`normalize_total`](@ref) and [`log1p!`](@ref) in one pass, to the same bits. With `target_sum = 1e4` Seurat's
`NormalizeData`.

$NORMALIZE_KEYWORDS- `base`: of the logarithm; `nothing` is e.

Returns what `normalize_total` does. Integers become Float32.

# Examples
```jldoctest
julia> X = [1.0 2.0; 3.0 2.0];

julia> both = normalize_log1p(X).X;

julia> both == log1p!(normalize_total(X).X)
true
```
"""
normalize_log1p(X; cells = :columns, base = nothing, kwargs...) =
    normalized(scn_pp_normalize_log1p, nothing, "normalize_log1p", X, cells; base = base, kwargs...)

@doc (@doc normalize_log1p)
normalize_log1p!(X; cells = :columns, base = nothing, kwargs...) =
    normalized(nothing, scn_pp_normalize_log1p_inplace, "normalize_log1p", X, cells; base = base, kwargs...)

function normalized(
    copying,
    inplace,
    title,
    X,
    cells;
    target_sum = nothing,
    exclude_highly_expressed = false,
    max_fraction = nothing,
    base = nothing,
)
    target_sum === nothing || target_sum > 0 ||
        invalid("target_sum: is $target_sum, must be a positive number")
    options = defaults(
        ScnNormalizeTotalOptions;
        exclude_highly_expressed = exclude_highly_expressed,
        max_fraction = max_fraction,
        target_sum = target_sum,
        base = log_base(base),
    )
    view = View(X, cells; inplace = copying === nothing)
    factors, highly, target = zeros(n_obs(view)), zeros(UInt8, n_vars(view)), Ref(0.0)
    beside = (factors, length(factors), highly, length(highly), target)
    if copying === nothing
        invoke(inplace, title, view, options, beside...)
    else
        X = change(copying, title, view, float_or(view, Float32), (options,), beside)
    end
    return (X = X, size_factors = factors, target_sum = target[], highly_expressed = highly .!= 0)
end

# ---- Seurat's

"""
    normalize_relative(X; scale_factor = 1e4, cells = :columns)
    normalize_relative!(X; ...)

Each value over the total of its cell, times `scale_factor`: Seurat's `normalization.method = "RC"`; 1e6 gives counts
per million.

Values in the type of `X`, Float32 for integers (not in place). A cell without counts stays as it is.

# Examples
```jldoctest
julia> normalize_relative([1.0 2.0; 3.0 2.0]; scale_factor = 100)
2×2 Matrix{Float64}:
 25.0  50.0
 75.0  50.0
```
"""
function normalize_relative(X; scale_factor = 1e4, cells = :columns)
    view = View(X, cells)
    factor = exactly(Float64, scale_factor, "scale_factor")
    return change(scn_pp_normalize_relative, "normalize_relative", view, float_or(view, Float32), (factor,))
end

@doc (@doc normalize_relative)
function normalize_relative!(X; scale_factor = 1e4, cells = :columns)
    factor = exactly(Float64, scale_factor, "scale_factor")
    return change!(scn_pp_normalize_relative_inplace, "normalize_relative", X, cells, (factor,))
end

"""
    normalize_clr(X; margin = 1, cells = :columns)
    normalize_clr!(X; ...)

Centred log ratio, Seurat's `normalization.method = "CLR"`: `log1p(x / exp(sum(log1p, positive x) / length(x)))`.

- `margin`: 1 takes the cells of each gene together (Seurat's default), 2 the genes of each cell.

Values in the type of `X`, Float32 for integers (not in place). Zeros stay zero; negative values are an error.

# Examples
```jldoctest
julia> normalize_clr([1.0 1.0; 0.0 0.0]; margin = 1) == [log(1.5) log(1.5); 0 0]
true
```
"""
function normalize_clr(X; margin = 1, cells = :columns)
    view = View(X, cells)
    return change(scn_pp_normalize_clr, "normalize_clr", view, float_or(view, Float32), (together(margin),))
end

@doc (@doc normalize_clr)
normalize_clr!(X; margin = 1, cells = :columns) =
    change!(scn_pp_normalize_clr_inplace, "normalize_clr", X, cells, (together(margin),))

function together(margin)
    margin in (1, 2) && return margin == 1 ? SCN_VAR : SCN_OBS
    invalid("margin: is $margin, must be 1 (over the cells of each gene) or 2 (over the genes of each cell)")
end
