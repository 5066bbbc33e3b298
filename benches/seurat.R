# Measures one tool in R, as measure.py does in Python. usage: Rscript seurat.R REQUEST.json

request <- jsonlite::fromJSON(commandArgs(TRUE)[[1]])
suppressPackageStartupMessages(library(Matrix))

say <- function(...) {
  cat(jsonlite::toJSON(list(...), auto_unbox = TRUE, digits = NA), "\n", file = request$output, append = TRUE, sep = "")
}

memory <- function(field) {
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  1024 * as.numeric(sub("[^0-9]*([0-9]+).*", "\\1", line))
}

# The same arrays as Python's, read as R's dgCMatrix of genes x cells: the bytes of cells x genes in CSR.
folder <- file.path(Sys.getenv("BENCH_R_DATA"), request$workload)
shape <- scan(file.path(folder, "shape"), quiet = TRUE)
read <- function(name, what, n) {
  con <- file(file.path(folder, name), "rb")
  on.exit(close(con))
  readBin(con, what, n, size = 4)
}
matrix_of <- function(values) {
  new(
    "dgCMatrix",
    x = read(values, "numeric", shape[3]), i = read("indices", "integer", shape[3]), p = read("indptr", "integer", shape[1] + 1),
    Dim = as.integer(shape[2:1]), Dimnames = list(sprintf("G%05d", seq_len(shape[2])), sprintf("cell%d", seq_len(shape[1])))
  )
}
groups <- factor(sprintf("g%03d", read("groups", "integer", shape[1])))

seurat_object <- function(normalized) {
  suppressPackageStartupMessages(library(Seurat))
  object <- suppressWarnings(CreateSeuratObject(matrix_of("counts")))
  Idents(object) <- groups
  if (normalized) NormalizeData(object, verbose = FALSE) else object
}

# p-values as groups x genes, by row.
markers_answer <- function(table) {
  genes <- sprintf("G%05d", seq_len(shape[2]))
  p <- matrix(NaN, shape[2], nlevels(groups), dimnames = list(genes, levels(groups)))
  p[cbind(match(table$gene, genes), match(as.character(table$cluster), levels(groups)))] <- table$p_val
  list(p = as.vector(p), partial = 1)
}
chosen_answer <- function(object) {
  list(chosen = as.numeric(rownames(object) %in% VariableFeatures(object)))
}
data_answer <- function(object) {
  x <- GetAssayData(object, "data")@x
  list(x = x[seq_len(min(length(x), 2e6))])
}

# Each operation: what it works on, made untimed; the tools' calls, and by what their times are multiplied where they do a part of the work; the
# answer; the bytes of a non-zero that must be moved.
operations <- list(
  seurat_normalize = list(
    input = function() seurat_object(FALSE),
    scnative = function(x) scnative::ScnNormalizeData(x, verbose = FALSE),
    Seurat = function(x) NormalizeData(x, verbose = FALSE),
    answer = data_answer, traffic = 16
  ),
  seurat_vst = list(
    input = function() seurat_object(FALSE),
    scnative = function(x) scnative::ScnFindVariableFeatures(x, verbose = FALSE),
    Seurat = function(x) FindVariableFeatures(x, verbose = FALSE),
    answer = chosen_answer, traffic = 12
  ),
  seurat_markers = list(
    input = function() seurat_object(TRUE),
    scnative = function(x) scnative::ScnFindAllMarkers(x, logfc.threshold = 0, min.pct = 0, return.thresh = Inf, verbose = FALSE),
    # FindAllMarkers() is a loop of FindMarkers(), three minutes each, and that a loop over the genes.
    Seurat = function(x) {
      cluster <- levels(groups)[[1]]
      genes <- rownames(x)[seq(1, nrow(x), 10)]
      table <- FindMarkers(x, ident.1 = cluster, features = genes, logfc.threshold = 0, min.pct = 0, verbose = FALSE)
      cbind(table, gene = rownames(table), cluster = cluster)
    },
    times = c(Seurat = 10 * nlevels(groups)),
    note = c(Seurat = sprintf("1 of %d clusters, every tenth gene, x%d", nlevels(groups), 10 * nlevels(groups))),
    answer = markers_answer, traffic = 12
  ),
  wilcoxon_rest_obs = list(
    input = function() matrix_of("logged"),
    presto = function(x) presto::wilcoxauc(x, groups),
    answer = function(table) list(u = table$statistic, partial = 1), traffic = 8
  )
)

measure <- function(name) {
  operation <- operations[[name]]
  if (request$tool == "presto" && !requireNamespace("presto", quietly = TRUE)) stop("R has no package presto")
  call <- operation[[request$tool]]
  input <- operation$input()
  gc(FALSE)
  once <- function() {
    began <- proc.time()
    result <- call(input)
    list(result = result, spent = proc.time() - began)
  }
  before <- memory("VmRSS")
  cat("5", file = "/proc/self/clear_refs")
  run <- once()
  peak <- max(0, memory("VmHWM") - before)
  first <- run$spent[["elapsed"]]
  spent <- list()
  began <- proc.time()[["elapsed"]]
  # What takes a minute is measured once.
  if (first > 30) spent <- list(run$spent)
  while (first <= 30 && (length(spent) < 3 || (length(spent) < request$repetitions && proc.time()[["elapsed"]] - began < request$seconds))) {
    run <- NULL
    gc(FALSE)
    run <- once()
    spent <- c(spent, list(run$spent))
  }
  if (is.character(request$answer)) {
    parts <- operation$answer(run$result)
    for (part in names(parts)) {
      into <- sub("\\.npz$", paste0(".", part, ".bin"), sub("{operation}", name, request$answer, fixed = TRUE))
      con <- file(into, "wb")
      writeBin(as.double(parts[[part]]), con)
      close(con)
    }
  }
  of_tool <- function(what, otherwise) if (request$tool %in% names(what)) what[[request$tool]] else otherwise
  times <- of_tool(operation$times, 1)
  list(
    times = I(times * vapply(spent, function(s) s[["elapsed"]], 0)), cpu = times * min(vapply(spent, function(s) sum(s[1:2]), 0)),
    first = times * first, memory = peak, output = 0, note = of_tool(operation$note, ""), less = FALSE, nnz = shape[3],
    traffic = operation$traffic * shape[3], limit = "read"
  )
}

for (name in request$operations) {
  say(begin = name)
  row <- tryCatch(measure(name), error = function(e) list(error = substr(conditionMessage(e), 1, 300)))
  do.call(say, c(list(operation = name), row))
}
