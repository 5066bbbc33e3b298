#!/usr/bin/env bash
# usage: apt.sh PACKAGE...
# Sees to it that these Debian packages are there: installs what is missing where it may (as root, or by a sudo that asks nothing), else
# says what to install and fails.
set -euo pipefail
missing=()
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

how="apt-get install --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "needed, by whatever name this system has for it: ${missing[*]}" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=(env)
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    echo "needed: sudo $how" >&2
    exit 1
fi
echo "installing ${missing[*]}" >&2
{
    wait=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    "${as_root[@]}" apt-get "${wait[@]}" -qq update
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get "${wait[@]}" -qq install -y --no-install-recommends "${missing[@]}"
} >/dev/null 2>&1 || {
    echo "could not be installed here: sudo $how" >&2
    exit 1
}
