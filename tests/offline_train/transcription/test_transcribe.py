import json
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tiny_whisper import make_tiny_whisper
from offline_train.app import main
from offline_train.corpora.registry import read_corpus
from offline_train.transcription.transcripts import (
    corpus_of,
    metrics_file,
    read_transcripts,
    with_transcripts,
)
from offline_train.transcription.whisper import nobody_speaks
from tests.offline_train.miniatures import hiss, write_wav
from tests.offline_train.recordings import encode

SAID = "Hello there, my friend."


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny", SAID)


def noise(path: Path, seconds: float) -> Path:
    sound = hiss(seconds, 3000)
    if path.suffix == ".wav":
        write_wav(path, sound)
    else:
        encode(path, sound, 16_000, path.suffix.removeprefix("."))
    return path


def manifest(folder: Path) -> Path:
    """Three conversations with references; the same utterance ids in each."""
    lines = ["conversation,utterance,text,audio,split"]
    for split, texts in {
        "train": ["Hello there, my friend!", "Hello there"],
        "validation": ["hello THERE -- my friend", "[LAUGHTER] Hello their, my friend."],
        "test": ["Goodbye"],
    }.items():
        for number, text in enumerate(texts):
            noise(folder / f"{split}{number}.wav", 0.5 + 0.1 * number)
            lines.append(f'{split},u{number},"{text}",{split}{number}.wav,{split}')
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def run(*arguments: object) -> int:
    """The command in this process; its exit code."""
    before = sys.argv
    sys.argv = ["merits-train", "transcribe", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as exit_:
            main()
    finally:
        sys.argv = before
    return int(exit_.value.code or 0)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def metrics_of(path: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads(metrics_file(path).read_text(encoding="utf-8"))
    return metrics


def test_a_corpus_is_transcribed_and_judged(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = manifest(tmp_path / "data"), tmp_path / "new" / "words.jsonl"
    line = ("--corpus", "folder", "--data", data, "--model", tiny, "--out", out, "--batch-size", 2)
    assert run(*line) == 0
    found = rows(out)
    assert [(row["id"], row["split"], row["conversation"]) for row in found] == [
        ("train/u0", "train", "train"),
        ("train/u1", "train", "train"),
        ("validation/u0", "validation", "validation"),
        ("validation/u1", "validation", "validation"),
        ("test/u0", "test", "test"),
    ]
    assert {(row["text"], row["language"]) for row in found} == {(SAID, "en")}
    assert [row["duration_s"] for row in found] == [0.5, 0.6, 0.5, 0.6, 0.5]
    assert found[1]["reference"] == "Hello there"
    assert all(-0.1 < row["avg_logprob"] <= 0 and row["no_speech_prob"] < 0.1 for row in found)

    errors = metrics_of(out)["word_error_rate"]
    # train: 2 words too many of 6; validation: 1 wrong of 8; test: 1 wrong and 3 too many of 1
    assert errors["train"]["word_error_rate"] == round(2 / 6, 4)
    assert errors["validation"]["word_error_rate"] == round(1 / 8, 4)
    assert errors["test"]["word_error_rate"] == 4.0
    assert errors["all"]["word_error_rate"] == round(7 / 15, 4)
    assert errors["all"]["words"] == 15
    said = capsys.readouterr().out
    assert "word error rate, all: 46.67% of 15 words" in said
    assert "validation: 12.50%" in said

    before = out.read_bytes(), metrics_of(out)
    assert run(*line) == 0
    assert (out.read_bytes(), metrics_of(out)) == before
    assert capsys.readouterr().out == said

    corpus = read_corpus("folder", data)
    heard = with_transcripts(corpus, read_transcripts(out))
    assert [u.text for part in heard.splits.values() for c in part for u in c.utterances] == [SAID] * 5
    assert heard.splits["test"][0].utterances[0].recording == corpus.splits["test"][0].utterances[0].recording


def test_other_settings_are_refused(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise(tmp_path / "a" / "a.wav", 0.5)
    line = ("--audio", tmp_path / "a", "--model", tiny, "--out", tmp_path / "words.jsonl")
    assert run(*line) == 0
    before = (tmp_path / "words.jsonl").read_bytes()
    capsys.readouterr()
    assert run(*line, "--beam-size", 2) == 2
    complaint = capsys.readouterr().err
    assert "beam_size 5, not 2" in complaint
    assert complaint.count("\n") == 1
    assert (tmp_path / "words.jsonl").read_bytes() == before
    assert run(*line, "--batch-size", 3) == 0  # words don't depend on it


def test_someone_elses_file_is_left_alone(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise(tmp_path / "a" / "a.wav", 0.5)
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    assert run("--audio", tmp_path / "a", "--model", tiny, "--out", mine) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert mine.read_text() == "precious"


def test_what_cannot_be_decoded_is_set_aside_until_mended(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "a", tmp_path / "words.jsonl"
    noise(folder / "good.wav", 0.5)
    noise(folder / "below" / "good.flac", 0.5)
    (folder / "broken.wav").write_bytes(b"this is no sound" * 100)
    (folder / "empty.mp3").touch()
    (folder / "notes.txt").touch()
    line = ("--audio", folder, "--model", tiny, "--out", out)
    assert run(*line) == 0
    said = capsys.readouterr()
    assert "2 utterances" in said.out
    assert "2 set aside" in said.out
    complaints = [line.split(":")[0] for line in said.err.splitlines()]
    assert complaints == ["set aside broken.wav", "set aside empty.mp3"]
    assert [row["id"] for row in rows(out)] == ["below/good.flac", "good.wav"]
    assert [row["id"] for row in metrics_of(out)["set_aside"]] == ["broken.wav", "empty.mp3"]
    transcripts = read_transcripts(out)
    assert [each.text for each in transcripts] == [SAID, SAID, None, None]
    corpus = corpus_of("mine", transcripts)
    assert [c.id for c in corpus.splits["train"]] == ["below/good.flac", "good.wav"]
    recording = corpus.splits["train"][1].utterances[0].recording
    assert recording is not None
    assert recording.path == folder / "good.wav"

    noise(folder / "broken.wav", 0.5)
    assert run(*line) == 0
    assert [row["id"] for row in rows(out)] == ["below/good.flac", "good.wav", "broken.wav"]
    assert [row["id"] for row in metrics_of(out)["set_aside"]] == ["empty.mp3"]


def test_nothing_but_broken_recordings_is_a_failure(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.wav").write_bytes(b"this is no sound" * 100)
    assert run("--audio", tmp_path / "a", "--model", tiny, "--out", tmp_path / "words.jsonl") == 1
    assert "nothing could be transcribed" in capsys.readouterr().err


def test_long_recordings_are_cut_at_their_pauses(tiny: Path, tmp_path: Path) -> None:
    sample = Path(__file__).parents[3] / "samples" / "conversation.flac"
    folder = tmp_path / "a"
    folder.mkdir()
    shutil.copy(sample, folder / "long.flac")
    assert run("--audio", folder, "--model", tiny, "--out", tmp_path / "words.jsonl") == 0
    found = rows(tmp_path / "words.jsonl")
    assert len(found) >= 3
    assert {row["conversation"] for row in found} == {"long.flac"}
    assert [row["id"] for row in found[:2]] == ["long.flac#0001", "long.flac#0002"]
    assert all(0 < row["duration_s"] <= 30 for row in found)
    assert all(row["end_s"] - row["start_s"] == pytest.approx(row["duration_s"], abs=0.01) for row in found)
    assert all(a["end_s"] <= b["start_s"] for a, b in pairwise(found))


def test_a_long_utterance_of_a_corpus_stays_one(tiny: Path, tmp_path: Path) -> None:
    noise(tmp_path / "a.wav", 61)
    (tmp_path / "manifest.csv").write_text("conversation,audio\none,a.wav\n")
    out = tmp_path / "words.jsonl"
    line = ("--corpus", "folder", "--data", tmp_path, "--model", tiny, "--out", out)
    assert run(*line, "--batch-size", 2) == 0
    assert [row["text"] for row in rows(out)] == [" ".join([SAID] * 3)]
    assert metrics_of(out)["word_error_rate"] == {}


@pytest.mark.parametrize(("certainty", "silent"), [(4.0, True), (0.5, False)])
def test_doubt_is_written_down(certainty: float, silent: bool, tmp_path: Path) -> None:
    model = make_tiny_whisper(tmp_path / "tiny", "so what", certainty=certainty, nobody_speaks=silent)
    noise(tmp_path / "a.wav", 1)
    assert run("--audio", tmp_path / "a.wav", "--model", model, "--out", tmp_path / "words.jsonl") == 0
    [row] = rows(tmp_path / "words.jsonl")
    assert row["text"] == "so what"
    assert (row["no_speech_prob"] > 0.6) == silent
    assert (row["avg_logprob"] < -1) == (certainty < 1)


def test_no_speech_takes_doubt_in_the_words_too() -> None:
    assert nobody_speaks(avg_logprob=-1.1, no_speech_prob=0.7)
    assert not nobody_speaks(avg_logprob=-0.9, no_speech_prob=0.7)
    assert not nobody_speaks(avg_logprob=-1.1, no_speech_prob=0.5)


def test_loops_are_decoded_again(tmp_path: Path) -> None:
    model = make_tiny_whisper(tmp_path / "tiny", "thank you " * 20)
    noise(tmp_path / "a.wav", 1)
    assert run("--audio", tmp_path / "a.wav", "--model", model, "--out", tmp_path / "words.jsonl") == 0
    [row] = rows(tmp_path / "words.jsonl")
    assert "thank you thank you" not in row["text"]


@pytest.mark.kill
def test_killed_and_run_again_is_the_same(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    for number in range(24):
        noise(folder / f"{number:03d}.wav", 1)
    (folder / "015.wav").write_bytes(b"no sound")
    line = ("--audio", str(folder), "--model", str(tiny), "--beam-size", "1", "--batch-size", "2", "--out")
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    assert run(*line, whole) == 0
    program = "from offline_train.app import main; main()"
    process = subprocess.Popen([sys.executable, "-c", program, "transcribe", *line, str(killed)])
    try:
        while process.poll() is None and not (killed.exists() and killed.read_bytes().count(b"\n") >= 6):
            time.sleep(0.002)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    left = killed.read_bytes()
    assert 6 <= left.count(b"\n") < 22
    torn = whole.read_bytes()[len(left) :][:100]  # as if it had been killed in the middle of a write
    killed.write_bytes(left + torn)
    assert run(*line, killed) == 0
    assert killed.read_bytes() == whole.read_bytes()
    assert metrics_of(killed) == metrics_of(whole)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "either --corpus NAME --data FOLDER, or --audio FOLDER"),
        (["--corpus", "folder"], "either --corpus"),
        (["--corpus", "folder", "--data", "here", "--audio", "here"], "either --corpus"),
        (["--audio", "nowhere"], "no such folder"),
        (["--audio", "empty"], "found none"),
        (["--corpus", "klingon", "--data", "here"], "klingon"),
        (["--corpus", "folder", "--data", "texts"], "without sound"),
        (["--audio", "here", "--model", "huge"], "large-v3"),
        (["--audio", "here", "--model", "empty"], r"model\.bin.*ct2-transformers-converter"),
        (["--audio", "here", "--model", "small.en"], "small.en are not here.*give a folder"),
        (["--audio", "here", "--language", "fr"], "'fr', but English only"),
        (["--audio", "here", "--compute-type", "int3"], "int3.*int8"),
        (["--audio", "here", "--device", "tpu"], "tpu"),
        (["--audio", "here", "--beam-size", "0"], "--beam-size.*1"),
        (["--audio", "here", "--out", "empty"], "empty"),
    ],
)
def test_bad_usage_is_said_in_one_line(
    arguments: list[str],
    complaint: str,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "manifest.csv").write_text("conversation,text\none,hello\n")
    noise(tmp_path / "here" / "a.wav", 0.5)
    defaults = {"--out": "words.jsonl", "--model": str(tiny)}
    given = [part for key, value in defaults.items() if key not in arguments for part in (key, value)]
    assert run(*arguments, *given) == 2
    said = capsys.readouterr()
    assert said.err.count("merits-train:") == 1
    assert re.search(complaint, said.err.splitlines()[-1])
    assert said.out == ""
    assert not (tmp_path / "words.jsonl").exists()


def test_cuda_where_there_is_none(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("there is a CUDA device")
    noise(tmp_path / "a.wav", 0.5)
    line = ("--audio", tmp_path / "a.wav", "--model", tiny, "--out", tmp_path / "o.jsonl", "--device", "cuda")
    assert run(*line) == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_a_damaged_model_is_said_in_one_line(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(tiny, tmp_path / "damaged")
    (damaged / "model.bin").write_bytes(b"not a model")
    noise(tmp_path / "a.wav", 0.5)
    assert run("--audio", tmp_path / "a.wav", "--model", damaged, "--out", tmp_path / "o.jsonl") == 2
    complaint = capsys.readouterr().err
    assert "cannot be loaded" in complaint
    assert complaint.count("\n") == 1


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    said = capsys.readouterr().out
    for word in ("--corpus", "--audio", "--model", "--compute-type", "word error rate", "large-v3"):
        assert word in said
