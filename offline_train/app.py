"""The command line `merits-train`, with a command per stage. Large libraries are imported on use."""

import os
import signal
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from models.errors import OneLineError
from offline_train.commands.ablate import ablate
from offline_train.commands.annotate import annotate
from offline_train.commands.evaluate import evaluate
from offline_train.commands.export import export
from offline_train.commands.old_spelling import ANYTHING, dry_run
from offline_train.commands.pretrain_care import pretrain_care
from offline_train.commands.pretrain_text import pretrain_text
from offline_train.commands.stage1 import stage1
from offline_train.commands.stage2 import stage2
from offline_train.commands.stage3 import stage3
from offline_train.commands.tables import tables
from offline_train.commands.transcribe import transcribe
from offline_train.commands.transfer import transfer
from offline_train.corpora.errors import CorpusError
from offline_train.errors import RunFolderError, TrainingError, UsageError

_PANELS = ("Words and labels", "Pre-training", "The three stages", "Evaluate and export", "Experiments")
_LABELS, _PRETRAINING, _STAGES, _JUDGE, _COMPARE = _PANELS


class _InOrder(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order of their panels; typer would list groups of commands last."""
        commands: dict[str, Any] = dict(self.commands)
        return sorted(
            super().list_commands(ctx), key=lambda name: (_PANELS.index(commands[name].rich_help_panel), name)
        )


app = typer.Typer(
    cls=_InOrder,
    name="merits-train",
    help="Train MERITS-L in its three stages. A command that was killed resumes when it is run again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(annotate, name="annotate", rich_help_panel=_LABELS)
app.command(rich_help_panel=_LABELS)(transcribe)
app.command(rich_help_panel=_PRETRAINING)(pretrain_text)
app.command(rich_help_panel=_PRETRAINING)(pretrain_care)
app.add_typer(stage1, name="stage1", rich_help_panel=_STAGES)
app.add_typer(stage2, name="stage2", rich_help_panel=_STAGES)
app.command(rich_help_panel=_STAGES)(stage3)
app.command(rich_help_panel=_JUDGE)(evaluate)
app.command(rich_help_panel=_JUDGE)(export)
app.command(rich_help_panel=_JUDGE)(transfer)
app.command(rich_help_panel=_COMPARE)(ablate)
app.command(rich_help_panel=_COMPARE)(tables)
app.command(rich_help_panel=_COMPARE, hidden=True, context_settings=ANYTHING)(dry_run)


def main() -> None:
    """Run the command line. Exit codes: 2 bad usage or input, 1 failed while running, 130 Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = int(app(standalone_mode=False) or 0)
        sys.stdout.flush()
    except typer.TyperException as error:
        code = _complain(error.format_message().replace("Value error, ", ""), 2)
    except (UsageError, CorpusError, RunFolderError, OneLineError) as error:
        code = _complain(str(error), 2)
    except (TrainingError, OSError) as error:
        code = _complain(str(error) or type(error).__name__, 1)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if os.environ.get("MERITS_LOG_LEVEL", "").lower() == "debug":
            raise
        code = _complain(
            f"unforeseen: {type(error).__name__}: {error}; a fault of this program, please report it with "
            "what MERITS_LOG_LEVEL=debug says",
            1,
        )
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    if message:  # empty if the help was shown instead
        print("merits-train:", " ".join(message.split()), file=sys.stderr)
    return code
