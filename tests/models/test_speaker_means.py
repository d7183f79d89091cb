"""What is usual for a speaker, by the speaker's earlier turns."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.speaker_means import usual_of_turns

D = 3
PRIOR = torch.tensor([1.0, -1.0, 0.5])

turns = st.lists(st.tuples(st.sampled_from([None, "Ross", "Rachel", 0]), st.booleans(), st.booleans()))


@settings(deadline=None)
@given(turns, st.floats(0.1, 10))
def test_it_is_the_mean_of_the_prior_and_of_earlier_turns_with_sound(
    said: list[tuple[str | int | None, bool, bool]], prior_turns: float
) -> None:
    embeddings = torch.randn(len(said), D, generator=torch.Generator().manual_seed(len(said)))
    for row, (_, _, broken) in enumerate(said):
        if broken:
            embeddings[row, row % D] = torch.nan
    speakers, present = [speaker for speaker, _, _ in said], torch.tensor([heard for _, heard, _ in said])
    found = usual_of_turns(embeddings, speakers, present.bool(), PRIOR, prior_turns)
    assert found.shape == (len(said), D)
    for k, (speaker, _, _) in enumerate(said):
        earlier = [
            embeddings[j].numpy()
            for j, (who, heard, broken) in enumerate(said[:k])
            if who == speaker and heard and not broken
        ]
        weights = [prior_turns] + [1.0] * len(earlier)
        expected = np.average([PRIOR.numpy(), *earlier], axis=0, weights=weights)
        np.testing.assert_allclose(found[k].numpy(), expected, atol=1e-5)


def test_later_turns_change_nothing() -> None:
    embeddings, speakers = torch.randn(9, D), [number % 2 for number in range(9)]
    whole = usual_of_turns(embeddings, speakers, torch.ones(9, dtype=torch.bool), PRIOR, 4.0)
    for k in range(1, 10):
        part = usual_of_turns(embeddings[:k], speakers[:k], torch.ones(k, dtype=torch.bool), PRIOR, 4.0)
        assert torch.equal(part, whole[:k])
