# Genes that tell groups of cells from the others.

const METHODS = (
    t_test = SCN_METHOD_T_TEST,
    t_test_overestim_var = SCN_METHOD_T_TEST_OVERESTIM_VAR,
    student = SCN_METHOD_STUDENT,
    wilcoxon = SCN_METHOD_WILCOXON,
)
const CORR_METHODS = (
    benjamini_hochberg = SCN_CORR_BENJAMINI_HOCHBERG,
    benjamini_yekutieli = SCN_CORR_BENJAMINI_YEKUTIELI,
    bonferroni = SCN_CORR_BONFERRONI,
)
const FOLD_CHANGES = (
    scanpy_v1 = SCN_FOLD_CHANGE_SCANPY_V1,
    scanpy_v2 = SCN_FOLD_CHANGE_SCANPY_V2,
    seurat_v4 = SCN_FOLD_CHANGE_SEURAT_V4,
    seurat_v5 = SCN_FOLD_CHANGE_SEURAT_V5,
    seurat_v4_means = SCN_FOLD_CHANGE_SEURAT_V4_MEANS,
    difference = SCN_FOLD_CHANGE_DIFFERENCE,
)
const COMPARISONS = (
    :scores,
    :pvals,
    :pvals_adj,
    :log_fold_changes,
    :ln_pvals,
    :u,
    :auroc,
    :means,
    :means_reference,
    :fractions,
    :fractions_reference,
)

"""
    rank_genes_groups(X, groups; n_groups, reference = nothing, method = :t_test, corr_method = :benjamini_hochberg,
                      tie_correct = false, continuity = false, exact = false, positive_fractions = false, min_cells = 2,
                      fold_change = :scanpy_v1, log1p_base, pseudocount, fold_change_base,
                      results = (:scores, :pvals, :pvals_adj, :log_fold_changes), cells = :columns)

Compares each group of cells with all others, or with one group, gene by gene.

- `X`: log-normalised values, or the fold changes mean nothing; sparse or dense.
- `groups`: a label for each cell, `missing` for none; or, with `n_groups`, a number from 1 to that, 0 for none. Cells
  in no group count in the rest; they take no part if the reference is a group.
- `reference`: the group that all others are compared with; `nothing` is the rest, all other cells.
- `method`: `:t_test` (Welch's), `:t_test_overestim_var` (Welch's as if the other side were as small as the group),
  `:student` (one pooled variance), `:wilcoxon` (rank sum test, normal approximation). scanpy's spellings, `"t-test"`,
  are taken as well.
- `corr_method`: `:benjamini_hochberg`, `:benjamini_yekutieli` or `:bonferroni`; each group is corrected for its own
  tests.
- `tie_correct`, `continuity`: Wilcoxon only: ties lower the variance; half a unit between U and its mean. scanpy does
  neither, R both.
- `exact`: Wilcoxon only: p-values from the exact distribution of U where both sides have fewer than 50 cells and no two
  values are equal, as R's `wilcox.test` has it.
- `positive_fractions`: fractions count the values above zero, as Seurat does, rather than those that are not zero.
- `min_cells`: the smallest group that is tested; 1 is possible for Wilcoxon only.
- `fold_change`: with u = expm1(X) and c the pseudocount: `:scanpy_v1` log((expm1(mean X1) + c) / (expm1(mean X2) + c));
  `:scanpy_v2` log((mean u1 + c) / (mean u2 + c)); `:seurat_v4` log(mean u1 + c) - log(mean u2 + c); `:seurat_v5`
  log((sum u1 + c) / n1) - log((sum u2 + c) / n2); `:seurat_v4_means` log(mean X1 + c) - log(mean X2 + c); `:difference`
  mean X1 - mean X2.
- `log1p_base`: base of the logarithm that `X` is in (e); `pseudocount`: the c above (1e-9 for scanpy's, 1 for
  Seurat's); `fold_change_base`: base of the results (2).
- `results`: which of `:scores`, `:pvals`, `:pvals_adj`, `:log_fold_changes`, `:ln_pvals`, `:u`, `:auroc` (these two
  Wilcoxon only), `:means`, `:means_reference`, `:fractions`, `:fractions_reference` to compute.

Returns `groups`, the labels in their order, and a genes x groups matrix for each result. If the reference is a group,
all that compares is NaN in its own column. [`markers`](@ref) makes a table of it.

Throws a [`ScNativeError`](@ref) for a group of less than `min_cells`, a value that is NaN or infinite, an argument out
of range. p-values are right to 1e-10 relative down to 1e-300; U and the tie term are exact integers. Same answers as
scipy's `mannwhitneyu` and `ttest_ind` in double; `scnative.h` says more. Memory: the results twice, two to five doubles
per group and gene.

# Examples
```jldoctest
julia> X = log1p!([9.0 8 7 0 1 0; 1 1 2 1 2 1]);

julia> result = rank_genes_groups(X, ["a", "a", "a", "b", "b", "b"]; method = :wilcoxon, results = (:scores, :auroc));

julia> result.groups
2-element Vector{String}:
 "a"
 "b"

julia> result.auroc
2×2 Matrix{Float64}:
 1.0  0.0
 0.5  0.5
```
"""
function rank_genes_groups(
    X,
    groups;
    n_groups = nothing,
    reference = nothing,
    method = :t_test,
    corr_method = :benjamini_hochberg,
    tie_correct = false,
    continuity = false,
    exact = false,
    positive_fractions = false,
    min_cells = nothing,
    fold_change = :scanpy_v1,
    log1p_base = nothing,
    pseudocount = nothing,
    fold_change_base = nothing,
    results = (:scores, :pvals, :pvals_adj, :log_fold_changes),
    cells = :columns,
)
    view = View(X, cells)
    labels = grouped(groups, n_groups)
    wanted = chosen(results, COMPARISONS, "results")
    options = defaults(
        ScnRankGenesGroupsOptions;
        method = code(method, METHODS, "method"),
        reference = reference_code(labels, reference),
        tie_correct = tie_correct,
        continuity = continuity,
        exact = exact,
        positive_fractions = positive_fractions,
        min_cells = min_cells,
        corr_method = code(corr_method, CORR_METHODS, "corr_method"),
        fold_change = code(fold_change, FOLD_CHANGES, "fold_change"),
        log1p_base = log1p_base,
        pseudocount = pseudocount,
        fold_change_base = fold_change_base,
    )
    shape = (n_vars(view), length(labels))
    made = NamedTuple{wanted}(ntuple(_ -> zeros(shape), length(wanted)))
    outputs = defaults(ScnRankGenesGroupsOutputs; len = prod(shape), made...)
    codes = (labels.codes, length(labels.codes), length(labels))
    invoke(scn_tl_rank_genes_groups, "rank_genes_groups", view, codes..., options, outputs; keep = made)
    return merge((groups = collect(labels.labels),), made)
