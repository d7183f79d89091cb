"""A corpus of dialogues and one of clips, together the training and validation of Stages II and III."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import PositiveInt

from models.speech_classifier import SpeechClassifier
from offline_train.batches.sequences import Embedded
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.corpora.emotions import EMOTIONS
from offline_train.embeddings.corpus import embed_corpus
from offline_train.embeddings.speech import SpeechPath
from offline_train.errors import UsageError
from offline_train.pairing.acted import acted, always_acted, neutral_words, with_borrowed_words
from offline_train.pairing.clips import Clips, embed_clips, read_voices
from offline_train.pairing.pairs import Dialogue, always_spoken, dialogues_of, spoken
from offline_train.runs.run import Run
from offline_train.training.settings import Share


@dataclass(frozen=True)
class PairingSettings:
    """How dialogues and clips are shown in training, with --clips.

    Attributes:
        nearest: each turn is spoken by one of this many clips that sound most like it.
        strangers: share of dialogues whose speakers nobody tells apart.
        acted: share of conversations that are clips in their own emotion.
        ordinary: share of these that are ordinary speech.
        borrowed: share of the turns of these whose words are those of a neutral turn of a dialogue.
    """

    nearest: PositiveInt = 3
    strangers: Share = 0.25
    acted: Share = 1 / 3
    ordinary: Share = 0.25
    borrowed: Share = 0.5

    def __post_init__(self) -> None:
        """Check that there are dialogues."""
        if self.acted > 0.9:
            raise ValueError(f"acted {self.acted} must leave a tenth to dialogues")


@dataclass(frozen=True)
class SpokenCorpus:
    """Dialogues whose sound can't be had, clips to speak them by, and Stage I of the clips' sound."""

    dialogues: Mapping[Split, Sequence[Dialogue]]
    clips: Mapping[Split, Clips]
    speech: SpeechClassifier

    @classmethod
    def of(cls, corpus: Corpus, text: Run | None, speech: Run, clips: Path) -> "SpokenCorpus":
        """Embed a corpus and the clips.

        Args:
            corpus: dialogues with the prosody of their turns.
            text: run of Stage I of the text modality; None to omit the words.
            speech: run of Stage I of the speech modality on recordings.
            clips: folder of the clips.

        Raises:
            CorpusError: the clips are missing or broken.
            UsageError: the dialogues have other emotions or no prosody, or `speech` is on features.
        """
        if tuple(corpus.labels) != EMOTIONS:
            raise UsageError(f"--clips are of {', '.join(EMOTIONS)}; {corpus.name} has other emotions")
        words = embed_corpus(corpus, text, None)
        dialogues = {split: dialogues_of(words[split], corpus.splits[split]) for split in SPLITS}
        path, voices = SpeechPath.of_run(speech), read_voices(clips)
        heard = {split: embed_clips(voices.splits[split], path, text) for split in SPLITS}
        return cls(dialogues, heard, path.speech)

    def pairs(self) -> dict[Split, list[Embedded]]:
        """The dialogues, always spoken alike."""
        return {
            split: always_spoken(part, self.clips[split], self.speech)
            for split, part in self.dialogues.items()
        }

    def acted(self) -> dict[Split, list[Embedded]]:
        """The clips in their own emotion, always in the same conversations."""
        return {split: always_acted(clips, self.speech) for split, clips in self.clips.items()}

    def epoch(
        self, settings: PairingSettings, generator: torch.Generator, silent: float = 0.0
    ) -> list[Embedded]:
        """The training conversations of an epoch: all dialogues, spoken anew, and some acted ones.

        Args:
            settings: the settings.
            generator: for all random choices.
            silent: share of the dialogues without sound.
        """
        clips, dialogues = self.clips["train"], self.dialogues["train"]
        shown = []
        for dialogue in dialogues:
            mute, apart = torch.rand(2, generator=generator).tolist()
            one = spoken(
                dialogue,
                clips,
                self.speech,
                generator,
                settings.nearest,
                strangers=apart < settings.strangers,
            )
            if mute < silent:
                one = replace(one, present=one.present & torch.tensor([True, False]))
            shown.append(one)
        others = neutral_words([dialogue.words for dialogue in dialogues], EMOTIONS.index("neutral"))
        for _ in range(round(settings.acted / (1 - settings.acted) * len(dialogues))):
            one = acted(clips, self.speech, settings.ordinary, generator)
            shown.append(with_borrowed_words(one, others, settings.borrowed, generator))
        return shown
