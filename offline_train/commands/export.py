"""`merits-train export`."""

import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from docstring_options import documented
from offline_train.commands.options import Data, command_line


@documented
def export(
    run: Annotated[Path, Option("--run", "--fusion")],
    name: str,
    out: Path,
    data: Data = None,
    version: Annotated[int, Option(min=1)] = 1,
    folds: Path | None = None,
) -> None:
    """Make a bundle of a finished hierarchy, with its model card, for `merits analyze --bundle`.

    It is judged on the corpus it was trained on; its temperature is fitted on the validation split. Where
    the sound came as prepared features, or with Stage II of the words only, it judges by the words alone.

    Example:

    merits-train export --run runs/fused --name mine --out my-bundle

    Args:
        run: Finished run of stage3 or of `stage2 text` to make it of.
        name: Name of the bundle.
        out: Folder to write the bundle to.
        version: Version number of the bundle.
        folds: Run of `stage1 speech --folds`, whose figures the model card shows.
    """
    from offline_train.bundling.export import export_bundle
    from offline_train.runs.run import Run

    exported = export_bundle(
        Run(run), data, name, version, out, Run(folds) if folds else None, command_line()
    )
    print(f"{out}: {exported.size / 1e6:.1f} MB")
    for note in exported.notes:
        print(f"merits-train: {note}", file=sys.stderr)
