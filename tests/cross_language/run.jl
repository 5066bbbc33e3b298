# Every public operation from Julia: what run.py says, through the functions of the Julia package.
#
#     julia --project=bindings/julia/ScNative run.jl IN_DIR OUT_DIR N_THREADS

using ScNative, SparseArrays

const IN, OUT = ARGS[1], ARGS[2]
ScNative.settings.n_threads = parse(Int, ARGS[3])
ScNative.settings.seed = 11
const N_OBS, N_VARS, NNZ, N_GROUPS, N_BATCHES = parse.(Int, split(read(joinpath(IN, "shape.txt"), String)))

load(name, T) = collect(reinterpret(T, read(joinpath(IN, "$name.bin"))))
mask(name) = load(name, UInt8) .== 1

bytes(values::AbstractArray{Bool}) = Vector{UInt8}(vec(values))
bytes(values::AbstractArray{<:Integer}) = Vector{Int64}(vec(values))
bytes(values::AbstractArray{<:AbstractFloat}) = Vector{Float64}(vec(values))
bytes(value::Number) = bytes([value])

save(name, values) = write(joinpath(OUT, "$name.bin"), bytes(values))
save_texts(name, texts) = write(joinpath(OUT, "$name.bin"), join(text * "\n" for text in texts))

# Julia's matrices are genes x cells: a SparseMatrixCSC is compressed along the cells, the transpose of one along the genes.
function save_sparse(name, X)
    by_cell = X isa SparseMatrixCSC
    S = by_cell ? X : parent(X)
    save("$name.indptr", SparseArrays.getcolptr(S) .- 1)
    save("$name.indices", rowvals(S) .- 1)
    save("$name.values", nonzeros(S))
    save("$name.shape", [reverse(size(X))..., by_cell ? 0 : 1])
end

function save_fields(name, fields)
    for (field, values) in pairs(fields)
        field === :groups || save("$name.$field", values)
    end
end

from_1(name) = load(name, Int32) .+ Int32(1)
matrix(name, values = "$name.values") =
    SparseMatrixCSC(N_VARS, N_OBS, from_1("$name.indptr"), from_1("$name.indices"), load(values, Float64))

counts, unsorted = matrix("counts"), matrix("unsorted")
points = reshape(load("points", Float64), :, N_OBS)
groups, batches = load("groups", Int32) .+ 1, load("batches", Int32) .+ 1 # 0 is none
gene_set, gene_pool = load("gene_set", Int64) .+ 1, load("gene_pool", Int64) .+ 1
logged = normalize_log1p(counts; target_sum = 1e4).X

# matrices
save("matrix_is_canonical.found", is_canonical(counts))
save("matrix_is_canonical~unsorted.found", is_canonical(unsorted))
save_sparse("matrix_sum_duplicates", sum_duplicates(unsorted))
save_sparse("matrix_to_major~var", to_major(counts, :var))
save_sparse("matrix_to_major~unsorted", to_major(unsorted, :var))
chosen = (obs = load("subset_obs", Int64) .+ 1, vars = load("subset_vars", Int64) .+ 1)
save_sparse("matrix_subset", ScNative.subset(counts; chosen...))
save_sparse("matrix_subset_masked", ScNative.subset(counts; obs = mask("keep_obs"), vars = mask("keep_vars")))
save_sparse("matrix_concat~obs", ScNative.concat([counts, unsorted]; axis = :obs))
save_sparse("matrix_concat~var", ScNative.concat([counts, unsorted]; axis = :var))
save("matrix_to_dense.out", to_dense(unsorted))
for axis in (:obs, :var)
    save_fields("matrix_stats~$axis", ScNative.stats(logged; axis = axis, ddof = 1))
end
save_fields("matrix_stats~dense", ScNative.stats(points))
save_fields("matrix_stats~unsorted", ScNative.stats(unsorted))
save_fields("matrix_aggregate", ScNative.aggregate(logged, groups; n_groups = N_GROUPS))
save("matrix_medians.out", ScNative.median(logged, groups; n_groups = N_GROUPS).median)

# files
save_sparse("read_mtx", read_mtx(joinpath(IN, "10x", "matrix.mtx.gz"); type = Float64))
write_mtx(joinpath(OUT, "write_mtx.file.bin"), unsorted)
folder = read_10x_mtx(joinpath(IN, "10x"); type = Float64)
save_sparse("read_10x_mtx", folder.counts)
save_texts("10x_names.barcodes", folder.barcodes)
save_texts("10x_names.gene_ids", folder.genes.gene_ids)
save_texts("10x_names.gene_names", folder.genes.gene_symbols)
save_texts("10x_names.feature_types", folder.genes.feature_types)

