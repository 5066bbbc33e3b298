# The native library: found and opened at the first call, so that the package installs and loads without it.

# What is loaded; path is NULL until then.
library_state <- new.env(parent = emptyenv())
library_state$path <- NULL

ensure_library <- function() {
  if (is.null(library_state$path)) {
    library_state$path <- open_library()
  }
}

library_file <- function() if (Sys.info()[["sysname"]] == "Darwin") "libscnative.dylib" else "libscnative.so"

# Where the library is looked for, in order: paths named by why.
library_candidates <- function() {
  chosen <- Sys.getenv("SCNATIVE_LIB")
  if (nzchar(chosen)) {
    # Without a slash the system's loader would look for it elsewhere.
    chosen <- path.expand(chosen)
    return(c(SCNATIVE_LIB = if (grepl("/", chosen, fixed = TRUE)) chosen else file.path(".", chosen)))
  }
  file <- library_file()
  package <- getNamespaceInfo(topenv(), "path")
  found <- c("bundled in the package" = file.path(package, "lib", file))
  checkout <- normalizePath(file.path(package, "..", "..", ".."), mustWork = FALSE)
  if (all(file.exists(file.path(checkout, c("Cargo.toml", "include/scnative.h"))))) {
    found <- c(found, "built in this checkout" = file.path(checkout, "target", "release", file))
  }
  by_name <- c(if (endsWith(file, ".so")) paste0(file, ".", abi$SCN_ABI_VERSION), file)
  c(found, stats::setNames(by_name, rep("the system's loader", length(by_name))))
}

# The path of the library that was opened; an error that lists what was tried if there is none.
open_library <- function() {
  candidates <- library_candidates()
  tried <- character()
  for (i in seq_along(candidates)) {
    opened <- .Call(C_open, candidates[[i]])
    if (isTRUE(attr(opened, "opened"))) {
      return(as.character(opened))
    }
    begins <- paste0(candidates[[i]], ": ") # dlopen's own messages do
    why_not <- if (startsWith(opened, begins)) substring(opened, nchar(begins) + 1) else opened
    tried <- c(tried, sprintf("  %s (%s): %s", candidates[[i]], names(candidates)[i], why_not))
  }
  message <- paste0(
    "libscnative was not found. Tried:\n", paste(tried, collapse = "\n"),
    "\nBuild it with `cargo build --release` in a checkout of scnative and install this package from there, install the ",
    "library with `make install`, or set the environment variable SCNATIVE_LIB to the library's file."
  )
  stop(structure(
    list(message = message, call = user_call(), status = NA_integer_, status_name = NA_character_),
    class = c("scn_error_library", "scn_error", "error", "condition")
  ))
}

.onUnload <- function(libpath) {
  gc() # results of the library that nobody has freed are freed while this package's code is still there
  library.dynam.unload("scnative", libpath)
}

#' Which library is loaded, and what it can do
#'
#' @return A list: `path` of the loaded file, `version`, `abi_version`, `cpu_features` that the library uses, `threads`
#'   that a call uses by default, and `package_version` of this package.
#' @examples
#' scn_build_info()
#' @export
scn_build_info <- function() {
  ensure_library()
  info <- .Call(C_build_info)
  info$cpu_features <- strsplit(info$cpu_features, " ", fixed = TRUE)[[1]]
  c(list(path = library_state$path), info, list(package_version = as.character(utils::packageVersion("scnative"))))
}
