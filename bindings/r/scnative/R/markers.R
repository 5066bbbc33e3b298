# What ScnFindMarkers and ScnFindAllMarkers share: one call of the library for all comparisons, then Seurat's selection and
# order of genes for each.

MARKER_TESTS <- list(wilcox = "wilcoxon", wilcox_limma = "wilcoxon", t = "t-test", roc = "wilcoxon")

# Arguments that are the same for all comparisons, checked.
marker_options <- function(features = NULL, logfc.threshold = 0.25, test.use = "wilcox", slot = "data", min.pct = 0.1,
                           min.diff.pct = -Inf, verbose = TRUE, only.pos = FALSE, max.cells.per.ident = Inf, random.seed = 1,
                           latent.vars = NULL, min.cells.feature = 3, min.cells.group = 3, pseudocount.use = 1, mean.fxn = NULL,
                           fc.name = NULL, base = 2, densify = FALSE, exact = FALSE, fold.change = "seurat_v4",
                           norm.method = "LogNormalize") {
  if (!is.character(test.use) || length(test.use) != 1 || !test.use %in% names(MARKER_TESTS)) {
    refuse(
      "UNSUPPORTED", "test.use: is ", shown(test.use),
      ", must be one of ", paste(dQuote(names(MARKER_TESTS), FALSE), collapse = ", "),
      "; use Seurat's FindMarkers() for other tests"
    )
  }
  if (!is.null(latent.vars)) {
    warning("latent.vars: are given, but no test that scnative has takes any", call. = FALSE)
  }
  if (!is.null(mean.fxn) && !is.function(mean.fxn)) {
    refuse("TYPE", "mean.fxn: is a ", class(mean.fxn)[1], ", must be a function or NULL")
  }
  check_choice(slot, list(data = 1, counts = 2, scale.data = 3), "slot")
  check_choice(fold.change, list(seurat_v4 = 1, seurat_v5 = 2), "fold.change")
  base.text <- if (base == exp(1)) "" else base
  list(
    features = features, logfc.threshold = logfc.threshold, test.use = test.use, slot = slot, min.pct = min.pct,
    min.diff.pct = min.diff.pct, verbose = verbose, only.pos = check_flag(only.pos, "only.pos"),
    max.cells.per.ident = max.cells.per.ident, random.seed = random.seed, min.cells.group = min.cells.group,
    pseudocount.use = pseudocount.use %||% 1, mean.fxn = mean.fxn, base = base, exact = check_flag(exact, "exact"),
    fold.change = convention(slot, norm.method, fold.change), version = fold.change,
    fc.name = fc.name %||% if (slot == "scale.data") "avg_diff" else paste0("avg_log", base.text, "FC")
  )
}

# Which fold change Seurat takes. Version 4 undoes the logarithm of data that its log says to be LogNormalize's, version 5 of
# all data that its log does not say to be something else.
convention <- function(slot, norm.method, fold.change) {
  if (slot == "scale.data") {
    return("difference")
  }
  unknown <- is.null(norm.method) && fold.change == "seurat_v5"
  logarithms <- slot == "data" && (unknown || identical(norm.method, "LogNormalize"))
  if (logarithms) fold.change else paste0(fold.change, "_means")
}

# Compares groups of cells, gene by gene: genes x groups matrices of fold changes, fractions (in Seurat's three digits) and
# what the test gives. `reference` is a group, or NULL for the rest; cells labelled NA count in the rest alone.
compare_groups <- function(x, groups, reference, options, what = c("fold changes", "test")) {
  method <- MARKER_TESTS[[options$test.use]]
  wilcoxon <- method == "wilcoxon"
  rank <- function(results, fold_change, base) {
    scn_rank_genes_groups(
      x, groups, reference = reference, method = method, results = results, fold_change = fold_change, fold_change_base = base,
      pseudocount = options$pseudocount.use, positive_fractions = TRUE, tie_correct = if (wilcoxon) TRUE,
      continuity = if (wilcoxon) TRUE, exact = if (wilcoxon) options$exact, min_cells = if (wilcoxon) 1 else 2
    )
  }
  found <- list()
  counts <- options$fold.change == "seurat_v5_means"
  test <- if (options$test.use == "roc") "auroc" else "pvals"
  fold <- c(if (counts) c("means", "means_reference") else "log_fold_changes", "fractions", "fractions_reference")
  wanted <- c(if ("fold changes" %in% what) fold, if ("test" %in% what) test)
  ranked <- without_warnings(rank(wanted, if (!counts) options$fold.change, options$base))
  if ("fold changes" %in% what) {
    found$fc <- if (counts) {
      sizes <- tabulate(groups, nlevels(groups))
      others <- if (is.null(reference)) ncol(x) - sizes else sizes[match(reference, levels(groups))]
      log_of <- function(means, n) log(sweep(means, 2, options$pseudocount.use / n, "+"), options$base)
      log_of(ranked$means, sizes) - log_of(ranked$means_reference, rep_len(others, length(sizes)))
    } else {
      ranked$log_fold_changes
    }
    found$pct.1 <- round(ranked$fractions, 3)
    found$pct.2 <- round(ranked$fractions_reference, 3)
  }
  if ("test" %in% what) {
    found$p_val <- ranked$pvals
    if (wilcoxon && test == "pvals" && stats::pnorm(-37.6) == 0) {
      # Before R 4.3 pnorm() is 0 from 37.5193 on; these genes tie in Seurat, and so they do here.
      found$p_val[found$p_val < 2 * stats::pnorm(-37.5192999)] <- 0
    }
    if (test == "auroc") {
      found$myAUC <- round(ranked$auroc, 3)
      options$pseudocount.use <- 1
      found$avg_diff <- without_warnings(rank("log_fold_changes", "seurat_v4", exp(1)))$log_fold_changes
    }
  }
  found
}

