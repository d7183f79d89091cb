"""What fuzzing found, for docs/reliability.md."""

import json
from pathlib import Path

NAME = "fuzz.json"
COMMAND = f"python -m fuzz --inputs 1000000 --json benchmarks/results/{NAME}"

_TARGETS = {
    "control": "a client's control messages",
    "settings": "merits.toml, MERITS_*, addresses",
    "export": "events files, to every format",
    "replay": "events files, played and drawn",
    "files": "recordings as files",
    "streams": "recordings as streams",
    "wyoming": "answers of a Wyoming server",
    "outbox": "outbox files",
    "connections": "whole websocket connections, up to three at once",
    "wire": "bytes on the server's socket",
    "bundle": "bundles whose hashes fit",
}


def figures(results: Path) -> str:
    """Markdown: how many inputs each target was given, and what came of it.

    Raises:
        ValueError: the result is damaged.
    """
    path = results / NAME
    if not path.exists():
        return f"Not measured yet: `{COMMAND}`\n"
    result = json.loads(path.read_text("utf-8"))
    found = result["findings"]
    lines = ["| what | inputs | a second | above idle | slowest | findings |", "|---|---|---|---|---|---|"]
    for name, row in result["targets"].items():
        faults = sum(finding["target"] == name for finding in found)
        lines.append(
            f"| {_TARGETS[name]} (`{name}`) | {row['inputs']:,} | {row['per_s']:,} | {row['peak_mb']:.0f} MB "
            f"| {row['slowest_s']:.1f} s | {faults} |"
        )
    total = f"**{result['inputs']:,} inputs** in {result['took_s'] / 60:.0f} minutes, {len(found)} findings"
    lines += ["", f"{total}:" if found else f"{total}."]
    lines += [
        f"- `{each['target']}`: {each['kind']}, {each['where']} ({each['count']} times)" for each in found
    ]
    machine = result["machine"]
    lines += [
        "",
        f"`{result['command']}`, on {machine['cores']} cores ({machine['cpu']}), {machine['system']}.",
    ]
    return "\n".join(lines) + "\n"
