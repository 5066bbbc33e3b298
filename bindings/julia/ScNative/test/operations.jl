# Each operation beside Julia's own arithmetic, from its definition.

const COUNTS = some_counts()
const GENES, CELLS = size(COUNTS)
const LABELS = [("a", "b", "c", "a", missing)[1+(i*i)%7] for i in 1:CELLS] # squares modulo 7: 0, 1, 2, 4
const LOGGED = log1p.(COUNTS ./ max.(sum(COUNTS; dims = 1), 1) .* 1000)
const GROUPS = ["a", "b", "c"]

"The columns of the cells of a group."
of(X, label) = X[:, isequal.(LABELS, label)]

"How often each value occurs."
function tally(values)
    counts = Dict{eltype(values),Int}()
    for value in values
        counts[value] = get(counts, value, 0) + 1
    end
    return counts
end

# By openlibm, the C library's mathematics that Julia itself uses.
const LIBM = isdefined(Base, :libm_name) ? Base.libm_name : "libopenlibm"
two_sided(z) = ccall((:erfc, LIBM), Float64, (Float64,), abs(z) / sqrt(2))

"The upper quartile of the standard normal, by bisection: the median absolute deviation of a normal is that many deviations."
function quartile()
    low, high = 0.0, 1.0
    for _ in 1:60
        middle = (low + high) / 2
        two_sided(middle) > 0.5 ? (low = middle) : (high = middle)
    end
    return low
end

@testset "log1p" begin
    for base in (nothing, 2, 10)
        expected = log1p.(COUNTS) ./ (base === nothing ? 1 : log(base))
        @test ScNative.log1p(COUNTS; base = base) ≈ expected rtol = 1e-15
        X = copy(COUNTS)
        @test log1p!(X; base = base) === X && X == ScNative.log1p(COUNTS; base = base)
    end
    @test ScNative.log1p(Float32.(COUNTS)) isa Matrix{Float32}
    @test ScNative.log1p(Int8.(COUNTS .% 100)) isa Matrix{Float64}
    @test ScNative.log1p(sparse(Int.(COUNTS))) isa SparseMatrixCSC{Float64,Int}
    S = sparse(COUNTS)
    made = ScNative.log1p(S)
    @test rowvals(made) == rowvals(S) && rowvals(made) !== rowvals(S)
end

@testset "normalize_total" begin
    totals = vec(sum(COUNTS; dims = 1))
    for target in (nothing, 1e4)
        aim = target === nothing ? Statistics.median(filter(>(0), totals)) : target
        result = normalize_total(COUNTS; target_sum = target)
        @test result.target_sum == aim
        @test result.size_factors == totals ./ aim
        @test result.X == COUNTS ./ ifelse.(totals .== 0, 1, totals ./ aim)'
        @test !any(result.highly_expressed)
        X = copy(COUNTS)
        inplace = normalize_total!(X; target_sum = target)
        @test inplace.X === X && isequal(inplace, result)
        logged = normalize_log1p(COUNTS; target_sum = target, base = 2)
        @test logged.X == ScNative.log1p(result.X; base = 2)
        X = copy(COUNTS)
        @test normalize_log1p!(X; target_sum = target, base = 2).X === X && X == logged.X
    end
    shares = COUNTS ./ max.(totals, 1)'
    excluded = vec(any(shares .> 0.3; dims = 2))
    @test any(excluded)
    result = normalize_total(COUNTS; target_sum = 10, exclude_highly_expressed = true, max_fraction = 0.3)
    @test result.highly_expressed == excluded
    @test result.size_factors ≈ vec(sum(COUNTS[.!excluded, :]; dims = 1)) ./ 10
    @test normalize_total(Int.(COUNTS)).X isa Matrix{Float32}
end

@testset "Seurat's normalisations" begin
    totals = max.(sum(COUNTS; dims = 1), 1)
    @test normalize_relative(COUNTS; scale_factor = 1e6) ≈ COUNTS ./ totals .* 1e6
    for (margin, dims) in ((1, 2), (2, 1))
        expected = log1p.(COUNTS ./ exp.(mean(log1p.(COUNTS); dims = dims)))
        @test normalize_clr(COUNTS; margin = margin) ≈ expected
        X = copy(COUNTS)
        @test normalize_clr!(X; margin = margin) === X ≈ expected
    end
    X = copy(COUNTS)
    @test normalize_relative!(X) === X == normalize_relative(COUNTS)
end

