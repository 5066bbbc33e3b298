#!/usr/bin/env bash
# Sees to it that there is an R with the packages that the tests compare with; else says what is missing and fails.
set -euo pipefail
packages=(Matrix testthat knitr rmarkdown Seurat SeuratObject SingleCellExperiment limma)
lacking() {
    Rscript -e 'p <- commandArgs(TRUE); cat(p[!vapply(p, requireNamespace, NA, quietly = TRUE)])' "${packages[@]}" 2>/dev/null
}
if ! command -v Rscript >/dev/null || [ -n "$(lacking)" ] || ! command -v pandoc >/dev/null; then
    here=$(dirname "$0")
    "$here/apt.sh" r-base-core r-base-dev r-cran-matrix r-cran-testthat r-cran-knitr r-cran-rmarkdown r-cran-seurat \
        r-bioc-singlecellexperiment r-bioc-limma pandoc
fi
lack=$(lacking)
if [ -n "$lack" ]; then
    echo "needed in R: $lack" >&2
    exit 1
fi
