const SURFACES = (interpolate = SCN_LOESS_INTERPOLATE, direct = SCN_LOESS_DIRECT)

"""
    loess(x, y; weights, span = 0.75, degree = 2, surface = :interpolate, cell = 0.2, slack = 0, new_x)

Smooths y over x by Cleveland's local regression, as R's `loess` does.

- `x`, `y`: the points, in any order; one predictor, family gaussian.
- `weights`: case weights, not negative; by default 1 each.
- `span`: the part of the points that a local fit takes. Above 1, all points with a wider kernel.
- `degree`: of the local polynomial: 0, 1 or 2.
- `surface`: `:interpolate`: fit at the ends of cells of a k-d tree and blend between them. `:direct`: fit at each
  point.
- `cell`: a cell is cut in two while it holds more than `n * span * cell` points.
- `slack`: added to `n * span` before it is cut off to a whole number of points: R adds 1e-5, scikit-misc 0.
- `new_x`: evaluate the curve here rather than at `x`; NaN outside the range of `x`.

Returns the fitted values, Float64. They agree with R's `stats::loess` and with scikit-misc to 1e-10. Fits near singular
(many equal x) use a pseudoinverse, with a warning. Memory: a few doubles for each point.

# Examples
```jldoctest
julia> x = 0:0.1:3;

julia> loess(x, 2 .* x .+ 1) ≈ 2 .* x .+ 1
true
```
"""
function loess(
    x,
    y;
    weights = nothing,
    span = nothing,
    degree = nothing,
    surface = :interpolate,
    cell = nothing,
    slack = nothing,
    new_x = nothing,
)
    form = code(surface, SURFACES, "surface")
    options = defaults(ScnLoessOptions; span = span, degree = degree, surface = form, cell = cell, slack = slack)
    x, y, weights, new_x = doubles(x, "x"), doubles(y, "y"), doubles(weights, "weights"), doubles(new_x, "new_x")
    made = zeros(new_x === nothing ? length(x) : length(new_x))
    fitted, predicted = new_x === nothing ? (made, nothing) : (nothing, made)
    points = (x, length(x), y, length(y), address(weights), len(weights))
    results = (address(new_x), len(new_x), address(fitted), len(fitted), address(predicted), len(predicted))
    invoke(scn_stats_loess, "loess", points..., options, results...)
    return made
end

doubles(::Nothing, name) = nothing
doubles(values::AbstractVector{<:Real}, name) = Vector{Float64}(values)
doubles(values, name) = fail(:SCN_ERR_TYPE, "$name: is a $(typeof(values)), must be a vector of numbers")
