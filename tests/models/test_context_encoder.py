"""Stage II, read in different ways."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from models.context_encoder import ContextConfig, ContextEncoder


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**31 - 1), layers=st.integers(1, 3), turns=st.integers(1, 40), skip=st.booleans())
def test_the_newest_turn_is_the_last_of_its_prefix(seed: int, layers: int, turns: int, *, skip: bool) -> None:
    torch.manual_seed(seed)
    encoder = ContextEncoder(ContextConfig(10, hidden=8, layers=layers, heads=2, classes=4, skip=skip)).eval()
    for parameter in encoder.parameters():  # larger than initialised, so that differences would show
        torch.nn.init.normal_(parameter, std=0.5)
    features, present = torch.randn(turns, 10), torch.rand(turns) < 0.7
    with torch.inference_mode():
        embeddings, logits = encoder.newest(features, present)
        for k in range(1, turns + 1):
            whole = torch.ones(1, k, dtype=torch.bool)
            expected = encoder(features[None, :k], present[None, :k], whole)
            torch.testing.assert_close(embeddings[k - 1], expected[0][0, -1], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(
                logits[k - 1].softmax(-1), expected[1][0, -1].softmax(-1), atol=1e-5, rtol=0
            )


def test_context_begins_with_what_stage_1_says() -> None:
    stage1 = nn.Linear(6, 4)
    encoder = ContextEncoder(ContextConfig(6, hidden=4, heads=2, classes=4, skip=True)).eval()
    encoder.begin_with(stage1)
    features, everyone = torch.randn(2, 5, 6), torch.ones(2, 5, dtype=torch.bool)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(features, everyone, everyone)[1], stage1(features))
