# Groups of cells or genes: labels from 0 and their names.

# list(labels from 0 with -1 for none, names), or NULL. `lines` are the names of the cells (or genes) that they label. Whether
# there are as many as there must be the library says.
as_groups <- function(groups, lines, name = "groups") {
  if (is.null(groups)) {
    return(NULL)
  }
  if (!is.atomic(groups) || !is.null(dim(groups))) {
    refuse("TYPE", name, ": is a ", class(groups)[1], ", must be a factor, or a vector of integers or characters")
  }
  check_aligned(names(groups), lines, name)
  factor <- as.factor(groups)
  codes <- as.integer(factor) - 1L
  codes[is.na(codes)] <- -1L
  list(codes, levels(factor))
}

# Names of labels must be those of the cells in their order, where both have names: labels of other cells go unnoticed else.
check_aligned <- function(names, lines, name) {
  if (is.null(names) || is.null(lines) || length(names) != length(lines) || identical(as.character(names), as.character(lines))) {
    return(invisible())
  }
  i <- which(is.na(names) | names != lines)[1]
  refuse(
    "INVALID_ARGUMENT", name, ": is named ", names[i], " at ", i, " where the matrix has ", lines[i],
    ", must have the same names in the same order, or none; use ", name, "[names of the matrix], or unname(", name, ")"
  )
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
