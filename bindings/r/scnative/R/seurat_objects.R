# What the Scn* verbs need of Seurat objects, version 4 (Assay, slots) and 5 (Assay5, layers). SeuratObject is only suggested:
# it is asked for where an object of its classes comes in, and its functions are looked up by name, as versions have different
# ones.

seurat_object <- function(name) {
  need("SeuratObject", "Seurat objects")
  getExportedValue("SeuratObject", name)
}

seurat_is_5 <- function() numeric_version(getNamespaceVersion("SeuratObject")) >= "5.0.0"

# Whether an assay has layers rather than slots.
has_layers <- function(assay) methods::is(assay, "StdAssay")

# Whether an assay or an object is one of SeuratObject 4's own classes. Its functions check, search and copy a whole object at
# each access, which takes longer than the work: where the outcome is the same, slots are read and written directly.
is_plain <- function(x) class(x)[1] %in% c("Assay", "Seurat") && !seurat_is_5()

assay_of <- function(object, name) if (is_plain(object)) methods::slot(object, "assays")[[name]] else object[[name]]

set_assay_of <- function(object, name, assay) {
  if (!is_plain(object)) {
    object[[name]] <- assay
    return(object)
  }
  assays <- methods::slot(object, "assays")
  assays[[name]] <- assay
  set_slot(object, "assays", assays)
}

set_slot <- function(x, name, value) {
  methods::slot(x, name, check = FALSE) <- value
  x
}

`%||%` <- function(x, otherwise) if (is.null(x)) otherwise else x

assay_name <- function(object, assay) {
  assay <- assay %||% seurat_object("DefaultAssay")(object)
  there <- names(methods::slot(object, "assays"))
  if (!is.character(assay) || length(assay) != 1 || !assay %in% there) {
    refuse("NOT_FOUND", "assay: is ", shown(assay), ", must be one of ", some_of(there, 5))
  }
  assay
}

# The matrix of a layer ("counts", "data", "scale.data"); NULL if it is empty or not there.
get_layer <- function(assay, layer, name) {
  if (has_layers(assay)) {
    layers <- grep(paste0("^", layer, "([.]|$)"), seurat_object("Layers")(assay), value = TRUE)
    if (layer %in% layers) {
      layers <- layer
    }
    if (length(layers) > 1) {
      refuse(
        "UNSUPPORTED", "object: layer ", layer, " of assay ", name, " is split into ", some_of(layers, 3),
        ", must be one; join them by JoinLayers()"
      )
    }
    if (length(layers) == 0) {
      return(NULL)
    }
    values <- seurat_object("LayerData")(assay, layer = layers)
  } else if (seurat_is_5()) {
    values <- seurat_object("GetAssayData")(assay, layer = layer)
  } else {
    values <- seurat_object("GetAssayData")(assay, slot = layer)
  }
  if (prod(dim(values)) == 0 || (length(values) == 1 && is.na(values[1]))) NULL else values
}

# The same, or an error that says how to get one.
need_layer <- function(assay, layer, name) {
  values <- get_layer(assay, layer, name)
  if (is.null(values)) {
    made_by <- c(counts = "CreateSeuratObject", data = "ScnNormalizeData", scale.data = "ScnScaleData")[[layer]]
    refuse("NOT_FOUND", "object: assay ", name, " has no ", layer, "; ", made_by, "() makes it")
  }
  values
}

set_layer <- function(assay, layer, values) {
  if (fits_as_it_is(assay, layer, values)) {
    set_slot(assay, layer, values)
  } else if (has_layers(assay)) {
    seurat_object("LayerData<-")(assay, layer = layer, value = values)
  } else if (seurat_is_5()) {
    seurat_object("SetAssayData")(assay, layer = layer, new.data = values)
  } else {
    seurat_object("SetAssayData")(assay, slot = layer, new.data = values)
  }
}

# Whether SetAssayData() would bring the matrix into no other order: the assay's cells, and its genes (for scale.data some of
# them) as the assay has them.
fits_as_it_is <- function(assay, layer, values) {
  if (!is_plain(assay)) {
    return(FALSE)
  }
  there <- dimnames(methods::slot(assay, "data"))
  given <- dimnames(values)
  if (is.null(given) || !identical(given[[2]], there[[2]])) {
    return(FALSE)
  }
  if (layer != "scale.data") identical(given[[1]], there[[1]]) else !is.unsorted(match(given[[1]], there[[1]], 0L), strictly = TRUE)
}