@testset "qc_metrics" begin
    mask = [i % 3 == 0 for i in 1:GENES]
    totals = vec(sum(COUNTS; dims = 1))
    top(n) = 100 .* [sum(sort(cell; rev = true)[1:n]) for cell in eachcol(COUNTS)] ./ totals
    cells, genes = qc_metrics(COUNTS; percent_top = (5, 20), subsets = (mt = mask, none = falses(GENES)))
    @test cells.n_genes_by_counts == vec(sum(COUNTS .!= 0; dims = 1))
    @test cells.total_counts == totals
    @test cells.pct_counts_in_top_5_genes ≈ top(5) nans = true
    @test cells.pct_counts_in_top_20_genes ≈ top(20) nans = true
    @test cells.total_counts_mt == vec(sum(COUNTS[mask, :]; dims = 1))
    @test cells.pct_counts_mt ≈ 100 .* cells.total_counts_mt ./ totals nans = true
    @test all(iszero, cells.total_counts_none)
    @test genes.n_cells_by_counts == vec(sum(COUNTS .!= 0; dims = 2))
    @test genes.total_counts == vec(sum(COUNTS; dims = 2))
    @test genes.mean_counts ≈ vec(mean(COUNTS; dims = 2))
    @test genes.pct_dropout_by_counts ≈ 100 .* vec(mean(COUNTS .== 0; dims = 2))
    @test all(column -> length(column) == CELLS, values(cells)) && all(column -> length(column) == GENES, values(genes))
    @test qc_metrics(UInt8.(COUNTS .% 200); percent_top = nothing).cells.total_counts isa Vector{UInt64}
    @test keys(qc_metrics(COUNTS; percent_top = (), subsets = Dict("mt" => mask)).cells) ==
          (:n_genes_by_counts, :total_counts, :total_counts_mt, :pct_counts_mt)
end

@testset "filters" begin
    totals, expressed = vec(sum(COUNTS; dims = 1)), vec(sum(COUNTS .> 0; dims = 1))
    middle = Statistics.median(totals)
    @test filter_cells(COUNTS; min_counts = middle) == (keep = totals .>= middle, number = totals)
    @test filter_cells(COUNTS; max_counts = middle).keep == (totals .<= middle)
    @test filter_cells(COUNTS; min_genes = 20) == (keep = expressed .>= 20, number = expressed)
    @test filter_cells(COUNTS; max_genes = 20).keep == (expressed .<= 20)
    totals, expressed = vec(sum(COUNTS; dims = 2)), vec(sum(COUNTS .> 0; dims = 2))
    @test filter_genes(Int.(COUNTS); min_counts = 50) == (keep = totals .>= 50, number = Int.(totals))
    @test filter_genes(COUNTS; max_counts = 50).keep == (totals .<= 50)
    @test filter_genes(COUNTS; min_cells = 30) == (keep = expressed .>= 30, number = expressed)
    @test filter_genes(COUNTS; max_cells = 30).keep == (expressed .<= 30)
end

