"""What FFmpeg may open, and how it is kept to the bytes that it is given."""

import ctypes
import logging
from functools import cache
from typing import Any

import av
from av.codec import Codec

STREAMED = "aac,ac3,aiff,amr,asf,au,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,w64,wav"
"""Demuxers that may read what strangers send: few, well-kept, and they need not seek."""

FROM_FILES = (
    f"{STREAMED}"
    # What is in use.
    ",3g2,3gp,aa,aax,adx,ape,avi,dff,dsf,dts,dtshd,dv,g722,g723_1,g729,gsm,gxf,iamf,"
    "iff,ilbc,ircam,lc3,loas,lxf,m4a,mj2,mlp,mp4,mpc,mpc8,mxf,nistsphere,nut,oma,paf,"
    "pvf,qcp,qoa,rm,rpl,sds,sln,sox,spdif,s337m,tak,truehd,tta,voc,vqf,webm,wsd,wtv,"
    "wv,xwma"
    # What was.
    ",ac4,acm,act,aea,amrnb,amrwb,apac,aptx,aptx_hd,avr,bit,bonk,codec2,daud,dhav,dss,"
    "epaf,film_cpk,g728,hca,hcom,ifv,ivr,kux,laf,lvf,mmf,nsp,nsv,nuv,osq,pmp,pva,r3d,"
    "rka,rso,sbc,sdr2,sdx,shn,siff,smjpeg,smk,swf,thp,tiertexseq,ty,vivo,wavarc,wve"
    # Sound of games.
    ",3dostr,4xm,ace,adp,ads,afc,aix,apc,apm,argo_asf,argo_brp,argo_cvg,ast,bethsoftvid,"
    "bfi,bfstm,bink,binka,bmv,boa,brstm,c93,cdxl,dcstr,derf,dfa,dsicin,dxa,ea,ea_cdata,"
    "fsb,fwse,genh,gdv,hnm,idcin,ipmovie,iss,jv,kvag,luodat,mca,mgsts,mm,mods,moflex,"
    "msf,mtaf,mtv,musx,mv,mvi,mxg,pp_bnk,psxstr,redspark,rl2,roq,rsd,scd,sga,smush,sol,"
    "svag,svs,tmv,usm,vag,vmd,vpk,wady,wc3movie,wsaud,wsvqa,xa,xmd,xmv,xvag,yop"
)
"""Demuxers that may read files: all that find sound in the file itself.

Missing are, of FFmpeg 8: those that open what the file names (concat, dash, hls, imf, sdp, vobsub, image2,
webm_dash_manifest), devices and networks (alsa, lavfi, oss, rtp, rtsp, sap and the like), those that compose
sound from a text (sbg), those that take any bytes for samples (s16le, alaw, rawvideo and the like), pictures,
subtitles, and video without sound. A new one must be looked at before it is let in.
"""

LARGEST_FRAME = 2**22
"""Samples of all channels together in what a decoder gives at once: a second of 5 channels at 768 kHz."""

_LARGEST_BLOCK = 2**26
"""Bytes that FFmpeg may have in one piece: an index of a day of MP4 takes as many."""

_PROBE_BYTES = 2**19
"""How much is looked at for what a recording may be: a packet of one byte takes 256 of memory."""

_MOST_STREAMS = 64
"""Of sound, pictures and text together: more than a multiplex of broadcasting has."""

_LARGEST_PACKET = 2**15
"""Bytes of a packet of lossy sound: of silence, it could hold thousands of frames, decoded at once."""

_MOST_FLAC_FRAMES = 32
"""What looks like the beginning of a frame in a packet of FLAC, which holds but one: the rest is chance."""

_log = logging.getLogger("merits")


def options(*, as_it_comes: bool) -> dict[str, str]:
    """Options to open a recording with, from its own bytes alone, for its sound.

    Args:
        as_it_comes: it is a stream: sound is not waited for to be looked at.
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
    """Whether a packet may hold so many frames that they are not to be decoded at once."""
    if codec.name == "flac":
        data = bytes(packet)
        return data.count(b"\xff\xf8") + data.count(b"\xff\xf9") > _MOST_FLAC_FRAMES
    return bool(
        packet.size > _LARGEST_PACKET
        and codec.lossy
        and not codec.lossless  # WavPack, which can be both, is one block
        and not codec.name.startswith(("pcm_", "adpcm_", "dsd_", "8svx_"))
        and not codec.name.endswith("_dpcm")
    )


@cache
def _sound_decoders() -> str:
    """Pictures are not even decoded to find out what they are: one may take gigabytes."""
    decoders = (_decoder(name) for name in sorted(av.codecs_available))
    return ",".join(decoder.name for decoder in decoders if decoder is not None and decoder.type == "audio")


def _decoder(name: str) -> Codec | None:
    try:
        return Codec(name, "r")
    except ValueError:
        return None  # it only encodes


@cache
def _limit_blocks() -> None:
    """Have FFmpeg refuse what headers state out of all proportion; PyAV has no way to."""
    av.logging.set_level(av.logging.PANIC)  # its own messages would go to stderr
    try:
        limit = ctypes.CDLL(av._core.__file__).av_max_alloc  # looked for in the libraries of the module, too
    except (OSError, AttributeError):  # Windows looks in the module alone
        _log.debug("FFmpeg's memory is bounded by what is read alone: av_max_alloc is out of reach")
        return
    limit.argtypes, limit.restype = [ctypes.c_size_t], None
    limit(_LARGEST_BLOCK)
