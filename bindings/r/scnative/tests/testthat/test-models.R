plain_model <- function(...) scn_model(model_fixture("scgpt-plain"), ...)

test_that("the registry lists models, and finds one by any spelling of its name", {
  models <- scn_models()
  expect_true(all(c("id", "family", "task", "title") %in% names(models)))
  expect_true(all(c("scgpt", "geneformer", "gears", "uce", "scfoundation") %in% models$family))
  expect_identical(rownames(models), models$id)
  expect_identical(scn_model_info("scGPT/human")$id, "scgpt-human")
  expect_error(scn_model_info("scgpt-humn"), "scgpt-human", class = "scn_error_not_found")
  expect_error(scn_model_info(3), "name: is 3, must be one text", class = "scn_error_type")
})

test_that("cards of one's own are found until they are taken out", {
  folder <- model_fixture("scgpt-plain")
  expect_identical(scn_model_register(list(id = "mine", family = "scgpt", source = list(local = folder))), "mine")
  expect_identical(scn_model_info("MINE")$family, "scgpt")
  expect_identical(scn_model("mine")$card$id, "mine")
  scn_model_unregister("mine")
  expect_error(scn_model_info("mine"), class = "scn_error_not_found")
  expect_error(scn_model_register(list(id = "mine")), "family|source", class = "scn_error_config")
})

test_that("an empty cache is empty, and what is not in it cannot be verified or removed", {
  folder <- tempfile()
  expect_identical(scn_model_cache(cache_dir = folder)$size, 0)
  expect_identical(scn_model_prune(cache_dir = folder)$freed_bytes, 0)
  expect_error(scn_model_verify("scgpt-human", cache_dir = folder), class = "scn_error_not_found")
  expect_error(scn_model_remove("scgpt-human", cache_dir = folder), class = "scn_error_not_found")
  expect_error(scn_model_download("perturblab/nothing", cache_dir = folder, offline = TRUE), class = "scn_error_offline")
  expect_error(scn_model_cache(cache_dirs = folder), "cache_dirs", class = "scn_error_invalid_argument")
  expect_error(scn_model_cache(folder), "without a name", class = "scn_error_invalid_argument")
})

test_that("a model says what it is", {
  model <- plain_model()
  expect_s3_class(model, "scn_model")
  expect_identical(model$family, "scgpt")
  expect_identical(model$config$d_model, 32)
  expect_true("src" %in% vapply(model$io$inputs, function(field) field$name, ""))
  expect_null(model$card)
  expect_length(scn_model_genes(model), model$n_genes)
  said <- capture.output(print(model))
  expect_match(said[1], "<scn_model> .*scgpt-plain")
  expect_match(said, "src \\[B, L\\]", all = FALSE)
})

test_that("the forward pass gives the original's outputs, in its shapes", {
  folder <- model_fixture("scgpt-plain")
  expected <- read_safetensors(file.path(folder, "outputs.safetensors"))
  inputs <- read_safetensors(file.path(folder, "inputs.safetensors"))
  made <- scn_model_forward(plain_model(), inputs)
  valid <- expected$valid_mask == 1
  compared <- setdiff(names(expected), "valid_mask")
  expect_true(all(compared %in% names(made)))
  for (name in compared) {
    expect_identical(dim(made[[name]]), dim(expected[[name]]), info = name)
    ours <- made[[name]]
    theirs <- expected[[name]]
    if (identical(dim(theirs)[2], 12L)) { # of a token: what padding has is nobody's
      ours <- if (length(dim(ours)) == 3) apply(ours, 3, `[`, valid) else ours[valid]
      theirs <- if (length(dim(theirs)) == 3) apply(theirs, 3, `[`, valid) else theirs[valid]
    }
    expect_lte(max(abs(ours - theirs) - 1e-4 * abs(theirs)), 2e-4, label = name)
  }
  # Whole numbers may be doubles.
  inputs$src <- inputs$src + 0
  expect_identical(scn_model_forward(plain_model(), inputs), made)
})

test_that("cells become vectors, whatever holds them", {
  model <- plain_model()
  counts <- model_counts(scn_model_genes(model))
  expect_warning(embedding <- scn_model_embed(model, counts), class = "scn_warning")
  report <- attr(embedding, "report")
  expect_identical(dim(embedding), c(6L, 32L))
  expect_identical(rownames(embedding), colnames(counts))
  expect_identical(which(is.nan(embedding[, 1])), c(c4 = 4L))
  expect_identical(report$name, "scgpt")
  expect_identical(report$genes$matched, 12)
  for (given in layouts(counts)) {
    expect_identical(suppressWarnings(scn_model_embed(model, given$x, cells = given$cells)), embedding)
  }
  unnamed <- without_names(counts)
  bare <- suppressWarnings(scn_model_embed(model, unnamed, genes = rownames(counts)))
  expect_identical(unname(bare), unname(embedding), ignore_attr = "report")
  expect_null(rownames(bare))
  for (threads in 1:3) {
    made <- with_options(suppressWarnings(scn_model_embed(model, counts)), scnative.threads = threads)
    expect_identical(made, embedding)
  }
  # A cell is itself, whatever cells are beside it; but which of its ties goes where is drawn by its number.
  together <- suppressWarnings(scn_model_embed(model, counts, binning = "deterministic"))
  alone <- scn_model_embed(model, counts[, 2, drop = FALSE], binning = "deterministic")
  expect_identical(alone[1, ], together[2, ])
})

