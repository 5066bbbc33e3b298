# Scores of gene sets.

const PHASES = ("G1", "S", "G2M")

"""
    control_genes(X, genes; gene_pool, ctrl_as_ref = true, ctrl_size = 50, n_bins = 25, random_state = 0, cells = :columns)

Chooses control genes for a gene set: genes of like expression, the same that scanpy draws.

- `genes`: numbers of the genes of the set, or a mask.
- `gene_pool`: numbers of the genes to draw from, in the order that the draw depends on; by default all.
- `ctrl_as_ref`: whether genes of the set are drawn with the others and then left out, or not drawn.
- `ctrl_size`: genes drawn from each of `n_bins` bins of expression that holds a gene of the set.
- `random_state`: seed of the draw, 0 to 2^32 - 1.

Returns the numbers of the control genes, ascending; there may be none, with a warning. Throws a [`ScNativeError`](@ref)
for a gene out of range, an empty set, a gene of the set that is not in the pool or whose mean is not finite.

# Examples
```jldoctest
julia> counts = simulate_counts(50, 200; seed = 1).counts;

julia> control = control_genes(counts, [3, 5]; ctrl_size = 10);

julia> isempty(intersect(control, [3, 5]))
true
```
"""
function control_genes(
    X,
    genes;
    gene_pool = nothing,
    ctrl_as_ref = nothing,
    ctrl_size = nothing,
    n_bins = nothing,
    random_state = nothing,
    cells = :columns,
)
    view = View(X, cells)
    n = n_vars(view)
    set, pool = zero_based(genes, n, "genes"), zero_based(gene_pool, n, "gene_pool")
    options = defaults(
        ScnControlGenesOptions;
        ctrl_as_ref = ctrl_as_ref,
        ctrl_size = ctrl_size,
        n_bins = n_bins,
        random_state = random_state,
    )
    control = zeros(UInt8, n)
    lists = (address(set), len(set), address(pool), len(pool))
    invoke(scn_tl_control_genes, "control_genes", view, lists..., options, control, n)
    return findall(!iszero, control)
end

"""
    score_genes(X, genes, control; cells = :columns)

Scores each cell by a gene set: its mean over the set less its mean over the control genes, NaN left out of both.

- `genes`, `control`: numbers of the genes of the set and of the control genes (see [`control_genes`](@ref)), or masks;
  a gene that is named twice counts once.

Returns a Float64 for each cell. Sums are in double; nothing is made dense. As scanpy's `tl.score_genes`.

# Examples
```jldoctest
julia> score_genes([1 2; 3 4; 5 0], [1, 2], [3])
2-element Vector{Float64}:
 -3.0
  3.0
```
"""
function score_genes(X, genes, control; cells = :columns)
    view = View(X, cells)
    n = n_vars(view)
    set, against = zero_based(genes, n, "genes"), zero_based(control, n, "control")
    score = zeros(n_obs(view))
    lists = (address(set), len(set), address(against), len(against))
    invoke(scn_tl_score_genes, "score_genes", view, lists..., score, length(score))
    return score
end

"""
    cell_cycle_phase(s_score, g2m_score)

Each cell's phase: `"G1"` if both scores are negative, else `"G2M"` if that score is the higher one, else `"S"`.

- `s_score`, `g2m_score`: scores of the cells for the genes of the S and of the G2M phase, from [`score_genes`](@ref).

As scanpy's `tl.score_genes_cell_cycle`.

# Examples
```jldoctest
julia> cell_cycle_phase([-1.0, 2.0, 0.5], [-0.5, 1.0, 3.0])
3-element Vector{String}:
 "G1"
 "S"
 "G2M"
```
"""
function cell_cycle_phase(s_score::AbstractVector, g2m_score::AbstractVector)
    s, g2m = Vector{Float64}(s_score), Vector{Float64}(g2m_score)
    length(s) == length(g2m) ||
        fail(:SCN_ERR_SHAPE, "s_score, g2m_score: have $(length(s)) and $(length(g2m)) scores, must have one each for each cell")
    phase = zeros(Int32, length(s))
    plain(scn_tl_cell_cycle_phase, s, g2m, length(s), phase, length(phase))
    return [PHASES[p+1] for p in phase]
end
