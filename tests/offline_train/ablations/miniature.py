"""A prepared corpus in miniature, and the options that make an experiment on it quick."""

import json
import random
from pathlib import Path

import numpy as np

from tests.tiny import WORDS

QUICK = [
    "--stage1-set",
    "fit.epochs=1",
    "--stage1-set",
    "text:context_turns=0",
    "--stage1-set",
    "fit.warmup=0",
]
QUICK += ["--stage2-set", "fit.epochs=1", "--stage2-set", "hidden=8", "--stage2-set", "heads=2"]
QUICK += ["--stage3-set", "fit.epochs=1", "--stage3-set", "width=8", "--stage3-set", "heads=2"]


def write_mosi(folder: Path) -> Path:
    """Videos whose every utterance tells its label by a word, and by its features with noise."""
    folder.mkdir(parents=True)
    chance, noise = random.Random(0), np.random.default_rng(0)
    rows, features = [], []
    for video in range(24):
        for pos in range(chance.randint(1, 5)):
            label = chance.randrange(2)
            rows.append(
                {
                    "id": f"v{video:02}_{pos}",
                    "video": f"v{video:02}",
                    "pos": pos,
                    "split": "test" if video >= 16 else "validation" if video >= 12 else "train",
                    "text": f"{chance.choice(WORDS[4:12])} {('bad', 'good')[label]}",
                    "label": label,
                }
            )
            features.append(noise.standard_normal(5) + 2 * label)
    (folder / "utterances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.savez(folder / "features.npz", audio73=np.array(features, np.float32))
    return folder


def write_iemocap(folder: Path) -> Path:
    """Five sessions of two dialogues."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    rows, features = [], []
    for session in range(1, 6):
        for dialogue in range(2):
            name = f"Ses{session:02}F_impro{dialogue:02}"
            for pos in range(6):
                label = int(noise.integers(4))
                raw = ("ang", "hap", "neu", "sad")[label]
                row = {
                    "id": f"{name}_F{pos:03}",
                    "dialogue": name,
                    "session": session,
                    "pos": pos,
                    "raw": raw,
                }
                rows.append({**row, "text": WORDS[4 + label], "y4": label, "vad": [3.0, 3.0, 3.0]})
                features.append(3 * np.eye(4)[label] + noise.standard_normal(4))
    (folder / "utterances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.savez(folder / "features.npz", bigru_att=np.array(features, np.float32))
    return folder
