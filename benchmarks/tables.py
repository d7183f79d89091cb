"""Writes what was measured: docs/benchmarks.md, its figures, and those in the README and two other guides.

`python -m benchmarks.tables` reads benchmarks/results/*.json (`make bench` makes them) and changes nothing
else. A result that is not there is named on the page, with the command that gives it; the same results give
the same bytes. With `--results` and `--docs` it writes a page of other results elsewhere, and leaves
the others alone.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.page.page import fuzzing, installing, page, readme, week
from models.atomic_write import write_whole

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BUNDLE = ROOT / "models" / "bundles" / "meld-small" / "bundle.json"
DOCS = ROOT / "docs"
README = ROOT / "README.md"
RELIABILITY = DOCS / "reliability.md"
INSTALL = DOCS / "install.md"


def with_figures(text: str) -> str:
    """The README with its figures as the files have them now."""
    return _with(text, "figures", readme(RESULTS, BUNDLE))


def with_reliability(text: str) -> str:
    """docs/reliability.md with what a week cost and what fuzzing found, as the files have it now."""
    return _with(_with(text, "soak-week", week(RESULTS)), "fuzz", fuzzing(RESULTS))


def with_installable(text: str) -> str:
    """docs/install.md with where the program can be installed as the file has it now."""
    return _with(text, "installable", installing(RESULTS))


def _with(text: str, part: str, content: str) -> str:
    start, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n\n{content}\n{end}{after}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="of JSON files")
    parser.add_argument(
        "--docs", type=Path, default=DOCS, metavar="FOLDER", help="for benchmarks.md and figures/"
    )
    given = parser.parse_args()
    if not given.results.is_dir():
        print(f"no folder {given.results}: make bench measures what is to be told", file=sys.stderr)
        sys.exit(2)
    try:
        written = page(given.results, given.docs / "figures")
        updated = {
            README: with_figures(README.read_text(encoding="utf-8")),
            RELIABILITY: with_reliability(RELIABILITY.read_text(encoding="utf-8")),
            INSTALL: with_installable(INSTALL.read_text(encoding="utf-8")),
        }
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    given.docs.mkdir(parents=True, exist_ok=True)
    write_whole(given.docs / "benchmarks.md", written)
    if (given.results, given.docs) == (RESULTS, DOCS):
        for file, text in updated.items():
            write_whole(file, text)


if __name__ == "__main__":
    main()
