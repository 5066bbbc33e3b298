every <- c("scores", "pvals", "pvals_adj", "log_fold_changes", "ln_pvals", "means", "means_reference", "fractions", "fractions_reference")

test_that("Wilcoxon's test is R's, with both corrections", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs))
  dense <- as.matrix(logs)
  made <- scn_rank_genes_groups(
    logs, groups, method = "wilcoxon", tie_correct = TRUE, continuity = TRUE, results = c("pvals", "u", "auroc", "pvals_adj")
  )
  expect_identical(dimnames(made$pvals), list(rownames(logs), levels(groups)))
  for (group in levels(groups)) {
    tests <- apply(dense, 1, function(x) {
      test <- suppressWarnings(wilcox.test(x[groups == group], x[groups != group], exact = FALSE))
      c(test$statistic, if (is.nan(test$p.value)) 1 else test$p.value)
    })
    expect_equal(made$u[, group], tests[1, ], tolerance = 0)
    expect_equal(made$pvals[, group], tests[2, ], tolerance = 1e-10)
    expect_equal(made$auroc[, group], tests[1, ] / (sum(groups == group) * sum(groups != group)), tolerance = 1e-15)
    expect_equal(made$pvals_adj[, group], p.adjust(tests[2, ], "BH"), tolerance = 1e-10)
  }
})

test_that("t-tests are R's, against the rest and against a group", {
  logs <- small_logs()
  logs <- logs[rowSums(logs) > 0, ]
  groups <- small_groups(ncol(logs))
  dense <- as.matrix(logs)
  for (equal in c(FALSE, TRUE)) {
    method <- if (equal) "student" else "t-test"
    rest <- scn_rank_genes_groups(logs, groups, method = method, results = c("scores", "pvals"))
    against_b <- scn_rank_genes_groups(logs, groups, "b", method = method, results = c("scores", "pvals"))
    for (group in c("a", "c")) {
      test <- function(others) {
        apply(dense, 1, function(x) unlist(t.test(x[groups == group], x[others], var.equal = equal)[c("statistic", "p.value")]))
      }
      reference <- test(groups != group)
      expect_equal(rest$scores[, group], reference[1, ], tolerance = 1e-10)
      expect_equal(rest$pvals[, group], reference[2, ], tolerance = 1e-10)
      reference <- test(groups == "b")
      expect_equal(against_b$scores[, group], reference[1, ], tolerance = 1e-10)
      expect_equal(against_b$pvals[, group], reference[2, ], tolerance = 1e-10)
    }
    expect_true(all(is.nan(against_b$scores[, "b"])))
  }
})

test_that("means, fractions and each convention of fold changes are as they are defined", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs))
  dense <- as.matrix(logs)
  of <- function(f) sapply(levels(groups), function(g) f(dense[, groups == g]))
  rest <- function(f) sapply(levels(groups), function(g) f(dense[, groups != g]))
  made <- scn_rank_genes_groups(logs, groups, results = every)
  expect_equal(made$means, of(rowMeans), tolerance = 1e-13)
  expect_equal(made$means_reference, rest(rowMeans), tolerance = 1e-13)
  expect_equal(made$fractions, of(function(x) rowMeans(x != 0)), tolerance = 1e-15)
  expect_equal(made$fractions_reference, rest(function(x) rowMeans(x != 0)), tolerance = 1e-15)
  expect_equal(made$ln_pvals, log(made$pvals), tolerance = 1e-12)

  counts <- function(x) rowMeans(expm1(x))
  expected <- list(
    scanpy_v1 = log2((expm1(of(rowMeans)) + 1e-9) / (expm1(rest(rowMeans)) + 1e-9)),
    scanpy_v2 = log2((of(counts) + 1e-9) / (rest(counts) + 1e-9)),
    seurat_v4 = log2(of(counts) + 1) - log2(rest(counts) + 1),
    seurat_v5 = log2(of(function(x) (rowSums(expm1(x)) + 1) / ncol(x))) - log2(rest(function(x) (rowSums(expm1(x)) + 1) / ncol(x)))
  )
  for (convention in names(expected)) {
    made <- scn_rank_genes_groups(logs, groups, fold_change = convention, results = "log_fold_changes")
    expect_equal(made$log_fold_changes, expected[[convention]], tolerance = 1e-12)
  }
  natural <- scn_rank_genes_groups(logs, groups, fold_change = "seurat_v4", fold_change_base = exp(1), results = "log_fold_changes")
  expect_equal(natural$log_fold_changes, expected$seurat_v4 * log(2), tolerance = 1e-12)
})

