"""What tests of recognisers put back."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def torch_threads() -> Iterator[None]:
    """Models of CTranslate2 set the threads of all of OpenMP, torch's too: slow where cores are few."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
