#!/usr/bin/env bash
# R CMD check of the package, its tests and vignette with it, on the library that SCNATIVE_LIB names. An ERROR or a WARNING fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
rm -rf target/r-check
mkdir -p target/r-check
cd target/r-check
R CMD build ../../bindings/r/scnative
export _R_CHECK_FORCE_SUGGESTS_=false _R_CHECK_CRAN_INCOMING_=false NOT_CRAN=true
R CMD check --no-manual scnative_*.tar.gz || {
    tail -n 100 scnative.Rcheck/tests/*.fail scnative.Rcheck/00install.out 2>/dev/null || true
    exit 1
}
if grep -E "^Status:.*(ERROR|WARNING)" scnative.Rcheck/00check.log; then exit 1; fi
# What the tests skipped is said, never silent; where everything must be tested it is a failure, but for what needs a newer Seurat.
skipped=$(sed -n '/ Skipped tests/,/^$/p' scnative.Rcheck/tests/*.Rout | tail -n +2)
[ -z "$skipped" ] || printf 'the tests of R skipped:\n%s\n' "$skipped"
if [ -n "${SCN_REQUIRE_ALL:-}" ] && grep -v "needs Seurat 5" <<<"$skipped" | grep -q .; then
    echo "r-check: tests were skipped, and SCN_REQUIRE_ALL is set" >&2
    exit 1
fi