@testset "highly_variable_genes" begin
    means, variances = vec(mean(COUNTS; dims = 2)), vec(var(COUNTS; dims = 2))

    v3 = highly_variable_genes(COUNTS; flavor = "seurat_v3", n_top_genes = 7)
    @test v3.means ≈ means && v3.variances ≈ variances
    by_rank = sortperm(v3.variances_norm; rev = true, alg = MergeSort)
    @test findall(v3.highly_variable) == sort(by_rank[1:7])
    @test v3.highly_variable_rank[by_rank[1:7]] == 0:6
    # the definition, with the library's own loess (which operations below hold against exact polynomials)
    varies = variances .> 0
    sd_of_curve(means, variances) = sqrt.(exp10.(loess(log10.(means), log10.(variances); span = 0.3)))
    expected_sd = sd_of_curve(means[varies], variances[varies])
    @test v3.variances_expected[varies] ≈ expected_sd .^ 2
    standardised = (COUNTS[varies, :] .- means[varies]) ./ expected_sd
    clipped = min.(COUNTS[varies, :], expected_sd .* sqrt(CELLS) .+ means[varies])
    squares = sum(abs2, clipped .- means[varies]; dims = 2)
    @test v3.variances_norm[varies] ≈ vec(squares) ./ expected_sd .^ 2 ./ (CELLS - 1)
    @test any(standardised .> sqrt(CELLS)) || v3.variances_norm[varies] ≈ vec(var(standardised; dims = 2))

    residuals = highly_variable_genes(COUNTS; flavor = :pearson_residuals, n_top_genes = 6)
    mu = sum(COUNTS; dims = 2) * sum(COUNTS; dims = 1) ./ sum(COUNTS)
    z = clamp.((COUNTS .- mu) ./ sqrt.(mu .+ mu .^ 2 ./ 100), -sqrt(CELLS), sqrt(CELLS))
    z[isnan.(z)] .= 0
    @test residuals.residual_variances ≈ vec(var(z; dims = 2, corrected = false)) rtol = 1e-9
    @test findall(residuals.highly_variable) == sort(partialsortperm(residuals.residual_variances, 1:6; rev = true))

    ranger, bins = highly_variable_genes(LOGGED; flavor = :cell_ranger, n_top_genes = 9, bin_edges = true)
    m, v = vec(mean(LOGGED; dims = 2)), vec(var(LOGGED; dims = 2))
    @test ranger.dispersions[m.>0] ≈ (v./m)[m.>0]
    last_chosen = sort(filter(!isnan, ranger.dispersions_norm); rev = true)[9]
    @test ranger.highly_variable == (ranger.dispersions_norm .>= last_chosen)
    @test length(bins) == 21 && issorted(bins)
    @test all(i -> bins[ranger.mean_bin[i]] < m[i] <= bins[ranger.mean_bin[i]+1], findall(>(0), ranger.mean_bin))
    for b in unique(filter(>(0), ranger.mean_bin))
        inside = ranger.mean_bin .== b
        d = ranger.dispersions[inside]
        center = Statistics.median(d)
        spread = Statistics.median(abs.(d .- center)) / quartile()
        all(==(center), d) || @test ranger.dispersions_norm[inside] ≈ (d .- center) ./ spread rtol = 1e-9
    end

    seurat = highly_variable_genes(LOGGED; min_mean = 1, max_mean = 5, min_disp = 0.1)
    raw = expm1.(LOGGED)
    raw_mean, raw_var = vec(mean(raw; dims = 2)), vec(var(raw; dims = 2))
    @test seurat.means[raw_mean.>0] ≈ log1p.(raw_mean)[raw_mean.>0] rtol = 1e-9
    @test seurat.dispersions[raw_var.>0] ≈ log.(raw_var ./ raw_mean)[raw_var.>0] rtol = 1e-9
    @test seurat.highly_variable == ((seurat.means .> 1) .& (seurat.means .< 5) .& (seurat.dispersions_norm .> 0.1))

    # Seurat's own
    vst = highly_variable_genes(COUNTS; flavor = :vst, n_top_genes = 7)
    @test vst.variances_expected[varies] ≈ sd_of_curve(means[varies], variances[varies]) .^ 2
    by_curve = highly_variable_genes(COUNTS; flavor = :vst, n_top_genes = 7, variances_expected = vst.variances_expected)
    @test isequal(by_curve, vst)
    halved = highly_variable_genes(COUNTS; flavor = :vst, n_top_genes = 7, variances_expected = vst.variances_expected ./ 2)
    @test halved.variances_expected == vst.variances_expected ./ 2 && halved.variances_norm != vst.variances_norm
    for binning in (:equal_width, :equal_frequency)
        plot, edges = highly_variable_genes(LOGGED; flavor = :mean_var_plot, min_mean = 1, max_mean = 5, min_disp = 0.1, binning = binning, bin_edges = true)
        @test plot.highly_variable == ((plot.means .> 1) .& (plot.means .< 5) .& (plot.dispersions_norm .> 0.1))
        @test plot.dispersions[raw_var.>0] ≈ log.(raw_var ./ raw_mean)[raw_var.>0]
        @test all(i -> edges[plot.mean_bin[i]] <= plot.means[i] * (1 + 1e-12) && plot.means[i] <= edges[plot.mean_bin[i]+1], findall(>(0), plot.mean_bin))
    end
    dispersed = highly_variable_genes(LOGGED; flavor = :dispersion, n_top_genes = 5)
    highest = sortperm(replace(dispersed.dispersions, NaN => -Inf); rev = true, alg = MergeSort)[1:5]
    @test findall(dispersed.highly_variable) == sort(highest) && dispersed.highly_variable_rank[highest] == 0:4

    batches = [i % 2 == 0 ? "even" : "odd" for i in 1:CELLS]
    both = highly_variable_genes(COUNTS; flavor = :seurat_v3, n_top_genes = 7, batches = batches)
    alone = [highly_variable_genes(COUNTS[:, batches.==b]; flavor = :seurat_v3, n_top_genes = 7) for b in ("even", "odd")]
    @test both.highly_variable_nbatches == alone[1].highly_variable .+ alone[2].highly_variable
    @test both.highly_variable_intersection == (both.highly_variable_nbatches .== 2)
    @test both.variances_norm ≈ (alone[1].variances_norm .+ alone[2].variances_norm) ./ 2
    names = ["g$(GENES-i)" for i in 1:GENES]
    named = highly_variable_genes(LOGGED; batches = batches, n_top_genes = 5, gene_names = names)
    @test sum(named.highly_variable) == 5 && !haskey(named, :mean_bin)
    @test highly_variable_genes(LOGGED; batches = batches, n_top_genes = 5, bin_edges = true).bin_edges === nothing
    all_columns = highly_variable_genes(COUNTS; flavor = :seurat_v3_paper, n_top_genes = 3)
    @test all(column -> length(column) == GENES, values(all_columns))
end

