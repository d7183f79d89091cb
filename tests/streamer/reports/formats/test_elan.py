"""ELAN: opened by pympi, and held to what EAF 3.0's schema asks beyond that."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pympi
import pytest

from streamer.events import Event
from streamer.reports.formats.elan import to_eaf
from streamer.reports.record import end_ms, start_ms
from streamer.reports.sound import Sound
from tests.streamer.outputs.samples import MELD, Sample
from tests.streamer.reports.sessions import call, record, strange

ORDER = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY"]


def opened(tmp_path: Path, document: bytes) -> pympi.Elan.Eaf:
    path = tmp_path / "out.eaf"
    path.write_bytes(document)
    return pympi.Elan.Eaf(str(path))


def check_schema(document: bytes) -> None:
    """What the schema's types, keys and references demand."""
    root = ET.fromstring(document)
    assert {"DATE", "AUTHOR", "VERSION", "FORMAT"} <= set(root.attrib)
    places = [ORDER.index(child.tag) for child in root]
    assert places == sorted(places)
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert len(slots) == len(list(root.iter("TIME_SLOT")))
    assert list(slots.values()) == sorted(slots.values())
    said = [*root.iter("ALIGNABLE_ANNOTATION"), *root.iter("REF_ANNOTATION")]
    ids = [one.attrib["ANNOTATION_ID"] for one in said]
    assert len(ids) == len(set(ids))
    types = {one.attrib["LINGUISTIC_TYPE_ID"]: one.attrib for one in root.iter("LINGUISTIC_TYPE")}
    constraints = {one.attrib["STEREOTYPE"] for one in root.iter("CONSTRAINT")}
    entries = {one.attrib["CVE_ID"]: one.findtext("CVE_VALUE") for one in root.iter("CV_ENTRY_ML")}
    tiers = {one.attrib["TIER_ID"]: one for one in root.iter("TIER")}
    assert len(tiers) == len(list(root.iter("TIER")))
    for tier in tiers.values():
        type_ = types[tier.attrib["LINGUISTIC_TYPE_REF"]]
        assert type_.get("CONSTRAINTS", "Included_In") in constraints
        end = 0
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            start = slots[annotation.attrib["TIME_SLOT_REF1"]]
            assert start >= end, "annotations of a tier do not overlap"
            end = slots[annotation.attrib["TIME_SLOT_REF2"]]
            assert end > start
        if parent := tier.get("PARENT_REF"):
            above = [one.attrib["ANNOTATION_ID"] for one in tiers[parent].iter("ALIGNABLE_ANNOTATION")]
            below = [one.attrib["ANNOTATION_REF"] for one in tier.iter("REF_ANNOTATION")]
            known = below if type_["LINGUISTIC_TYPE_ID"] == "arousal" else above
            assert below == [each for each in above if each in known]
        for annotation in tier.iter("REF_ANNOTATION"):
            if entry := annotation.get("CVE_REF"):
                assert entries[entry] == annotation.findtext("ANNOTATION_VALUE")


def test_words_emotions_and_moods_stand_on_tiers_of_their_speakers(tmp_path: Path) -> None:
    document = to_eaf(record(tmp_path, call()), None)
    check_schema(document)
    eaf = opened(tmp_path, document)
    assert list(eaf.get_tier_names()) == [
        f"{name}{kind}" for name in ("agent", "customer") for kind in ("", " emotion", " valence", " arousal")
    ]
    assert eaf.get_annotation_data_for_tier("agent") == [
        (500, 2250, "Good morning, how can I help?"),
        (4750, 6000, ""),
    ]
    assert eaf.get_annotation_data_for_tier("customer") == [
        (2500, 5125, "It's broken. Again!"),
        (3600001, 3602999, "Thanks – that is all."),
    ]
    emotions = [said[:3] for said in eaf.get_ref_annotation_data_for_tier("customer emotion")]
    assert emotions == [(2500, 5125, "anger"), (3600001, 3602999, "joy")]
    valences = [said[:3] for said in eaf.get_ref_annotation_data_for_tier("agent valence")]
    assert valences == [(500, 2250, "+0.100"), (4750, 6000, "-0.400")]
    entries = eaf.controlled_vocabularies["emotions"][1]
    assert [values[0][0] for values, _ in entries.values()] == MELD
    assert eaf.get_parameters_for_tier("agent emotion")["PARENT_REF"] == "agent"
    assert eaf.get_linked_files() == []


@pytest.mark.parametrize("events", [strange, lambda: call()[:1], lambda: call()[3:]])
def test_whatever_the_names_and_words_the_document_holds(
    tmp_path: Path, events: Callable[[], list[Event]]
) -> None:
    one = record(tmp_path, events())
    document = to_eaf(one, None)
    check_schema(document)
    eaf = opened(tmp_path, document)
    words = [said for tier in eaf.get_tier_names() for said in eaf.get_annotation_data_for_tier(tier)]
    aligned = sorted({said[:2] for said in words})
    assert aligned == sorted((start_ms(turn), end_ms(turn)) for turn in one.turns)


def test_a_speakers_turns_that_overlap_go_to_further_tiers(tmp_path: Path) -> None:
    sample = Sample()
    times = [(0.0, 2.0), (1.0, 3.0), (2.5, 4.0)]
    events: list[Event] = [
        sample.final(number, start_s=start_s, end_s=end_s)
        for number, (start_s, end_s) in enumerate(times, start=1)
    ]
    document = to_eaf(record(tmp_path, events), None)
    check_schema(document)
    eaf = opened(tmp_path, document)
    assert [said[:2] for said in eaf.get_annotation_data_for_tier("unknown")] == [(0, 2000), (2500, 4000)]
    assert [said[:2] for said in eaf.get_annotation_data_for_tier("unknown (2)")] == [(1000, 3000)]


def test_a_speaker_who_is_named_like_a_tier_gets_another(tmp_path: Path) -> None:
    sample = Sample()
    names = ["A", "A emotion", "A  emotion"]
    document = to_eaf(
        record(tmp_path, [sample.final(i, speaker=name) for i, name in enumerate(names, start=1)]), None
    )
    check_schema(document)
    assert len(list(opened(tmp_path, document).get_tier_names())) == 12


def test_the_recording_is_linked_where_it_is_given(tmp_path: Path) -> None:
    sound = Sound(tmp_path / "my call.wav", tmp_path)
    eaf = opened(tmp_path, to_eaf(record(tmp_path, call()), sound))
    [media] = eaf.get_linked_files()
    assert media["MEDIA_URL"] == (tmp_path / "my call.wav").as_uri()
    assert (media["RELATIVE_MEDIA_URL"], media["MIME_TYPE"]) == ("./my%20call.wav", "audio/x-wav")
