"""How emotions look: told apart by every eye, on every background."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import ANSI_COLOR_NAMES

from streamer.outputs.palette import Look, look, looks

MELD = ["neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust"]
IEMOCAP = ["angry", "happy", "sad", "neutral"]
RAVDESS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
MOSI = ["positive", "negative"]
STRANGE = [f"emotion {i}" for i in range(28)]

EYES: dict[str, list[float]] = {  # Machado, Oliveira & Fernandes (2009), on linear RGB
    "all colours": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    "protan": [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    "deutan": [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    "tritan": [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
}


def linear(colour: str) -> NDArray[np.float64]:
    """sRGB to linear RGB, 0 to 1."""
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2)."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ottosson's Oklab, in which distances are as seen."""
    lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    ) @ np.clip(rgb, 0, 1)
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.asarray(to_lab @ np.cbrt(lms))


@pytest.mark.parametrize("labels", [MELD, IEMOCAP, RAVDESS, MOSI, STRANGE, ["happy", "joy", "Joy"]])
def test_no_two_emotions_of_a_bundle_look_the_same(labels: list[str]) -> None:
    found = looks(labels)
    assert list(found) == labels
    assert len({(one.symbol, one.colour) for one in found.values()}) == len(labels)


def test_the_seven_of_meld_differ_in_symbol_and_in_every_colour() -> None:
    found = looks(MELD).values()
    for differs in ("symbol", "colour", "on_light", "on_dark", "ansi"):
        assert len({getattr(one, differs) for one in found}) == len(MELD)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("on", ["colour", "on_light", "on_dark"])
def test_every_eye_tells_the_colours_apart(eye: str, on: str) -> None:
    seen = {label: oklab(np.reshape(EYES[eye], (3, 3)) @ linear(getattr(look(label), on))) for label in MELD}
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(MELD, 2)}
    # Okabe & Ito's own seven come as near as 0.019; 0.02 is what one just notices.
    assert min(apart.values()) > 0.055, min(apart, key=apart.__getitem__)


@pytest.mark.parametrize("label", MELD)
def test_colours_are_readable(label: str) -> None:
    one = look(label)
    assert contrast(one.colour, "#FFFFFF") >= 3
    assert contrast(one.colour, "#1E1E1E") >= 3
    assert contrast(one.on_light, "#FFFFFF") >= 4.5
    assert contrast(one.on_dark, "#1E1E1E") >= 4.5


def test_names_of_the_same_emotion_look_the_same() -> None:
    assert look("anger") == look("Angry") == look(" ANGER ")
    assert look("joy") == look("happy")


def test_an_emotion_nobody_has_heard_of_keeps_its_look() -> None:
    assert look("schadenfreude") == look("Schadenfreude") == looks([*MELD, "schadenfreude"])["schadenfreude"]
    assert len({look(name) for name in STRANGE}) > 10
    known: set[Look] = {look(name) for name in MELD}
    assert not known & set(looks(STRANGE).values())


def test_more_emotions_than_looks_are_no_fault() -> None:
    assert len(looks(f"emotion {i}" for i in range(200))) == 200


def test_every_symbol_is_one_cell_wide_and_every_colour_has_a_name() -> None:
    for one in looks([*MELD, *STRANGE]).values():
        assert cell_len(one.symbol) == 1
        assert one.ansi in ANSI_COLOR_NAMES


def test_a_label_that_no_encoding_carries_has_a_look_too() -> None:
    assert look("\ud800").symbol
