"""The inputs to begin with: `python -m fuzz.corpus` writes them into fuzz/corpus, a folder a target."""

import shutil
from pathlib import Path

from fuzz.targets import NAMES, find

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """Write all seeds."""
    shutil.rmtree(CORPUS, ignore_errors=True)
    for target in map(find, NAMES):
        folder = CORPUS / target.corpus
        if not folder.exists():
            folder.mkdir(parents=True)
            for file, data in target.seeds().items():
                (folder / file).write_bytes(data)


if __name__ == "__main__":
    main()