# Column `i` of a comparison as Seurat's table: genes that pass, best first.
marker_table <- function(found, i, genes, n_tests, options) {
  columns <- lapply(found, function(values) values[, i])
  passing <- passing_genes(columns, options)
  columns <- lapply(columns, function(values) unname(values[passing]))
  shown <- stats::setNames(columns[c("fc", "pct.1", "pct.2")], c(options$fc.name, "pct.1", "pct.2"))
  table <- function(columns) table_of(columns, genes[passing], length(passing))
  if (length(passing) == 0) {
    return(table(shown))
  }
  if (options$test.use == "roc") {
    power <- abs(columns$myAUC - 0.5) * 2
    tested <- table(c(columns[c("myAUC", "avg_diff")], list(power = power), shown))
    tested <- tested[rev(order(tested$myAUC)), ]
  } else {
    tested <- table(c(columns["p_val"], shown))
  }
  if (options$only.pos) {
    tested <- tested[tested[, 2] > 0, , drop = FALSE]
  }
  if (options$test.use == "roc") {
    return(tested[order(-tested$power, -tested[, 1]), ])
  }
  ties <- if (options$version == "seurat_v5") -abs(tested$pct.1 - tested$pct.2) else seq_len(nrow(tested))
  tested <- tested[order(tested$p_val, ties), ]
  tested$p_val_adj <- stats::p.adjust(tested$p_val, method = "bonferroni", n = n_tests)
  tested
}

# The genes that pass the thresholds; a warning says which one none passes.
passing_genes <- function(columns, options) {
  none <- function(threshold) warning("No features pass ", threshold, " threshold; returning empty data.frame", call. = FALSE)
  most <- pmax(columns$pct.1, columns$pct.2)
  passing <- most >= options$min.pct
  if (!any(passing, na.rm = TRUE)) {
    none("min.pct")
    return(integer())
  }
  passing <- passing & most - pmin(columns$pct.1, columns$pct.2) >= options$min.diff.pct
  if (!any(passing, na.rm = TRUE)) {
    none("min.diff.pct")
    return(integer())
  }
  if (options$slot != "scale.data") {
    size <- if (options$only.pos) columns$fc else abs(columns$fc)
    passing <- passing & size >= options$logfc.threshold
    if (!any(passing, na.rm = TRUE)) {
      none("logfc.threshold")
    }
  }
  which(passing)
}

# Why a comparison cannot be made, as Seurat says it; NULL if it can.
unfit <- function(n.1, n.2, options) {
  least <- max(options$min.cells.group, if (options$test.use == "t") 2 else 1)
  for (side in 1:2) {
    n <- c(n.1, n.2)[side]
    if (n == 0) {
      return(paste0("Cell group ", side, " is empty - no cells with identity class"))
    }
    if (n < least) {
      return(paste0("Cell group ", side, " has fewer than ", least, " cells"))
    }
  }
  NULL
}

# Markers of cells.1 against cells.2, positions of columns.
markers_between <- function(x, cells.1, cells.2, options) {
  why <- unfit(length(cells.1), length(cells.2), options)
  if (!is.null(why)) {
    refuse("INVALID_ARGUMENT", "ident.1, ident.2: ", why)
  }
  if (length(intersect(cells.1, cells.2))) {
    refuse("INVALID_ARGUMENT", "ident.1, ident.2: have ", length(intersect(cells.1, cells.2)), " cells in common, must have none")
  }
  genes <- if (is.null(options$features)) rownames(x) else check_features(options$features, rownames(x))
  n_tests <- nrow(x)
  x <- rows_of(x, genes)
  groups <- function(cells.1, cells.2) {
    labels <- factor(rep(NA_character_, ncol(x)), c("1", "2"))
    labels[cells.1] <- "1"
    labels[cells.2] <- "2"
    labels
  }
  sampled <- sample_cells(cells.1, cells.2, options)
  if (is.null(sampled)) {
    found <- compare_groups(x, groups(cells.1, cells.2), "2", options)
  } else {
    found <- c(
      compare_groups(x, groups(cells.1, cells.2), "2", options, "fold changes"),
      compare_groups(x, groups(sampled[[1]], sampled[[2]]), "2", options, "test")
    )
  }
  if (!is.null(options$mean.fxn)) {
    means <- lapply(list(cells.1, cells.2), function(cells) options$mean.fxn(x[, cells, drop = FALSE]))
    found$fc[, 1] <- means[[1]] - means[[2]]
  }
  marker_table(found, 1, genes, n_tests, options)
}

