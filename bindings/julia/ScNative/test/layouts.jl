# The same bits from every layout, index type and number of threads.

const MATRIX = some_counts(50, 70; seed = 2)
const LOG = log1p.(MATRIX)
const CLUSTERS = [i % 3 + 1 for i in 1:70]

"Ways in which a matrix may lie: what is handed over, and where its cells are."
function layouts(A)
    S, B = sparse(A), permutedims(A)
    big = zeros(eltype(A), 2 .* size(A))
    view(big, 2:2:size(big, 1), 2:2:size(big, 2)) .= A
    framed = zeros(eltype(A), size(A) .+ 3)
    framed[2:end-2, 3:end-1] = A
    return [
        "genes x cells, dense" => (A, :columns),
        "genes x cells, sparse" => (S, :columns),
        "genes x cells, Int32" => (SparseMatrixCSC{eltype(A),Int32}(S), :columns),
        "cells x genes, dense" => (B, :rows),
        "cells x genes, sparse" => (sparse(B), :rows),
        "adjoint of cells x genes" => (B', :columns),
        "adjoint of sparse cells x genes" => (sparse(B)', :columns),
        "transpose of sparse genes x cells" => (transpose(S), :rows),
        "a view within a frame" => (view(framed, 2:size(A, 1)+1, 3:size(A, 2)+2), :columns),
        "the adjoint of that" => (view(framed, 2:size(A, 1)+1, 3:size(A, 2)+2)', :rows),
        "every second row and column" => (view(big, 2:2:size(big, 1), 2:2:size(big, 2)), :columns),
    ]
end

"A result as genes x cells, dense."
upright(X, cells) = Matrix(cells === :columns ? X : permutedims(X))

# What a flavor of highly variable genes takes.
matrix_for(flavor) = flavor in (:seurat, :cell_ranger, :mean_var_plot, :dispersion) ? LOG : MATRIX
top_of(flavor) = flavor === :mean_var_plot ? nothing : 10

# name => (the matrix, what is done to it)
const DONE = [
    "validate" => (LOG, (X, c) -> ScNative.validate(X; cells = c) === X),
    "is_canonical" => (LOG, (X, c) -> is_canonical(X; cells = c)),
    "log1p" => (MATRIX, (X, c) -> upright(ScNative.log1p(X; cells = c), c)),
    "normalize_total" => (MATRIX, (X, c) -> (r = normalize_total(X; cells = c); merge(r, (X = upright(r.X, c),)))),
    "normalize_log1p" => (MATRIX, (X, c) -> (r = normalize_log1p(X; cells = c); merge(r, (X = upright(r.X, c),)))),
    "normalize_relative" => (MATRIX, (X, c) -> upright(normalize_relative(X; cells = c), c)),
    "normalize_clr" => (MATRIX, (X, c) -> upright(normalize_clr(X; cells = c), c)),
    "qc_metrics" => (MATRIX, (X, c) -> qc_metrics(X; percent_top = (5, 9), subsets = (mt = MATRIX[:, 1] .> 0,), cells = c)),
    "filter_cells" => (LOG, (X, c) -> filter_cells(X; min_counts = 20, cells = c)),
    "filter_genes" => (LOG, (X, c) -> filter_genes(X; max_cells = 40, cells = c)),
    ("highly_variable_genes, $f" => (matrix_for(f), (X, c) -> highly_variable_genes(X; flavor = f, n_top_genes = top_of(f), cells = c)) for f in keys(ScNative.FLAVORS))...,
    ("rank_genes_groups, $m" => (LOG, (X, c) -> rank_genes_groups(X, CLUSTERS; method = m, cells = c)) for m in keys(ScNative.METHODS))...,
    "scale" => (LOG, (X, c) -> (r = ScNative.scale(X; type = Float64, cells = c); merge(r, (X = upright(r.X, c),)))),
    "regress_out" => (LOG, (X, c) -> upright(regress_out(X, sin.(1:70); cells = c), c)),
    "regress_out, groups" => (LOG, (X, c) -> upright(regress_out(X; groups = CLUSTERS, cells = c), c)),
    "control_genes" => (LOG, (X, c) -> control_genes(X, [3, 9]; n_bins = 5, ctrl_size = 4, cells = c)),
    "score_genes" => (LOG, (X, c) -> score_genes(X, [3, 9], [1, 2, 40]; cells = c)),
    "stats" => (LOG, (X, c) -> ScNative.stats(X; cells = c)),
    "stats of cells" => (LOG, (X, c) -> ScNative.stats(X; axis = :var, cells = c)),
    "aggregate" => (LOG, (X, c) -> ScNative.aggregate(X, CLUSTERS; cells = c)),
    "median" => (LOG, (X, c) -> ScNative.median(X, CLUSTERS; cells = c)),
    "energy_distance" => (LOG, (X, c) -> energy_distance(X, CLUSTERS; cells = c)),
    "energy_distance, euclidean" => (LOG, (X, c) -> energy_distance(X, CLUSTERS; metric = :euclidean, cells = c)),
    "mmd" => (LOG, (X, c) -> mmd(X, CLUSTERS; cells = c)),
    "to_major" => (LOG, (X, c) -> upright(to_major(X, :var; cells = c), c)),
    "subset" => (LOG, (X, c) -> upright(ScNative.subset(X; obs = [9, 1], vars = [1, 40, 2], cells = c), c)),
    "concat" => (LOG, (X, c) -> upright(ScNative.concat([X, X]; cells = c), c)),
    "to_dense" => (LOG, (X, c) -> upright(to_dense(X; type = Float32, cells = c), c)),
]

@testset "$name" for (name, (A, f)) in DONE
    expected = with_settings(() -> f(A, :columns); n_threads = 1)
    for (layout, (X, cells)) in layouts(A), threads in 1:3
        @test (layout, threads, isequal(with_settings(() -> f(X, cells); n_threads = threads), expected)) == (layout, threads, true)
    end
end

@testset "in place, $name" for (name, f) in (
    "log1p!" => log1p!,
    "normalize_total!" => normalize_total!,
    "normalize_log1p!" => normalize_log1p!,
    "normalize_relative!" => normalize_relative!,
    "normalize_clr!" => normalize_clr!,
    "scale!" => (X; cells) -> scale!(X; zero_center = false, max_value = 3, cells = cells),
)
    changed(X, cells, threads) = (Y = duplicate(X); with_settings(() -> f(Y; cells = cells); n_threads = threads); upright(Y, cells))
    expected = changed(MATRIX, :columns, 1)
    @test expected != MATRIX
    for (layout, (X, cells)) in layouts(MATRIX)[1:10], threads in 1:3
        @test (layout, threads, isequal(changed(X, cells, threads), expected)) == (layout, threads, true)
    end
end
