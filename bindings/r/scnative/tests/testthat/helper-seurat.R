# Seurat and data beside us. Where there are none a test is skipped, and says so in a warning.

need_seurat <- function() {
  if (!requireNamespace("Seurat", quietly = TRUE)) {
    warning("Seurat is not installed: comparisons with it are skipped", call. = FALSE)
    testthat::skip("needs Seurat")
  }
  if (utils::packageVersion("Seurat") >= "5.0.0") {
    warning("Seurat is of version 5: comparisons with version 4.3 are skipped", call. = FALSE)
    testthat::skip("needs Seurat 4.3")
  }
}

need_seurat_5 <- function() {
  there <- requireNamespace("Seurat", quietly = TRUE) && utils::packageVersion("Seurat") >= "5.0.0"
  testthat::skip_if_not(there, "needs Seurat 5")
}

pbmc_small <- function() {
  need_seurat()
  getExportedValue("SeuratObject", "pbmc_small")
}

in_seurat <- function(name) get(name, envir = asNamespace("Seurat"))

# 10x's PBMC 3k, genes x cells, with a type for each cell: list(counts, types).
pbmc3k <- local({
  kept <- NULL
  function() {
    if (is.null(kept)) kept <<- read_pbmc3k()
    kept
  }
})

read_pbmc3k <- function() {
  file <- file.path(Sys.getenv("SCNATIVE_DATA_DIR"), "pbmc3k_raw.h5ad")
  folder <- tempfile()
  dir.create(folder)
  code <- paste(
    "import sys, anndata, scipy.sparse as sp",
    "a = anndata.read_h5ad(sys.argv[1]); m = sp.csr_matrix(a.X); m.sort_indices(); f = sys.argv[2]",
    "m.indptr.astype('<i4').tofile(f + '/p'); m.indices.astype('<i4').tofile(f + '/i'); m.data.astype('<f8').tofile(f + '/x')",
    "open(f + '/genes', 'w').write(''.join(g + '\\n' for g in a.var_names))",
    "open(f + '/cells', 'w').write(''.join(c + '\\n' for c in a.obs_names))",
    "open(f + '/types', 'w').write(''.join(str(t) + '\\n' for t in a.obs['cell_type']))",
    sep = "\n"
  )
  python <- Sys.getenv("SCNATIVE_PYTHON", "python3")
  status <- if (file.exists(file)) {
    suppressWarnings(system2(python, c("-c", shQuote(code), shQuote(file), shQuote(folder)), stdout = FALSE, stderr = FALSE))
  } else {
    1
  }
  if (!identical(as.integer(status), 0L)) {
    warning(
      "PBMC 3k is skipped: SCNATIVE_DATA_DIR has no pbmc3k_raw.h5ad, or SCNATIVE_PYTHON is no Python with anndata", call. = FALSE
    )
    testthat::skip("needs PBMC 3k")
  }
  read <- function(name, what, size) {
    path <- file.path(folder, name)
    readBin(path, what, file.size(path) / size, size = size, endian = "little")
  }
  lines <- function(name) readLines(file.path(folder, name))
  counts <- Matrix::sparseMatrix(
    i = read("i", "integer", 4), p = read("p", "integer", 4), x = read("x", "double", 8), index1 = FALSE,
    dims = c(length(lines("genes")), length(lines("cells"))), dimnames = list(gsub("_", "-", lines("genes")), lines("cells"))
  )
  list(counts = counts, types = factor(lines("types")))
}

# A Seurat object of counts with clusters whose names are numbers and have blanks, one of a single cell; with genes that are
# the same in all cells, in none, or but for the order of the cells the same as others.
odd_object <- function() {
  need_seurat()
  set.seed(11)
  counts <- as.matrix(small_counts(120, 150, seed = 7))
  counts[10, ] <- 3
  counts[c(3, 60), ] <- 0
  for (gene in 20:30) {
    counts[gene, ] <- sample(counts[20, ])
  }
  counts[40, ] <- c(25, rep(0, 149))
  counts[, 5] <- 1
  counts[1:20, 1:40] <- counts[1:20, 1:40] * 3 + 2
  object <- SeuratObject::CreateSeuratObject(as(counts, "CsparseMatrix"))
  clusters <- c("7", "alone", rep(c("10", "2", "a b", "7"), length.out = 148))
  clusters[1:40] <- "10"
  clusters[41] <- "alone"
  clusters[clusters == "alone"][-1] <- "2"
  clusters[50] <- "alone"
  clusters[41] <- "a b"
  object$part <- rep(c("x", "y", "y"), length.out = 150)
  object$depth <- seq_len(150) / 7
  SeuratObject::Idents(object) <- factor(clusters, c("10", "2", "a b", "7", "alone"))
  in_seurat("NormalizeData")(object, verbose = FALSE)
}

quiet <- function(code) suppressMessages(suppressWarnings(code))

# Numbers of two tables agree to these tolerances, all else is the same.
expect_same_markers <- function(ours, theirs, p = 1e-9, fc = 1e-12) {
  testthat::expect_identical(names(ours), names(theirs))
  testthat::expect_identical(rownames(ours), rownames(theirs))
  for (column in names(theirs)) {
    if (!is.numeric(theirs[[column]])) {
      testthat::expect_identical(ours[[column]], theirs[[column]])
    } else if (column %in% c("p_val", "p_val_adj")) {
      zero <- theirs[[column]] == 0
      testthat::expect_identical(ours[[column]][zero], theirs[[column]][zero])
      testthat::expect_lte(max(0, abs(ours[[column]][!zero] / theirs[[column]][!zero] - 1)), p)
    } else {
      testthat::expect_lte(max(0, abs(ours[[column]] - theirs[[column]])), fc)
    }
  }
}

expect_near <- function(ours, theirs, tolerance = 1e-10) {
  testthat::expect_identical(dim(ours), dim(theirs))
  testthat::expect_identical(lapply(dimnames(ours), unname), lapply(dimnames(theirs), unname))
  ours <- as.vector(as.matrix(ours))
  theirs <- as.vector(as.matrix(theirs))
  testthat::expect_identical(is.na(ours), is.na(theirs))
  finite <- is.finite(theirs)
  testthat::expect_identical(ours[!finite & !is.na(theirs)], theirs[!finite & !is.na(theirs)])
  testthat::expect_lte(max(0, abs(ours[finite] - theirs[finite]) / pmax(1, abs(theirs[finite]))), tolerance)
}