# preprocessing
cells = filter_cells(counts; min_genes = 100)
save("pp_filter_cells.keep", Vector{Bool}(cells.keep))
save("pp_filter_cells.number", Float64.(cells.number))
save_fields("pp_filter_genes", filter_genes(counts; min_counts = 20))
qc = qc_metrics(logged; percent_top = (10, 50, 200), subsets = (mito = mask("mito"), ribo = mask("ribo")))
save_fields(
    "pp_calculate_qc_metrics",
    (
        n_genes_by_counts = Float64.(qc.cells.n_genes_by_counts),
        total_counts = qc.cells.total_counts,
        pct_counts_in_top = vcat((qc.cells[Symbol("pct_counts_in_top_$(n)_genes")] for n in (10, 50, 200))...),
        subset_counts = [qc.cells.total_counts_mito; qc.cells.total_counts_ribo],
        subset_pct = [qc.cells.pct_counts_mito; qc.cells.pct_counts_ribo],
        n_cells_by_counts = Float64.(qc.genes.n_cells_by_counts),
        total_counts_of_genes = qc.genes.total_counts,
        mean_counts = qc.genes.mean_counts,
        pct_dropout = qc.genes.pct_dropout_by_counts,
    ),
)
for (name, made) in (
    "pp_normalize_total" => normalize_total(counts),
    "pp_normalize_total~excluding" =>
        normalize_total(counts; target_sum = 1e3, exclude_highly_expressed = true, max_fraction = 0.02),
    "pp_normalize_log1p" => normalize_log1p(counts; target_sum = 1e4, base = 2),
)
    save("$name.values", nonzeros(made.X))
    save("$name.size_factors", made.size_factors)
    save("$name.target_sum", made.target_sum)
    save("$name.highly_expressed", made.highly_expressed)
end
for (name, change!) in (
    "normalize_total" => X -> normalize_total!(X; target_sum = 1e4),
    "normalize_log1p" => X -> normalize_log1p!(X; target_sum = 1e4),
    "log1p" => log1p!,
    "normalize_relative" => normalize_relative!,
    "normalize_clr" => normalize_clr!,
    "scale" => X -> scale!(X; zero_center = false),
)
    changed = copy(counts)
    change!(changed)
    save("pp_$(name)_inplace.values", nonzeros(changed))
end
save("pp_log1p.values", nonzeros(ScNative.log1p(counts)))
save("pp_log1p~dense.out", ScNative.log1p(abs.(points)))
save("pp_normalize_relative.values", nonzeros(normalize_relative(counts)))
save("pp_normalize_clr~genes.values", nonzeros(normalize_clr(counts; margin = 1)))
save("pp_normalize_clr~cells.values", nonzeros(normalize_clr(counts; margin = 2)))
function save_genes(name, result)
    genes = result.genes
    haskey(genes, :mean_bin) && (genes = merge(genes, (mean_bin = genes.mean_bin .- 1,))) # from 1 in Julia
    save_fields(name, genes)
    result.bin_edges === nothing || save("$name.bin_edges", result.bin_edges)
end
for flavor in (:seurat, :cell_ranger, :seurat_v3, :seurat_v3_paper, :vst, :pearson_residuals)
    X = flavor in (:seurat, :cell_ranger) ? logged : counts
    how = (flavor = flavor, n_top_genes = 100, bin_edges = true)
    save_genes("pp_highly_variable_genes~$flavor", highly_variable_genes(X; how...))
    save_genes("pp_highly_variable_genes~$flavor~batches", highly_variable_genes(X; batches = batches, how...))
end
cut_offs = (min_mean = 0.1, max_mean = 8, min_disp = 1)
plotted = highly_variable_genes(logged; flavor = :mean_var_plot, bin_edges = true, cut_offs...)
save_genes("pp_highly_variable_genes~mean_var_plot", plotted)
by_frequency = (flavor = :dispersion, n_top_genes = 100, binning = :equal_frequency, bin_edges = true)
save_genes("pp_highly_variable_genes~dispersion", highly_variable_genes(logged; by_frequency...))
for (name, made) in (
    "pp_scale" => ScNative.scale(logged; max_value = 2),
    "pp_scale~groups" => ScNative.scale(logged; groups = groups, n_groups = N_GROUPS),
    "pp_scale~dense" => ScNative.scale(points),
    "pp_scale~not_centred" => ScNative.scale(logged; zero_center = false, max_value = 3),
    "pp_scale~seurat" => ScNative.scale(points; max_value = 1, clip_below = false),
    "pp_scale~centred" => ScNative.scale(points; divide = false),
    "pp_scale~root_mean_square" => ScNative.scale(points; zero_center = false, root_mean_square = true),
)
    save("$name.out", issparse(made.X) ? nonzeros(made.X) : made.X)
    save("$name.means", made.mean)
    save("$name.stds", made.std)
