"""Dialogues spoken by actors: each speaker by one, each turn by the clip of that actor most like it."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.speech_classifier import SpeechClassifier
from offline_train.batches.sequences import Embedded
from offline_train.corpora.corpus import Conversation
from offline_train.embeddings.speech import Sound, with_sound
from offline_train.errors import UsageError
from offline_train.pairing.clips import Clips
from offline_train.pairing.prosody import distances, prosody_of_turns


class Dialogue(NamedTuple):
    """A dialogue of K turns whose sound can't be had.

    Attributes:
        words: the conversation without sound.
        prosody: of the sound [K, 8], standardised by speaker.
        speakers: of the turns.
    """

    words: Embedded
    prosody: Tensor
    speakers: tuple[str | None, ...]


def dialogues_of(words: Sequence[Embedded], conversations: Sequence[Conversation]) -> list[Dialogue]:
    """Dialogues of one split with how their turns sounded.

    Raises:
        UsageError: nothing is known of how they sounded.
    """
    if not has_prosody(conversations):
        raise UsageError(
            "to be spoken by --clips, dialogues need the prosody of their turns: MELD's folder `prosody`"
        )
    prosody = torch.split(prosody_of_turns(conversations), [len(each) for each in words])
    return [
        Dialogue(one, measures, tuple(utterance.speaker for utterance in conversation.utterances))
        for one, measures, conversation in zip(words, prosody, conversations, strict=True)
    ]


def has_prosody(conversations: Sequence[Conversation]) -> bool:
    """Whether it is known how any utterance sounded."""
    return any(u.prosody is not None for conversation in conversations for u in conversation.utterances)


def spoken(
    dialogue: Dialogue,
    clips: Clips,
    speech: SpeechClassifier,
    generator: torch.Generator,
    nearest: int = 1,
    *,
    strangers: bool = False,
) -> Embedded:
    """A dialogue spoken by random actors. Turns whose prosody is undefined have no sound.

    Args:
        dialogue: the dialogue.
        clips: clips of the actors.
        speech: Stage I of the speech modality.
        generator: for all random choices.
        nearest: each turn is spoken by one of this many clips that sound most like it.
        strangers: nobody tells the speakers apart: every voice is judged beside all earlier ones.
    """
    cast = torch.randperm(len(clips.actors), generator=generator).tolist()
    rows = torch.zeros(len(dialogue.words), dtype=torch.long)
    heard = torch.zeros(len(dialogue.words), dtype=torch.bool)
    for number, speaker in enumerate(dict.fromkeys(dialogue.speakers)):
        turns = torch.tensor([place for place, who in enumerate(dialogue.speakers) if who == speaker])
        own = clips.actors[cast[number % len(cast)]]
        apart = distances(dialogue.prosody[turns], clips.prosody[own])  # [turns, clips]
        near, order = apart.topk(min(nearest, len(own)), largest=False)
        drawn = torch.randint(order.shape[1], (len(turns), 1), generator=generator)
        rows[turns] = own[order.gather(1, drawn)[:, 0]]
        heard[turns] = near.gather(1, drawn)[:, 0].isfinite()
    sound = Sound(*(each[rows] for each in clips.sound))
    speakers: Sequence[Hashable] = [None] * len(rows) if strangers else dialogue.speakers
    return with_sound(dialogue.words, sound._replace(present=heard), speakers, speech)


def always_spoken(
    dialogues: Sequence[Dialogue], clips: Clips, speech: SpeechClassifier, *, strangers: bool = False
) -> list[Embedded]:
    """Dialogues spoken always by the same actors, each turn by the nearest clip, for evaluation."""
    return [
        spoken(each, clips, speech, torch.Generator().manual_seed(number), strangers=strangers)
        for number, each in enumerate(dialogues)
    ]
