#!/usr/bin/env bash
# usage: r-install.sh LIBRARY_FILE R_LIBRARY_FOLDER
# Installs the R package, with this build of the library in it. The checkout itself stays clean: R builds from a tarball.
set -euo pipefail
cd "$(dirname "$0")/../.."
library=$(realpath "$1")
mkdir -p "$2" target/r-build
into=$(realpath "$2")
(cd target/r-build && rm -f scnative_*.tar.gz && R CMD build --no-build-vignettes ../../bindings/r/scnative >build.log 2>&1) || {
    cat target/r-build/build.log >&2
    exit 1
}
SCNATIVE_LIB="$library" R CMD INSTALL --library="$into" target/r-build/scnative_*.tar.gz >target/r-build/install.log 2>&1 || {
    cat target/r-build/install.log >&2
    exit 1
}
echo "the R package is in $2: library(scnative, lib.loc = \"$2\")"
