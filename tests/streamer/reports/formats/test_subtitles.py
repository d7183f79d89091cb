"""Subtitles, read back by pysrt and webvtt-py."""

import io
from pathlib import Path

import pysrt
import webvtt

from streamer.reports.formats.subtitles import to_srt, to_vtt
from streamer.reports.record import end_ms, start_ms
from streamer.reports.wording import one_line
from tests.streamer.reports.sessions import STRANGE_LABELS, call, record, strange

CALL = [
    (500, 2250, "[neutral] agent: Good morning, how can I help?"),
    (2500, 5125, "[anger] customer: It's broken. Again!"),
    (4750, 6000, "[sadness] agent"),
    (3600001, 3602999, "[joy] customer: Thanks – that is all."),
]


def from_srt(text: str) -> list[tuple[int, int, str]]:
    cues = pysrt.from_string(text, error_handling=pysrt.ERROR_RAISE)
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    return [(cue.start.ordinal, cue.end.ordinal, cue.text) for cue in cues]


def from_vtt(text: str) -> list[tuple[int, int, str | None, str]]:
    return [
        (_ms(cue.start), _ms(cue.end), cue.voice, cue.raw_text)
        for cue in webvtt.from_buffer(io.StringIO(text)).captions
    ]


def _ms(stamp: str) -> int:
    hours, minutes, seconds = stamp.split(":")
    return int(hours) * 3_600_000 + int(minutes) * 60_000 + round(float(seconds) * 1000)


def test_srt_says_when_who_what_and_how(tmp_path: Path) -> None:
    assert from_srt(to_srt(record(tmp_path, call()))) == CALL


def test_srt_keeps_its_players_from_taking_words_for_markup(tmp_path: Path) -> None:
    one = record(tmp_path, strange())
    cues = from_srt(to_srt(one))
    assert [cue[:2] for cue in cues] == [(start_ms(turn), end_ms(turn)) for turn in one.turns]
    assert all("\n" not in text and "-->" not in text and "<b>b" not in text for _, _, text in cues)
    assert cues[0][2].replace("\u2060", "").endswith("a <b>bold</b> --> & {\\an8} claim")
    assert cues[1][2].endswith("two lines and a tab")
    assert cues[7] == (20_000, 20_001, "[joy]")


def test_vtt_gives_speakers_voices_and_emotions_classes(tmp_path: Path) -> None:
    text = to_vtt(record(tmp_path, call()))
    assert text.startswith("WEBVTT\n\nSTYLE\n::cue(.neutral) { color: #")
    cues = from_vtt(text)
    assert [cue[:3] for cue in cues] == [
        (start, end, "customer" if "customer" in said else "agent") for start, end, said in CALL
    ]
    assert [cue[3] for cue in cues] == [
        "<v agent><c.neutral>[neutral]</c> Good morning, how can I help?</v>",
        "<v customer><c.anger>[anger]</c> It's broken. Again!</v>",
        "<v agent><c.sadness>[sadness]</c></v>",
        "<v customer><c.joy>[joy]</c> Thanks – that is all.</v>",
    ]


def test_vtt_escapes_words_names_and_labels(tmp_path: Path) -> None:
    one = record(tmp_path, strange())
    text = to_vtt(one)
    cues = from_vtt(text)
    assert [cue[:2] for cue in cues] == [(start_ms(turn), end_ms(turn)) for turn in one.turns]
    assert "a &lt;b&gt;bold&lt;/b&gt; --&gt; &amp; {\\an8} claim" in cues[0][3]
    assert cues[2][3].startswith("<v &lt;v x&gt;&amp;><c.b>[&lt;b&gt;]</c> =HYPERLINK(")
    assert text.count("-->") == len(cues)
    assert text.count("::cue(") == len(STRANGE_LABELS)
    style = text.split("\n\n")[1]
    assert len(style.splitlines()) == 1 + len(STRANGE_LABELS)


def test_no_turns_make_files_without_cues(tmp_path: Path) -> None:
    one = record(tmp_path, call()[:1])
    assert from_srt(to_srt(one)) == []
    assert from_vtt(to_vtt(one)) == []


def test_signs_that_words_need_are_kept_and_those_that_rule_the_page_are_not() -> None:
    kept = "می\u200cخواهم 👩\u200d👧 hy\u00adphen \u200eL\u200fR\u061c"
    assert one_line(f" {kept}\u202e\x1b\u2028\n") == kept
