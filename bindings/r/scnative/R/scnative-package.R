#' scnative: native kernels for single-cell analysis
#'
#' Every function here calls the shared library `libscnative`, the same that the Python, Julia and C++ packages call:
#' results have the same bits in all of them, for every number of threads and every layout of the matrix.
#'
#' @section Matrices:
#' A matrix is a `dgCMatrix`, a `dgRMatrix`, or a base matrix of doubles or integers. None is copied or changed. Rows are
#' genes and columns are cells, as in Seurat and Bioconductor; say `cells = "rows"` for a matrix of cells x genes. Other
#' classes are an error that names the conversion, `as(x, "CsparseMatrix")` say. Names of genes and cells are carried over
#' to results. An NA in an integer matrix is an error; what becomes of NA and NaN among doubles each function says.
#'
#' @section Groups:
#' A factor, whose levels name the results, or anything that [as.factor()] takes. NA is a cell in no group.
#' Labels that have names must have those of the cells, in their order; so must covariates.
#'
#' @section Genes:
#' By name, by number from 1, or as a logical mask. A name that several genes have is the first of them.
#'
#' @section Models:
#' [scn_models()] lists foundation models of cells, [scn_model()] opens one, [ScnRunModel()] and [scn_model_embed()] turn counts
#' into vectors, [ScnPredictPerturbation()] predicts what perturbations do. Nothing in a model's files is ever run.
#'
#' @section Defaults:
#' An argument whose default is `NULL` leaves the choice to the library; its documentation says what that is, and
#' [scn_defaults()] asks the library.
#'
#' @section Settings:
#' `options(scnative.threads = )` sets the number of threads, 0 (default) for all cores or what the environment variable
#' `SCN_NUM_THREADS` says; `options(scnative.seed = )` the seed of functions that draw random numbers and are not given
#' one, default 0; `options(scnative.progress = )` is `"auto"` (default) for a progress bar in interactive sessions when a
#' call takes longer than half a second, `TRUE`, `FALSE`, or a function of the part done (0 to 1), which cancels the call
#' by an error. Ctrl-C stops any call.
#'
#' @section Errors:
#' Conditions of class `c("scn_error_shape", "scn_error", "error", "condition")`, with `$status` and `$status_name` of the
#' C library (`SCN_ERR_SHAPE`), its message, and the call of the function that you called.
#'
#' @section The library:
#' It is looked for at the first call: the file that the environment variable `SCNATIVE_LIB` names; the copy in this
#' package, if there was one when it was installed; `target/release` of the checkout that the package is loaded from; the
#' system's loader. [scn_build_info()] says which it was.
#'
#' @useDynLib scnative, .registration = TRUE, .fixes = "C_"
#' @importFrom methods is new slot slot<-
"_PACKAGE"
