"""`merits-train tables`."""

from pathlib import Path

from docstring_options import documented
from models.atomic_write import write_whole
from offline_train.errors import UsageError


@documented
def tables(
    runs: Path | None = None,
    out: Path = Path("docs/results.md"),
    from_json: bool = False,
) -> None:
    """Write the paper's tables and figures with the results of finished runs.

    Stored results of runs that no longer exist are kept.

    Example:

    merits-train tables --runs runs --out docs/results.md

    Args:
        runs: Folder with runs, ablations and evaluations, at any depth.
        out: Markdown file to write, with its data beside it (.json) and its figures in figures/.
        from_json: Write page and figures from the stored data, without runs.
    """
    import json
    import sys

    from offline_train.files import write_json
    from offline_train.results_page.page import page

    if (runs is None) != from_json:
        raise UsageError("give --runs, the folder of the runs, or --from-json where there are none")
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise UsageError(f"cannot write {out}: it must be a file in a folder that is there")
    data = out.with_suffix(".json")
    stored = None
    if data.exists():
        try:
            stored = json.loads(data.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{data} is no JSON ({error}); restore or remove it") from error
    if runs is None:
        if stored is None:
            raise UsageError(f"there is no {data}; give --runs")
    else:
        if not runs.is_dir():
            raise UsageError(f"there is no folder {runs}")
        from offline_train.results_page.gather import gather

        found = gather(runs, stored)
        stored = found.results
        if found.left_out:
            names = ", ".join(found.left_out[:5]) + (", ..." if len(found.left_out) > 5 else "")
            count = len(found.left_out)
            print(
                f"left out {count} folders that are no single runs of this version: {names}", file=sys.stderr
            )
        write_json(data, stored)
    text = page(stored, out.absolute().parent / "figures")
    write_whole(out, text)
    print(f"{out}: {len(stored['runs'])} runs of {len(stored['recipes'])} recipes")