@testset "rank_genes_groups" begin
    everything = ScNative.COMPARISONS
    result = rank_genes_groups(LOGGED, LABELS; method = :wilcoxon, results = everything, tie_correct = true, continuity = true)
    @test result.groups == GROUPS && keys(result) == (:groups, everything...)
    for (g, label) in enumerate(GROUPS), i in (1, 2, 5, 17, 40)
        x, y = of(LOGGED, label)[i, :], LOGGED[i, .!isequal.(LABELS, label)]
        u = sum((a > b) + (a == b) / 2 for a in x, b in y)
        n, m = length(x), length(y)
        ties = sum(t -> t^3 - t, values(tally([x; y])))
        sigma = sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
        d = u - n * m / 2
        z = sigma == 0 ? 0.0 : sign(d) * max(abs(d) - 0.5, 0) / sigma
        @test result.u[i, g] == u && result.auroc[i, g] ≈ u / (n * m)
        @test result.scores[i, g] ≈ z atol = 1e-12
        @test result.pvals[i, g] ≈ two_sided(z) rtol = 1e-10
        @test result.ln_pvals[i, g] ≈ log(two_sided(z)) rtol = 1e-10 atol = 1e-12
        @test result.means[i, g] ≈ mean(x) && result.means_reference[i, g] ≈ mean(y)
        @test result.fractions[i, g] ≈ mean(x .!= 0) && result.fractions_reference[i, g] ≈ mean(y .!= 0)
        change(a, b) = log2((expm1(mean(a)) + 1e-9) / (expm1(mean(b)) + 1e-9))
        @test result.log_fold_changes[i, g] ≈ change(x, y) rtol = 1e-10 atol = 1e-12
    end
    @test all(g -> result.pvals_adj[:, g] == adjust_p(result.pvals[:, g]), 1:3)

    against = rank_genes_groups(LOGGED, LABELS; reference = "b", fold_change = :seurat_v4)
    @test all(isnan, against.scores[:, 2])
    for i in (1, 2, 17)
        x, y = of(LOGGED, "c")[i, :], of(LOGGED, "b")[i, :]
        a, b = var(x) / length(x), var(y) / length(y)
        t = (mean(x) - mean(y)) / sqrt(a + b)
        df = (a + b)^2 / (a^2 / (length(x) - 1) + b^2 / (length(y) - 1))
        @test against.scores[i, 3] ≈ t
        @test against.pvals[i, 3] ≈ student_p(t, df) rtol = 1e-9
        @test against.log_fold_changes[i, 3] ≈ log2(mean(expm1.(x)) + 1) - log2(mean(expm1.(y)) + 1)
    end
    pooled = rank_genes_groups(LOGGED, LABELS; method = "student", reference = "b", fold_change = :seurat_v5, fold_change_base = exp(1))
    x, y = of(LOGGED, "a")[17, :], of(LOGGED, "b")[17, :]
    n, m = length(x), length(y)
    s = ((n - 1) * var(x) + (m - 1) * var(y)) / (n + m - 2)
    @test pooled.scores[17, 1] ≈ (mean(x) - mean(y)) / sqrt(s * (1 / n + 1 / m))
    @test pooled.log_fold_changes[17, 1] ≈ log((sum(expm1, x) + 1) / n) - log((sum(expm1, y) + 1) / m)

    # exact p-values: all ways of choosing the group among the cells
    few = [0.1 0.7 0.35 0.9 0.42 0.77 0.05]
    u(chosen) = sum(few[i] > few[j] for i in chosen, j in setdiff(1:7, chosen))
    choices = [findall(isodd, digits(k; base = 2, pad = 7)) for k in 0:2^7-1 if count_ones(k) == 3]
    observed, center = u([2, 4, 6]), 3 * 4 / 2
    expected_p = mean(abs(u(chosen) - center) >= abs(observed - center) for chosen in choices)
    exact = rank_genes_groups(few, [1, 2, 1, 2, 1, 2, 1]; method = :wilcoxon, exact = true, results = (:pvals, :u))
    @test exact.u[1, 2] == observed && exact.pvals[1, 2] ≈ expected_p
    signed = [-1.0 0 2 3 -4 0]
    fractions(; kwargs...) = rank_genes_groups(signed, [1, 1, 1, 2, 2, 2]; results = (:fractions, :log_fold_changes), kwargs...)
    @test fractions(fold_change = :difference).fractions ≈ [2 / 3 2 / 3]
    @test fractions(fold_change = :difference).log_fold_changes ≈ [1 / 3 + 1 / 3 -1 / 3 - 1 / 3]
    @test fractions(fold_change = :difference, positive_fractions = true).fractions ≈ [1 / 3 1 / 3]
    by_means = rank_genes_groups(LOGGED, LABELS; reference = "b", fold_change = :seurat_v4_means)
    @test by_means.log_fold_changes[17, 1] ≈ log2(mean(of(LOGGED, "a")[17, :]) + 1) - log2(mean(of(LOGGED, "b")[17, :]) + 1)
    @test refuses(() -> rank_genes_groups(few, [1, 2, 2, 2, 2, 2, 2]; method = :wilcoxon), "SCN_ERR_VALUE", "")
    @test rank_genes_groups(few, [1, 2, 2, 2, 2, 2, 2]; method = :wilcoxon, min_cells = 1, results = (:u,)).u[1] == u([1])

    # labels of any kind that sorts, numbers with an empty group, scanpy's spelling
    numbers = [ismissing(l) ? 0 : findfirst(==(l), GROUPS) for l in LABELS]
    expected = rank_genes_groups(LOGGED, LABELS)
    @test isequal(values(rank_genes_groups(LOGGED, numbers; n_groups = 3, method = "t-test"))[2:end], values(expected)[2:end])
    @test isequal(rank_genes_groups(LOGGED, replace(LABELS, missing => nothing)), expected)
    @test rank_genes_groups(LOGGED, replace(numbers, 0 => missing)).groups == 1:3
    @test refuses(() -> rank_genes_groups(LOGGED, numbers; n_groups = 4), "SCN_ERR_VALUE", "3")

    @test rank_order(result.scores) == mapslices(s -> sortperm(s; rev = true, alg = MergeSort), result.scores; dims = 1)
    @test rank_order(result.scores; n_top = 3, by_abs = true) ==
          mapslices(s -> sortperm(abs.(s); rev = true, alg = MergeSort)[1:3], result.scores; dims = 1)
    table = markers(result, ["gene $i" for i in 1:GENES]; n_top = 4)
    @test table.group == repeat(GROUPS; inner = 4) && all(column -> length(column) == 12, values(table))
    best = rank_order(result.scores; n_top = 4)
    @test table.gene == ["gene $i" for i in vec(best)] && table.pvals == [result.pvals[best[i, g], g] for g in 1:3 for i in 1:4]
    @test markers(result; by = :log_fold_changes, n_top = 1).gene == [argmax(result.log_fold_changes[:, g]) for g in 1:3]