end
covariates = reshape(load("covariates", Float64), N_OBS, 3)
save("pp_regress_out.out", regress_out(logged, covariates))
save("pp_regress_out_groups.out", regress_out(logged; groups = batches, n_groups = N_BATCHES))

# tools
every = (:scores, :pvals, :ln_pvals, :pvals_adj, :log_fold_changes, :means, :means_reference, :fractions, :fractions_reference)
for (name, how) in (
    "t-test" => (method = :t_test,),
    "overestim" => (method = :t_test_overestim_var, fold_change = :scanpy_v2, corr_method = :bonferroni),
    "student" => (method = :student, reference = 2, fold_change = :seurat_v5, corr_method = :benjamini_yekutieli),
    "wilcoxon" => (method = :wilcoxon,),
    "wilcoxon_r" => (method = :wilcoxon, tie_correct = true, continuity = true, fold_change = :seurat_v4),
    "difference" => (method = :t_test, fold_change = :difference, positive_fractions = true),
    "wilcoxon_exact" => (method = :wilcoxon, exact = true, min_cells = 1, fold_change = :seurat_v4_means),
    "wilcoxon_reference" => (method = :wilcoxon, reference = 1, tie_correct = true),
)
    results = how.method === :wilcoxon ? (every..., :u, :auroc) : every
    global made = rank_genes_groups(logged, groups; n_groups = N_GROUPS, results = results, how...)
    save_fields("tl_rank_genes_groups~$name", made)
    save("tl_rank_genes_groups_order~$name.order", rank_order(made.scores; n_top = 50) .- 1)
end
save("tl_rank_genes_groups_order~abs.order", rank_order(made.scores; n_top = 50, by_abs = true) .- 1)
control = control_genes(logged, gene_set; gene_pool = gene_pool, ctrl_size = 10, n_bins = 12, random_state = 5)
save("tl_control_genes.control", control .- 1)
save("tl_score_genes.score", score_genes(logged, gene_set, control))
save_texts("tl_cell_cycle_phase.phase", cell_cycle_phase(load("s_score", Float64), load("g2m_score", Float64)))
save("tl_energy_distance.distance", energy_distance(points, groups; n_groups = N_GROUPS).distance)
how = (n_groups = N_GROUPS, reference = 3, metric = :euclidean, unbiased = false)
save("tl_energy_distance~euclidean.distance", energy_distance(logged, groups; how...).distance)
discrepancy = mmd(points, groups; n_groups = N_GROUPS)
save("tl_mmd.squared", discrepancy.squared)
save("tl_mmd.gammas", discrepancy.gammas)
save("tl_mmd~gammas.squared", mmd(points, groups; n_groups = N_GROUPS, gammas = [0.5, 2.0], unbiased = true).squared)

# statistics
x, y, w, new = (load("loess_$name", Float64) for name in ("x", "y", "w", "new"))
save("stats_loess.fitted", loess(x, y; weights = w, span = 0.4))
save("stats_loess~r.fitted", loess(x, y; span = 0.4, slack = 1e-5))
save("stats_loess.predicted", loess(x, y; span = 0.5, degree = 1, surface = :direct, new_x = new))
z, t, df, p = (load(name, Float64) for name in ("z", "t", "df", "p"))
save("stats_normal_p.p", normal_p(z))
save("stats_normal_p~log.p", normal_p(z; logarithm = true))
save("stats_student_p.p", student_p(t, df))
save("stats_student_p~log.p", student_p(t, df; logarithm = true))
for method in ("benjamini-hochberg", "benjamini-yekutieli", "bonferroni")
    save("stats_adjust_p~$method.adjusted", adjust_p(p, method))
end
drawn = simulate_counts(60, 200; n_clusters = 3, markers_per_cluster = 5, n_batches = 2, seed = 7)
save_sparse("simulate_counts", drawn.counts)
save("simulate_counts.clusters", drawn.clusters .- 1)
save("simulate_counts.batches", drawn.batches .- 1)
save("simulate_counts.marker_of", drawn.marker_of .- 1)

