test_that("each status is a class of its own, with its name", {
  statuses <- scnative:::abi[grepl("^SCN_ERR_", names(scnative:::abi))]
  expect_length(statuses, 27)
  for (name in names(statuses)) {
    error <- tryCatch(scnative:::raise(statuses[[name]], "what"), scn_error = identity)
    expect_identical(class(error), c(sub("scn_err_", "scn_error_", tolower(name)), "scn_error", "error", "condition"))
    expect_identical(error$status, statuses[[name]])
    expect_identical(error$status_name, name)
  }
})

test_that("an error of the library has its message, its status and the user's call", {
  error <- tryCatch(scn_loess(1:3, 1:4), error = identity)
  expect_identical(class(error), c("scn_error_shape", "scn_error", "error", "condition"))
  expect_identical(error$status_name, "SCN_ERR_SHAPE")
  expect_identical(error$status, scnative:::abi$SCN_ERR_SHAPE)
  expect_identical(conditionCall(error), quote(scn_loess(1:3, 1:4)))
  expect_match(conditionMessage(error), "4")
})

test_that("so has an error of this package, and a warning", {
  error <- tryCatch(scn_median(1:3), error = identity)
  expect_identical(conditionCall(error), quote(scn_median(1:3)))
  warning <- tryCatch(scn_log1p(matrix(-3)), warning = identity)
  expect_identical(conditionCall(warning), quote(scn_log1p(matrix(-3))))
  expect_s3_class(warning, "scn_warning")
})

test_that("warnings do not pile up, and as errors leave nothing behind", {
  expect_error(with_options(scn_log1p(matrix(-3)), warn = 2), "-1 or less")
  expect_silent(scn_log1p(matrix(3)))
})

test_that("messages in other alphabets are UTF-8", {
  error <- tryCatch(scn_read_mtx("G\u00e8ne\u4e2d.mtx"), error = identity)
  expect_match(conditionMessage(error), "G\u00e8ne\u4e2d.mtx", fixed = TRUE)
})