test_that("cells labelled NA count in the rest only", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs))
  groups[groups == "c"] <- NA
  whole <- scn_rank_genes_groups(logs, small_groups(ncol(logs)))
  made <- scn_rank_genes_groups(logs, droplevels(groups))
  for (result in names(made)) {
    expect_identical(made[[result]], whole[[result]][, c("a", "b")])
  }
  against <- scn_rank_genes_groups(logs, droplevels(groups), reference = "b", results = "scores")
  expect_identical(against, scn_rank_genes_groups(logs[, !is.na(groups)], droplevels(groups[!is.na(groups)]), reference = "b", results = "scores"))
})

test_that("groups may be characters or integers", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs))
  made <- scn_rank_genes_groups(logs, groups, results = "scores")$scores
  expect_identical(scn_rank_genes_groups(logs, as.character(groups), results = "scores")$scores, made)
  expect_identical(unname(scn_rank_genes_groups(logs, as.integer(groups), results = "scores")$scores), unname(made))
  expect_identical(colnames(scn_rank_genes_groups(logs, as.integer(groups), results = "scores")$scores), c("1", "2", "3"))
})

test_that("genes are ordered by score, ties by position, NaN last", {
  logs <- small_logs()
  scores <- scn_rank_genes_groups(logs, small_groups(ncol(logs)), results = "scores")$scores
  expect_identical(scn_rank_order(scores), apply(scores, 2, order, decreasing = TRUE, method = "radix"))
  expect_identical(scn_rank_order(scores, 4), apply(scores, 2, order, decreasing = TRUE, method = "radix")[1:4, ])
  expect_identical(scn_rank_order(scores, by_abs = TRUE), apply(abs(scores), 2, order, decreasing = TRUE, method = "radix"))
  expect_identical(scn_rank_order(cbind(c(NaN, 1, 2, 2)))[, 1], c(3L, 4L, 2L, 1L))
  expect_error(scn_rank_order(scores, 1000), class = "scn_error_invalid_argument")
  expect_error(scn_rank_order(scores[, 1]), "scores: is a numeric", class = "scn_error_type")
})

test_that("what cannot be compared is an error", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs))
  lonely <- factor(replace(rep("a", ncol(logs)), 4, "b"))
  expect_error(scn_rank_genes_groups(logs, lonely), class = "scn_error_value")
  expect_error(scn_rank_genes_groups(logs, factor(groups, c("a", "b", "c", "none"))), class = "scn_error_value")
  expect_error(scn_rank_genes_groups(logs, groups, reference = "z"), "reference: is \"z\", must be one of the groups a, b, c", class = "scn_error_not_found")
  expect_error(scn_rank_genes_groups(logs, groups[-1]), "groups: has .* labels", class = "scn_error_shape")
  expect_error(scn_rank_genes_groups(logs, groups, results = c("scores", "zscores")), "zscores", class = "scn_error_invalid_argument")
  expect_error(scn_rank_genes_groups(logs, groups, method = "t-test", tie_correct = TRUE), "tie_correct", class = "scn_error_invalid_argument")
  missing <- logs
  missing@x[3] <- NA
  expect_error(scn_rank_genes_groups(missing, groups), class = "scn_error_value")
})