test_that("genes are found by aliases and in any case", {
  model <- plain_model()
  counts <- model_counts(scn_model_genes(model))[, 1:3]
  expected <- scn_model_embed(model, counts)
  renamed <- counts
  rownames(renamed)[1] <- "mine"
  rownames(renamed)[2] <- tolower(rownames(renamed)[2])
  made <- scn_model_embed(model, renamed, aliases = c(mine = rownames(counts)[1]))
  expect_identical(unclass(made), unclass(expected), ignore_attr = "report")
  expect_error(scn_model_embed(model, counts, min_matched = 0.9), "must be at least 0.9", class = "scn_error_vocabulary")
})

test_that("gene embeddings have the genes' names, and an export is the same model", {
  model <- plain_model()
  genes <- scn_model_gene_embeddings(model)
  expect_identical(dim(genes), c(as.integer(model$n_genes), 32L))
  expect_identical(rownames(genes), scn_model_genes(model))
  folder <- tempfile()
  expect_identical(scn_model_export(model, folder), folder)
  again <- scn_model(folder)
  expect_identical(scn_model_gene_embeddings(again), genes)
  counts <- model_counts(rownames(genes))[, 1:3]
  expect_identical(scn_model_embed(again, counts), scn_model_embed(model, counts))
  scn_model_export(model, folder, overwrite = TRUE)
  elsewhere <- tempfile()
  dir.create(elsewhere)
  writeLines("x", file.path(elsewhere, "y"))
  expect_error(scn_model_export(model, elsewhere), class = "scn_error_invalid_argument")
  expect_error(scn_model_export(model, folder, overwrite = 1), "overwrite: is 1", class = "scn_error_invalid_argument")
})

test_that("bad input is named, each kind by its class", {
  model <- plain_model()
  counts <- model_counts(scn_model_genes(model))
  expect_error(scn_model("/no/such/folder"), "/no/such/folder", class = "scn_error_not_found")
  expect_error(scn_model("scgpt-humn"), "scgpt-human", class = "scn_error_not_found")
  expect_error(scn_model(model$folder, dtype = "f33"), "dtype: is \"f33\"", class = "scn_error_invalid_argument")
  expect_error(scn_model_embed(model, counts, bins = 3), "bins", class = "scn_error_invalid_argument")
  expect_error(scn_model_embed(model, without_names(counts)), "genes", class = "scn_error_gene_names")
  expect_error(scn_model_embed(model, counts, genes = "A"), "genes", class = "scn_error_gene_names")
  expect_error(scn_model_embed(model, counts, genes = paste0("none", 1:15)), class = "scn_error_vocabulary")
  expect_error(scn_model_embed(model, -counts), "count", class = "scn_error_counts")
  expect_error(scn_model_embed(model, counts, max_batch_tokens = 1), "max_batch_tokens: is 1", class = "scn_error_budget")
  expect_error(scn_model_embed(model, counts, genes = rep("a\nb", 15)), "newline", class = "scn_error_invalid_argument")
  expect_error(scn_model_embed(model, counts, arrays = list(batch_labels = 1:5)), "batch_labels", class = "scn_error_shape")
  labels <- list(batch_labels = factor(1:6))
  expect_error(scn_model_embed(model, counts, arrays = labels), "as.integer", class = "scn_error_type")
  expect_error(scn_model_embed(model, counts, arrays = list(1:6)), "name of its own", class = "scn_error_type")
  expect_error(scn_model_embed(NULL, counts), "model: is a NULL", class = "scn_error_type")
  expect_error(scn_model_forward(model, list()), "src", class = "scn_error_invalid_argument")
  expect_error(scn_model_forward(model, list(src = matrix(0.5, 1, 1))), "src", class = "scn_error_type")
  missing <- list(src = matrix(NA_integer_, 1, 1))
  expect_error(scn_model_forward(model, missing), "inputs\\$src: has NA", class = "scn_error_value")
  expect_error(scn_model_run(model, "dance"), "task: is \"dance\"", class = "scn_error_invalid_argument")
})

test_that("a model of another session says so", {
  model <- plain_model()
  file <- tempfile()
  saveRDS(model, file)
  expect_error(scn_model_genes(readRDS(file)), "is of another session", class = "scn_error_invalid_argument")
})