end

@testset "scale" begin
    varies = vec(std(LOGGED; dims = 2)) .> 0
    spread(X) = (s = std(X; dims = 2); ifelse.(s .== 0, 1.0, s))
    expected = (LOGGED .- mean(LOGGED; dims = 2)) ./ spread(LOGGED)
    result = ScNative.scale(LOGGED)
    @test result.X ≈ expected && result.mean ≈ vec(mean(LOGGED; dims = 2)) && result.std ≈ vec(spread(LOGGED))
    @test ScNative.scale(LOGGED; max_value = 1.5).X ≈ clamp.(expected, -1.5, 1.5)
    @test ScNative.scale(sparse(Float32.(LOGGED)); type = Float32).X isa Matrix{Float32}
    kept = ScNative.scale(sparse(LOGGED); zero_center = false, max_value = 2)
    @test kept.X isa SparseMatrixCSC && kept.X ≈ min.(LOGGED ./ spread(LOGGED), 2)
    @test ScNative.scale(sparse(Int.(COUNTS)); zero_center = false).X isa SparseMatrixCSC{Float64}
    @test ScNative.scale(LOGGED; max_value = 1.5, clip_below = false).X ≈ min.(expected, 1.5)
    @test ScNative.scale(LOGGED; divide = false).X ≈ LOGGED .- mean(LOGGED; dims = 2)
    squares = sqrt.(sum(abs2, LOGGED; dims = 2) ./ (CELLS - 1))
    @test ScNative.scale(sparse(LOGGED); zero_center = false, root_mean_square = true).X ≈ LOGGED ./ max.(squares, eps())
    mask = [i % 3 != 0 for i in 1:CELLS]
    masked = ScNative.scale(LOGGED; mask = mask)
    inside = LOGGED[:, mask]
    @test masked.X[:, mask] ≈ (inside .- mean(inside; dims = 2)) ./ spread(inside) && masked.X[:, .!mask] == LOGGED[:, .!mask]
    grouped = ScNative.scale(LOGGED; groups = LABELS)
    for (g, label) in enumerate(GROUPS)
        X = of(LOGGED, label)
        @test of(grouped.X, label) ≈ (X .- mean(X; dims = 2)) ./ spread(X)
        @test grouped.mean[:, g] ≈ vec(mean(X; dims = 2)) && grouped.std[:, g] ≈ vec(spread(X))
    end
    @test of(grouped.X, missing) == of(LOGGED, missing)
    X = copy(LOGGED)
    @test scale!(X).X === X == result.X
    S = sparse(LOGGED)
    @test scale!(S; zero_center = false, max_value = 2).X === S == kept.X
end

@testset "regress_out" begin
    covariates = [sin.(1:CELLS) cos.(2 .* (1:CELLS))]
    design = [ones(CELLS) covariates]
    expected = LOGGED - (design * (design \ permutedims(LOGGED)))'
    @test regress_out(LOGGED, covariates) ≈ expected atol = 1e-12
    @test regress_out(LOGGED, view(covariates, :, 1:2)) == regress_out(LOGGED, covariates)
    @test regress_out(LOGGED, covariates[:, 1]) == regress_out(LOGGED, covariates[:, 1:1])
    @test regress_out(Float32.(LOGGED), covariates) isa Matrix{Float32}
    @test regress_out(Int.(COUNTS), covariates) isa Matrix{Float64} && regress_out(Int16.(COUNTS .% 99), covariates) isa Matrix{Float32}
    labels = replace(LABELS, missing => "d")
    result = regress_out(LOGGED; groups = labels)
    for label in unique(labels)
        inside = LOGGED[:, labels.==label]
        @test result[:, labels.==label] ≈ inside .- mean(inside; dims = 2) atol = 1e-12
    end
    @test refuses(() -> regress_out(LOGGED; groups = LABELS), "SCN_ERR_INVALID_ARGUMENT", "must be in a category")
end

