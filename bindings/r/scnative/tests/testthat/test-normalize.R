test_that("each cell gets the target as its total", {
  counts <- small_counts()
  totals <- colSums(counts)
  expect_warning(made <- scn_normalize_total(counts, target_sum = 100), "without|zero|no counts|count")
  expect_equal(as.matrix(made), sweep(as.matrix(counts), 2, ifelse(totals == 0, 1, totals / 100), "/"), tolerance = 1e-14)
  expect_s4_class(made, "dgCMatrix")
  expect_true(validObject(made))
  expect_identical(dimnames(made), dimnames(counts))
})

test_that("the target is the median total of the cells that have counts", {
  counts <- small_counts()
  totals <- colSums(counts)
  factors <- suppressWarnings(scn_size_factors(counts))
  expect_identical(factors$target_sum, median(totals[totals > 0]))
  expect_equal(factors$size_factors, totals / factors$target_sum, tolerance = 1e-15)
  expect_false(any(factors$highly_expressed))
  expect_identical(names(factors$highly_expressed), rownames(counts))
})

test_that("genes with more than a part of any cell do not count towards totals", {
  counts <- small_counts()[, -5]
  fractions <- sweep(as.matrix(counts), 2, colSums(counts), "/")
  highly <- apply(fractions > 0.15, 1, any)
  expect_true(any(highly) && !all(highly))
  made <- suppressWarnings(scn_size_factors(counts, target_sum = 1, exclude_highly_expressed = TRUE, max_fraction = 0.15))
  expect_identical(made$highly_expressed, highly)
  expect_equal(made$size_factors, colSums(counts[!highly, ]), tolerance = 1e-14)
})

test_that("normalize_log1p is both in one, to the same bits, and Seurat's LogNormalize", {
  counts <- small_counts()[, -5]
  both <- scn_normalize_log1p(counts, target_sum = 1e4)
  expect_identical(both, scn_log1p(scn_normalize_total(counts, target_sum = 1e4)))
  expect_equal(as.matrix(both), log1p(sweep(as.matrix(counts), 2, colSums(counts), "/") * 1e4), tolerance = 1e-14)
  expect_identical(
    scn_normalize_log1p(counts, target_sum = 1e4, base = 2),
    scn_log1p(scn_normalize_total(counts, target_sum = 1e4), base = 2)
  )
})

test_that("log1p is R's, with any base, and warns below -1", {
  x <- matrix(c(0, 0.5, 3, 1e-10, 1e300, Inf), 2)
  expect_equal(scn_log1p(x), log1p(x), tolerance = 1e-15)
  expect_equal(scn_log1p(x, base = 10), log1p(x) / log(10), tolerance = 1e-15)
  expect_warning(made <- scn_log1p(matrix(c(-1, -2, NaN), 1)), "-1 or less", class = "scn_warning")
  expect_identical(made[1], -Inf)
  expect_true(all(is.nan(made[2:3])))
})

test_that("relative counts and centred log ratios are Seurat's", {
  counts <- small_counts()[, -5]
  dense <- as.matrix(counts)
  relative <- scn_normalize_relative(counts, scale_factor = 1e6)
  expect_equal(as.matrix(relative), sweep(dense, 2, colSums(dense), "/") * 1e6, tolerance = 1e-14)
  clr <- function(x) log1p(x / exp(sum(log1p(x[x > 0])) / length(x)))
  expect_equal(as.matrix(scn_normalize_clr(counts, margin = 1)), t(apply(dense, 1, clr)), tolerance = 1e-13)
  expect_equal(as.matrix(scn_normalize_clr(counts, margin = 2)), apply(dense, 2, clr), tolerance = 1e-13)
  expect_error(scn_normalize_clr(-counts), class = "scn_error_value")
})

test_that("the input is not changed, and cached factors do not survive", {
  counts <- small_counts(20, 20)[, -5]
  counts@factors <- list(cached = 1)
  before <- counts@x + 0
  made <- scn_normalize_total(counts)
  expect_identical(counts@x, before)
  expect_identical(made@factors, list())
})
