"""The content of a message: what the MTA streams, and how a child is read it.

`Content` is the message as Postfix sent it, growing while it arrives. `Revision` is the message as earlier
children left it, complete from the start. Both answer the same questions, so feeding a child does not care
which one it reads:

    header_count, header_frames(a, b)   the headers known so far, as the child's dialect wants them
    chunk(offset)                       the next piece of body, b"" if there is none yet
    complete                            nothing follows
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from mmx.core.event import Event
from mmx.core.plan import OVERHEAD
from mmx.core.spool import Spool
from mmx.wire import command, payload
from mmx.wire.framing import DATA, MAX_DATA, frame

_STRINGS: Final = 2
"""Name and value, each with its NUL."""
_SPACE: Final = ord(" ")
_LINE_MARKS: Final = 1
"""A header's colon and CRLF, less the two NULs of its frame."""
_MAX_CHUNKS: Final = 4096
"""From here on small pieces of body are joined: their number is bounded as their bytes are."""


class Content:
    """The message as the MTA sent it. Header values keep the form agreed with the MTA."""

    __slots__ = (
        *("_ends", "_frames", "_header_octets", "_headers", "_stripped", "body", "eoh", "eom"),
        *("headers_size", "macros"),
    )

    def __init__(self, body: Spool) -> None:
        self._frames: list[bytes] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._stripped: list[bytes] = []
        self.headers_size = 0
        self._header_octets = 0
        self.body = body
        self._ends: list[int] = []
        self.eoh: Event | None = None
        self.eom: Event | None = None
        self.macros: dict[int, bytes] = {}
        """The latest MACRO frame that came with a HEADER or BODY."""

    @property
    def header_count(self) -> int:
        """Headers received so far."""
        return len(self._frames)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names and values of the headers received so far, taken apart for whoever asks."""
        known = self._headers
        known += [payload.decode_header(received[DATA:]) for received in self._frames[len(known) :]]
        return known

    @property
    def size(self) -> int:
        """Bytes received, each header with its overhead."""
        return self.headers_size + self.body.size

    @property
    def octets(self) -> int:
        """Bytes of header and body received: what the size of a message is for its limits."""
        return self._header_octets + self.body.size

    @property
    def complete(self) -> bool:
        """End of message was received."""
        return self.eom is not None

    def add_header(self, received: bytes) -> None:
        """Take a HEADER frame. Raises `ProtocolError`."""
        if received.count(0, DATA) != _STRINGS or received[-1]:
            payload.decode_header(received[DATA:])  # raises: it says what is wrong
        self._frames.append(received)
        self.headers_size += len(received) + OVERHEAD
        self._header_octets += len(received) - DATA + _LINE_MARKS

    def add_body(self, data: bytes) -> bool:
        """Take a piece of body; False if there is no room for it."""
        if not data:
            return True
        if not self.body.append(data):
            return False
        start = self._ends[-1] if self._ends else 0
        previous = self._ends[-2] if len(self._ends) > 1 else 0
        if len(self._ends) >= _MAX_CHUNKS and start + len(data) - previous <= MAX_DATA:
            self._ends[-1] = start + len(data)
        else:
            self._ends.append(start + len(data))
        return True

    def header_frames(self, start: int, end: int, *, strip: bool) -> list[bytes]:
        """The HEADER frames for a child from one number up to another; `strip`: the MTA keeps leading space
        and the child does not.
        """
        if not strip:
            return self._frames[start:end]
        stripped = self._stripped
        stripped += map(stripped_header, self._frames[len(stripped) : end])
        return stripped[start:end]

    def chunk(self, offset: int) -> bytes:
        """The piece of body from `offset` on, cut where the MTA cut it."""
        if offset >= self.body.size:
            return b""
        end = self._ends[bisect_right(self._ends, offset)]
        return self.body.read(offset, min(end - offset, MAX_DATA))


class Revision:
    """The message as earlier children left it."""

    __slots__ = ("_body", "_headers")

    complete: Final = True

    def __init__(self, headers: list[tuple[bytes, bytes]], body: "Spool | Content") -> None:
        self._headers = headers
        self._body = body

    @property
    def header_count(self) -> int:
        """All headers."""
        return len(self._headers)

    def count_named(self, name: bytes) -> int:
        """The headers of that name, as CHGHEADER counts them."""
        name = name.lower()
        return sum(one.lower() == name for one, _ in self._headers)

    def header_frames(self, start: int, end: int, *, strip: bool) -> list[bytes]:
        """The HEADER frames for a child, as in `Content`."""
        frames = [frame(command.HEADER, payload.encode_strings(*field)) for field in self._headers[start:end]]
        return list(map(stripped_header, frames)) if strip else frames

    def chunk(self, offset: int) -> bytes:
        """The piece of body from `offset` on."""
        body = self._body
        return body.chunk(offset) if isinstance(body, Content) else body.read(offset, MAX_DATA)


Source = Content | Revision


def stripped_header(received: bytes) -> bytes:
    """The HEADER frame for a child that did not agree on HDR_LEADSPC (W9)."""
    value = received.index(0, DATA) + 1
    if received[value] != _SPACE:
        return received
    return frame(command.HEADER, received[DATA:value] + received[value + 1 :])


NewSpool = Callable[[], Spool]
