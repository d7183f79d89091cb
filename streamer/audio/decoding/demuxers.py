"""The demuxers that FFmpeg may use, and the options that restrict it to the given bytes."""

import ctypes
import logging
from functools import cache
from typing import Any

import av
from av.codec import Codec

STREAMED = "aac,ac3,aiff,amr,asf,au,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,w64,wav"
"""Demuxers for untrusted streams: few, well maintained, without seeking."""

FROM_FILES = (
    f"{STREAMED}"
    # Formats in use.
    ",3g2,3gp,aa,aax,adx,ape,avi,dff,dsf,dts,dtshd,dv,g722,g723_1,g729,gsm,gxf,iamf,"
    "iff,ilbc,ircam,lc3,loas,lxf,m4a,mj2,mlp,mp4,mpc,mpc8,mxf,nistsphere,nut,oma,paf,"
    "pvf,qcp,qoa,rm,rpl,sds,sln,sox,spdif,s337m,tak,truehd,tta,voc,vqf,webm,wsd,wtv,"
    "wv,xwma"
    # Former formats.
    ",ac4,acm,act,aea,amrnb,amrwb,apac,aptx,aptx_hd,avr,bit,bonk,codec2,daud,dhav,dss,"
    "epaf,film_cpk,g728,hca,hcom,ifv,ivr,kux,laf,lvf,mmf,nsp,nsv,nuv,osq,pmp,pva,r3d,"
    "rka,rso,sbc,sdr2,sdx,shn,siff,smjpeg,smk,swf,thp,tiertexseq,ty,vivo,wavarc,wve"
    # Formats of games.
    ",3dostr,4xm,ace,adp,ads,afc,aix,apc,apm,argo_asf,argo_brp,argo_cvg,ast,bethsoftvid,"
    "bfi,bfstm,bink,binka,bmv,boa,brstm,c93,cdxl,dcstr,derf,dfa,dsicin,dxa,ea,ea_cdata,"
    "fsb,fwse,genh,gdv,hnm,idcin,ipmovie,iss,jv,kvag,luodat,mca,mgsts,mm,mods,moflex,"
    "msf,mtaf,mtv,musx,mv,mvi,mxg,pp_bnk,psxstr,redspark,rl2,roq,rsd,scd,sga,smush,sol,"
    "svag,svs,tmv,usm,vag,vmd,vpk,wady,wc3movie,wsaud,wsvqa,xa,xmd,xmv,xvag,yop"
)
"""Demuxers for files: all that read sound from the file itself.

Of FFmpeg 8, these are excluded: demuxers that open other files (concat, dash, hls, imf, sdp, vobsub, image2,
webm_dash_manifest), devices and networks (alsa, lavfi, oss, rtp, rtsp, sap and the like), synthesis from text
(sbg), raw samples (s16le, alaw, rawvideo and the like), pictures, subtitles, and video without sound. Review
a new demuxer before adding it.
"""

LARGEST_FRAME = 2**22
"""Most samples of all channels in a decoder's output frame: a second of 5 channels at 768 kHz."""

_LARGEST_BLOCK = 2**26
"""Largest allocation of FFmpeg in bytes: the index of a day of MP4 needs this much."""

_PROBE_BYTES = 2**19
"""Bytes that are probed for the format: a packet of one byte takes 256 bytes of memory."""

_MOST_STREAMS = 64
"""Most streams of sound, pictures and text: more than a broadcast multiplex has."""

_LARGEST_PACKET = 2**15
"""Most bytes of a lossy packet: a longer one could contain thousands of frames of silence."""

_MOST_FLAC_FRAMES = 32
"""Most frame headers found in a FLAC packet: it contains one frame, further matches are chance."""

_log = logging.getLogger("merits")


def options(*, as_it_comes: bool) -> dict[str, str]:
    """Options for opening a recording: only its own bytes, only its sound.

    Args:
        as_it_comes: the recording is a live stream: do not wait for sound to analyze.
    """
    _limit_blocks()
    return {
        **({"analyzeduration": "1000"} if as_it_comes else {}),  # microseconds
        "protocol_whitelist": "",
        "format_whitelist": STREAMED if as_it_comes else FROM_FILES,
        "codec_whitelist": _sound_decoders(),
        "probesize": str(_PROBE_BYTES),
        "max_streams": str(_MOST_STREAMS),
        "max_samples": str(LARGEST_FRAME),
    }


def is_out_of_proportion(codec: Codec, packet: Any) -> bool:
    """Whether a packet may contain too many frames to decode at once."""
    if codec.name == "flac":
        data = bytes(packet)
        return data.count(b"\xff\xf8") + data.count(b"\xff\xf9") > _MOST_FLAC_FRAMES
    return bool(
        packet.size > _LARGEST_PACKET
        and codec.lossy
        and not codec.lossless  # a packet of WavPack, lossy or lossless, is one block
        and not codec.name.startswith(("pcm_", "adpcm_", "dsd_", "8svx_"))
        and not codec.name.endswith("_dpcm")
    )


@cache
def _sound_decoders() -> str:
    """The names of all audio decoders: pictures are not even probed, since one may need gigabytes."""
    decoders = (_decoder(name) for name in sorted(av.codecs_available))
    return ",".join(decoder.name for decoder in decoders if decoder is not None and decoder.type == "audio")


def _decoder(name: str) -> Codec | None:
    try:
        return Codec(name, "r")
    except ValueError:
        return None  # an encoder only


@cache
def _limit_blocks() -> None:
    """Limit FFmpeg's allocations, against absurd sizes in headers; PyAV has no option for it."""
    av.logging.set_level(av.logging.PANIC)  # FFmpeg's messages would go to stderr
    try:
        limit = ctypes.CDLL(av._core.__file__).av_max_alloc  # also searches the module's libraries
    except (OSError, AttributeError):  # Windows searches only the module
        _log.debug("FFmpeg's memory is bounded by what is read alone: av_max_alloc is out of reach")
        return
    limit.argtypes, limit.restype = [ctypes.c_size_t], None
    limit(_LARGEST_BLOCK)
