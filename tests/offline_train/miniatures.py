"""Miniature corpora in the layouts their publishers deliver: a few words and sounds, a second or two to make.

The label of an utterance can be told from its words and from its pitch, so that training on them works.
"""

import json
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.offline_train.recordings import encode

RATE = 16_000
WORDS = {
    "anger": "I am angry!",
    "happiness": "I am happy!",
    "neutral": "The day is a day.",
    "sadness": "We are not good.",
    "frustration": "You are not a good day!",
    "excitement": "We are happy, happy!",
    "none": "The cat is a dog?",
}
"""What is said in each emotion."""

PITCHES = {emotion: 150.0 + 90.0 * place for place, emotion in enumerate(WORDS)}  # Hz


def tone(seconds: float, level: float = 8000.0, hertz: float = 220.0, rate: int = RATE) -> NDArray[np.int16]:
    time = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def hiss(seconds: float, level: float, seed: int = 0) -> NDArray[np.int16]:
    return np.round(np.random.default_rng(seed).normal(0, level, int(seconds * RATE))).astype(np.int16)


def voice(emotion: str, seed: int = 0) -> NDArray[np.int16]:
    """Half a second or more of the emotion's pitch in a little noise."""
    seconds = 0.5 + 0.1 * (seed % 4)
    return tone(seconds, 6000, PITCHES[emotion] + 3 * (seed % 5)) + hiss(seconds, 50, seed)


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def write_mp4(path: Path, samples: NDArray[np.int16]) -> None:
    """A clip as video sites have them: a picture (MPEG-4) and AAC sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=5, options={"flags": "+bitexact"})
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(max(1, len(samples) * 5 // RATE)):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        block = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        block.sample_rate = RATE
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make_iemocap(folder: Path, dialogues: int = 2) -> Path:
    """IEMOCAP_full_release: 5 sessions, each of dialogues of 7 turns, one without a label agreed on."""
    raw = {
        "ang": "anger",
        "hap": "happiness",
        "exc": "excitement",
        "neu": "neutral",
        "sad": "sadness",
        "fru": "frustration",
        "xxx": "none",
    }
    for session in range(1, 6):
        home = folder / "IEMOCAP_full_release" / f"Session{session}"
        for number in range(1, dialogues + 1):
            dialogue = f"Ses{session:02d}F_impro{number:02d}"
            said, rated = [], ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
            for place, (code, emotion) in enumerate(raw.items()):
                name = f"{dialogue}_{'FM'[place % 2]}{place // 2:03d}"
                start = 1.5 * place + 0.25
                seed = 10 * number + place
                said.append(f"{name} [{start:08.4f}-{start + 0.8:08.4f}]: {WORDS[emotion]}")
                times, valence = f"[{start:.4f} - {start + 0.8:.4f}]", 1 + place / 2
                block = f"{times}\t{name}\t{code}\t[{valence:.4f}, 2.7500, 2.2500]\n"
                rated.append(f"{block}C-E1:\tOther;\t()\nA-E1:\tval 3; act 2; dom  2;\t()\n")
                write_wav(home / "sentences/wav" / dialogue / f"{name}.wav", voice(emotion, seed))
            said.insert(3, f"{dialogue}_MXX0 [004.0000-004.1000]: Mmhmm.")  # not rated
            rated[2], rated[4] = rated[4], rated[2]  # the published files are in no order
            _write(home / f"dialog/transcriptions/{dialogue}.txt", "\n".join(said) + "\n")
            _write(home / f"dialog/EmoEvaluation/{dialogue}.txt", "\n".join(rated) + "\n")
            _write(home / f"dialog/EmoEvaluation/._{dialogue}.txt", "left by a Mac")
            _write(home / f"dialog/EmoEvaluation/Categorical/{dialogue}_e1_cat.txt", "one rater's")
    return folder / "IEMOCAP_full_release"


MELD_HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
)


def make_meld(folder: Path, clips: bool = True, dialogues: int = 3) -> Path:
    """MELD.Raw: three CSVs, and clips in the folders that the published archives unpack to."""
    emotions = (
        ("anger", "anger", "negative"),
        ("joy", "happiness", "positive"),
        ("neutral", "neutral", "neutral"),
        ("sadness", "sadness", "negative"),
    )
    archives = {
        "train": "train_splits",
        "dev": "dev_splits_complete",
        "test": "output_repeated_splits_test",
    }
    for split, archive in archives.items():
        rows: list[str] = []
        for dialogue in range(dialogues):
            for place in range(4):
                label, emotion, sentiment = emotions[(dialogue + place) % 4]
                rows.append(
                    f'{len(rows) + 1},"{WORDS[emotion]}",{("Joey", "Ross")[place % 2]},{label},{sentiment},'
                    f'{dialogue},{place},1,1,"00:00:01,000","00:00:02,000"\n'
                )
                if clips:
                    write_mp4(
                        folder / archive / f"dia{dialogue}_utt{place}.mp4", voice(emotion, dialogue + place)
                    )
        _write(folder / f"{split}_sent_emo.csv", MELD_HEADER + "".join(rows))
    return folder


VIDEOS = tuple(f"video_-{number}" for number in range(9))


def make_mosi(folder: Path, videos: Sequence[str] = VIDEOS) -> Path:
    """The raw release: labels without a header, words and sounds by segment."""
    labels = []
    for place, video in enumerate(videos):
        said = []
        for segment in range(1, 5):
            emotion = ("happiness", "anger")[(place + segment) % 2]
            score = (0.0 if segment == 1 else 2.2) if emotion == "happiness" else -1.75
            start = 3.0 * segment
            labels.append(f"{start},{start + 2},{video},{segment},{score:g}\n")
            said.append(f"{segment}_DELIM_{WORDS[emotion].upper()}\n")
            write_wav(
                folder / f"Raw/Audio/WAV_16000/Segmented/{video}_{segment}.wav", voice(emotion, segment)
            )
        _write(folder / f"Raw/Transcript/Segmented/{video}.annotprocessed", "".join(said))
    _write(folder / "Raw/Labels/OpinionLevelSentiment.csv", "".join(labels))
    return folder


def make_mosi_redistribution(folder: Path) -> Path:
    """`label.csv` and a clip a segment."""
    rows = ["video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"]
    for place, mode in enumerate(("train", "train", "valid", "test")):
        for clip in (1, 2):
            emotion, score, name = (("happiness", 1.4, "Positive"), ("anger", -2, "Negative"))[clip % 2]
            rows.append(f'vid{place},{clip},"{WORDS[emotion]}",{score},,,,{name},{mode}\n')
            write_mp4(folder / f"Raw/vid{place}/{clip}.mp4", voice(emotion, place))
    _write(folder / "label.csv", "".join(rows))
    return folder


def make_msp_podcast(folder: Path, split_column: bool = True, podcasts: int = 6) -> Path:
    """Consensus labels, a sound and a transcript a turn; each podcast in one split."""
    codes = {"A": ("anger", 2.0), "H": ("happiness", 5.4), "N": ("neutral", 4.0), "X": ("none", 3.0)}
    sets = ("Train", "Train", "Train", "Train", "Development", "Test1")
    rows = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender" + ",Split_Set" * split_column + "\n"]
    for podcast in range(podcasts):
        for place, (code, (emotion, valence)) in reversed(list(enumerate(codes.items()))):
            name = f"MSP-PODCAST_{podcast:04d}_{9 + place:04d}"
            row = f"{name}.wav,{code},4.2,{valence},3.9,{podcast},Male"
            rows.append(row + f",{sets[podcast % len(sets)]}" * split_column + "\n")
            write_wav(folder / f"Audios/{name}.wav", voice(emotion, podcast + place))
            _write(folder / f"Transcripts/{name}.txt", WORDS[emotion] + "\n")
    _write(folder / "Labels/labels_consensus.csv", "".join(rows))
    return folder


def make_manifest(folder: Path, split_column: bool = True, conversations: int = 10) -> Path:
    """Own data: a manifest and one recording a conversation, its turns one after the other."""
    rows = [
        "conversation,utterance,audio,start,end,text,label,speaker,sentiment,valence"
        + ",split" * split_column
    ]
    emotions = {"anger": "negative", "happiness": "positive", "neutral": "neutral", "none": ""}
    splits = ("train",) * 6 + ("validation", "validation", "test", "test")
    for number in range(conversations):
        sounds: list[NDArray[np.int16]] = []
        for place, (emotion, sentiment) in enumerate(emotions.items()):
            start = sum(map(len, sounds)) / RATE
            sounds.append(voice(emotion, number + place))
            end = sum(map(len, sounds)) / RATE
            label = "" if emotion == "none" else emotion
            rows.append(
                f'talk{number},u{place},sounds/talk{number}.wav,{start:.3f},{end:.3f},"{WORDS[emotion]}",{label},'
                f"{'AB'[place % 2]},{sentiment},{place / 2}" + f",{splits[number % 10]}" * split_column
            )
        write_wav(folder / f"sounds/talk{number}.wav", np.concatenate(sounds))
    _write(folder / "manifest.csv", "\n".join(rows) + "\n")
    return folder


def make_ravdess(folder: Path, actors: range = range(1, 21), emotions: str = "12345678") -> Path:
    """One clip an actor and emotion; the emotion sets the pitch, the actor shifts it a little."""
    folder.mkdir(parents=True, exist_ok=True)
    for actor in actors:
        for emotion in emotions:
            sound = tone(0.3, 6000, 100 * int(emotion) + 2 * actor)
            name = f"03-01-0{emotion}-01-01-01-{actor:02d}.wav"
            write_wav(folder / name, np.concatenate([hiss(0.2, 4), sound, hiss(0.2, 4)]))
    return folder


def make_goemotions(folder: Path) -> Path:
    """Three emotions, one comment with two of them."""
    _write(folder / "labels.txt", "admiration\nanger\nneutral\n")
    for name in ("train", "dev", "test"):
        rows = [(f"You are good, {name}.", "0"), ("I am angry!", "1,2"), ("The day is a day.", "2")]
        lines = (f"{text}\t{numbers}\ted{place}\n" for place, (text, numbers) in enumerate(rows))
        _write(folder / f"{name}.tsv", "".join(lines))
    return folder


def make_dailydialog(folder: Path, train: bool = False) -> Path:
    """Validation and test as published; train as published or as RECCON's part of it."""
    texts = "I ’ m angry , you know ! __eou__ Are you ? __eou__\nA good day . __eou__ We're happy ! __eou__\n"
    for split in ("train", "validation", "test")[not train :]:
        _write(folder / f"dialogues_{split}.txt", texts)
        _write(folder / f"dialogues_emotion_{split}.txt", "1 0 \n0 4 \n")
    if not train:
        turns = [
            {"turn": 1, "speaker": "A", "utterance": "We're not good .", "emotion": "sad"},
            {"turn": 2, "speaker": "B", "utterance": "Oh , no !", "emotion": "surprise"},
        ]
        _write(folder / "dailydialog_train.json", json.dumps({"tr_1": [turns], "tr_2": [turns]}))
    return folder


