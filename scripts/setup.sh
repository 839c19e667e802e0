#!/usr/bin/env bash
# Makes the virtual environment; the Makefile calls it when one of its inputs changed.
#   scripts/setup.sh lab   what the lab and its demo need
#   scripts/setup.sh dev   everything: the above, and the tools that test and check
#   scripts/setup.sh uv    prints the uv to use
# VENV names the folder (.venv), PYTHON the interpreter (the first of 3.11 to 3.13 that is found). Needs no root and
# installs nothing outside this folder.
set -euo pipefail
cd "$(dirname "$0")/.."

# Read by uv: the machine's own certificates (a private CA may sit in between), and no interpreter fetched unasked.
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1

venv=${VENV:-.venv}
tools=.cache/uv-venv

die() {
    printf 'setup: %s\n' "$@" >&2
    exit 2
}

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Prints the interpreter itself: a name on PATH may be a shim that means something else elsewhere.
find_python() {
    local name
    if [ -n "${PYTHON:-}" ]; then
        supported "$PYTHON" || die "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13."
    fi
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if supported "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "no Python 3.11, 3.12 or 3.13 is on PATH." \
        "Install one (Debian 12 and later: apt-get install python3) or name it: make setup PYTHON=/path/to/python3.12"
}

find_uv() {
    local python
    if uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if [ ! -x "$tools/bin/uv" ]; then
        python=$(find_python) || exit 2
        echo "setup: fetching uv into $tools" >&2
        rm -rf "$tools"
        "$python" -m venv "$tools" >/dev/null 2>&1 && "$tools/bin/python" -m pip install --quiet uv >&2 ||
            without_venv "$python"
    fi
    echo "$tools/bin/uv"
}

# Debian splits ensurepip off into python3-venv; a pip that is there can do without it.
without_venv() {
    rm -rf "$tools"
    "$1" -m pip install --quiet --target "$tools/lib" uv >&2 ||
        die "uv cannot be fetched: $1 has neither a working venv nor pip (Debian: apt-get install python3-venv)," \
            "or the package index cannot be reached (see above)."
    mkdir -p "$tools/bin"
    ln -sf ../lib/bin/uv "$tools/bin/uv"
}

make_venv() {
    if [ -x "$venv/bin/python" ] && supported "$venv/bin/python"; then
        [ -z "${PYTHON:-}" ] && return
        [ "$("$venv/bin/python" -V)" = "$("$PYTHON" -V)" ] && return
    fi
    local python
    python=$(find_python) || exit 2
    "$uv" venv --quiet --clear --python "$python" "$venv"
}

# uv does not read pip's settings: where only those name the index, pip does the same work, more slowly.
install() {
    local lock=$1 python
    if "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "$lock" &&
        "$uv" pip install --quiet --python "$venv/bin/python" --build-constraints requirements/build.txt \
            --no-deps --editable . --editable pods/crm; then
        return
    fi
    echo "setup: uv could not install (see above); trying pip with its own settings" >&2
    python=$(find_python) || exit 2
    "$python" -m venv --clear "$venv" || die "$python has no working venv (Debian: apt-get install python3-venv)."
    "$venv/bin/python" -m pip install --quiet --require-hashes --requirement "$lock"
    "$venv/bin/python" -m pip install --quiet --no-deps --editable . --editable pods/crm
}

case "${1:-}" in
uv) find_uv ;;
lab | dev)
    uv=$(find_uv) || exit 2
    make_venv
    lock=$1
    [ -e "$venv/.dev" ] && lock=dev # a demo never takes the test tools away again
    echo "setup: installing requirements/$lock.txt into $venv"
    install "requirements/$lock.txt"
    touch "$venv/.$lock" "$venv/.$1" "$venv/.lab"
    ;;
*) die "usage: scripts/setup.sh lab|dev|uv" ;;
esac
