"""What the benchmark counts, and that a conversation holds no more after many turns than after few."""

import sys
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.context import Turns, held_bytes, memory
from tests.tiny import tiny_bundle


@pytest.mark.parametrize("window", [1, 2, 8])
def test_a_conversation_holds_the_same_after_many_turns_as_after_few(tmp_path: Path, window: int) -> None:
    bundle = tiny_bundle(tmp_path, context_turns=3)
    held = memory(bundle, Turns(bundle, 50), window, after=(30, 60, 100, 270))
    assert len(held) == 4
    assert len(set(held.values())) == 1


def test_tensors_and_what_containers_hold_are_counted() -> None:
    few, many = deque(["a" * 10]), deque(["a" * 10, "b" * 1000])
    assert held_bytes(many) - held_bytes(few) >= 1000
    tensor = torch.zeros(1000)
    assert held_bytes([tensor]) - held_bytes([torch.zeros(10)]) == 990 * 4
    assert held_bytes([tensor, tensor[:10]]) < held_bytes([tensor]) + 1000  # one storage, counted once
    many_rows, few_rows = np.zeros(1000)[:10], np.zeros(10)[:10]  # a part holds the whole
    assert held_bytes([many_rows]) - held_bytes([few_rows]) == 990 * 8
    assert held_bytes([1000, 2000]) == held_bytes([1000, 1000])
    word = "a" * 99
    assert held_bytes([word]) - held_bytes([word], shared=[word]) == sys.getsizeof(word)
    assert held_bytes([torch.nn.Linear(1000, 1000)]) < 1000  # shared by conversations
