# What the Scn* verbs need of SingleCellExperiment objects: assays by name, columns of genes and cells, metadata.

summarized <- function(name) {
  need("SummarizedExperiment", "SingleCellExperiment objects")
  getExportedValue("SummarizedExperiment", name)
}

# An assay by name, or an error that says how to get it.
need_assay <- function(object, name) {
  there <- summarized("assayNames")(object)
  if (!name %in% there) {
    hint <- if (name == "logcounts") "; ScnNormalizeData() makes it" else ""
    refuse("NOT_FOUND", "object: has no assay ", name, ", only ", some_of(there, 5), hint)
  }
  summarized("assay")(object, name, withDimnames = TRUE)
}

set_assay <- function(object, name, values) summarized("assay<-")(object, name, withDimnames = FALSE, value = values)

set_row_columns <- function(object, columns) {
  table <- summarized("rowData")(object)
  for (name in names(columns)) {
    table[[name]] <- columns[[name]]
  }
  summarized("rowData<-")(object, value = table)
}

set_column_columns <- function(object, columns) {
  table <- summarized("colData")(object)
  for (name in names(columns)) {
    table[[name]] <- columns[[name]]
  }
  summarized("colData<-")(object, value = table)
}

# A list beside the assays, for what has another shape than they.
get_metadata <- function(object, name) methods::slot(object, "metadata")[[name]]

set_metadata <- function(object, name, value) {
  all <- methods::slot(object, "metadata")
  all[[name]] <- value
  methods::slot(object, "metadata") <- all
  object
}

# Labels of the cells: a column of colData, or the object's own labels.
cell_labels <- function(object, group.by) {
  table <- summarized("colData")(object)
  column <- group.by %||% "label"
  if (!is.character(column) || length(column) != 1 || !column %in% names(table)) {
    columns <- some_of(names(table), 5)
    refuse("NOT_FOUND", "group.by: is ", shown(column), ", must be a column of colData, of which there are ", columns)
  }
  labels <- as.factor(table[[column]])
  stats::setNames(labels, colnames(object))
}
