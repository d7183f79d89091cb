"""The README says what the files say."""

from benchmarks.tables import README, with_figures

TEXT = README.read_text(encoding="utf-8")


def test_figures_are_those_of_the_result_files() -> None:
    assert with_figures(TEXT) == TEXT
