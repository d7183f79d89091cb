"""`merits-train pretrain-care`."""

from pathlib import Path
from typing import Annotated

from typer import Option

from docstring_options import documented
from offline_train.commands.options import CORPUS, FOLDER, Out, SettingsOptions, open_run
from offline_train.errors import UsageError


@documented
def pretrain_care(
    out: Out,
    settings: SettingsOptions,
    corpus: Annotated[str | None, Option(help=f"{CORPUS} Only its training split is used.")] = None,
    data: Annotated[Path | None, Option(help=FOLDER)] = None,
    audio: Path | None = None,
    transcripts: Path | None = None,
    text: Annotated[str | None, Option(metavar="RUN|BASE")] = None,
) -> None:
    """CARE: pre-train the published speech encoder, which is over WavLM and RoBERTa, on unlabelled speech.

    The semantic encoder learns to predict a text encoder's embedding of the words, the acoustic encoder to
    describe the sound. Without words, only the acoustic encoder is trained.

    Examples:

    merits-train transcribe --audio podcasts --out words.jsonl

    merits-train pretrain-care --audio podcasts --transcripts words.jsonl --text runs/text --out runs/care

    merits-train stage1 speech --preset paper --corpus meld --data meld --pretrained runs/care --out runs/s1

    Args:
        audio: Folder of recordings, with or without a corpus; long ones are cut at pauses.
        transcripts: Output of `merits-train transcribe` for the corpus, or for --audio without a corpus.
        text: Text encoder to learn from: a run of pretrain-text, a folder or a hub name.
            [default: the preset's]
    """
    from offline_train.corpora.corpus import Conversation
    from offline_train.progress_bar import progress_bar
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import RunCorpus
    from offline_train.stages.pretrain_care import PretrainCareSettings
    from offline_train.stages.pretrain_care import pretrain_care as train
    from offline_train.transcription.recordings import read_recordings
    from offline_train.transcription.transcripts import read_transcripts, with_transcripts

    if (corpus is None) != (data is None) or (corpus is None and audio is None):
        raise UsageError("say what to listen to: --corpus NAME --data FOLDER, --audio FOLDER, or both")
    taught_by = Path(text) if text and (Path(text) / "settings.json").exists() else None
    chosen = settings.resolve(PretrainCareSettings, "pretrain-care", teacher=None if taught_by else text)
    conversations: list[Conversation] = []
    source = None
    if corpus is not None and data is not None:
        source = RunCorpus(corpus, data, transcripts=transcripts)
        conversations += source.read().splits["train"]
    if audio is not None:
        with progress_bar() as bar:
            found = read_recordings(
                audio, out / "cuts.jsonl", lambda paths: bar.track(paths, description="looking for pauses")
            )
        if transcripts is not None and source is None:
            found = with_transcripts(found, read_transcripts(transcripts))
        conversations += found.splits["train"]
    run = open_run(
        out, chosen, corpus=source, audio=audio, transcripts=transcripts, parents={"text": taught_by}
    )
    if not run.finished:
        train(conversations, chosen, run, Run(taught_by) if taught_by else None)
    held = run.metrics["validation"]
    words = f"semantic loss {held['semantic']:.3f}" if held["with_words"] else "no words to learn from"
    print(f"held out: acoustic loss {held['acoustic']:.3f}  {words}  (1: nothing learnt)")
