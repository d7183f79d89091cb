"""Tensors and plain values as a record in a file that is written over: read back whole, or not at all."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader, BufferedWriter
from typing import Any

import torch
import xxhash
from torch import Tensor

_HEADER = struct.Struct("<8sQQ16s")  # magic, size of the meta data, size of all that follows, its digest
_MAGIC = b"MERITS\x00\x01"
_ALIGNED = 64


@dataclass(frozen=True)
class Record:
    """What was read.

    Attributes:
        meta: plain values, in JSON's types.
        tensors: by name, on the CPU.
        end: where the next record in the file would begin.
    """

    meta: dict[str, Any]
    tensors: dict[str, Tensor]
    end: int


def write_record(
    file: BufferedRandom | BufferedWriter,
    meta: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    start: int = 0,
) -> int:
    """Write a record over whatever is in the file, in place: the pages are in memory already, which is quick.

    Whoever is killed in here leaves something whose digest is wrong.

    Returns:
        Where the record ends.
    """
    layout = [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in tensors.items()]
    head = _padded(json.dumps({"meta": meta, "layout": layout}).encode())
    digest = xxhash.xxh3_128(head)
    file.seek(start + _ALIGNED)
    file.write(head)
    size = len(head)
    for tensor in tensors.values():
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
        for part in (content, bytes(-len(content) % _ALIGNED)):
            digest.update(part)
            file.write(part)
            size += len(part)
    file.seek(start)
    file.write(_HEADER.pack(_MAGIC, len(head), size, digest.digest()))
    file.flush()
    return start + _ALIGNED + size


def read_record(file: BufferedRandom | BufferedReader, start: int = 0) -> Record | None:
    """The record that begins at `start`; None where there is none that is whole."""
    header = _header(file, start)
    if header is None:
        return None
    head, size, expected = header
    content = bytearray(size)
    if file.readinto(content) != size or xxhash.xxh3_128(content).digest() != expected:
        return None
    described = json.loads(content[:head])
    tensors, at = {}, head
    for name, kind, shape in described["layout"]:
        dtype: torch.dtype = getattr(torch, kind)
        count = torch.Size(shape).numel()
        flat = torch.frombuffer(content, dtype=dtype, count=count, offset=at) if count else torch.empty(0)
        tensors[name] = flat.to(dtype).reshape(shape)
        at += -(-count * dtype.itemsize // _ALIGNED) * _ALIGNED
    return Record(described["meta"], tensors, start + _ALIGNED + size)


def peek_meta(file: BufferedRandom | BufferedReader) -> dict[str, Any] | None:
    """The meta data of a file's first record, at little cost and so unchecked; None where there is none."""
    header = _header(file, 0)
    if header is None:
        return None
    try:
        return dict(json.loads(file.read(header[0]))["meta"])
    except (ValueError, KeyError, TypeError):
        return None


def _header(file: BufferedRandom | BufferedReader, start: int) -> tuple[int, int, bytes] | None:
    room = file.seek(0, 2) - start - _ALIGNED
    file.seek(max(start, 0))
    content = file.read(_ALIGNED)
    if len(content) < _ALIGNED:
        return None
    magic, head, size, digest = _HEADER.unpack_from(content)
    return (head, size, digest) if magic == _MAGIC and head <= size <= room else None


def _padded(content: bytes) -> bytes:
    return content + b" " * (-len(content) % _ALIGNED)
