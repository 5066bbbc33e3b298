# Every public operation from R: what run.py says, through the functions of the R package.
#
#     Rscript run.R IN_DIR OUT_DIR N_THREADS

library(scnative)

arguments <- commandArgs(TRUE)
IN <- arguments[1]
OUT <- arguments[2]
options(scnative.threads = as.integer(arguments[3]), scnative.seed = 11)
shape <- scan(file.path(IN, "shape.txt"), quiet = TRUE)
N_OBS <- shape[1]
N_VARS <- shape[2]
N_GROUPS <- shape[4]
N_BATCHES <- shape[5]

read <- function(name, type) {
  file <- file.path(IN, paste0(name, ".bin"))
  size <- c(f8 = 8, i4 = 4, i8 = 8, u1 = 1)[[type]]
  readBin(file, if (type == "f8") "double" else "integer", file.size(file) / size, size, signed = type != "u1", endian = "little")
}

bytes_of <- function(name, values, size) {
  writeBin(values, file.path(OUT, paste0(name, ".bin")), size = size, endian = "little")
}

write <- function(name, values) {
  switch(typeof(values),
    double = bytes_of(name, as.vector(values), 8),
    integer = bytes_of(name, as.vector(values), 8),
    logical = bytes_of(name, as.raw(values), NA)
  )
}

write_texts <- function(name, texts) {
  to <- file(file.path(OUT, paste0(name, ".bin")), "wb")
  writeLines(enc2utf8(texts), to, useBytes = TRUE)
  close(to)
}

# R's matrices are genes x cells: a dgCMatrix is compressed along the cells, a dgRMatrix along the genes.
write_sparse <- function(name, X) {
  by_cell <- is(X, "dgCMatrix")
  write(paste0(name, ".indptr"), X@p)
  write(paste0(name, ".indices"), if (by_cell) X@i else X@j)
  write(paste0(name, ".values"), X@x)
  write(paste0(name, ".shape"), c(ncol(X), nrow(X), if (by_cell) 0L else 1L))
}

write_fields <- function(name, fields) {
  for (field in names(fields)) {
    write(paste0(name, ".", field), fields[[field]])
  }
}

# Slot by slot: indices that are not sorted make no valid dgCMatrix, but one that the library takes.
matrix_of <- function(name, values = paste0(name, ".values")) {
  made <- new(methods::getClass("dgCMatrix", where = asNamespace("Matrix")))
  made@Dim <- as.integer(c(N_VARS, N_OBS))
  made@p <- read(paste0(name, ".indptr"), "i4")
  made@i <- read(paste0(name, ".indices"), "i4")
  made@x <- read(values, "f8")
  made
}

labels_of <- function(name, n) factor(read(name, "i4"), seq_len(n) - 1L)

counts <- matrix_of("counts")
unsorted <- matrix_of("unsorted")
points <- matrix(read("points", "f8"), ncol = N_OBS)
groups <- labels_of("groups", N_GROUPS)
batches <- labels_of("batches", N_BATCHES)
gene_set <- read("gene_set", "i8") + 1
gene_pool <- read("gene_pool", "i8") + 1
mito <- read("mito", "u1") == 1
ribo <- read("ribo", "u1") == 1
logged <- scn_normalize_log1p(counts, target_sum = 1e4)

# matrices
write("matrix_is_canonical.found", scn_is_canonical(counts))
write("matrix_is_canonical~unsorted.found", scn_is_canonical(unsorted))
write_sparse("matrix_sum_duplicates", scn_sum_duplicates(unsorted))
write_sparse("matrix_to_major~var", scn_to_major(counts, "genes"))
write_sparse("matrix_to_major~unsorted", scn_to_major(unsorted, "genes"))
write_sparse("matrix_subset", scn_subset(counts, read("subset_obs", "i8") + 1, read("subset_vars", "i8") + 1))
write_sparse("matrix_subset_masked", scn_subset(counts, read("keep_obs", "u1") == 1, read("keep_vars", "u1") == 1))
write_sparse("matrix_concat~obs", scn_concat(list(counts, unsorted), "cells"))
write_sparse("matrix_concat~var", scn_concat(list(counts, unsorted), "genes"))
write("matrix_to_dense.out", scn_to_dense(unsorted))
whole <- function(columns) {
  columns$count_nonzero <- as.integer(columns$count_nonzero)
  columns
}
for (axis in c("obs", "var")) {
  over <- c(obs = "cells", var = "genes")[[axis]]
  write_fields(paste0("matrix_stats~", axis), whole(scn_stats(logged, over, ddof = 1)))
}
write_fields("matrix_stats~dense", whole(scn_stats(points, "cells")))
write_fields("matrix_stats~unsorted", whole(scn_stats(unsorted, "cells")))
write_fields("matrix_aggregate", whole(scn_aggregate(logged, groups)))
write("matrix_medians.out", scn_median(logged, groups))