def make_empathetic_dialogues(folder: Path) -> Path:
    """Dialogues as one string each, beside the words of who began."""
    rows = (
        '"I am happy today.","I am happy today.Are you? Good!I am.The day is good","I am happy today.I am.",'
        '"[0, 1, 0, 1]"\n'
        '"So angry","I am angrywe are notYou are","I am angryYou are","[0, 1, 0]"\n'
    )
    for name in ("valid", "test"):
        _write(folder / f"{name}.csv", "prompt,utterance_data,speaker_utterance,speaker_info\n" + rows)
    return folder


def make_sst(folder: Path) -> Path:
    """The five classes of the treebank."""
    lines = (
        "0 i am angry !\n1 we are not good , are n't we ?\n2 the day is a day .\n3 a good day .\n"
        "4 it 's `` happy '' !\n"
    )
    for name in ("train", "dev", "test"):
        _write(folder / f"stsa.fine.{name}", lines)
    return folder


def make_clips(folder: Path, names: Iterable[str]) -> Path:
    """A third of a second of sound under each name, with or without folders in it."""
    for place, name in enumerate(names):
        write_wav(folder / f"{name}.wav", np.concatenate([hiss(0.1, 4), tone(0.15, 6000, 100 + 20 * place)]))
    return folder


def make_tess(folder: Path) -> Path:
    """A folder a speaker and emotion, as published, with its one misspelt name."""
    emotions = ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
    names = [
        f"{speaker}_{emotion}/{speaker}_{word}_{emotion}"
        for speaker in ("OAF", "YAF")
        for emotion in emotions
        for word in ("back", "Bite", "cab", "dog", "fit", "gun")
    ]
    return make_clips(folder, [name.replace("OAF_Bite_neutral", "OA_bite_neutral") for name in names])


