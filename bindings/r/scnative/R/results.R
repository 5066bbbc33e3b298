# Results as data.frames.

# A list of vectors as a data.frame; rows have the names, or numbers where there are none or they repeat.
table_of <- function(columns, names, n) {
  rows <- if (is.null(names) || anyDuplicated(names) || anyNA(names)) seq_len(n) else names
  structure(columns, class = "data.frame", row.names = rows)
}
