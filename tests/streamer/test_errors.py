"""What complaints quote comes from anywhere, and makes no second line."""

import pytest

from streamer.errors import InputError, RunError
from streamer.server.messages import Refused, parse_control


def test_what_is_quoted_is_escaped() -> None:
    assert (
        str(InputError("no caf\xe9 in 'a\nb\x1b[2J\u2028\udc9e'"))
        == "no caf\xe9 in 'a\\nb\\x1b[2J\\u2028\\udc9e'"
    )
    assert str(RunError("a plain one")) == "a plain one"


def test_a_client_writes_no_lines_of_its_own_into_the_log() -> None:
    with pytest.raises(Refused) as refused:
        parse_control('{"type": "end", "a\\nmerits: all is well": 1}')
    assert "\n" not in str(refused.value)
