"""Stage I of the voice: judged against what is usual, and nothing breaks it."""

import pytest
import torch

from models.speech_classifier import SpeechClassifier, SpeechConfig

D = 20


@pytest.fixture(params=[0, 12], ids=["shallow", "deep"])
def speech(request: pytest.FixtureRequest) -> SpeechClassifier:
    torch.manual_seed(0)
    model = SpeechClassifier(D, SpeechConfig(width=10, classes=5, hidden=request.param))
    model.measure(3 + 2 * torch.randn(500, D))
    return model.eval()


def test_the_plane_is_the_end_of_s1(speech: SpeechClassifier) -> None:
    voice = speech(torch.randn(4, D))
    assert (voice.s1.shape, voice.logits.shape, voice.plane.shape) == ((4, 10), (4, 5), (4, 2))
    assert torch.equal(voice.s1[:, -2:], voice.plane)


def test_a_voice_is_judged_by_how_it_differs_from_what_is_usual(speech: SpeechClassifier) -> None:
    voice, usual = 3 + torch.randn(4, D), 3 + torch.randn(4, D)
    moved = torch.randn(D)
    torch.testing.assert_close(speech(voice + moved, usual + moved).s1, speech(voice, usual).s1)
    torch.testing.assert_close(speech(voice).s1, speech(voice, speech.prior.expand(4, D)).s1)
    assert not torch.allclose(speech(voice).s1, speech(voice, usual).s1)


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_values_that_are_none_count_as_usual_and_far_ones_are_near(
    speech: SpeechClassifier, odd: float
) -> None:
    voice = speech.prior.expand(2, D).clone()
    voice[1, 7] = odd
    found = speech(voice)
    assert all(part.isfinite().all() for part in found)
    near = voice.clone()
    near[1, 7] = speech.prior[7] + torch.tensor(odd).nan_to_num(0.0).clamp(-10, 10) / speech.scale[7]
    torch.testing.assert_close(found.s1, speech(near).s1, atol=1e-4, rtol=1e-4)


def test_prior_and_scale_are_of_the_training_embeddings() -> None:
    embeddings = 5 + 3 * torch.randn(1000, D, generator=torch.Generator().manual_seed(1))
    embeddings[:, 3] = 7.0
    embeddings[:, 4] = torch.nan
    with_gaps = embeddings.clone()
    with_gaps[0, 0], with_gaps[1, 1] = torch.inf, torch.nan
    for given in (embeddings, with_gaps):
        model = SpeechClassifier(D, SpeechConfig())
        model.measure(given)
        torch.testing.assert_close(model.prior[5:], embeddings[:, 5:].mean(0))
        torch.testing.assert_close(model.scale[5:], 1 / embeddings[:, 5:].std(0, correction=0))
        assert abs(float(model.prior[0]) - 5) < 0.5
        assert (float(model.prior[3]), float(model.scale[3])) == (7.0, 0.0)
        assert (float(model.prior[4]), float(model.scale[4])) == (0.0, 0.0)


def test_prior_and_scale_are_kept_with_the_weights(speech: SpeechClassifier) -> None:
    other = SpeechClassifier(D, speech.config)
    other.load_state_dict(speech.state_dict())
    voice = torch.randn(3, D)
    assert torch.equal(other.eval()(voice).s1, speech(voice).s1)