test_that("models that nobody has any more are freed", {
  skip_if_not(file.exists("/proc/self/statm"), "NOT TESTED: needs /proc")
  pages <- function() {
    gc()
    as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1]][2])
  }
  folder <- model_fixture("scgpt-plain")
  run <- function() {
    for (i in 1:40) {
      model <- scn_model(folder)
      scn_model_gene_embeddings(model)
      try(scn_model_forward(model, list()), silent = TRUE)
      try(scn_model(folder, dtype = "none"), silent = TRUE)
    }
  }
  run()
  before <- pages()
  run()
  # A third of what the weights of 40 models take.
  expect_lt((pages() - before) * 4096, 40 * file.size(file.path(folder, "model.safetensors")) / 3)
})

test_that("a Seurat object gets a reduction, and a SingleCellExperiment a reduced dimension", {
  model <- plain_model()
  counts <- model_counts(scn_model_genes(model))[, 1:3]
  expected <- scn_model_embed(model, counts)
  need_seurat()
  object <- suppressWarnings(SeuratObject::CreateSeuratObject(counts))
  object <- ScnRunModel(object, model)
  expect_identical(unname(SeuratObject::Embeddings(object, "scgpt")), unname(expected), ignore_attr = "report")
  expect_identical(SeuratObject::Key(object[["scgpt"]]), "scgpt_")
  expect_identical(colnames(object[["scgpt"]])[1:2], c("scgpt_1", "scgpt_2"))
  expect_identical(SeuratObject::DefaultAssay(object[["scgpt"]]), "RNA")
  expect_identical(SeuratObject::Misc(object[["scgpt"]], "report")$genes$matched, 12)
  object <- ScnRunModel(object, model$folder, reduction.name = "my_model", verbose = FALSE)
  expect_identical(SeuratObject::Key(object[["my_model"]]), "mymodel_")
  expect_error(ScnRunModel(object, model, layer = "count"), "layer: is \"count\"", class = "scn_error_invalid_argument")
  expect_identical(ScnRunModel(counts, model), expected)
  if (!requireNamespace("SingleCellExperiment", quietly = TRUE)) {
    skip("needs SingleCellExperiment")
  }
  cells <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  cells <- ScnRunModel(cells, model)
  expect_identical(unname(SingleCellExperiment::reducedDim(cells, "scgpt")), unname(expected), ignore_attr = "report")
})

test_that("GEARS is built from gene sets, and predicts what perturbations do", {
  from <- model_fixture("gears-uncertainty")
  model <- scn_model(from)
  genes <- scn_model_genes(model)
  known <- scnative:::from_json(paste(readLines(file.path(from, "pert_names.json")), collapse = "\n"))
  # Log-normalised values of 12 cells, the first 5 of which are controls.
  i <- seq_len(12 * length(genes)) - 1
  logs <- matrix(ifelse(i %% 3 == 0, 0, (i * 37) %% 101 / 30), length(genes), dimnames = list(genes, sprintf("c%d", 1:12)))
  sets <- stats::setNames(lapply(seq_along(known), function(i) list(paste0("t", i %% 4), paste0("u", i %% 3))), known)
  folder <- tempfile()
  scn_model_run(
    model, "build_folder", logs, arrays = list(control = 1:12 <= 5), folder = folder, gene_sets = sets, control_cells = 2
  )
  gears <- scn_model(folder)
  perturbations <- list(known[1], known[2:3])
  predicted <- ScnPredictPerturbation(logs, gears, perturbations, controls = 1:5)
  expect_identical(dimnames(predicted), list(genes, c(known[1], paste(known[2:3], collapse = "_"))))
  asked <- list(list(known[1]), known[2:3])
  by_hand <- scn_model_run(gears, "predict", logs, arrays = list(control = 1:12 <= 5), perturbations = asked)
  expect_identical(unname(t(by_hand$pred)), unname(predicted), ignore_attr = c("outputs", "report"))
  expect_length(attr(predicted, "outputs")$uncertainty, 2)
  stored <- ScnPredictPerturbation(NULL, gears, perturbations, n_controls = "all")
  expect_identical(dim(stored), dim(predicted))
  named <- ScnPredictPerturbation(NULL, folder, list(one = known[1], known[2]))
  expect_identical(colnames(named), c("one", known[2]))
  expect_error(ScnPredictPerturbation(logs, gears, list("none")), "none", class = "scn_error")
  expect_error(ScnPredictPerturbation(logs, gears, list(3)), "sets of gene names", class = "scn_error_type")
  need_seurat()
  object <- suppressWarnings(SeuratObject::CreateSeuratObject(as(logs, "CsparseMatrix")))
  seurat <- ScnPredictPerturbation(object, gears, perturbations, controls = colnames(object)[1:5])
  expect_identical(unname(seurat), unname(predicted), ignore_attr = c("outputs", "report"))
})