# files
write_sparse("read_mtx", scn_read_mtx(file.path(IN, "10x", "matrix.mtx.gz")))
scn_write_mtx(unsorted, file.path(OUT, "write_mtx.file.bin"))
folder <- scn_read_10x_mtx(file.path(IN, "10x"))
write_sparse("read_10x_mtx", folder$counts)
write_texts("10x_names.barcodes", colnames(folder$counts))
write_texts("10x_names.gene_ids", folder$genes$gene_ids)
write_texts("10x_names.gene_names", folder$genes$gene_symbols)
write_texts("10x_names.feature_types", folder$genes$feature_types)

# preprocessing
write_fields("pp_filter_cells", scn_filter_cells(counts, min_genes = 100))
write_fields("pp_filter_genes", scn_filter_genes(counts, min_counts = 20))
qc <- scn_calculate_qc_metrics(logged, percent_top = c(10, 50, 200), subsets = list(mito = mito, ribo = ribo))
write_fields("pp_calculate_qc_metrics", list(
  n_genes_by_counts = qc$cells$n_genes_by_counts,
  total_counts = qc$cells$total_counts,
  pct_counts_in_top = unlist(qc$cells[sprintf("pct_counts_in_top_%d_genes", c(10, 50, 200))]),
  subset_counts = c(qc$cells$total_counts_mito, qc$cells$total_counts_ribo),
  subset_pct = c(qc$cells$pct_counts_mito, qc$cells$pct_counts_ribo),
  n_cells_by_counts = qc$genes$n_cells_by_counts,
  total_counts_of_genes = qc$genes$total_counts,
  mean_counts = qc$genes$mean_counts,
  pct_dropout = qc$genes$pct_dropout_by_counts
))
write("pp_normalize_total.values", scn_normalize_total(counts)@x)
write_fields("pp_normalize_total", scn_size_factors(counts))
excluding <- list(counts, target_sum = 1e3, exclude_highly_expressed = TRUE, max_fraction = 0.02)
write("pp_normalize_total~excluding.values", do.call(scn_normalize_total, excluding)@x)
write_fields("pp_normalize_total~excluding", do.call(scn_size_factors, excluding))
write("pp_normalize_log1p.values", scn_normalize_log1p(counts, target_sum = 1e4, base = 2)@x)
write_fields("pp_normalize_log1p", scn_size_factors(counts, target_sum = 1e4))
write("pp_scale_inplace.values", scn_scale(counts, zero_center = FALSE)$x@x)
write("pp_log1p.values", scn_log1p(counts)@x)
write("pp_log1p~dense.out", scn_log1p(abs(points)))
write("pp_normalize_relative.values", scn_normalize_relative(counts)@x)
write("pp_normalize_clr~genes.values", scn_normalize_clr(counts, margin = 1)@x)
write("pp_normalize_clr~cells.values", scn_normalize_clr(counts, margin = 2)@x)
write_genes <- function(name, table) {
  edges <- attr(table, "bin_edges")
  if (!is.null(edges)) {
    table$mean_bin <- ifelse(is.na(table$mean_bin), -1L, table$mean_bin - 1L) # they count from 1 in R
  }
  write_fields(name, c(as.list(table), if (!is.null(edges)) list(bin_edges = edges)))
}
for (flavor in c("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper", "vst", "pearson_residuals")) {
  X <- if (flavor %in% c("seurat", "cell_ranger")) logged else counts
  name <- paste0("pp_highly_variable_genes~", flavor)
  write_genes(name, scn_highly_variable_genes(X, flavor, n_top_genes = 100))
  write_genes(paste0(name, "~batches"), scn_highly_variable_genes(X, flavor, n_top_genes = 100, batches = batches))
}
write_genes(
  "pp_highly_variable_genes~mean_var_plot",
  scn_highly_variable_genes(logged, "mean_var_plot", min_mean = 0.1, max_mean = 8, min_disp = 1)
)
by_frequency <- scn_highly_variable_genes(logged, "dispersion", n_top_genes = 100, binning = "equal_frequency")
write_genes("pp_highly_variable_genes~dispersion", by_frequency)
write_scaled <- function(name, made) {
  write(paste0(name, ".out"), if (isS4(made$x)) made$x@x else made$x)
  write(paste0(name, ".means"), made$mean)
  write(paste0(name, ".stds"), made$std)
}
suppressWarnings({ # that centring makes sparse matrices dense
  write_scaled("pp_scale", scn_scale(logged, max_value = 2))
  write_scaled("pp_scale~groups", scn_scale(logged, groups = groups))
})
write_scaled("pp_scale~dense", scn_scale(points))
write_scaled("pp_scale~not_centred", scn_scale(logged, zero_center = FALSE, max_value = 3))
write_scaled("pp_scale~seurat", scn_scale(points, max_value = 1, clip_below = FALSE))
write_scaled("pp_scale~centred", scn_scale(points, divide = FALSE))
write_scaled("pp_scale~root_mean_square", scn_scale(points, zero_center = FALSE, root_mean_square = TRUE))
write("pp_regress_out.out", scn_regress_out(logged, matrix(read("covariates", "f8"), N_OBS)))
write("pp_regress_out_groups.out", scn_regress_out(logged, groups = batches))

