#!/usr/bin/env bash
# usage: setup.sh PYTHON VENV
# An environment with the peers of benches/requirements.txt. Some need Python 3.12: the newest of the machine's own is taken, of which 3.11
# is the least. A peer that cannot be had here is left out, and its rows say so.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
wanted=$here/requirements.txt venv=${2:?usage: setup.sh PYTHON VENV}
[ "$venv/ready" -nt "$wanted" ] && exit 0

python=
for candidate in python3.13 python3.12 "$HOME"/.pyenv/versions/3.12*/bin/python "$1" python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || {
    echo "make bench: needs Python 3.11 or newer, best 3.12: PYTHON=..." >&2
    exit 1
}
echo "installing the peers for $("$python" --version) into $venv" >&2
rm -rf "$venv"
"$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
if ! "${pip[@]}" -r "$wanted"; then
    echo "not all can be had together: one by one" >&2
    grep -v '^#' "$wanted" | while read -r line; do
        "${pip[@]}" --constraint "$wanted" "$line" </dev/null || echo "could not be installed here: $line" >&2
    done
fi
touch "$venv/ready"
