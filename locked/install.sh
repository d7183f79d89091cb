#!/bin/sh
# Installs this program into the environment of a Python: exact versions, whose hashes are checked.
#   sh locked/install.sh .venv/bin/python
#
# A torch that is there already stays. Else it is the one for the CPU, where pip finds that (in a folder of wheels or
# an index that its settings name), else PyPI's, which on Linux needs NVIDIA's libraries besides.
set -eu
cd "$(dirname "$0")/.."
python=$1

# Byte code is made at the end, of what is run: of everything it would be 0.2 GB.
pip() { "$python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps "$@"; }
locked() { pip --require-hashes --requirement "locked/$1.txt"; }

torch=there
if ! "$python" -c 'from importlib.metadata import version; version("torch")' 2>/dev/null; then
    torch=new
    said=$(locked torch-cpu 2>&1) || case $said in
        *"No matching distribution"* | *ResolutionImpossible*) ;;  # the latter: pip's settings name a limit, too
        *) echo "$said" >&2; exit 1 ;;
    esac
fi
locked run
if [ $torch = new ]; then  # without its own tests: 0.1 GB
    folder=$("$python" -c 'from importlib.metadata import distribution
print(distribution("torch").locate_file("torch"))')
    rm -rf "$folder"/test "$folder"/bin/*[Tt]est*
fi
if "$python" -c 'from importlib.metadata import requires
raise SystemExit(not any(each.startswith("nvidia-") for each in requires("torch") or ()))'; then
    locked cuda
fi
pip --no-build-isolation --editable .
env -u PYTHONDONTWRITEBYTECODE "$python" -c 'import streamer.cli.app, streamer.server.run
from models.bundle import load_bundle
from streamer.transcribers.whisper import Whisper
load_bundle(), Whisper()'