# At most max.cells.per.ident of each side, the ones that Seurat draws; NULL if all are taken.
sample_cells <- function(cells.1, cells.2, options) {
  most <- options$max.cells.per.ident
  if (length(cells.1) <= most && length(cells.2) <= most) {
    return(NULL)
  }
  draw <- function(cells) if (length(cells) > most) cells[sample.int(length(cells), most)] else cells
  with_seed(options$random.seed, {
    first <- draw(cells.1)
    list(first, draw(cells.2))
  })
}

# Markers of each level of `idents` against all other cells, one call of the library for all of them.
markers_of_all <- function(x, idents, return.thresh, options) {
  if (options$test.use == "roc" && return.thresh == 0.01) {
    return.thresh <- 0.7
  }
  n_cells <- ncol(x)
  clusters <- sort(unique(idents[!is.na(idents)]))
  sizes <- as.vector(table(idents)[as.character(clusters)])
  problems <- lapply(sizes, function(n) unfit(n, n_cells - n, options))
  tested <- clusters[vapply(problems, is.null, NA)]
  tables <- vector("list", length(clusters))
  names(tables) <- as.character(clusters)
  if (length(tested)) {
    alone <- any(sizes > options$max.cells.per.ident | n_cells - sizes > options$max.cells.per.ident) || !is.null(options$mean.fxn)
    if (alone) {
      # Each cluster has its own sample of the rest, or the caller's own mean.
      for (cluster in as.character(tested)) {
        inside <- which(idents == cluster)
        tables[[cluster]] <- markers_between(x, inside, setdiff(seq_len(n_cells), inside), options)
      }
    } else {
      genes <- if (is.null(options$features)) rownames(x) else check_features(options$features, rownames(x))
      groups <- factor(as.character(idents), as.character(tested))
      found <- compare_groups(rows_of(x, genes), groups, NULL, options)
      for (i in seq_along(tested)) {
        tables[[as.character(tested)[i]]] <- marker_table(found, i, genes, nrow(x), options)
      }
    }
  }
  all <- joined_tables(tables, clusters, return.thresh, options)
  if (options$only.pos && nrow(all) > 0) {
    all <- all[all[, 2] > 0, , drop = FALSE]
  } else {
    rownames(all) <- make.unique(as.character(all$gene))
  }
  if (nrow(all) == 0) {
    warning("No DE genes identified", call. = FALSE)
  }
  for (i in which(!vapply(problems, is.null, NA))) {
    warning("When testing ", clusters[i], " versus all: ", problems[[i]], "; it is left out", call. = FALSE)
  }
  all
}

# The tables of all clusters below each other, with the columns cluster and gene.
joined_tables <- function(tables, clusters, return.thresh, options) {
  all <- data.frame()
  for (i in seq_along(clusters)) {
    table <- tables[[i]]
    if (is.null(table) || nrow(table) == 0) {
      next
    }
    if (options$test.use == "roc") {
      table <- table[which(table$myAUC > return.thresh | table$myAUC < 1 - return.thresh), , drop = FALSE]
    } else {
      # Seurat 4 orders ties by fold change here, and leaves them as they are in FindMarkers().
      table <- table[order(table$p_val, if (options$version == "seurat_v5") -abs(table$pct.1 - table$pct.2) else -table[, 2]), ]
      table <- table[which(table$p_val < return.thresh), , drop = FALSE]
    }
    if (nrow(table) > 0) {
      table$cluster <- clusters[i]
      table$gene <- rownames(table)
      all <- rbind(all, table)
    }
  }
  all
}

# The positions of cells that a user names by identity classes or by their own names.
cells_of <- function(ident, idents, name) {
  cells <- names(idents)
  if (length(ident) > 1 && any(as.character(ident) %in% cells)) {
    return(match(check_cells(as.character(ident), cells, name), cells))
  }
  absent <- setdiff(as.character(ident), levels(idents))
  if (length(absent)) {
    refuse("NOT_FOUND", name, ": has ", some_of(absent), ", must be among the identity classes ", some_of(levels(idents), 5))
  }
  which(idents %in% as.character(ident))
}

check_cells <- function(which, there, name) {
  absent <- setdiff(which, there)
  if (length(absent)) {
    refuse("NOT_FOUND", name, ": has ", length(absent), " names of cells that the object has not: ", some_of(absent))
  }
  which
}
