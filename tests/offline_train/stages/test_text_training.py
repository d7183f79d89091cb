"""Pre-training, Stage I and Stage II of the words: what they are shown, where they start, whom they heed."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.text_encoder import TextConfig, TextEncoder
from offline_train.annotation.records import Annotation
from offline_train.batches.sequences import UNSCORED, Embedded, collate
from offline_train.batches.text import as_recognised, plain, shown_utterances, text_batches
from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance, preceding
from offline_train.embeddings.corpus import embed_corpus
from offline_train.embeddings.text import judge_text
from offline_train.errors import RunFolderError, UsageError
from offline_train.evaluation.calibration import fit_temperature
from offline_train.evaluation.judge import read
from offline_train.runs.networks import load_context, load_text_encoder
from offline_train.runs.run import Run
from offline_train.stages.losses import scored_loss
from offline_train.stages.pretrain_text import PretrainTextSettings, pretrain_text
from offline_train.stages.stage1_text import TextStageSettings, taught, train_text
from offline_train.stages.stage2 import ContextStageSettings, train_context, with_teachers
from offline_train.training.fit import FitSettings
from tests.tiny import make_base

LABELS = ("joy", "anger")
QUICK = FitSettings(epochs=3, learning_rate=0.01)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def conversation(number: int, labels: list[str]) -> Conversation:
    words = {"joy": "i am happy!", "anger": "you are bad!", "none": "the cat"}
    return Conversation(
        f"c{number}",
        tuple(
            Utterance(f"u{k}", words[label], None if label == "none" else label)
            for k, label in enumerate(labels)
        ),
    )


def corpus() -> Corpus:
    chance = random.Random(3)
    counts: dict[Split, int] = {"train": 12, "validation": 4, "test": 4}
    parts = {
        split: [conversation(n, chance.choices(["joy", "anger", "none"], k=5)) for n in range(count)]
        for split, count in counts.items()
    }
    return Corpus("folder", LABELS, parts)


def test_only_utterances_with_words_and_label_are_shown_and_context_is_all_that_was_said() -> None:
    said = Conversation(
        "c",
        (
            Utterance("1", "the cat", None),
            Utterance("2", None, "joy"),
            Utterance("3", "good day", "joy"),
            Utterance("4", "bad day", "anger"),
        ),
    )
    shown = shown_utterances([said], LABELS, context_turns=2)
    assert [(each.text, each.context) for each in shown] == [
        ("good day", ("the cat",)),
        ("bad day", ("the cat", "good day")),
    ]
    assert [each.context for each in shown_utterances([said], LABELS, context_turns=0)] == [(), ()]
    assert preceding([said], 2) == [(), ("the cat",), ("the cat",), ("the cat", "good day")]


def test_recognisers_write_neither_case_nor_marks_but_apostrophes() -> None:
    assert as_recognised("I can’t — believe THAT!") == "i can't believe that"
    assert as_recognised("?!") == "?!"  # nothing would be left


def test_every_utterance_is_in_one_batch(base: Path) -> None:
    encoder = TextEncoder(TextConfig(base=str(base), classes=2), base)
    shown = shown_utterances(corpus().splits["train"], LABELS, 0)
    batches = text_batches(encoder, shown, 8, random.Random(1))
    assert sum(len(target) for _, target in batches) == len(shown)
    assert torch.cat([target for _, target in batches]).sum(0).tolist() == [
        sum(float(each.target[c]) for each in shown) for c in range(2)
    ]
    assert plain(shown[0]).target is shown[0].target


@pytest.mark.slow
def test_pretraining_learns_each_file_and_stage1_starts_from_it(base: Path, tmp_path: Path) -> None:
    files = []
    for name, labels in (("moods", ("good", "bad")), ("beasts", ("cat", "dog"))):
        rows = [
            Annotation(str(n), f"{labels[n % len(labels)]} day", labels[n % len(labels)], "corpus")
            for n in range(60)
        ]
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("".join(row.line() for row in rows), encoding="utf-8")
    settings = PretrainTextSettings(base=str(base), batch=8, fit=replace(QUICK, epochs=8))
    run = Run.open(tmp_path / "pre", {"settings": settings}, command="")
    metrics = pretrain_text(files, settings, run)
    assert metrics["texts"] == {"moods": 54, "beasts": 54}
    assert all(report["weighted_f1"] > 90 for report in metrics["validation"].values())

    still = TextStageSettings(base=str(base), fit=replace(QUICK, epochs=1, learning_rate=1e-9))
    stage1 = Run.open(tmp_path / "text1", {"settings": still}, command="")
    train_text(corpus(), still, stage1, pretrained=run)
    further = Run.open(tmp_path / "further", {"settings": settings}, command="")
    pretrain_text(files[:1], replace(settings, fit=still.fit), further, pretrained=run)
    before, *after = (load_file(each.folder / "weights.safetensors") for each in (run, stage1, further))
    trained = [name for name in before if not name.startswith("head.")]
    assert trained
    for name in trained:
        for weights in after:
            torch.testing.assert_close(before[name], weights[name], atol=1e-5, rtol=0)


def test_pretraining_refuses_another_base_and_a_single_label(base: Path, tmp_path: Path) -> None:
    single = tmp_path / "single.jsonl"
    single.write_text(Annotation("1", "good day", "good", "corpus").line() * 3, encoding="utf-8")
    settings = PretrainTextSettings(base=str(base))
    with pytest.raises(UsageError, match="single label"):
        pretrain_text([single], settings, Run(tmp_path / "pre"))
    whole = single.read_text(encoding="utf-8")
    for content, said in (("", "holds no annotations"), (whole[:-20], "is cut off")):
        single.write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match=f"{said}; give the line of `merits-train annotate`"):
            pretrain_text([single], settings, Run(tmp_path / "pre"))
    with pytest.raises(RunFolderError, match="no finished run of pretrain-text"):
        train_text(
            corpus(),
            TextStageSettings(base=str(base)),
            Run(tmp_path / "text1"),
            pretrained=Run(tmp_path / "nowhere"),
        )


@pytest.mark.slow
def test_a_teacher_is_heeded_as_much_as_asked(base: Path, tmp_path: Path) -> None:
    """A teacher that swaps the labels is followed where its share is 1, and outvoted where it is small."""
    data = corpus()
    other = {"joy": "anger", "anger": "joy", None: None}
    swapped = Corpus(
        "folder",
        LABELS,
        {
            split: [
                Conversation(c.id, tuple(replace(u, label=other[u.label]) for u in c.utterances))
                for c in part
            ]
            for split, part in data.splits.items()
        },
    )
    settings = TextStageSettings(base=str(base), batch=8, fit=replace(QUICK, epochs=8), label_smoothing=0.0)
    teacher = Run.open(tmp_path / "teacher", {"settings": settings}, command="")
    assert train_text(swapped, settings, teacher)["test"]["weighted_f1"] == 100

    shown = shown_utterances(data.splits["train"], LABELS, 0)
    half = taught(shown, data, [teacher, teacher], 0.5)
    for before, after in zip(shown, half, strict=True):
        assert float(after.target.sum()) == pytest.approx(1)
        assert float((before.target * after.target).sum()) == pytest.approx(0.5, abs=0.2)

    scores = {}
    for share in (1.0, 0.1):
        heeding = replace(settings, distil=share)
        run = Run.open(tmp_path / f"student-{share}", {"settings": heeding}, command="")
        train_text(data, heeding, run, teachers=[teacher])
        last = (run.folder / "epochs.jsonl").read_text().splitlines()[-1]  # the best epoch is a lucky one
        scores[share] = json.loads(last)["as_written"]
    assert scores == {1.0: 0.0, 0.1: 100.0}


def test_what_was_embedded_is_read_again(base: Path, tmp_path: Path) -> None:
    data = corpus()
    settings = TextStageSettings(base=str(base), fit=replace(QUICK, epochs=1))
    run = Run.open(tmp_path / "text1", {"settings": settings}, command="")
    train_text(data, settings, run)
    first = judge_text(run, data.splits["test"])
    assert first[0].shape == (20, load_text_encoder(run).dimension)
    [kept] = (run.folder / "embeddings").glob("*.safetensors")
    (run.folder / "weights.safetensors").unlink()  # so it can't be computed any more
    again = judge_text(run, data.splits["test"])
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert kept.exists()


@pytest.mark.slow
def test_stage2_is_as_sure_as_validation_data_allow(tmp_path: Path) -> None:
    """Half of the labels are noise: a network that learnt the others by heart is too sure of itself."""
    torch.manual_seed(0)

    def part(count: int) -> list[Embedded]:
        made = []
        for _ in range(count):
            truth = torch.randint(2, (12,))
            noisy = torch.where(torch.rand(12) < 0.5, torch.randint(2, (12,)), truth)
            text = torch.eye(2)[truth] + 0.5 * torch.randn(12, 2)
            made.append(Embedded(text, torch.zeros(12, 0), torch.tensor([[True, False]] * 12), noisy))
        return made

    data: dict[Split, list[Embedded]] = {"train": part(4), "validation": part(30)}
    settings = ContextStageSettings(
        hidden=16,
        heads=2,
        batch=4,
        dropout=0.0,
        fit=FitSettings(epochs=30, learning_rate=2e-2, weight_decay=0.0),
    )
    run = Run.open(tmp_path / "run", {"settings": settings}, command="")
    metrics = train_context("text", data, LABELS, settings, run)
    assert metrics["temperature"] > 1.2
    model = load_context(run)
    with torch.inference_mode():
        logits = torch.cat([read(model, "text", collate([each]))[0] for each in data["validation"]])
    truth = torch.cat([each.labels for each in data["validation"]])
    assert fit_temperature(logits, truth) == pytest.approx(1, abs=0.05)


def test_stage2_heeds_its_teachers(base: Path, tmp_path: Path) -> None:
    data = corpus()
    first = TextStageSettings(base=str(base), fit=replace(QUICK, epochs=1))
    below = Run.open(tmp_path / "text1", {"settings": first}, command="")
    train_text(data, first, below)
    words = embed_corpus(data, below, None)
    settings = ContextStageSettings(hidden=8, heads=2, batch=4, fit=QUICK)
    run = Run.open(tmp_path / "text2", {"settings": settings}, command="")
    train_context("text", words, LABELS, settings, run)
    teacher = load_context(run)
    shown = with_teachers(words, [(teacher, words["train"]), (teacher, words["train"])])
    assert all(each.soft is None for each in shown["validation"])
    for each in shown["train"]:
        assert each.soft is not None
        torch.testing.assert_close(each.soft.sum(1), torch.ones(len(each)))
        assert each.prefix(2).soft is not None
    report = train_context("text", shown, LABELS, settings, Run.open(tmp_path / "taught", {}, command=""))
    assert json.loads((tmp_path / "taught" / "metrics.json").read_text()) == report


def test_the_loss_is_over_scored_turns_and_teachers_have_their_share() -> None:
    def shown(labels: list[int], soft: list[list[float]] | None) -> Embedded:
        count = len(labels)
        return Embedded(
            torch.zeros(count, 1),
            torch.zeros(count, 0),
            torch.ones(count, 2, dtype=torch.bool),
            torch.tensor(labels),
            None if soft is None else torch.tensor(soft),
        )

    logits = torch.tensor([[[2.0, 0.0], [9.0, -9.0]], [[0.0, 0.0], [0.0, 0.0]]])
    hard = torch.nn.functional.cross_entropy(logits[:, 0], torch.tensor([0, 1]))
    batch = collate([shown([0, UNSCORED], None), shown([1], None)])
    torch.testing.assert_close(scored_loss(logits, batch, 0.0), hard)
    uniform = collate([shown([0, UNSCORED], [[0.5, 0.5]] * 2), shown([1], [[0.5, 0.5]])])
    expected = torch.tensor([0.5, 0.5]).expand(2, 2)
    soft = torch.nn.functional.cross_entropy(logits[:, 0], expected)
    torch.testing.assert_close(scored_loss(logits, uniform, 0.0, distil=0.25), 0.75 * hard + 0.25 * soft)
    nothing = collate([shown([UNSCORED, UNSCORED], None)])
    assert float(scored_loss(logits[:1], nothing, 0.1)) == 0.0


@pytest.mark.slow
def test_adapters_learn_and_are_all_that_a_run_stores(base: Path, tmp_path: Path) -> None:
    settings = TextStageSettings(
        base=str(base), lora_rank=4, batch=8, fit=replace(QUICK, epochs=8, average=0.5, precision="bf16")
    )
    run = Run.open(tmp_path / "text1", {"settings": settings}, command="")
    assert train_text(corpus(), settings, run)["test"]["weighted_f1"] == 100
    stored = load_file(run.folder / "weights.safetensors")
    assert all("lora_" in name or name.startswith("head.") for name in stored)
    t1, logits = judge_text(run, corpus().splits["test"])
    assert t1.shape == (20, 16)
    truth = [LABELS.index(u.label) for c in corpus().splits["test"] for u in c.utterances if u.label]
    known = [bool(u.label) for c in corpus().splits["test"] for u in c.utterances]
    assert logits[torch.tensor(known)].argmax(1).tolist() == truth


@pytest.mark.slow
def test_adapters_go_on_from_adapters_of_their_rank(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "moods.jsonl"
    rows = [Annotation(str(n), f"{mood} day", mood, "corpus") for n, mood in enumerate(["good", "bad"] * 10)]
    file.write_text("".join(row.line() for row in rows), encoding="utf-8")
    short = replace(QUICK, epochs=1)
    settings = PretrainTextSettings(base=str(base), lora_rank=2, batch=8, fit=short)
    run = Run.open(tmp_path / "pre", {"settings": settings}, command="")
    pretrain_text([file], settings, run)
    still = TextStageSettings(base=str(base), lora_rank=2, fit=replace(short, learning_rate=1e-9))
    stage1 = Run.open(tmp_path / "text1", {"settings": still}, command="")
    train_text(corpus(), still, stage1, pretrained=run)
    before, after = (load_file(each.folder / "weights.safetensors") for each in (run, stage1))
    for name in before:
        if "lora_" in name:
            torch.testing.assert_close(before[name], after[name], atol=1e-5, rtol=0)
    for rank in (0, 3):
        other = replace(still, lora_rank=rank)
        with pytest.raises(RunFolderError, match=rf"has lora_rank 2, not {rank}; set the same"):
            train_text(corpus(), other, Run(tmp_path / "other"), pretrained=run)
