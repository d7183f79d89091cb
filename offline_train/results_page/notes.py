"""The commands behind the numbers, as a numbered list at the end of the page."""

import shlex
from collections.abc import Sequence
from itertools import takewhile

from offline_train.results_page.groups import Group, Results


class Notes:
    """Numbers commands in the order of the first reference.

    Attributes:
        lines: the list, in the order of the numbers.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self.lines: list[str] = []
        self._numbers: dict[str, int] = {}

    def of_group(self, group: Group) -> int:
        """The number of the commands of a group's runs, after those of the runs they are based on."""
        parents = [self._results.group_of(path) for path in dict.fromkeys(_parents(group))]
        unique = {(parent.recipe, parent.folded): parent for parent in parents if parent}
        after = sorted(self.of_group(parent) for parent in unique.values())
        told = f"{group.name}, {group.about['corpus']}" if group.about["corpus"] else group.name
        return self.of_commands(told, braced([run["command"] for _, run in group.runs]), after)

    def of_commands(self, told: str, commands: Sequence[str], after: Sequence[int] = ()) -> int:
        """The number of other commands; `after` are the numbers of those to run before."""
        first = f" after {', '.join(map(_link, after))}" if after else ""
        line = f"{told}{first}: {', '.join(f'`{command}`' for command in commands)}"
        if line not in self._numbers:
            self.lines.append(line)
            self._numbers[line] = len(self.lines)
        return self._numbers[line]


def reference(note: int) -> str:
    """A superscript number that links to a command."""
    return f"<sup>{_link(note)}</sup>"


def braced(commands: Sequence[str]) -> list[str]:
    """Combine commands that differ in few places into one with shell braces: seed{1,2,3}."""
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
    """The common prefix."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False))
    return "".join(column[0] for column in alike)


def _link(note: int) -> str:
    return f"[{note}](#c{note})"


def _parents(group: Group) -> list[str]:
    return [path for _, record in group.runs for path in (*record["parents"], *record["helpers"])]