# Columns of numbers for the genes of an assay, beside those that are there.
set_feature_columns <- function(assay, columns) {
  if (is_plain(assay)) {
    features <- methods::slot(assay, "meta.features")
    if (identical(rownames(features), rownames(columns))) {
      features[names(columns)] <- columns
      return(set_slot(assay, "meta.features", features))
    }
  }
  for (name in names(columns)) {
    assay[[name]] <- stats::setNames(columns[[name]], rownames(columns))
  }
  assay
}

set_variable_features <- function(assay, features) seurat_object("VariableFeatures<-")(assay, value = features)

# The cells' columns, and more of them.
cell_columns <- function(object) if (is_plain(object)) methods::slot(object, "meta.data") else object[[]]

set_cell_columns <- function(object, columns) {
  if (is_plain(object)) {
    parts <- c("assays", "reductions", "graphs", "neighbors", "commands", "images")
    taken <- unlist(lapply(parts, function(part) names(methods::slot(object, part))))
    cells <- methods::slot(object, "meta.data")
    if (!any(names(columns) %in% taken) && identical(rownames(cells), rownames(columns))) {
      cells[names(columns)] <- columns
      return(set_slot(object, "meta.data", cells))
    }
  }
  seurat_object("AddMetaData")(object, metadata = columns)
}

# Writes a step into the object's log under the name of Seurat's own verb, which other verbs look for: FindMarkers() asks
# it whether values are logarithms. The call in it is the user's.
log_command <- function(object, verb, assay, params) {
  name <- paste(verb, assay, sep = ".")
  command <- methods::new(
    methods::getClass("SeuratCommand", where = asNamespace("SeuratObject")),
    name = name, time.stamp = Sys.time(), assay.used = assay,
    call.string = deparse(user_call()), params = c(list(assay = assay), params)
  )
  if (!is_plain(object)) {
    object[[name]] <- command
    return(object)
  }
  commands <- methods::slot(object, "commands")
  commands[[name]] <- NULL
  commands[[name]] <- command
  set_slot(object, "commands", commands)
}

# How an assay was normalised, as far as the object's log says; NULL if it does not.
normalization_of <- function(object, assay) {
  command <- methods::slot(object, "commands")[[paste0("NormalizeData.", assay)]]
  if (is.null(command)) NULL else methods::slot(command, "params")$normalization.method
}

# Arguments of Seurat's verbs that mean nothing here are named rather than dropped in silence.
check_unused <- function(...) {
  given <- list(...)
  if (length(given)) {
    names <- names(given) %||% rep("", length(given))
    names[names == ""] <- "an argument without a name"
    refuse("INVALID_ARGUMENT", "...: has ", some_of(names), ", which this function does not take")
  }
}

# Without progress bars unless verbose.
with_verbosity <- function(verbose, code) {
  if (!check_flag(verbose, "verbose")) {
    before <- options(scnative.progress = FALSE)
    on.exit(options(before))
  }
  code
}

# R's random numbers from a seed, and then as they were before; NULL goes on with the numbers as they are.
with_seed <- function(seed, code) {
  if (!is.null(seed)) {
    before <- get0(".Random.seed", envir = globalenv(), inherits = FALSE)
    on.exit(if (is.null(before)) {
      rm(list = ".Random.seed", envir = globalenv())
    } else {
      assign(".Random.seed", before, envir = globalenv())
    })
    set.seed(seed)
  }
  code
}

# The rows of a matrix in this order; the matrix itself if these are all.
rows_of <- function(x, rows) {
  if (identical(rows, rownames(x))) x else scn_subset(x, vars = rows)
}

columns_of <- function(x, columns) {
  if (identical(columns, colnames(x))) x else scn_subset(x, obs = columns)
}

# A matrix with names, as Seurat's objects have them.
check_named <- function(x, name = "object") {
  if (is.data.frame(x)) {
    x <- as.matrix(x)
  }
  view <- matrix_view(x, name = name)
  for (side in c("genes", "cells")) {
    names <- view[[side]]
    if (is.null(names) || anyDuplicated(names) || anyNA(names)) {
      of <- c(genes = "row", cells = "column")[[side]]
      has <- if (is.null(names)) "no" else "repeated"
      refuse("INVALID_ARGUMENT", name, ": has ", has, " ", of, " names, must have one for each of the ", side)
    }
  }
  x
}

# Names among those there are, each once, in their order; those that are not there are an error.
check_features <- function(features, there, name = "features") {
  if (!is.character(features)) {
    refuse("TYPE", name, ": is a ", class(features)[1], ", must be names of genes")
  }
  absent <- setdiff(features, there)
  if (length(absent)) {
    refuse("NOT_FOUND", name, ": has ", length(absent), " names that the object has not: ", some_of(absent))
  }
  unique(features)
}
