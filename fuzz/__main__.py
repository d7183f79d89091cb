"""Gives all that reads what others write inputs that nobody would think of: `python -m fuzz`.

Each target runs in workers of its own, for which atheris makes inputs, guided by what they reach. A
finding is whatever is none of the program's own errors of one line: a traceback, more than 5 s, more
than 200 MB above the idle program, a crash. Each is kept once, as a file. Exit code 1: there are findings.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, write_result
from fuzz.findings import Findings
from fuzz.fuzzing import Fuzzing, Score
from fuzz.targets import NAMES


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"which, of {', '.join(NAMES)} (all)")
    parser.add_argument("--inputs", type=int, default=0, metavar="N", help="so many, all targets together")
    parser.add_argument("--seconds", type=float, default=0, metavar="S", help="or for so long (default 600)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="workers at a time (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice")
    parser.add_argument(
        "--findings", type=Path, default=Path(".fuzz/findings"), metavar="FOLDER", help="for what is found"
    )
    parser.add_argument(
        "--corpus", type=Path, default=Path(".fuzz/corpus"), metavar="FOLDER", help="for inputs to go on from"
    )
    parser.add_argument("--json", metavar="OUT", help='file for the result, "-" for stdout alone')
    given = parser.parse_args()
    if odd := {name for name in given.targets if ":" not in name} - set(NAMES):
        parser.error(f"no target {', '.join(sorted(odd))}: there are {', '.join(NAMES)}")
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.exit(
            "atheris is not installed: it comes with `make test`, on Linux x86_64 with Python 3.11 to 3.13"
        )
    findings = Findings(given.findings)
    fuzzing = Fuzzing(findings, given.findings.absolute(), given.corpus.absolute(), given.seed)
    began = time.monotonic()
    seconds = given.seconds or (0 if given.inputs else 600)
    scores = fuzzing.run(given.targets or NAMES, given.jobs, inputs=given.inputs, seconds=seconds)
    result = _result(scores, findings, time.monotonic() - began)
    if given.json != "-":
        _print(result, findings)
    if given.json:
        write_result(result, given.json)
    sys.exit(1 if result["findings"] else 0)


def _result(scores: dict[str, Score], findings: Findings, took_s: float) -> dict[str, Any]:
    return {
        "command": shlex.join(["python", "-m", "fuzz", *sys.argv[1:]]),
        "machine": describe_machine(),
        "inputs": sum(score.inputs for score in scores.values()),
        "took_s": round(took_s),
        "targets": {
            name: {
                "inputs": score.inputs,
                "per_s": round(score.inputs / max(score.took_s, 0.1)),
                "peak_mb": round(score.peak_bytes / 1e6, 1),
                "slowest_s": round(score.slowest_s, 1),
                "died": score.deaths,
            }
            for name, score in scores.items()
        },
        "findings": [
            {"target": each.target, "kind": each.kind, "where": each.where, "count": each.count}
            for each in findings.all()
        ],
    }


def _print(result: dict[str, Any], findings: Findings) -> None:
    for name, row in result["targets"].items():
        rate = f"{row['inputs']:8,} inputs  {row['per_s']:6,}/s"
        print(f"{name:12} {rate}  +{row['peak_mb']:.0f} MB  {row['slowest_s']:.1f} s")
    for each in findings.all():
        times = "once" if each.count == 1 else f"{each.count} times"
        print(f"\n{each.target}: {each.kind}, {each.where} ({times})\n  {findings.how_to_see(each)}")
    print(f"\n{result['inputs']:,} inputs in {result['took_s']} s, {len(result['findings'])} findings")


if __name__ == "__main__":
    main()