def make_savee(folder: Path, published: bool = True) -> Path:
    """A folder a speaker, as published, or all in one folder."""
    mark = "/" if published else "_"
    codes = ("a", "d", "f", "h", "n", "sa", "su")
    return make_clips(folder, [f"{who}{mark}{code}01" for who in ("DC", "JE", "JK", "KL") for code in codes])


def make_emodb(folder: Path) -> Path:
    """Two sentences in each emotion by ten speakers."""
    speakers = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
    return make_clips(
        folder / "wav",
        [f"{who}{text}{emotion}a" for who in speakers for text in ("a01", "b10") for emotion in "WLEAFTN"],
    )


def make_nemo(folder: Path) -> Path:
    """As published: samples, and a table of them."""
    speakers = ("EB0", "IC0", "KD0", "KS0", "MK0", "MP0", "SM0", "TP0", "WR0")
    emotions = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
    names = [f"{who}_{emotion}_{number}" for who in speakers for emotion in emotions for number in (1, 22)]
    _write(
        folder / "data.tsv",
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        + "".join(f"{name}.wav\tx\tCzas na {name}!\tczas\tx\tx\t30\n" for name in names),
    )
    return make_clips(folder / "samples", names).parent


def make_crema_d(folder: Path, actors: range = range(1001, 1021)) -> Path:
    """As published, among them the file without sound and the one with a short intensity."""
    codes = ("ANG_LO", "DIS_MD", "FEA_HI", "HAP_XX", "NEU_XX", "SAD_XX")
    names = [f"{actor}_DFA_{code}" for actor in actors for code in codes]
    names += ["1020_ITH_SAD_X", "1076_MTI_SAD_XX"]
    return make_clips(folder / "AudioWAV", names).parent


