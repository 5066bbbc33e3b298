# Scaling of genes, and residuals of regressions.

"""
    ScNative.scale(X; zero_center = true, max_value, divide = true, root_mean_square = false, clip_below = true, mask, groups, n_groups,
                   type, cells = :columns)
    scale!(X; ...)

Scales each gene to variance 1 and mean 0.

- `X`: sparse or dense. `scale!` changes Float32 or Float64 values in place, of a sparse matrix with
  `zero_center = false` only.
- `zero_center`: whether to subtract the means. A sparse matrix becomes dense by it, and stays sparse without.
- `max_value`: values above it become it; with `zero_center` and `clip_below` values below its negative become that.
- `divide`: whether to divide by the standard deviations; without it values are centred and clipped only.
- `root_mean_square`: what is not centred is divided by the square root of its sum of squares over n - 1, as R's `scale`
  and Seurat do, rather than by the standard deviation.
- `clip_below`: whether `max_value` bounds centred values from below, too; in Seurat it does not.
- `mask`: a `Bool` for each cell: means and standard deviations are of these cells alone, and the others stay as they
  are.
- `groups`: a label for each cell, `missing` for none (with `n_groups`: 1 to that, 0 for none): each group is scaled by
  its own means and standard deviations, cells in none stay. An extension of scnative.
- `type`: not of `scale!`: Float32 or Float64 for a new dense matrix; by default, as in scanpy, Float32 for a dense
  matrix of that and for a sparse one with a mask or groups, else Float64.

Returns `(X, mean, std)`: the matrix (a `Matrix` if dense) and, a Float64 for each gene (with groups genes x groups),
its mean and what it was divided by: the standard deviation with divisor n - 1, or 1 for a gene that does not vary.
Everything is computed in double and rounded once. Memory: the result and three doubles per group and gene. As scanpy's
`pp.scale`.

# Examples
```jldoctest
julia> scaled = ScNative.scale([1.0 2.0 3.0; 5.0 5.0 5.0]);

julia> scaled.X
2×3 Matrix{Float64}:
 -1.0  0.0  1.0
  0.0  0.0  0.0

julia> scaled.mean
2-element Vector{Float64}:
 2.0
 5.0
```
"""
function scale(X; type = nothing, cells = :columns, how...)
    view = View(X, cells)
    T = value_type(view.matrix.value_type)
    if is_sparse(view) && !get(how, :zero_center, true)
        type === nothing ||
            invalid("type: is $type, must be nothing: a sparse matrix that stays sparse keeps its type")
        copied = like(view, Vector{T <: AbstractFloat ? T : Float64}(nonzeros(view.source)[1:n_stored(view)]))
        return scale!(copied; cells = cells, how...)
    end
    (arguments, moments) = scaling(view; how...)
    some_cells = any(name -> get(how, name, nothing) !== nothing, (:mask, :groups))
    single = T === Float32 && (!is_sparse(view) || some_cells)
    made = Matrix{type === nothing ? (single ? Float32 : Float64) : type}(undef, size(X))
    out = (view.cells_in_columns ? SCN_OBS : SCN_VAR, value_tag(eltype(made), "type"), made, length(made))
    invoke(scn_pp_scale, "scale", view, arguments..., out...)
    return merge((X = made,), moments)
end

@doc (@doc scale)
function scale!(X; cells = :columns, how...)
    view = View(X, cells; inplace = true)
    (arguments, moments) = scaling(view; how...)
    invoke(scn_pp_scale_inplace, "scale", view, arguments...)
    return merge((X = X,), moments)
end

"The arguments that both ways of scaling have, and where means and standard deviations go."
function scaling(view; mask = nothing, groups = nothing, n_groups = nothing, options...)
    mask === nothing || groups === nothing ||
        invalid("mask, groups: only one of them can be given; label the cells to leave out missing")
    labels = groups !== nothing ? grouped(groups, n_groups) : mask !== nothing ? masked(mask) : nothing
    codes, count = labels === nothing ? (nothing, 1) : (labels.codes, length(labels))
    mean, std = zeros(n_vars(view), count), zeros(n_vars(view), count)
    given = defaults(ScnScaleOptions; known(options, SCALE_KEYWORDS)...)
    arguments = (address(codes), len(codes), count, given, mean, length(mean), std, length(std))
    return arguments, groups === nothing ? (mean = vec(mean), std = vec(std)) : (mean = mean, std = std)
end

const SCALE_KEYWORDS = (:zero_center, :max_value, :divide, :root_mean_square, :clip_below)

function masked(mask)
    mask isa AbstractVector{Bool} ||
        fail(:SCN_ERR_TYPE, "mask: is a $(typeof(mask)), must be a vector of Bool, one for each cell")
    return Groups([inside ? Int32(0) : Int32(-1) for inside in mask], Base.OneTo(1))
end

"""
    regress_out(X, covariates; type, cells = :columns)
    regress_out(X; groups, n_groups, type, cells = :columns)

The residuals of each gene after a linear regression on covariates of the cells, or on one category.

- `X`: sparse or dense; it is not changed.
- `covariates`: cells x covariates, or a vector of one covariate, all finite; a constant is added. Covariates that
  depend linearly on others change nothing; there is a warning.
- `groups`: instead, the category of each cell (all must have one). Each gene loses its mean in the category; a gene
  that is the same in all cells stays.
- `type`: Float32 or Float64; by default that of `X`, for integers of up to 32 bits Float32, for longer ones Float64.

Returns a dense matrix like `X`; the values of each cell lie side by side, so with `cells = :rows` it is the transpose
of a `Matrix`. Everything is computed in double and rounded once. Memory: the result, a few doubles per cell and per
gene. As scanpy's `pp.regress_out`.

# Examples
```jldoctest
julia> depth = [1.0, 2.0, 3.0, 4.0];

julia> residuals = regress_out([2.0 4.0 6.0 8.0; 1.0 0.0 0.0 1.0], depth);

julia> maximum(abs, residuals[1, :]) < 1e-12
true

julia> regress_out([1.0 3.0 5.0 9.0]; groups = ["a", "a", "b", "b"])
1×4 Matrix{Float64}:
 -1.0  1.0  -2.0  2.0
```
"""
function regress_out(X, covariates = nothing; groups = nothing, n_groups = nothing, type = nothing, cells = :columns)
    (covariates === nothing) == (groups === nothing) && invalid("covariates, groups: give one of them")
    view = View(X, cells)
    T = value_type(view.matrix.value_type)
    T = type !== nothing ? type : T <: AbstractFloat ? T : sizeof(T) <= 4 ? Float32 : Float64
    made = Matrix{T}(undef, n_vars(view), n_obs(view))
    out = (value_tag(T, "type"), made, length(made))
    if groups !== nothing
        labels = grouped(groups, n_groups)
        invoke(scn_pp_regress_out_groups, "regress_out", view, labels.codes, length(labels.codes), length(labels), out...)
    else
        covariates isa AbstractVecOrMat{<:Real} && size(covariates, 1) == n_obs(view) || fail(
            :SCN_ERR_SHAPE,
            "covariates: is a $(summary(covariates)), must have a row of numbers for each of $(n_obs(view)) cells",
        )
        table = Array{Float64}(covariates)
        invoke(scn_pp_regress_out, "regress_out", view, table, length(table), size(table, 2), out...)
    end
    return view.cells_in_columns ? made : transpose(made)
end
