library(Matrix)

# Tests see base's functions before those that Matrix puts on the search path.
t <- Matrix::t
rowSums <- Matrix::rowSums
rowMeans <- Matrix::rowMeans
colSums <- Matrix::colSums
colMeans <- Matrix::colMeans

# Counts of genes x cells with names; some genes and one cell are all zero.
small_counts <- function(n_genes = 60, n_cells = 90, seed = 1) {
  set.seed(seed)
  rates <- exp(rnorm(n_genes))
  values <- matrix(rnbinom(n_genes * n_cells, mu = rates, size = 2), n_genes)
  values[c(3, n_genes), ] <- 0
  values[, 5] <- 0
  dimnames(values) <- list(sprintf("g%d", seq_len(n_genes)), sprintf("c%d", seq_len(n_cells)))
  as(values, "CsparseMatrix")
}

# Log-normalised values of cells that all have counts.
small_logs <- function(...) {
  counts <- small_counts(...)
  counts <- counts[, colSums(counts) > 0]
  counts@x <- log1p(counts@x / rep.int(colSums(counts), diff(counts@p)) * 1e4)
  counts
}

small_groups <- function(n, levels = c("a", "b", "c"), seed = 2) {
  set.seed(seed)
  factor(sample(levels, n, replace = TRUE), levels)
}

# Every way to hand in the same matrix, of genes x cells and of cells x genes: list(x, cells).
layouts <- function(x) {
  dense <- as.matrix(x)
  forms <- list(
    dgCMatrix = x,
    dgRMatrix = as(x, "RsparseMatrix"),
    dense = dense,
    "dgCMatrix of cells x genes" = Matrix::t(x),
    "dgRMatrix of cells x genes" = as(Matrix::t(x), "RsparseMatrix"),
    "dense of cells x genes" = t(dense)
  )
  ints <- dense
  if (all(dense == round(dense))) {
    storage.mode(ints) <- "integer"
    forms$integer <- ints
    forms[["integer of cells x genes"]] <- t(ints)
  }
  sapply(names(forms), function(name) {
    list(x = forms[[name]], cells = if (grepl("cells x genes", name)) "rows" else "columns")
  }, simplify = FALSE)
}

with_options <- function(code, ...) {
  before <- options(...)
  on.exit(options(before))
  force(code)
}

without_names <- function(x) {
  dimnames(x) <- list(NULL, NULL)
  x
}
