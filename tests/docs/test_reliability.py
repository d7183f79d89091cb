"""The page on reliability: the tests that it names are there, its figures are those of the result file."""

import ast
import re
from pathlib import Path

from benchmarks.page.page import fuzzing, week
from benchmarks.tables import RELIABILITY, with_reliability
from tests.docs.guide import ROOT

TEXT = RELIABILITY.read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_tests_that_it_names_are_there() -> None:
    table = TEXT.partition("| fault |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) >= 20
    for row in rows:
        named = NAMED.findall(row)
        assert named, f"no test shows this: {row}"
        for file, name in named:
            assert name in functions(ROOT / file), f"{file} has no {name}"


def test_figures_are_those_of_the_result_file(tmp_path: Path) -> None:
    assert with_reliability(TEXT) == TEXT
    assert "Not measured yet" in fuzzing(tmp_path)
    assert "Not measured yet" in week(tmp_path)
