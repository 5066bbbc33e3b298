#!/usr/bin/env bash
# The same analysis in each language that this machine has: pbmc.py, pbmc.R, pbmc.jl, pbmc.c, pbmc.cpp. `make examples` calls it.
# usage: all.sh [FOLDER]        a folder that Cell Ranger wrote; without one, 10x's public PBMC 3k
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
export PYTHONPATH="$PWD/bindings/python"
library="$PWD/target/release"
folder=${1:-}
if [ -z "$folder" ]; then
    folder=target/pbmc3k
    [ -f "$folder/matrix.mtx.gz" ] || "$python" examples/pbmc_folder.py "$folder"
fi

show() {
    printf '\n--- %s\n' "$1"
    shift
    "$@"
}
without() { printf '\n--- %s: not on this machine\n' "$1"; }

show Python "$python" examples/pbmc.py "$folder"
# programs ask for the library by its SONAME, which `make install` gives it in a folder of the system
mkdir -p target/examples
for name in libscnative.so libscnative.so.0; do ln -sf "$library/libscnative.so" "target/examples/$name"; done
link=(-L target/examples -lscnative "-Wl,-rpath,$PWD/target/examples")
if command -v cc >/dev/null; then
    cc -O2 -Iinclude examples/pbmc.c "${link[@]}" -o target/examples/pbmc-c
    show C target/examples/pbmc-c "$folder"
else without C; fi
if command -v c++ >/dev/null; then
    c++ -std=c++17 -O2 -Iinclude examples/pbmc.cpp "${link[@]}" -o target/examples/pbmc-cpp
    show C++ target/examples/pbmc-cpp "$folder"
else without C++; fi
if command -v Rscript >/dev/null && Rscript -e 'library(Matrix)' >/dev/null 2>&1; then
    make --silent r
    show R env R_LIBS="target/r-library" Rscript examples/pbmc.R "$folder"
else without R; fi
if command -v julia >/dev/null; then
    show Julia julia --project=bindings/julia/ScNative examples/pbmc.jl "$folder"
else without Julia; fi
