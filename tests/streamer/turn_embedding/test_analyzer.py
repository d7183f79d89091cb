"""One analyzer for many streams: together as one by one, and each its own."""

import asyncio
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.bundle import Bundle
from streamer.transcribers.off import Off
from streamer.turn_embedding.analyzer import Analyzer, AnalyzerClient
from streamer.turn_embedding.fair_queue import Priority, Urgency
from tests.streamer.sound import conversation
from tests.tiny import tiny_bundle

TEXTS = ["I am happy!", "the day is not good, is it?", "a cat", "you", "we are angry . . . are you not angry"]

ENCODING = """
import ctranslate2, numpy as np
from models.whisper.packaged_weights import packaged_model
from streamer.turn_embedding.analyzer import bound_compiled_shapes
bound_compiled_shapes()
whisper = ctranslate2.models.Whisper(str(packaged_model("tiny.en")), compute_type="int8")
for frames in 2 * list(range(100, 140, 2)):
    whisper.encode(ctranslate2.StorageView.from_array(np.zeros((1, 80, frames), np.float32)))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")), context_turns=2)


def final() -> Priority:
    return Priority(Urgency.FINAL)


async def test_together_is_as_one_by_one(bundle: Bundle) -> None:
    sound = conversation()
    voices = [
        sound[9_000 * n : 9_000 * n + length] for n, length in enumerate((300, 8_000, 40_000, 1, 23_456))
    ]

    async def both(client: AnalyzerClient, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        words, voice = await asyncio.gather(
            client.embed_words(TEXTS[n], TEXTS[:n], final()), client.embed_voice(voices[n], final())
        )
        assert words is not None
        assert voice is not None
        return words, voice

    batches: list[int] = []

    analyzer = Analyzer(bundle, Off())
    for batcher in analyzer._workers.embedders:

        def watched(
            jobs: Sequence[Any], embed: Callable[[Sequence[Any]], Sequence[torch.Tensor]] = batcher._work
        ) -> Sequence[torch.Tensor]:
            batches.append(len(jobs))
            return embed(jobs)

        batcher._work = watched
    clients = [analyzer.client() for _ in TEXTS]
    for client in clients:
        client.__enter__()
    together = await asyncio.gather(*(both(client, n) for n, client in enumerate(clients)))
    assert batches == [len(TEXTS), len(TEXTS)]
    apart = [await both(clients[0], n) for n in range(len(TEXTS))]
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


async def test_what_there_is_nothing_of_is_not_embedded(bundle: Bundle, tmp_path: Path) -> None:
    silence = np.zeros(16_000, np.int16)
    words_only = Analyzer(tiny_bundle(tmp_path, words_only=True), Off()).client()
    with words_only, Analyzer(bundle, Off()).client() as client:
        assert (await client.words(silence, final())).text == ""
        assert await client.embed_words("", (), final()) is None
        assert await words_only.embed_voice(silence, final()) is None


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="CTranslate2 computes with oneDNN on x86-64 alone"
)
@pytest.mark.parametrize(("capacity", "again"), [(None, "cache_miss"), ("1024", "cache_hit")])
def test_code_is_kept_for_few_lengths_of_turns(capacity: str | None, again: str) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN_")}
    variables |= {"ONEDNN_VERBOSE": "2"} | (
        {} if capacity is None else {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": capacity}
    )
    done = subprocess.run(
        [sys.executable, "-c", ENCODING], env=variables, capture_output=True, text=True, check=True
    )
    of_first_length = [line for line in done.stdout.splitlines() if "create" in line and "1x80x100," in line]
    assert [line.split(",")[1].removeprefix("create:") for line in of_first_length] == ["cache_miss", again]
