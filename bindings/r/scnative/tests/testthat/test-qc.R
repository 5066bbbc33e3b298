test_that("quality metrics are those of base R", {
  counts <- small_counts()
  dense <- as.matrix(counts)
  qc <- scn_calculate_qc_metrics(counts, percent_top = c(20, 5), subsets = list(some = c("g1", "g7"), mask = rowSums(dense) > 50))
  top <- function(n) apply(dense, 2, function(x) 100 * sum(sort(x, decreasing = TRUE)[1:n]) / sum(x))
  of <- function(genes) colSums(dense[genes, ])
  cells <- data.frame(
    n_genes_by_counts = colSums(dense != 0), total_counts = colSums(dense),
    pct_counts_in_top_20_genes = top(20), pct_counts_in_top_5_genes = top(5),
    total_counts_some = of(c("g1", "g7")), pct_counts_some = 100 * of(c("g1", "g7")) / colSums(dense),
    total_counts_mask = of(rowSums(dense) > 50), pct_counts_mask = 100 * of(rowSums(dense) > 50) / colSums(dense)
  )
  expect_equal(qc$cells, cells, tolerance = 1e-14)
  genes <- data.frame(
    n_cells_by_counts = rowSums(dense != 0), total_counts = rowSums(dense), mean_counts = rowMeans(dense),
    pct_dropout_by_counts = 100 * rowMeans(dense == 0)
  )
  expect_equal(qc$genes, genes, tolerance = 1e-14)
  expect_true(is.nan(qc$cells["c5", "pct_counts_some"]))
})

test_that("subsets need names, and genes that are there", {
  counts <- small_counts()
  expect_error(scn_calculate_qc_metrics(counts, 5, list(1:3)), "name", class = "scn_error_invalid_argument")
  expect_error(scn_calculate_qc_metrics(counts, 5, list(mt = c("g1", "MT-1"))), "subsets\\$mt.*MT-1", class = "scn_error_not_found")
  expect_error(scn_calculate_qc_metrics(counts, 2.5), "percent_top: is 2.5", class = "scn_error_invalid_argument")
  expect_error(scn_calculate_qc_metrics(counts, 500), "percent_top: .*500 is not from 1 to 60", class = "scn_error_invalid_argument")
})
