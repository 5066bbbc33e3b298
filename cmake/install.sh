#!/usr/bin/env bash
# Installs the library, its headers, CMake and pkg-config files and documents: `make install` and `make uninstall` call it.
# usage: PREFIX=... LIB=... [STATIC_LIB=...] [DESTDIR=... LIBDIR=... INCLUDEDIR=... DATADIR=...] cmake/install.sh [--uninstall]
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."

prefix=${PREFIX:?must be where to install, /usr/local say}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
docdir=${DATADIR:-$prefix/share}/doc/scnative
for folder in "$prefix" "$libdir" "$includedir" "$docdir"; do
    [[ $folder == /* ]] || { echo "install: $folder is not an absolute path, must be" >&2; exit 1; }
done
cmakedir=$libdir/cmake/scnative
pkgconfigdir=$libdir/pkgconfig
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
abi=$(sed -n 's/^#define SCN_ABI_VERSION //p' include/scnative.h)
soname=libscnative.so.$abi
headers=(scnative.h scnative.hpp)
documents=(README.md LICENSE CHANGELOG.md)

if [ "${1:-}" = --uninstall ]; then
    to() { printf '%s%s/%s\n' "${DESTDIR:-}" "$@"; }
    files=$(
        for name in "${headers[@]}"; do to "$includedir" "$name"; done
        for name in libscnative.so "$soname" "libscnative.so.$version" libscnative.a; do to "$libdir" "$name"; done
        for name in scnativeConfig.cmake scnativeConfigVersion.cmake; do to "$cmakedir" "$name"; done
        to "$pkgconfigdir" scnative.pc
        for name in "${documents[@]}" CPP.md; do to "$docdir" "$name"; done
    )
    while IFS= read -r file; do rm -f "$file"; done <<<"$files"
    # The folders that are scnative's alone.
    for folder in "$cmakedir" "$docdir"; do rmdir "${DESTDIR:-}$folder" 2>/dev/null || true; done
    exit 0
fi

[ -f "${LIB:?must be the library to install}" ] || { echo "install: $LIB is not there: run \`make build\` first" >&2; exit 1; }
if command -v readelf >/dev/null && ! LC_ALL=C readelf -d "$LIB" | grep -q "soname: \[$soname\]"; then
    echo "install: $LIB has not the SONAME $soname that include/scnative.h is for: run \`make build\` first" >&2
    exit 1
fi
into=${DESTDIR:-}
mkdir -p "$into$libdir" "$into$includedir" "$into$cmakedir" "$into$pkgconfigdir" "$into$docdir"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

install -m 755 "$LIB" "$into$libdir/libscnative.so.$version"
ln -sf "libscnative.so.$version" "$into$libdir/$soname"
ln -sf "$soname" "$into$libdir/libscnative.so"
rm -f "$into$libdir/libscnative.a"
if [ -n "${STATIC_LIB:-}" ] && [ -f "$STATIC_LIB" ]; then
    cmake/static.sh "$STATIC_LIB" include/scnative.h "$scratch/libscnative.a"
    install -m 644 "$scratch/libscnative.a" "$into$libdir/libscnative.a"
else
    echo "install: there is no static library${STATIC_LIB:+ $STATIC_LIB}: only the shared one is installed" >&2
fi
for name in "${headers[@]}"; do install -m 644 "include/$name" "$into$includedir/$name"; done

# Paths are relative to the file that has them, so that the installed tree may be moved as a whole.
from() { realpath -m --relative-to="$1" "$2"; }
fill() {
    sed -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" \
        -e "s|@LIBDIR@|$(from "$2" "$libdir")|g" -e "s|@INCLUDEDIR@|$(from "$2" "$includedir")|g" \
        -e "s|@PREFIX@|$(from "$2" "$prefix")|g" "cmake/$1.in" >"$scratch/$1"
    install -m 644 "$scratch/$1" "$into$2/$1"
}
fill scnativeConfig.cmake "$cmakedir"
fill scnativeConfigVersion.cmake "$cmakedir"
fill scnative.pc "$pkgconfigdir"
for name in "${documents[@]}"; do install -m 644 "$name" "$into$docdir/$name"; done
install -m 644 bindings/cpp/README.md "$into$docdir/CPP.md"
echo "scnative $version is installed in $into$prefix"
