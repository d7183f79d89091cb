"""`merits-train stage3`."""

from pathlib import Path

from docstring_options import documented
from offline_train.commands.options import Clips, Data, Out, SettingsOptions, open_run
from offline_train.errors import UsageError


@documented
def stage3(
    text: Path,
    speech: Path,
    out: Out,
    settings: SettingsOptions,
    data: Data = None,
    clips: Clips = None,
    joint: bool = False,
) -> None:
    """Stage III: fuse words and sound by co-attention.

    Examples:

    merits-train stage3 --text runs/text2 --speech runs/speech2 --out runs/fused

    merits-train stage3 --text runs/text2 --speech runs/speech2 --clips VOICES --out runs/fused

    Args:
        text: Run of `stage2 text` to fuse.
        speech: Run of `stage2 speech` to fuse.
        joint: Train Stage II of both modalities again, together with Stage III, for comparison.
    """
    from dataclasses import replace

    from offline_train.embeddings.corpus import embed_corpus
    from offline_train.pairing.spoken_corpus import SpokenCorpus
    from offline_train.runs.kinds import expect
    from offline_train.runs.networks import load_context
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import corpus_of, parent
    from offline_train.stages.stage3 import FusionStageSettings, train_fusion

    chosen = settings.resolve(FusionStageSettings, "stage3", joint=joint or None)
    words, sound = expect(Run(text), "text2"), expect(Run(speech), "speech2")
    source = corpus_of(words)
    if data is not None:
        source = replace(source, data=data)
    heard = corpus_of(sound)
    if clips is None and heard.corpus != source.corpus:
        raise UsageError(
            f"--text is of {source.corpus}, --speech of {heard.corpus}; a fusion needs one corpus"
        )
    if clips is None and sound.settings.get("clips"):
        raise UsageError("the sound of --speech was paired in: name the folder of its clips with --clips")
    corpus = replace(source, features=heard.features).read()
    run = open_run(out, chosen, corpus=source, parents={"text": text, "speech": speech}, clips=clips)
    if not run.finished:
        first, second = parent(words, "stage1"), parent(sound, "stage1")
        networks = load_context(words), load_context(sound)
        if clips is None:
            train_fusion(*networks, embed_corpus(corpus, first, second), corpus.labels, chosen, run)
        else:
            spoken = SpokenCorpus.of(corpus, first, second, clips)
            train_fusion(
                *networks,
                spoken.pairs(),
                corpus.labels,
                chosen,
                run,
                lambda generator: spoken.epoch(chosen.pairing, generator, chosen.silent),
                spoken.acted(),
            )
    metrics = run.metrics
    for kind, parts in (("", metrics), ("acted ", metrics.get("acted", {}))):
        for split in ("validation", "test"):
            if split in parts:
                scores = "  ".join(f"{name} {m['weighted_f1']:.2f}" for name, m in parts[split].items())
                print(f"{kind}{split}: weighted F1 {scores}".replace("_", " "))
