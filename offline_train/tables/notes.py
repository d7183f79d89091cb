"""The commands that give the numbers, as a numbered list at the end of the page."""

import shlex
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from offline_train.ablations.scores import Spread
from offline_train.tables.groups import Group, Results

MISSING = "—"


class Notes:
    """Numbers commands as they are referred to."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._lines: list[str] = []
        self._numbers: dict[str, int] = {}

    def of_group(self, group: Group) -> int:
        """The commands of a group's runs, after those of the runs they build on."""
        parents = [self._results.group_of(path) for path in dict.fromkeys(_parents(group))]
        unique = {(parent.recipe, parent.folded): parent for parent in parents if parent}
        after = sorted(self.of_group(parent) for parent in unique.values())
        told = f"{group.name}, {group.about['corpus']}" if group.about["corpus"] else group.name
        return self.of_commands(told, braced([run["command"] for _, run in group.runs]), after)

    def of_commands(self, told: str, commands: Sequence[str], after: Sequence[int] = ()) -> int:
        """Other commands, and the numbers of those to type before."""
        first = f" after {', '.join(map(_link, after))}" if after else ""
        line = f"{told}{first}: {', '.join(f'`{command}`' for command in commands)}"
        if line not in self._numbers:
            self._lines.append(line)
            self._numbers[line] = len(self._lines)
        return self._numbers[line]

    def refer(self, note: int) -> str:
        """A reference to a command."""
        return f"<sup>{_link(note)}</sup>"

    def cell(self, spread: Spread | None, group: Group) -> str:
        """Mean, standard deviation and number of seeds, with the command."""
        return f"{MISSING if spread is None else shown(spread)} {self.refer(self.of_group(group))}"

    def markdown(self) -> str:
        """The list."""
        return "\n".join(f'{n}. <a id="c{n}"></a>{line}' for n, line in enumerate(self._lines, start=1))


def shown(spread: Spread, sign: str = "") -> str:
    """Mean, standard deviation and number of seeds."""
    deviation = "" if spread.std is None else f" ± {spread.std:.2f}"
    return f"{spread.mean:{sign}.2f}{deviation} ({spread.n})"


def signed(spread: Spread) -> list[str]:
    """A difference: mean with its sign, and seed by seed."""
    return [shown(spread, "+"), ", ".join(f"{value:+.2f}" for value in spread.per_seed.values())]


def spread_of(stored: Mapping[str, Any]) -> Spread:
    """As it stands in an ablation's summary."""
    return Spread({int(seed): value for seed, value in stored["per_seed"].items()})


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first hold numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def braced(commands: Sequence[str]) -> list[str]:
    """Commands that differ in few places as one, as a shell abbreviates: seed{1,2,3}."""
    split = [shlex.split(command) for command in dict.fromkeys(commands)]
    if len({len(tokens) for tokens in split}) > 1:
        return [shlex.join(tokens) for tokens in split]
    return [" ".join(_braced(list(dict.fromkeys(column))) for column in zip(*split, strict=True))]


def _braced(tokens: Sequence[str]) -> str:
    if len(tokens) == 1:
        return shlex.quote(tokens[0])
    before = _shared(tokens)
    after = _shared([token[len(before) :][::-1] for token in tokens])[::-1]
    parts = [token[len(before) : len(token) - len(after)] for token in tokens]
    return f"{before}{{{','.join(parts)}}}{after}"


def _shared(texts: Sequence[str]) -> str:
    """What they all start with."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False))
    return "".join(column[0] for column in alike)


def _link(note: int) -> str:
    return f"[{note}](#c{note})"


def _parents(group: Group) -> list[str]:
    return [path for _, record in group.runs for path in (*record["parents"], *record["helpers"])]
