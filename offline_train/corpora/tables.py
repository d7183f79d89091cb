"""Reads text files and tables of corpora; errors name the file and the line."""

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from offline_train.corpora.errors import CorpusError

Row = dict[str, str]


def read_lines(corpus: str, path: Path) -> Iterator[tuple[int, str]]:
    """Non-blank lines of a text file with their numbers, from 1.

    Raises:
        CorpusError: the file is missing or can't be read.
    """
    for number, line in enumerate(io.StringIO(_read(corpus, path), newline=None), start=1):
        if line.strip():
            yield number, line.rstrip("\n")


def read_json(corpus: str, path: Path) -> Any:
    """Read a JSON file.

    Raises:
        CorpusError: the file is missing, can't be read or is not JSON.
    """
    try:
        return json.loads(_read(corpus, path))
    except ValueError as error:
        raise CorpusError(f"{corpus}: {path} is no JSON ({error})") from error


def read_json_lines(
    corpus: str, path: Path, keys: Mapping[str, type | tuple[type, ...]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects of a file with one a line, with their line numbers.

    Args:
        corpus: name of the corpus, for errors.
        path: the file.
        keys: required keys, and their types.

    Raises:
        CorpusError: the file is missing, or a line is not JSON or not such an object.
    """
    for line, text in read_lines(corpus, path):
        try:
            row = json.loads(text)
        except ValueError as error:
            raise CorpusError(f"{corpus}: {path} line {line} is no JSON ({error})") from error
        for key, kind in keys.items():
            if not isinstance(row, dict) or not isinstance(row.get(key), kind):
                raise CorpusError(f"{corpus}: {path} line {line}: {key!r} is missing or of a wrong type")
        yield line, row


def read_table(
    corpus: str, path: Path, columns: Collection[str], delimiter: str = ",", delimiters: str = ""
) -> list[tuple[int, Row]]:
    """Rows of a CSV file with a header, with their line numbers.

    Args:
        corpus: name of the corpus, for errors.
        path: the file.
        columns: required columns.
        delimiter: separator of the fields.
        delimiters: alternatives to `delimiter`; the one most frequent in the header is used.

    Raises:
        CorpusError: the file is missing, lacks a column, or is cut off in a row.
    """
    text = _read(corpus, path)
    if delimiters:
        header = text.partition("\n")[0]
        delimiter = max(delimiters, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        names = [name.strip() for name in next(reader, [])]
        if missing := [column for column in columns if column not in names]:
            raise CorpusError(f"{corpus}: {path} lacks the columns {', '.join(sorted(missing))}")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(names):
                found = f"{len(fields)} fields where the header has {len(names)}"
                raise CorpusError(f"{corpus}: {path} line {reader.line_num}: {found}; is the file cut off?")
            rows.append((reader.line_num, dict(zip(names, fields, strict=True))))
    except csv.Error as error:
        raise CorpusError(f"{corpus}: {path} line {reader.line_num}: {error}; is it cut off?") from error
    return rows


def number(corpus: str, path: Path, line: int, column: str, text: str) -> float:
    """Parse a field as a number.

    Raises:
        CorpusError: it is not a number.
    """
    try:
        return float(text)
    except ValueError as error:
        raise CorpusError(f"{corpus}: {path} line {line}: {column} {text!r} is no number") from error


def _read(corpus: str, path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CorpusError(f"{corpus}: expected {path.name} in {path.parent}") from error
    except OSError as error:
        raise CorpusError(f"{corpus}: {path} can't be read ({error.strerror})") from error
    if b"\0" in content:
        raise CorpusError(f"{corpus}: {path} is no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # the encoding of some spreadsheets and older corpora
        return content.decode("cp1252", errors="replace")
