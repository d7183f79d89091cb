"""`merits-train export`."""

from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import command_line


def export(
    fusion: Annotated[Path, typer.Option(help="Run of Stage III.")],
    name: Annotated[str, typer.Option(help="The bundle's name.")],
    data: Annotated[Path, typer.Option(help="Folder with MELD's CSV files.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    version: Annotated[int, typer.Option(help="The bundle's version.")] = 1,
    folds: Annotated[Path | None, typer.Option(help="Run of `stage1 --folds`, for the model card.")] = None,
) -> None:
    """Make a bundle of a finished hierarchy, with its model card."""
    from offline_train.export import export_bundle

    size = export_bundle(fusion, name, version, data, out, folds, command_line())
    print(f"{out}: {size / 1e6:.1f} MB")
