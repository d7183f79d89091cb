#!/bin/sh
# Installs this program into the environment of a Python: exact versions, whose hashes are checked.
#   sh locked/install.sh .venv/bin/python
#
# A torch that is there already stays. Else it is the one for the CPU, where pip finds that (in a folder of wheels or
# an index that its settings name), else PyPI's, which on Linux needs NVIDIA's libraries besides.
set -eu
cd "$(dirname "$0")/.."
python=$1

pip() { "$python" -m pip install --quiet --disable-pip-version-check --no-deps "$@"; }
locked() { pip --require-hashes --requirement "locked/$1.txt"; }

if ! "$python" -c 'from importlib.metadata import version; version("torch")' 2>/dev/null; then
    said=$(locked torch-cpu 2>&1) || case $said in
        *"No matching distribution"*) ;;
        *) echo "$said" >&2; exit 1 ;;
    esac
fi
locked run
if "$python" -c 'from importlib.metadata import requires
raise SystemExit(not any(each.startswith("nvidia-") for each in requires("torch") or ()))'; then
    locked cuda
fi
pip --no-build-isolation --editable .
