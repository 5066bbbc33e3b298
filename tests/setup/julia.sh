#!/usr/bin/env bash
# usage: julia.sh PREFIX
# Prints the path of a Julia for the tests. Your own `julia` on PATH comes first, if it is 1.5 or newer. Else, on a machine whose apt
# has a Debian mirror, Debian 11's Julia 1.5.3 is unpacked into PREFIX (20 seconds, 330 MB): nothing is installed, no root is needed, and
# nothing outside PREFIX changes. The second time it is there already.
set -euo pipefail

give_up() {
    printf 'Julia: %s\nInstall Julia 1.5 or newer (https://julialang.org/downloads) and put `julia` on PATH.\n' "$1" >&2
    exit 1
}
new_enough() { "$1" --startup-file=no -e 'exit(VERSION >= v"1.5" ? 0 : 1)' >/dev/null 2>&1; }

if own=$(command -v julia) && new_enough "$own"; then
    echo "$own"
    exit
fi

prefix=$(realpath -m "${1:?usage: julia.sh PREFIX}")
if [ -x "$prefix/julia" ] && new_enough "$prefix/julia"; then
    echo "$prefix/julia"
    exit
fi

for tool in apt-get dpkg dpkg-deb; do
    command -v $tool >/dev/null || give_up "there is none on PATH, and no $tool to get Debian's with"
done
# lines are 'http://some.mirror/debian/dists/stable/InRelease' ..., also where apt has never been updated
mirror=$(sed -nE "s|^'([^']*/debian)/+dists/.*|\\1|p" <<<"$(apt-get update --print-uris)")
mirror=${mirror%%$'\n'*}
[ -n "$mirror" ] || give_up "there is none on PATH, and this machine's apt has no Debian mirror"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keys ] || give_up "there is none on PATH, and Debian's keys ($keys) are not here to check its packages with"

mkdir -p "$prefix"
work=$(mktemp -d "$prefix/unpacking.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,sources,packages,root}
touch "$work/state/status"
echo "deb [signed-by=$keys] $mirror bullseye main" >"$work/sources/bullseye.list"

# apt with the machine's own configuration (proxies, say), but its state, cache and sources in the folder, and without what the machine
# does after each update.
printf '#clear APT::Update::%s;\n' Pre-Invoke Post-Invoke Post-Invoke-Success >"$work/apt.conf"
private_apt() {
    apt-get -q -q -c "$work/apt.conf" -o Dir::State="$work/state" -o Dir::State::status="$work/state/status" -o Dir::Cache="$work/cache" \
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Sandbox::User="$(id -un)" "$@" >&2
}
# Julia, and those of its libraries that newer systems have in other versions or not at all.
packages=(
    julia julia-common libjulia1 libopenlibm3 libdsfmt-19937-1 libutf8proc2 libunwind8
    libllvm9 libffi7 libedit2 libz3-4 libgfortran5 libquadmath0 libmpfr6
    libgit2-1.1 libhttp-parser2.9 libmbedcrypto3 libmbedtls12 libmbedx509-0
)
private_apt update || give_up "there is none on PATH, and $mirror has no Debian 11 any more"
(cd "$work/packages" && private_apt download "${packages[@]}") || give_up "there is none on PATH, and Debian 11's could not be downloaded from $mirror"
for package in "$work"/packages/*.deb; do
    dpkg-deb --extract "$package" "$work/root"
done

rm -rf "$prefix/debian"
mv "$work/root" "$prefix/debian"
libraries=$(dirname "$(find "$prefix/debian" -name 'libjulia.so.*' -print -quit)")
cat >"$work/julia" <<END
#!/bin/sh
LD_LIBRARY_PATH="$libraries:$libraries/julia\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$prefix/debian/usr/bin/julia" "\$@"
END
chmod +x "$work/julia"
mv "$work/julia" "$prefix/julia"
new_enough "$prefix/julia" || give_up "there is none on PATH, and Debian 11's does not run on this machine"
echo "$prefix/julia"