# models
rows(array) = ndims(array) < 2 ? array : permutedims(array, ndims(array):-1:1)
save_arrays(name, arrays) = foreach(((key, array),) -> save("$name.$key", rows(array)), collect(pairs(arrays)))
const MODELS = get(ENV, "SCNATIVE_MODELS_DIR", "")
model_errors = ()
if !isempty(MODELS)
    plain = joinpath(MODELS, "scgpt-plain")
    cells = reshape(load("model_counts", Float64), 30, 40)
    model = Model(plain)
    known = ScNative.genes(model)
    gene_names = [known[1:24]; ["unknown$i" for i in 0:5]]
    save("models_list.n", length(models()))
    save_texts("models_info.texts", [model_info("scGPT/Human")[key] for key in ("id", "family")])
    model_register(Dict("id" => "proof", "family" => "scgpt", "source" => Dict("local" => plain)))
    save_texts("models_register.family", [model_info("Proof")["family"]])
    model_unregister("proof")
    nowhere = joinpath(dirname(OUT), "cache")
    save("models_cache.size", model_cache(cache_dir = nowhere)["size"])
    save("models_prune.freed", model_prune(cache_dir = nowhere)["freed_bytes"])
    save_texts("model_describe.family", [model.family])
    save_texts("model_genes.genes", known)
    save("model_gene_embeddings.gene_embeddings", rows(gene_embeddings(model)))
    inputs = (src = permutedims(reshape(load("model_src", Int64), 6, 3)), values = permutedims(reshape(load("model_values", Float64), 6, 3)))
    save_arrays("model_forward", model(inputs))
    save("model_embed.embedding", embed(model, cells; genes = gene_names).embedding)
    renamed = ["first"; lowercase(gene_names[2]); gene_names[3:end]]
    how = (aliases = Dict("first" => gene_names[1]), min_matched = 0.5, max_batch_tokens = 64, binning = "deterministic")
    save("model_embed~options.embedding", embed(model, cells; genes = renamed, how...).embedding)
    perturbing = Model(joinpath(MODELS, "scgpt-perturb"))
    named = [ScNative.genes(perturbing)[1:24]; gene_names[25:30]]
    perturbed = [named[1:1], named[2:3]]
    save_arrays("model_run", run_task(perturbing, "perturb", cells ./ 8; genes = named, perturbations = perturbed, pool_size = 7).outputs)
    saved = joinpath(dirname(OUT), "saved")
    ScNative.save(model, saved; overwrite = true)
    cp(joinpath(saved, "config.json"), joinpath(OUT, "model_export.config.bin"))
    cp(joinpath(saved, "model.safetensors"), joinpath(OUT, "model_export.weights.bin"))
    negative = copy(cells)
    negative[3, 2] = -3
    none = joinpath(IN, "none")
    global model_errors = (
        "models_info" => () -> model_info("scgpt-humn"),
        "models_unregister" => () -> model_unregister("proof"),
        "models_download" => () -> model_download("proof/none"; offline = true, cache_dir = none),
        "models_remove" => () -> model_remove("proof/none"; cache_dir = none),
        "models_verify" => () -> model_verify("proof/none"; cache_dir = none),
        "model_open" => () -> Model("/no/such/folder"),
        "model_open~dtype" => () -> Model(plain; dtype = "f33"),
        "model_forward" => () -> model(Dict()),
        "model_embed~option" => () -> embed(model, cells; genes = gene_names, bins = 3),
        "model_embed~names" => () -> embed(model, cells),
        "model_embed~vocabulary" => () -> embed(model, cells; genes = ["unknown$i" for i in 0:29]),
        "model_embed~counts" => () -> embed(model, negative; genes = gene_names),
        "model_embed~budget" => () -> embed(model, cells; genes = gene_names, max_batch_tokens = 1),
        "model_embed~shape" => () -> embed(model, cells; genes = gene_names, arrays = (batch_labels = 0:4,)),
        "model_run" => () -> run_task(model, "dance"),
    )
end

# errors
for (name, call) in (
    model_errors...,
    "validate" => () -> ScNative.validate(matrix("counts", "not_finite.values")),
    "read_mtx" => () -> read_mtx(joinpath(IN, "none.mtx")),
    "log1p" => () -> ScNative.log1p(counts; base = 1),
    "scale" => () -> ScNative.scale(counts; max_value = -1),
    "highly_variable_genes" => () -> highly_variable_genes(logged; n_top_genes = 100_000),
    "rank_genes_groups" => () -> rank_genes_groups(logged, load("lonely", Int32) .+ 1; n_groups = 2),
    "rank_not_finite" => () -> rank_genes_groups(matrix("counts", "not_finite.values"), groups; n_groups = N_GROUPS),
    "adjust_p" => () -> adjust_p([0.5, 1.5]),
    "loess" => () -> loess(x, y; span = -1.0),
)
    try
        call()
    catch error
        error isa ScNativeError || rethrow()
        save_texts("error~$name.text", [error.name, error.message])
    end
end