@testset "score_genes" begin
    set, control = [3, 8, 11], [1, 2, 20, 21]
    expected = vec(mean(LOGGED[set, :]; dims = 1) .- mean(LOGGED[control, :]; dims = 1))
    @test score_genes(LOGGED, set, control) ≈ expected
    @test score_genes(LOGGED, [i in set for i in 1:GENES], control) ≈ expected
    # controls are of the bins of expression that hold a gene of the set
    chosen = control_genes(LOGGED, set; ctrl_size = 2, n_bins = 5)
    @test issorted(chosen) && isempty(intersect(chosen, set)) && !isempty(chosen)
    ranks = invperm(sortperm(vec(mean(LOGGED; dims = 2)); alg = MergeSort))
    width = (maximum(ranks) + 4) ÷ 5
    @test length(chosen) <= 2 * length(unique(cld.(ranks[set], width)))
    @test control_genes(LOGGED, set; ctrl_size = 2, random_state = 1) != control_genes(LOGGED, set; ctrl_size = 2, random_state = 2) ||
          control_genes(LOGGED, set; ctrl_size = 2, random_state = 3) != control_genes(LOGGED, set; ctrl_size = 2, random_state = 2)
    pool = collect(1:20)
    @test issubset(control_genes(LOGGED, set; gene_pool = pool, n_bins = 3), pool)
    @test refuses(() -> control_genes(LOGGED, [30]; gene_pool = pool), "SCN_ERR_NOT_FOUND", "")
    s, g2m = expected, reverse(expected)
    @test cell_cycle_phase(s, g2m) == [a < 0 && b < 0 ? "G1" : b > a ? "G2M" : "S" for (a, b) in zip(s, g2m)]
    @test refuses(() -> cell_cycle_phase(s, g2m[2:end]), "SCN_ERR_SHAPE", "have 60 and 59 scores")
end

@testset "stats, aggregate, median" begin
    for (axis, dims) in ((:obs, 2), (:var, 1)), ddof in (0, 1)
        result = ScNative.stats(LOGGED; axis = axis, ddof = ddof)
        @test keys(result) == ScNative.STATISTICS
        @test result.sum ≈ vec(sum(LOGGED; dims = dims)) && result.mean ≈ vec(mean(LOGGED; dims = dims))
        @test result.var ≈ vec(var(LOGGED; dims = dims, corrected = ddof == 1))
        @test result.count_nonzero == vec(sum(LOGGED .!= 0; dims = dims))
        @test result.min == vec(minimum(LOGGED; dims = dims)) && result.max == vec(maximum(LOGGED; dims = dims))
        @test ScNative.median(LOGGED; axis = axis) ≈ vec(Statistics.median(LOGGED; dims = dims))
    end
    result, medians = ScNative.aggregate(LOGGED, LABELS), ScNative.median(LOGGED, LABELS)
    @test result.groups == medians.groups == GROUPS
    for (g, label) in enumerate(GROUPS)
        X = of(LOGGED, label)
        @test result.sum[:, g] ≈ vec(sum(X; dims = 2)) && result.var[:, g] ≈ vec(var(X; dims = 2))
        @test result.mean[:, g] ≈ vec(mean(X; dims = 2)) && result.count_nonzero[:, g] == vec(sum(X .!= 0; dims = 2))
        @test result.min[:, g] == vec(minimum(X; dims = 2)) && result.max[:, g] == vec(maximum(X; dims = 2))
        @test medians.median[:, g] ≈ vec(Statistics.median(X; dims = 2))
    end
    families = [i % 4 for i in 1:GENES]
    of_genes = ScNative.aggregate(LOGGED, families; axis = :var, which = :sum)
    @test keys(of_genes) == (:groups, :sum) && of_genes.groups == 0:3
    @test of_genes.sum ≈ hcat([vec(sum(LOGGED[families.==f, :]; dims = 1)) for f in 0:3]...)
    empty = ScNative.aggregate(LOGGED, fill(2, CELLS); n_groups = 2)
    @test empty.sum[:, 1] == zeros(GENES) && all(isnan, empty.mean[:, 1])
    @test all(isnan, ScNative.median(LOGGED, fill(2, CELLS); n_groups = 2).median[:, 1])
end

@testset "energy_distance and mmd" begin
    points = LOGGED[1:6, :]
    between(d, X, Y) = mean(d(x, y) for x in eachcol(X), y in eachcol(Y))
    within(d, X) = sum(d(x, y) for x in eachcol(X), y in eachcol(X)) / (size(X, 2) * (size(X, 2) - 1))
    square(x, y) = sum(abs2, x .- y)
    for (metric, d) in ((:sqeuclidean, square), (:euclidean, (x, y) -> sqrt(square(x, y)))), unbiased in (true, false)
        inner(X) = unbiased ? within(d, X) : between(d, X, X)
        expected = [
            a == b ? 0.0 : 2between(d, of(points, a), of(points, b)) - inner(of(points, a)) - inner(of(points, b)) for a in GROUPS, b in GROUPS
        ]
        result = energy_distance(points, LABELS; metric = metric, unbiased = unbiased)
        @test result.groups == GROUPS
        @test result.distance ≈ expected atol = 1e-12
        @test energy_distance(points, LABELS; metric = metric, unbiased = unbiased, reference = "c").distance == result.distance[:, 3]
    end
    gammas = [0.5, 2.0]
    kernel(x, y) = mean(exp.(-gammas .* square(x, y)))
    for unbiased in (true, false)
        inner(X) = unbiased ? (within(kernel, X) - 1 / (size(X, 2) - 1)) : between(kernel, X, X)
        expected = [
            a == b ? 0.0 : inner(of(points, a)) + inner(of(points, b)) - 2between(kernel, of(points, a), of(points, b)) for a in GROUPS, b in GROUPS
        ]
        result = mmd(points, LABELS; gammas = gammas, unbiased = unbiased)
        @test result.squared ≈ expected atol = 1e-12
        @test result.gammas == gammas
    end
    grouped = points[:, .!ismissing.(LABELS)]
    distances = [sqrt(square(grouped[:, i], grouped[:, j])) for i in axes(grouped, 2) for j in 1:i-1]
    @test mmd(points, LABELS; reference = "a").gammas ≈ [1 / (2 * Statistics.median(distances)^2)] rtol = 1e-6
