"""Frames: a 32-bit big-endian length, one code byte, data (W1).

A frame travels through mmx as the bytes that were received, length prefix included: it is cut out of the
stream once and handed unchanged to every child. `CODE` is the place of the code byte and `DATA` the start of
the data.

`FrameSplitter` never allocates by the announced length. A length of 0 or above its limit is a state
(`error`), not an exception: the owner of the link decides what a broken peer means.
"""

import struct
from typing import Final

CODE: Final = 4
DATA: Final = 5
MAX_DATA: Final = 65535
"""Most data bytes that libmilter reads in one command (W19)."""

_LENGTH = struct.Struct(">I")
_pack_length = _LENGTH.pack
_unpack_length = _LENGTH.unpack_from


def frame(code: int, data: bytes = b"") -> bytes:
    """One frame as bytes, prefix included."""
    return _pack_length(len(data) + 1) + bytes((code,)) + data


class FrameSplitter:
    """Cuts a byte stream into frames of at most `limit` bytes (the announced length, code byte included)."""

    __slots__ = ("_limit", "_needed", "_tail", "error")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail = bytearray()
        self._needed = 0
        self.error: str | None = None
        """Why the stream cannot be read on, or None. Once set, further bytes are ignored."""

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame held back; at most `limit` + 3."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order."""
        if self.error is not None:
            return []
        size = len(data)
        if not self._tail and CODE < size <= CODE + self._limit and _unpack_length(data)[0] == size - CODE:
            return [data]
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed:
                return []
            data = bytes(self._tail)
            self._tail.clear()
        return self._split(data)

    def _split(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        append = frames.append
        limit = self._limit
        start = 0
        size = len(data)
        self._needed = CODE
        while size - start >= CODE:
            (length,) = _unpack_length(data, start)
            if not 1 <= length <= limit:
                self.error = describe_length(data[start : start + CODE], limit)
                return frames
            end = start + CODE + length
            if end > size:
                self._needed = end - start
                break
            append(data[start:end])
            start = end
        if start < size:
            self._tail += data[start:]
        return frames


def describe_length(prefix: bytes, limit: int) -> str:
    """Why these four bytes are no length; as text where a peer speaks another protocol (clamd: `UNKN`)."""
    (length,) = _unpack_length(prefix)
    if length == 0:
        return "frame of length 0"
    if all(32 <= byte < 127 for byte in prefix):
        return f"not a milter: it said {prefix.decode('ascii')!r} where a frame length is due"
    return f"frame of {length} bytes, limit {limit}"