def make_librispeech(
    folder: Path, sets: Sequence[str] = ("train-clean-100", "dev-clean", "test-other")
) -> Path:
    """SET/SPEAKER/CHAPTER/*.flac with the words of each chapter; ten speakers a set, two sentences each."""
    for place, name in enumerate(sets):
        for speaker in range(100 * place + 10, 100 * place + 20):
            chapter = folder / "LibriSpeech" / name / str(speaker) / "7"
            ids = [f"{speaker}-7-{number:04d}" for number in range(2)]
            _write(
                chapter / f"{speaker}-7.trans.txt", "".join(f"{each} THE DAY OF {speaker}\n" for each in ids)
            )
            for each in ids:
                encode(chapter / f"{each}.flac", tone(0.2), RATE, "flac")
    return folder


def make_voices(folder: Path) -> Path:
    """TESS and SAVEE, and ordinary speech: ten speakers of a sentence each, and seven of a test set."""
    make_tess(folder / "tess")
    make_savee(folder / "savee")
    make_clips(folder / "librispeech/ordinary", [f"{speaker}-1-0000" for speaker in range(10, 20)])
    make_clips(
        folder / "librispeech/test_other",
        [f"{who}-1-000{place}" for who in range(30, 37) for place in (0, 1)],
    )
    return folder