end

@testset "matrices as such" begin
    S = sparse(COUNTS)
    by_gene = to_major(S, :var)
    @test by_gene isa Transpose && by_gene == S && parent(by_gene) == sparse(permutedims(COUNTS))
    @test to_major(by_gene) isa SparseMatrixCSC && to_major(by_gene) == S && to_major(COUNTS) == S
    @test ScNative.to_major(permutedims(COUNTS), :var; cells = :rows) isa SparseMatrixCSC
    some, others = [5, 1, 1, 33], [i % 2 == 0 for i in 1:CELLS]
    for X in (S, COUNTS, by_gene)
        made = ScNative.subset(X; vars = some, obs = others)
        @test made == COUNTS[some, others] && issparse(parent(made)) == issparse(parent(X))
        @test ScNative.subset(X) == X && ScNative.subset(X) !== X
        @test size(ScNative.subset(X; obs = Int[])) == (GENES, 0)
        @test ScNative.subset(permutedims(COUNTS); vars = some, obs = others, cells = :rows) == permutedims(COUNTS)[others, some]
    end
    @test refuses(() -> ScNative.subset(S; vars = [0]), "SCN_ERR_INVALID_ARGUMENT", "vars[1]: is 0, must be from 1 to 40")
    ours = ScNative.concat([S, COUNTS, by_gene])
    @test ours == [S S S] && ours isa SparseMatrixCSC
    @test ScNative.concat([S, S]; axis = :var) == [S; S]
    @test ScNative.concat((by_gene, S)) isa Transpose
    @test ScNative.concat([sparse(Int8.(COUNTS .% 99)), sparse(UInt8.(COUNTS .% 99))]) isa SparseMatrixCSC{Int16}
    @test ScNative.concat([S', S']; cells = :rows) == [S'; S']
    @test to_dense(by_gene) isa Matrix && to_dense(by_gene) == COUNTS
    @test to_dense(S; type = UInt8) == UInt8.(min.(COUNTS, 255))
end

