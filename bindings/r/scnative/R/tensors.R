# Named arrays that models take and give. Shapes read as they are documented: a matrix for [B, L] has B rows, whatever the
# order in memory, which the C side turns.

# Looks a list of arrays over and describes it to the C side: list(values, lengths of the axes, whether doubles are whole
# numbers). `fields` are those of the model's `io`, whose types say where whole numbers are wanted.
as_tensors <- function(arrays, name, fields = list()) {
  if (is.null(arrays)) {
    return(NULL)
  }
  keys <- names(arrays)
  if (!is.list(arrays) || (length(arrays) && (is.null(keys) || any(keys %in% c("", NA)) || anyDuplicated(keys)))) {
    refuse("TYPE", name, ": is ", shown(arrays), ", must be a list of arrays, each under a name of its own")
  }
  types <- stats::setNames(lapply(fields, function(field) field$dtype), vapply(fields, function(field) field$name, ""))
  made <- Map(function(array, key) as_tensor(array, sprintf("%s$%s", name, key), types[[key]]), arrays, keys)
  stats::setNames(made, keys)
}

as_tensor <- function(array, name, type) {
  if (isS4(array)) {
    refuse("TYPE", name, ": is a ", class(array)[1], ", must be a matrix or an array; use as.matrix()")
  }
  if (is.data.frame(array)) {
    array <- as.matrix(array)
  }
  if (is.factor(array) || !(is.numeric(array) || is.logical(array))) {
    hint <- if (is.factor(array)) "; use as.integer() - 1L for numbers from 0"
    refuse("TYPE", name, ": is a ", class(array)[1], ", must be numbers, TRUE or FALSE", hint)
  }
  if (is.double(array)) {
    whole <- length(type) == 1 && grepl("^[iu]", type) && all(is.finite(array)) && all(array == trunc(array))
  } else {
    whole <- TRUE
    if (anyNA(array)) {
      refuse("VALUE", name, ": has NA, must have numbers alone")
    }
  }
  dim <- dim(array) %||% length(array)
  if (length(dim) > 8) {
    refuse("SHAPE", name, ": has ", length(dim), " axes, must have at most 8")
  }
  list(array, dim, whole)
}