# tools
every <- c("scores", "pvals", "ln_pvals", "pvals_adj", "log_fold_changes", "means", "means_reference", "fractions", "fractions_reference")
comparisons <- list(
  "t-test" = list(method = "t-test"),
  overestim = list(method = "t-test_overestim_var", fold_change = "scanpy_v2", corr_method = "bonferroni"),
  student = list(method = "student", reference = "1", fold_change = "seurat_v5", corr_method = "benjamini-yekutieli"),
  wilcoxon = list(method = "wilcoxon"),
  wilcoxon_r = list(method = "wilcoxon", tie_correct = TRUE, continuity = TRUE, fold_change = "seurat_v4"),
  difference = list(method = "t-test", fold_change = "difference", positive_fractions = TRUE),
  wilcoxon_exact = list(method = "wilcoxon", exact = TRUE, min_cells = 1, fold_change = "seurat_v4_means"),
  wilcoxon_reference = list(method = "wilcoxon", reference = "0", tie_correct = TRUE)
)
for (name in names(comparisons)) {
  results <- if (grepl("wilcoxon", name)) c(every, "u", "auroc") else every
  made <- do.call(scn_rank_genes_groups, c(list(logged, groups, results = results), comparisons[[name]]))
  write_fields(paste0("tl_rank_genes_groups~", name), made)
  write(paste0("tl_rank_genes_groups_order~", name, ".order"), scn_rank_order(made$scores, 50) - 1L)
}
write("tl_rank_genes_groups_order~abs.order", scn_rank_order(made$scores, 50, by_abs = TRUE) - 1L)
control <- scn_control_genes(logged, gene_set, gene_pool = gene_pool, ctrl_size = 10, n_bins = 12, random_state = 5)
write("tl_control_genes.control", control - 1L)
write("tl_score_genes.score", scn_score_genes(logged, gene_set, control))
write_texts("tl_cell_cycle_phase.phase", as.character(scn_cell_cycle_phase(read("s_score", "f8"), read("g2m_score", "f8"))))
write("tl_energy_distance.distance", scn_energy_distance(points, groups))
write(
  "tl_energy_distance~euclidean.distance",
  scn_energy_distance(logged, groups, reference = "2", metric = "euclidean", unbiased = FALSE)
)
write_fields("tl_mmd", scn_mmd(points, groups))
write("tl_mmd~gammas.squared", scn_mmd(points, groups, gammas = c(0.5, 2), unbiased = TRUE)$squared)

# statistics
x <- read("loess_x", "f8")
y <- read("loess_y", "f8")
write("stats_loess.fitted", scn_loess(x, y, weights = read("loess_w", "f8"), span = 0.4))
write("stats_loess~r.fitted", scn_loess(x, y, span = 0.4, slack = 1e-5))
write("stats_loess.predicted", scn_loess(x, y, span = 0.5, degree = 1, surface = "direct", new_x = read("loess_new", "f8")))
write("stats_normal_p.p", scn_normal_p(read("z", "f8")))
write("stats_normal_p~log.p", scn_normal_p(read("z", "f8"), logarithm = TRUE))
write("stats_student_p.p", scn_student_p(read("t", "f8"), read("df", "f8")))
write("stats_student_p~log.p", scn_student_p(read("t", "f8"), read("df", "f8"), logarithm = TRUE))
for (method in c("benjamini-hochberg", "benjamini-yekutieli", "bonferroni")) {
  write(paste0("stats_adjust_p~", method, ".adjusted"), scn_adjust_p(read("p", "f8"), method))
}
drawn <- scn_simulate_counts(60, 200, n_clusters = 3, markers_per_cluster = 5, n_batches = 2, seed = 7)
write_sparse("simulate_counts", drawn$counts)
write("simulate_counts.clusters", as.integer(drawn$clusters) - 1L)
write("simulate_counts.batches", as.integer(drawn$batches) - 1L)
write("simulate_counts.marker_of", ifelse(is.na(drawn$marker_of), -1L, as.integer(drawn$marker_of) - 1L))

