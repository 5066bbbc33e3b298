# Groups of cells or genes: labels from 0 and their names.

# list(labels from 0 with -1 for none, names), or NULL.
as_groups <- function(groups, n, name = "groups", of = "cell") {
  if (is.null(groups)) {
    return(NULL)
  }
  if (!is.atomic(groups) || !is.null(dim(groups))) {
    refuse("TYPE", name, ": is a ", class(groups)[1], ", must be a factor, or a vector of integers or characters")
  }
  if (length(groups) != n) {
    refuse("SHAPE", name, ": has ", length(groups), " labels, must have ", n, ", one for each ", of)
  }
  factor <- as.factor(groups)
  codes <- as.integer(factor) - 1L
  codes[is.na(codes)] <- -1L
  list(codes, levels(factor))
}

# The number of a group from 0; -1, no group, for NULL.
as_reference <- function(reference, groups, name = "reference") {
  if (is.null(reference)) {
    return(abi$SCN_REFERENCE_REST)
  }
  number <- match(as.character(reference), groups[[2]])
  if (length(number) != 1 || is.na(number)) {
    refuse("NOT_FOUND", name, ": is ", shown(reference), ", must be one of the groups ", some_of(groups[[2]], 5), ", or NULL")
  }
  number - 1L
}

# What is summed over, or compressed along.
AXES <- list(cells = abi$SCN_OBS, genes = abi$SCN_VAR)
