# The library's option structs as named lists; defaults are the library's.

# The fields that are given, as doubles by name, for the struct; NULL leaves a field at its default.
struct_options <- function(struct, ...) {
  fields <- list(...)
  fields <- fields[!vapply(fields, is.null, NA)]
  for (name in names(fields)) {
    fields[[name]] <- as.double(check_field(fields[[name]], name, abi_options[[struct]][[name]]))
  }
  fields
}

# The largest number that each type of field can hold, as far as a double can say.
LARGEST <- c(int32_t = 2^31 - 1, uint32_t = 2^32 - 1, int64_t = 2^53)

check_field <- function(value, name, type) {
  if (type != "double" && !is.logical(value)) {
    return(check_number(value, name, if (type == "uint32_t") 0 else -LARGEST[[type]], LARGEST[[type]]))
  }
  if (!(is.numeric(value) || is.logical(value)) || length(value) != 1 || is.na(value)) {
    refuse("INVALID_ARGUMENT", name, ": is ", shown(value), ", must be one number")
  }
  value
}

#' The library's defaults
#'
#' Arguments that are `NULL` take these values. They are asked of the loaded library, not kept in this package.
#'
#' @param of One of `"highly_variable_genes"`, `"normalize_total"`, `"scale"`, `"simulate"`, `"loess"`,
#'   `"rank_genes_groups"`, `"control_genes"`.
#' @return A named vector of doubles, one for each option as scnative.h names it. What that page says of special values holds:
#'   a `target_sum` of 0 is the median of the cells' totals.
#' @examples
#' scn_defaults("rank_genes_groups")
#' @export
scn_defaults <- function(of) {
  structs <- names(abi_options)
  words <- gsub("(?<=[a-z])(?=[A-Z])", "_", sub("Options$", "", sub("^Scn", "", structs)), perl = TRUE)
  plain(C_defaults, check_choice(of, stats::setNames(as.list(structs), tolower(words)), "of"))
}
