"""`merits-train dry-run`."""

from docstring_options import documented
from offline_train.commands.options import STANDARD_OUTPUT, Config, JsonOut, Preset, write_report


@documented
def dry_run(
    preset: Preset = "paper", stage: str | None = None, config: Config = None, json_out: JsonOut = None
) -> None:
    """One real training step of every stage, on models of the true shape with random weights.

    Says what training with these settings takes: parameters, memory, and time on one GPU (estimated from the
    operations of the step; measured, where there is one). Needs no corpus and no pre-trained weights.

    Example:

    merits-train dry-run --preset paper --stage stage2

    Args:
        stage: Name of the only stage to try, such as stage1-text. [default: all]
    """
    import torch
    from rich.console import Console
    from rich.table import Table

    from offline_train.errors import UsageError
    from offline_train.stages import dry_run as trial

    if stage is not None and stage not in trial.STAGES:
        raise UsageError(f"there is no stage {stage}; one of: {', '.join(trial.STAGES)}")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    table = Table(title=f"preset {preset}: one step of every stage on this {device}", title_justify="left")
    for column in ("stage", "weights", "trained", "memory", "step here", "steps", "one GPU"):
        table.add_column(column, justify="left" if column == "stage" else "right", no_wrap=True)
    console = Console(stderr=True)
    rows = []
    for cost in trial.dry_run(preset, config, stage):
        hours = cost.measured_hours if torch.cuda.is_available() else cost.estimated_hours
        table.add_row(
            cost.stage,
            f"{cost.parameters / 1e6:.1f} M",
            f"{cost.trained / 1e6:.1f} M",
            f"{cost.memory / 2**30:.2f} GiB",
            f"{cost.seconds:.2f} s",
            f"{cost.steps:,}",
            f"{hours:.2f} h" if hours >= 0.1 else f"{60 * hours:.1f} min",
        )
        rows.append(
            {**vars(cost), "estimated_hours": cost.estimated_hours, "measured_hours": cost.measured_hours}
        )
        console.print(
            f"{cost.stage}: one step in {cost.seconds:.2f} s, loss {cost.loss:.3f}", highlight=False
        )
    result = {"preset": preset, "device": device, "peak_memory": trial.peak_memory(), "stages": rows}
    write_report(json_out, result)
    if json_out == STANDARD_OUTPUT:
        return
    Console().print(table)
    if torch.cuda.is_available():
        print("one GPU: the step as measured here, times all steps")
    else:
        print(
            f"one GPU: the step's operations, times all steps, on an {trial.GPU} that sustains "
            f"{trial.SUSTAINED / 1e12:.0f} TFLOP/s and needs "
            f"{1e3 * trial.LEAST:.0f} ms a step at least;"
            " memory: weights, gradients and the optimiser, without activations"
        )
    print(f"this process held {trial.peak_memory() / 2**30:.1f} GiB at most")