# models
write_arrays <- function(name, arrays) {
  for (key in names(arrays)) {
    array <- arrays[[key]]
    write(paste0(name, ".", key), if (length(dim(array)) > 1) as.vector(aperm(array)) else array)
  }
}
models <- Sys.getenv("SCNATIVE_MODELS_DIR")
if (nzchar(models)) {
  plain <- file.path(models, "scgpt-plain")
  cells <- matrix(read("model_counts", "f8"), 30)
  model <- scn_model(plain)
  known <- scn_model_genes(model)
  genes <- c(known[1:24], sprintf("unknown%d", 0:5))
  write("models_list.n", nrow(scn_models()))
  write_texts("models_info.texts", unlist(scn_model_info("scGPT/Human")[c("id", "family")]))
  scn_model_register(list(id = "proof", family = "scgpt", source = list(local = plain)))
  write_texts("models_register.family", scn_model_info("Proof")$family)
  scn_model_unregister("proof")
  nowhere <- file.path(dirname(OUT), "cache")
  write("models_cache.size", as.integer(scn_model_cache(cache_dir = nowhere)$size))
  write("models_prune.freed", as.integer(scn_model_prune(cache_dir = nowhere)$freed_bytes))
  write_texts("model_describe.family", model$family)
  write_texts("model_genes.genes", known)
  write_arrays("model_gene_embeddings", list(gene_embeddings = scn_model_gene_embeddings(model)))
  inputs <- list(src = t(matrix(read("model_src", "i8"), 6)), values = t(matrix(read("model_values", "f8"), 6)))
  write_arrays("model_forward", scn_model_forward(model, inputs))
  embed <- function(...) suppressWarnings(scn_model_embed(...)) # that a cell has no gene of the vocabulary
  write_arrays("model_embed", list(embedding = embed(model, cells, genes)))
  renamed <- c("first", tolower(genes[2]), genes[-(1:2)])
  options <- list(aliases = c(first = genes[1]), min_matched = 0.5, max_batch_tokens = 64, binning = "deterministic")
  write_arrays("model_embed~options", list(embedding = do.call(embed, c(list(model, cells, renamed), options))))
  perturbing <- scn_model(file.path(models, "scgpt-perturb"))
  named <- c(scn_model_genes(perturbing)[1:24], genes[25:30])
  perturbed <- list(list(named[1]), named[2:3])
  write_arrays("model_run", scn_model_run(perturbing, "perturb", cells / 8, named, perturbations = perturbed, pool_size = 7))
  saved <- file.path(dirname(OUT), "saved")
  scn_model_export(model, saved, overwrite = TRUE)
  copied <- file.copy(
    file.path(saved, c("config.json", "model.safetensors")), file.path(OUT, c("model_export.config.bin", "model_export.weights.bin"))
  )
}

# errors: the status' name and the library's message, a line each
not_finite <- matrix_of("counts", "not_finite.values")
write_error <- function(name, call) {
  tryCatch(call, scn_error = function(error) {
    write_texts(paste0("error~", name, ".text"), c(error$status_name, conditionMessage(error)))
  })
}
write_error("validate", scn_validate(not_finite))
write_error("read_mtx", scn_read_mtx(file.path(IN, "none.mtx")))
write_error("log1p", scn_log1p(counts, base = 1))
write_error("scale", suppressWarnings(scn_scale(counts, max_value = -1)))
write_error("highly_variable_genes", scn_highly_variable_genes(logged, n_top_genes = 1e5))
write_error("rank_genes_groups", scn_rank_genes_groups(logged, labels_of("lonely", 2)))
write_error("rank_not_finite", scn_rank_genes_groups(not_finite, groups))
write_error("adjust_p", scn_adjust_p(c(0.5, 1.5)))
write_error("loess", scn_loess(x, y, span = -1))
if (nzchar(models)) {
  negative <- cells
  negative[3, 2] <- -3
  none <- file.path(IN, "none")
  write_error("models_info", scn_model_info("scgpt-humn"))
  write_error("models_unregister", scn_model_unregister("proof"))
  write_error("models_download", scn_model_download("proof/none", offline = TRUE, cache_dir = none))
  write_error("models_remove", scn_model_remove("proof/none", cache_dir = none))
  write_error("models_verify", scn_model_verify("proof/none", cache_dir = none))
  write_error("model_open", scn_model("/no/such/folder"))
  write_error("model_open~dtype", scn_model(plain, dtype = "f33"))
  write_error("model_forward", scn_model_forward(model, list()))
  write_error("model_embed~option", scn_model_embed(model, cells, genes, bins = 3))
  write_error("model_embed~names", scn_model_embed(model, cells))
  write_error("model_embed~vocabulary", scn_model_embed(model, cells, sprintf("unknown%d", 0:29)))
  write_error("model_embed~counts", scn_model_embed(model, negative, genes))
  write_error("model_embed~budget", scn_model_embed(model, cells, genes, max_batch_tokens = 1))
  write_error("model_embed~shape", scn_model_embed(model, cells, genes, list(batch_labels = 0:4)))
  write_error("model_run", scn_model_run(model, "dance"))
}
