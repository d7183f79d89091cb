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
    """Export finished runs as a bundle with a model card, for `merits analyze --bundle`.

    The bundle is evaluated on its training corpus; its temperature is fitted on the validation split. Made
    from precomputed speech features, or from Stage II of the text modality, it uses the words alone.

    Example:

    merits-train export --run runs/fused --name mine --out my-bundle

    Args:
        run: Finished run of stage3 or of `stage2 text` to export.
        name: Name of the bundle.
        out: Folder of the bundle.
        version: Version number of the bundle.
        folds: Run of `stage1 speech --folds` whose scores the model card shows.
    """
    from offline_train.bundling.export import export_bundle
    from offline_train.runs.run import Run

    exported = export_bundle(
        Run(run), data, name, version, out, Run(folds) if folds else None, command_line()
    )
    print(f"{out}: {exported.size / 1e6:.1f} MB")
    for note in exported.notes:
        print(f"merits-train: {note}", file=sys.stderr)
