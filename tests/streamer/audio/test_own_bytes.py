"""Nothing is read but a recording's own bytes, whatever it refers to and whatever its name says."""

import io
from pathlib import Path

import av
import pytest
from av.format import ContainerFormat

from streamer.audio.decoding.decode import Decoder
from streamer.audio.decoding.demuxers import FROM_FILES, STREAMED
from streamer.errors import InputError
from streamer.reports.embedding import embedded
from streamer.reports.sound import Sound
from tests.streamer.audio.recordings import tone, write

REFERRING = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
    "live hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:5,\nother.ts\n",
    "hls of hls": '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="other.ts"\n'
    '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\nother.ts\n',
    "concat": "ffconcat version 1.0\nfile other.ts\n",
    "concat with a path": "ffconcat version 1.0\nfile '{path}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT3S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" '
    'bandwidth="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 18099 RTP/AVP 0\n",
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Id>urn:uuid:0</Id></CompositionPlaylist>",
    "edl": "# mpv EDL v0\nother.ts\n",
    "mpl2": "[0][50]other.ts\n",
    "m3u": "#EXTM3U\n#EXTINF:3,x\nother.ts\n",
    "pls": "[playlist]\nFile1=other.ts\nNumberOfEntries=1\n",
    "smil": '<smil><body><audio src="other.ts"/></body></smil>',
    "rtsp": "RTSPtext\nrtsp://127.0.0.1:18099/x\n",
    "asx": '<asx version="3.0"><entry><ref href="other.ts"/></entry></asx>',
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:03.000\nother.ts\n",
    "metadata": ";FFMETADATA1\ntitle=other.ts\n",
    "binaural beats": "-SE\na: 200+10/50\nNOW a\n",
    "text": "other.ts\n" * 50,
    "filter": "sine=frequency=440:duration=3",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "other.ts", tone(3, 48_000), 48_000, "mp2")
    return tmp_path


@pytest.mark.parametrize("kind", REFERRING)
def test_what_refers_elsewhere_is_no_recording(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    other = folder / "other.ts"
    text = REFERRING[kind].format(url=other.as_uri(), path=other)
    for name in ("a.m3u8", "a.wav", "a.txt", "a.sdp", "a.mpd", "a%d.png", "a.sbg", "concat"):
        path = folder / name
        path.write_text(text)
        with pytest.raises(InputError, match="not a recording that can be decoded"):
            Decoder(path, split_channels=False)
    with pytest.raises(InputError, match="not a recording that can be decoded"):
        embedded(Sound(folder / "a.wav", folder))
    with pytest.raises(InputError, match="not a recording that can be decoded"):
        Decoder(io.BytesIO(text.encode()), split_channels=False)


def test_a_movie_whose_sound_is_in_another_file_stays_without(folder: Path) -> None:
    """A data reference of QuickTime (`dref`): FFmpeg would open what its alias names."""
    path = write(folder / "a.mov", tone(1, 16_000), 16_000, "pcm_s16le")
    data = path.read_bytes()
    at = data.index(b"dref")
    assert data[at + 12 : at + 20] == b"\0\0\0\x0curl "
    outside = data[: at + 20] + b"\0\0\0\0" + data[at + 24 :]  # not self-contained
    path.write_bytes(outside.replace(b"mdat", b"free"))
    try:
        with Decoder(path, split_channels=False) as decoder:
            assert decoder.channels == 1
    except InputError:
        return  # just as well


def test_names_are_of_demuxers_that_there_are() -> None:
    known = {
        part
        for name in av.formats_available
        for part in (_input(name).split(",") if _input(name) else [name])
    }
    assert set(FROM_FILES.split(",")) - known <= {"dff", "kux"}
    assert set(STREAMED.split(",")) <= set(FROM_FILES.split(","))


def _input(name: str) -> str:
    try:
        return ContainerFormat(name, "r").name
    except ValueError:
        return ""


def test_what_refers_elsewhere_is_on_no_list() -> None:
    others = (
        "alsa concat dash hls image2 imf lavfi oss rtp rtsp s16le sap sbg sdp tty vobsub webm_dash_manifest"
    )
    assert not set(others.split()) & set(FROM_FILES.split(","))


@pytest.mark.parametrize("faststart", [False, True])
def test_an_index_at_the_end_is_found(tmp_path: Path, faststart: bool) -> None:
    path = write(tmp_path / "a.m4a", tone(2, 44_100), 44_100, "aac")
    data = path.read_bytes()
    assert (data.index(b"moov") < data.index(b"mdat")) is False
    if faststart:
        with (
            av.open(str(path)) as whole,
            av.open(str(tmp_path / "b.m4a"), "w", options={"movflags": "faststart"}) as copy,
        ):
            stream = copy.add_stream_from_template(whole.streams.audio[0])
            for packet in whole.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    copy.mux(packet)
        path = tmp_path / "b.m4a"
    with Decoder(path, split_channels=False) as decoder:
        last = list(decoder.items())[-1]
    assert last.start == pytest.approx(32_000, abs=1500)
