#!/usr/bin/env bash
# Sees to it that there are both compilers, cmake, pkg-config, Eigen and valgrind; else says what is missing and fails.
set -euo pipefail
have() { command -v "$1" >/dev/null; }
if have gcc && have g++ && have clang && have clang++ && have cmake && have pkg-config && have valgrind && [ -d /usr/include/eigen3 ]; then
    exit 0
fi
"$(dirname "$0")/apt.sh" gcc g++ clang cmake pkg-config libeigen3-dev valgrind
