#!/usr/bin/env bash
# usage: static.sh ARCHIVE HEADER OUTPUT
# Makes of rustc's archive one that has nothing but the functions of the header for a program to see, and no more than they need: two
# libraries written in Rust would else both bring Rust's own symbols into a program.
set -euo pipefail
archive=$1 header=$2 output=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

grep -oE '^[A-Za-z].*\bscn_[a-z0-9_]+\(' "$header" | grep -oE 'scn_[a-z0-9_]+' | sort -u >"$scratch/functions"
sed 's/^/--undefined=/' "$scratch/functions" >"$scratch/roots"
# Bitcode and debug information are for rustc and for developers. What runs before main is referred to by nobody.
cat >"$scratch/script" <<'SCRIPT'
SECTIONS {
    .init_array : { KEEP(*(SORT(.init_array.*) .init_array)) }
    /DISCARD/ : { *(.llvmbc) *(.llvmcmd) *(.debug*) }
}
SCRIPT
"${LD:-ld}" -r --gc-sections --strip-debug -T "$scratch/script" "@$scratch/roots" -o "$scratch/all.o" "$archive"
"${OBJCOPY:-objcopy}" --keep-global-symbols="$scratch/functions" "$scratch/all.o" "$scratch/scnative.o"
rm -f "$output"
"${AR:-ar}" crs "$output" "$scratch/scnative.o"
