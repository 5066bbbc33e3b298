# A shared library of these C functions.
fake_library <- function(code) {
  folder <- tempfile()
  dir.create(folder)
  source <- file.path(folder, "fake.c")
  writeLines(code, source)
  before <- setwd(folder)
  on.exit(setwd(before))
  built <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "fake.c"), stdout = TRUE, stderr = TRUE, env = "R_TESTS=")
  made <- file.path(folder, paste0("fake", .Platform$dynlib.ext))
  if (!file.exists(made)) stop(paste(built, collapse = "\n"))
  made
}

first_call <- c(
  "library(scnative)",
  "cat('loaded\\n')",
  "error <- tryCatch(scn_stats(matrix(1)), scn_error_library = identity)",
  "cat(class(error), sep = ' ')",
  "cat('\\n', conditionMessage(error), '\\n', deparse(conditionCall(error)), '\\n', sep = '')"
)

test_that("the package loads without the library, and then says what was tried and how to get it", {
  nowhere <- file.path(tempdir(), "nowhere.so")
  said <- fresh_r(first_call, paste0("SCNATIVE_LIB=", nowhere))
  expect_identical(said[1:2], c("loaded", "scn_error_library scn_error error condition"))
  said <- paste(said, collapse = "\n")
  expect_match(said, paste0(nowhere, " (SCNATIVE_LIB)"), fixed = TRUE)
  expect_match(said, "cargo build --release", fixed = TRUE)
  expect_match(said, "SCNATIVE_LIB to the library's file", fixed = TRUE)
  expect_match(said, "scn_stats(matrix(1))", fixed = TRUE)
})

test_that("a library that is too old, too new or another one is refused with its path", {
  too_old <- fake_library("unsigned scn_abi_version(void) { return 0; }")
  said <- paste(fresh_r(first_call, paste0("SCNATIVE_LIB=", too_old)), collapse = "\n")
  expect_match(said, paste0(too_old, " (SCNATIVE_LIB): lacks scn_context_init, it is older than this package"), fixed = TRUE)
  too_new <- fake_library("unsigned scn_abi_version(void) { return 99; }")
  said <- paste(fresh_r(first_call, paste0("SCNATIVE_LIB=", too_new)), collapse = "\n")
  expect_match(said, paste0(too_new, " (SCNATIVE_LIB): has ABI 99, this package needs ", scnative:::abi$SCN_ABI_VERSION), fixed = TRUE)
  another <- fake_library("int nothing(void) { return 0; }")
  said <- paste(fresh_r(first_call, paste0("SCNATIVE_LIB=", another)), collapse = "\n")
  expect_match(said, paste0(another, " (SCNATIVE_LIB): is not scnative (it has no scn_abi_version)"), fixed = TRUE)
})

test_that("without SCNATIVE_LIB the package's own copy comes first, then the system's loader", {
  said <- fresh_r(c("library(scnative)", "cat(scnative:::library_candidates(), sep = '\\n')"), "SCNATIVE_LIB=")
  file <- scnative:::library_file()
  expect_identical(said[1], file.path(system.file(package = "scnative"), "lib", file))
  expect_identical(said[length(said)], file)
  bundled <- file.exists(said[1])
  found <- fresh_r(c("library(scnative)", "cat(tryCatch(scn_build_info()$path, error = conditionMessage))"), "SCNATIVE_LIB=")
  if (bundled) expect_identical(found, said[1]) else expect_match(paste(found, collapse = "\n"), said[1], fixed = TRUE)
})

test_that("build_info says which library it is", {
  info <- scn_build_info()
  expect_true(file.exists(info$path))
  expect_identical(info$package_version, as.character(packageVersion("scnative")))
  expect_identical(info$abi_version, scnative:::abi$SCN_ABI_VERSION)
  expect_gt(info$threads, 0)
})

test_that("the namespace can be unloaded and loaded again", {
  said <- fresh_r(c(
    "x <- scnative::scn_stats(matrix(1:4, 2))",
    "unloadNamespace('scnative')",
    "gc()",
    "stopifnot(identical(scnative::scn_stats(matrix(1:4, 2)), x))",
    "cat('fine\\n')"
  ))
  expect_identical(said[length(said)], "fine")
})

test_that("a file that SCNATIVE_LIB names without a folder is the one in the working directory", {
  before <- Sys.getenv("SCNATIVE_LIB", NA)
  on.exit(if (is.na(before)) Sys.unsetenv("SCNATIVE_LIB") else Sys.setenv(SCNATIVE_LIB = before))
  Sys.setenv(SCNATIVE_LIB = "libscnative.so")
  expect_identical(scnative:::library_candidates(), c(SCNATIVE_LIB = "./libscnative.so"))
})

test_that("loading the package opens no library and no package outside base R, and dense matrices need none", {
  said <- fresh_r(c(
    "library(scnative)",
    "base <- rownames(installed.packages(priority = 'base'))",
    "cat(is.null(scnative:::library_state$path), '\\n')",
    "invisible(scn_normalize_log1p(matrix(1:4, 2)))",
    "cat(setdiff(loadedNamespaces(), c(base, 'scnative')), '\\n')"
  ))
  expect_identical(trimws(said), c("TRUE", ""))
})
