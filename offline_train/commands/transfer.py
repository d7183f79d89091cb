"""`merits-train transfer`."""

from pathlib import Path
from typing import Annotated

from typer import Option

from docstring_options import documented
from offline_train.commands.options import (
    STANDARD_OUTPUT,
    JsonOut,
    check_writable,
    command_line,
    write_report,
)
from offline_train.errors import UsageError


@documented
def transfer(
    data: Annotated[Path, Option(metavar="FOLDER")],
    bundle: Path | None = None,
    run: Path | None = None,
    json_out: JsonOut = None,
) -> None:
    """Judge the words of a bundle or a run on every corpus of words there is.

    The test splits of MELD, MSP-Podcast, GoEmotions, DailyDialog and IEMOCAP, over the emotions in common
    with each; those that were trained on are no proof.

    Example:

    merits-train transfer --run runs/text1 --data CORPORA --json transfer.json

    Args:
        data: Folder of the corpora's folders: meld, msp_podcast, goemotions, dailydialog, iemocap, those that
            are there.
        bundle: Folder or name of the bundle to judge.
        run: Finished run of `stage1 text`, `stage2 text` or stage3 to judge.
    """
    if (bundle is None) == (run is None):
        raise UsageError("give what to judge: --bundle or --run, one of them")
    check_writable(json_out)

    from rich.console import Console

    from models.bundle import load_bundle
    from offline_train.evaluation.target import bundle_target, run_target
    from offline_train.evaluation.transfer import show_transfer
    from offline_train.evaluation.transfer import transfer as judge
    from offline_train.runs.run import Run

    target = run_target(Run(run)) if run else bundle_target(load_bundle(str(bundle)))
    if "text" not in target.heads:
        raise UsageError(f"{target.name} does not judge by words")
    reports = judge(target, data)
    what = {"bundle" if bundle else "run": target.name}
    write_report(json_out, {"command": command_line(), **what, "corpora": reports})
    if json_out == STANDARD_OUTPUT:
        return
    console = Console()
    if not console.is_terminal:
        console.width = 140  # in a file or a pipe, a line per row
    show_transfer(reports, console)