end

"Names among the known ones, each once, in the order of those."
function chosen(names, known::Tuple, name)
    names = Symbol.(names isa Union{Symbol,AbstractString} ? (names,) : Tuple(names))
    for unknown in names
        unknown in known || invalid("$name: has :$unknown, must be among $(join(repr.(known), ", "))")
    end
    return filter(in(names), known)
end

"""
    rank_order(scores; n_top, by_abs = false)

The genes of each group in the order of their scores, the highest first.

- `scores`: genes x groups.
- `n_top`: how many genes of each group; by default all.
- `by_abs`: order by absolute score.

Returns gene numbers, `n_top` x groups. Equal scores stay in the order of the genes, NaN comes last.

# Examples
```jldoctest
julia> rank_order([1.0 0.5; 3.0 0.1; 2.0 -7.0]; n_top = 2)
2×2 Matrix{Int64}:
 2  1
 3  2
```
"""
function rank_order(scores::AbstractMatrix; n_top = size(scores, 1), by_abs = false)
    n, n_groups = size(scores)
    scores = Matrix{Float64}(scores)
    n_top = exactly(Int, n_top, "n_top")
    order = zeros(Int64, max(n_top, 0), n_groups)
    sizes = (n_groups, n, n_top, by_abs)
    invoke(scn_tl_rank_genes_groups_order, "rank_order", scores, length(scores), sizes..., order, length(order))
    return order .+= 1
end

"""
    markers(result, gene_names = 1:n_genes; n_top, by_abs = false, by = :scores)

A table of what [`rank_genes_groups`](@ref) found: for each group its genes in the order of their scores, the highest
first.

- `gene_names`: a name for each gene.
- `n_top`: how many genes of each group; by default all.
- `by_abs`: order by absolute score.
- `by`: the result that orders, `:scores` or any other.

Returns the columns `group`, `gene`, and one for each result (`scores`, `pvals`, ...), all of one length.

# Examples
```jldoctest
julia> X = log1p!([9.0 8 7 0 1 0; 1 1 2 1 2 1]);

julia> result = rank_genes_groups(X, [1, 1, 1, 2, 2, 2]; method = :wilcoxon);

julia> markers(result, ["CD3E", "ACTB"]; n_top = 1).gene
2-element Vector{String}:
 "CD3E"
 "ACTB"
```
"""
function markers(result::NamedTuple, gene_names = nothing; n_top = nothing, by_abs = false, by = :scores)
    haskey(result, by) ||
        invalid("by: is $(repr(by)), must be among the results $(join(repr.(keys(result)), ", "))")
    scores = result[by]
    n = size(scores, 1)
    gene_names = gene_names === nothing ? (1:n) : gene_names
    length(gene_names) == n || fail(:SCN_ERR_SHAPE, "gene_names: has $(length(gene_names)) names, must have $n")
    order = rank_order(scores; n_top = n_top === nothing ? n : n_top, by_abs = by_abs)
    places = [CartesianIndex(order[i, g], g) for g in axes(order, 2) for i in axes(order, 1)]
    columns = NamedTuple{filter(!=(:groups), keys(result))}(result)
    names = (group = [result.groups[place[2]] for place in places], gene = [gene_names[place[1]] for place in places])
    return merge(names, map(values -> values[places], columns))
end
