# Genes (or cells) by name, number or mask, as numbers from 1.

as_positions <- function(which, n, names, name, of = "gene") {
  if (is.null(which)) {
    return(NULL)
  }
  if (is.factor(which)) {
    which <- as.character(which)
  }
  if (is.character(which)) {
    return(by_name(which, names, name, of))
  }
  if (is.logical(which)) {
    if (length(which) != n || anyNA(which)) {
      with <- if (anyNA(which)) " with NA"
      refuse("SHAPE", name, ": is a mask of ", length(which), with, ", must have TRUE or FALSE for each of ", n, " ", of, "s")
    }
    return(base::which(which))
  }
  if (!is.numeric(which)) {
    refuse("TYPE", name, ": is a ", class(which)[1], ", must be names, numbers or a logical mask")
  }
  wrong <- base::which(is.na(which) | which != trunc(which) | which < 1 | which > n)
  if (length(wrong)) {
    refuse("INVALID_ARGUMENT", name, "[", wrong[1], "]: is ", which[wrong[1]], ", must be a whole number from 1 to ", n)
  }
  as.double(which)
}

by_name <- function(which, names, name, of) {
  if (is.null(names)) {
    refuse("NOT_FOUND", name, ": has names, but the matrix has no names of ", of, "s; give numbers")
  }
  found <- match(which, names)
  absent <- which[is.na(found)]
  if (length(absent)) {
    refuse("NOT_FOUND", name, ": has ", length(absent), " of ", length(which), " names that the matrix has not: ", some_of(absent))
  }
  found
}

as_genes <- function(which, view, name) as_positions(which, n_genes(view), view$genes, name, "gene")
as_cells <- function(which, view, name) as_positions(which, n_cells(view), view$cells, name, "cell")
