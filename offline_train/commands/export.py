"""`merits-train export`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import Data, command_line


def export(
    run: Annotated[
        Path, typer.Option("--run", "--fusion", help="Run of stage3, or of stage2 --modality text.")
    ],
    name: Annotated[str, typer.Option(help="The bundle's name.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    data: Data = None,
    version: Annotated[int, typer.Option(min=1, help="The bundle's version.")] = 1,
    folds: Annotated[Path | None, typer.Option(help="Run of `stage1 --folds`, for the model card.")] = None,
) -> None:
    """Make a bundle of a finished hierarchy, with its model card, for `merits analyze --bundle`.

    It is judged on the corpus it was trained on; its temperature is fitted on the validation split. Where
    the sound came as prepared features, or with Stage II of the words only, it judges by the words alone.
    """
    from offline_train.export import export_bundle
    from offline_train.run import Run

    exported = export_bundle(
        Run(run), data, name, version, out, Run(folds) if folds else None, command_line()
    )
    print(f"{out}: {exported.size / 1e6:.1f} MB")
    for note in exported.notes:
        print(f"merits-train: {note}", file=sys.stderr)
