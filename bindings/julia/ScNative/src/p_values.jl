# Tails of distributions and corrections for multiple testing.

"""
    normal_p(z; logarithm = false)

Two-sided p-values of standard normal scores, P(|Z| >= |z|).

- `z`: a number or an array of any shape.
- `logarithm`: whether to give natural logarithms, which stay finite where the p-value is below the least double.

Returns Float64 of the shape of `z`, right to 1e-14 relative down to the least double. NaN gives NaN.

# Examples
```jldoctest
julia> normal_p([0.0, Inf])
2-element Vector{Float64}:
 1.0
 0.0
```
"""
function normal_p(z::AbstractArray; logarithm = false)
    z = Array{Float64}(z)
    p = similar(z)
    plain(scn_stats_normal_p, z, length(z), logarithm, p, length(p))
    return p
end
normal_p(z::Real; kwargs...) = only(normal_p([z]; kwargs...))

"""
    student_p(t, df; logarithm = false)

Two-sided p-values of Student's t, P(|T| >= |t|).

- `t`: a number or an array of any shape.
- `df`: degrees of freedom, positive, whole or not, infinity included; broadcast against `t`.
- `logarithm`: whether to give natural logarithms, which stay finite where the p-value is below the least double.

Returns Float64, right to 1e-12 relative down to 1e-300. NaN, or `df` that is not positive, gives NaN.

# Examples
```jldoctest
julia> student_p(1, 1) ≈ 1 / 2
true
```
"""
function student_p(t, df; logarithm = false)
    pairs = broadcast((t, df) -> (Float64(t), Float64(df)), t, df)
    pairs isa AbstractArray || return only(student_p([t], df; logarithm = logarithm))
    t, df = first.(pairs), last.(pairs)
    p = similar(t)
    plain(scn_stats_student_p, t, length(t), df, length(df), logarithm, p, length(p))
    return p
end

"""
    adjust_p(pvals, method = :benjamini_hochberg)

p-values corrected for the number of tests, at most 1.

- `pvals`: p-values of one family of tests, of any shape. A NaN stays NaN and counts as no test, as in R's `p.adjust`.
- `method`: `:benjamini_hochberg`, `:benjamini_yekutieli` or `:bonferroni`.

# Examples
```jldoctest
julia> adjust_p([0.25, 0.125], :bonferroni)
2-element Vector{Float64}:
 0.5
 0.25
```
"""
function adjust_p(pvals::AbstractArray, method = :benjamini_hochberg)
    pvals = Array{Float64}(pvals)
    adjusted = similar(pvals)
    plain(scn_stats_adjust_p, pvals, length(pvals), code(method, CORR_METHODS, "method"), adjusted, length(adjusted))
    return adjusted
end