@testset "files" begin
    folder = mktempdir()
    S = sparse(COUNTS)
    for name in ("a.mtx", "b.mtx.gz"), (X, T) in ((S, Float64), (sparse(Int32.(COUNTS)), Int64), (sparse(LOGGED), Float64))
        path = joinpath(folder, name)
        write_mtx(path, X)
        made = read_mtx(path)
        @test made == X && made isa SparseMatrixCSC{T,Int}
        @test read_mtx(path; cells = :rows) == X' && read_mtx(path; cells = :rows) isa Transpose
        @test read_mtx(path; rows = :obs) == X' && read_mtx(path; type = Float32, index_type = Int32) isa SparseMatrixCSC{Float32,Int32}
        write_mtx(path, X'; cells = :rows, rows = :obs)
        @test read_mtx(path; rows = :obs) == X
    end
    lines = filter(line -> !startswith(line, '%'), readlines(joinpath(folder, "a.mtx")))
    @test parse.(Int, split(lines[1])) == [CELLS, GENES, count(!iszero, COUNTS)]
    @test refuses(() -> write_mtx(joinpath(folder, "no", "x.mtx"), S), "SCN_ERR_NOT_FOUND", "no")

    write_mtx(joinpath(folder, "p_matrix.mtx.gz"), S)
    write(joinpath(folder, "p_barcodes.tsv"), join("cell $i\n" for i in 1:CELLS))
    kinds = [i % 9 == 0 ? "Antibody Capture" : "Gene Expression" for i in 1:GENES]
    write(joinpath(folder, "p_features.tsv"), join("id$i\tgène $i\t$(kinds[i])\n" for i in 1:GENES))
    all_of_it = read_10x_mtx(folder; prefix = "p_", gex_only = false, type = Int32)
    @test all_of_it.counts == S && all_of_it.counts isa SparseMatrixCSC{Int32,Int}
    @test all_of_it.barcodes == ["cell $i" for i in 1:CELLS]
    @test all_of_it.genes == (gene_ids = ["id$i" for i in 1:GENES], gene_symbols = ["gène $i" for i in 1:GENES], feature_types = kinds)
    genes_only = read_10x_mtx(folder; prefix = "p_")
    kept = kinds .== "Gene Expression"
    @test genes_only.counts == S[kept, :] && genes_only.genes.gene_ids == all_of_it.genes.gene_ids[kept]
    @test read_10x_mtx(folder; prefix = "p_", cells = :rows).counts == S[kept, :]'
    @test refuses(() -> read_10x_mtx(folder), "SCN_ERR_NOT_FOUND", folder)
    write(joinpath(folder, "p_barcodes.tsv"), "one\n")
    @test refuses(() -> read_10x_mtx(folder; prefix = "p_"), "SCN_ERR_MATRIX", "")
end

@testset "simulate_counts" begin
    made = simulate_counts(300, 200; n_clusters = 3, n_batches = 2, markers_per_cluster = 10, marker_fold_change = 30, type = Int32, seed = 4)
    @test made.counts isa SparseMatrixCSC{Int32,Int} && size(made.counts) == (200, 300)
    @test made.clusters == [(i - 1) % 3 + 1 for i in 1:300] && made.batches == [(i - 1) ÷ 3 % 2 + 1 for i in 1:300]
    @test sort(made.marker_of) == [zeros(Int, 170); repeat(1:3; inner = 10)]
    shares = made.counts ./ sum(made.counts; dims = 1)
    higher = [mean(shares[g, made.clusters.==made.marker_of[g]]) > mean(shares[g, made.clusters.!=made.marker_of[g]]) for g in findall(>(0), made.marker_of)]
    @test all(higher)
    @test simulate_counts(300, 200; n_clusters = 3, seed = 4, cells = :rows).counts isa Transpose
end

@testset "loess" begin
    x = sort(abs.(sin.(1:50)) .* 10)
    for (degree, curve) in ((0, x -> 3 + 0 * x), (1, x -> 2x - 1), (2, x -> x^2 - 3x + 2)), surface in (:direct, :interpolate)
        @test loess(x, curve.(x); degree = degree, surface = surface) ≈ curve.(x)
        inside = [x[1], 3.3, 5.0, x[end]]
        @test loess(x, curve.(x); degree = degree, surface = surface, new_x = inside) ≈ curve.(inside)
    end
    @test all(isnan, loess(x, x; new_x = [x[1] - 1, x[end] + 1]))
    direct(; how...) = loess(x, x .^ 3; surface = :direct, how...)
    @test direct(span = (20 - 1e-6) / 50, slack = 1e-5) == direct(span = 20 / 50)
    @test direct(span = (20 - 1e-6) / 50) == direct(span = 19 / 50) != direct(span = 20 / 50)
    # one local fit, by weighted least squares
    y, at, span = cos.(x), 4.0, 0.4
    near = partialsort(abs.(x .- at), floor(Int, span * 50))
    w = sqrt.(max.(1 .- (abs.(x .- at) ./ near) .^ 3, 0) .^ 3)
    fit = (w .* [ones(50) (x .- at) (x .- at) .^ 2]) \ (w .* y)
    @test loess(x, y; span = span, surface = :direct, new_x = [at]) ≈ fit[1:1]
    cases = [1.0 + i % 3 for i in 1:50]
    weighted = (w .* sqrt.(cases) .* [ones(50) (x .- at) (x .- at) .^ 2]) \ (w .* sqrt.(cases) .* y)
    @test loess(x, y; span = span, surface = :direct, new_x = [at], weights = cases) ≈ weighted[1:1]
end

@testset "p-values" begin
    z = [-37.0 0.5; 1.96 NaN]
    @test normal_p(z) ≈ two_sided.(z) rtol = 1e-12 nans = true
    @test normal_p(z; logarithm = true) ≈ log.(two_sided.(z)) rtol = 1e-12 nans = true
    @test normal_p(100.0; logarithm = true) ≈ -100.0^2 / 2 - log(100 * sqrt(pi / 2)) rtol = 1e-6
    t = [0.0, 0.3, -2.5, 40.0]
    @test student_p(t, 1) ≈ 1 .- 2 .* atan.(abs.(t)) ./ pi
    @test student_p(t, 2) ≈ 1 .- abs.(t) ./ sqrt.(2 .+ t .^ 2)
    @test student_p(t, Inf) ≈ normal_p(t)
    @test size(student_p(t, [1 2 3])) == (4, 3) && student_p(t, [1 2 3])[:, 2] == student_p(t, 2)
    @test student_p(1.5, 2; logarithm = true) ≈ log(student_p(1.5, 2))
    p = [0.01, 0.5, NaN, 0.03, 0.03, 0.9]
    valid = filter(!isnan, p)
    n = length(valid)
    hochberg(scale) = [isnan(x) ? NaN : min(1, minimum(scale * n / count(<=(y), valid) * y for y in valid if y >= x)) for x in p]
    @test adjust_p(p) ≈ hochberg(1) nans = true
    @test adjust_p(p, :benjamini_yekutieli) ≈ hochberg(sum(1 ./ (1:n))) nans = true
    @test adjust_p(p, "bonferroni") ≈ min.(n .* p, 1) nans = true
    @test size(adjust_p(reshape(valid, 5, 1))) == (5, 1)
end
