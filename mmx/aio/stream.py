"""One framed link over a socket, the same class towards the MTA and towards a child.

Theory: all links share one scratch buffer, because a link copies what it received out of it before anything
else can run. What was received is cut into frames by offset; only an unfinished tail stays. So an idle link
costs its transport and this object, and a read costs no allocation beyond the bytes that travel on.

A link tells its owner five things, all from the event loop's callbacks, none with a task or a future:
`connected`, `received` (the frames of one read), `lost` (once, with the reason), and `blocked` (the peer
reads too slowly, or reads again). After `close` or `abort` it tells nothing any more.

Writing never waits. The owner learns through `blocked` that the peer does not keep up, and stops producing.
"""

import asyncio
from typing import Final, Protocol, cast

from mmx.core.action import Loss
from mmx.wire.framing import FrameSplitter

SCRATCH_SIZE: Final = 256 * 1024
"""Bytes of the buffer that all links share: the most that one read can return."""

LINGER: Final = 5.0
"""Seconds that a closed link may take to hand its last bytes to a peer that does not read."""

_SCRATCH = bytearray(SCRATCH_SIZE)
_VIEW = memoryview(_SCRATCH)


class Owner(Protocol):
    """Who a link belongs to."""

    def connected(self) -> None: ...

    def received(self, frames: list[bytes]) -> None: ...

    def lost(self, loss: Loss) -> None: ...

    def blocked(self, blocked: bool) -> None: ...


class Stream(asyncio.BufferedProtocol):
    """One link.

    `limit` is the bytes of the longest frame, `high_water` the bytes that may wait for a slow peer. An
    accepted link is connected at once, a dialled one when `start` is called.
    """

    __slots__ = (
        "_accepted",
        "_high_water",
        "_linger",
        "_loop",
        "_owner",
        "_splitter",
        "_transport",
        "is_blocked",
    )

    def __init__(
        self, owner: Owner, *, limit: int, high_water: int, accepted: bool, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._owner: Owner | None = owner
        self._accepted = accepted
        self._loop = loop
        self._high_water = high_water
        self._splitter = FrameSplitter(limit)
        self._transport: asyncio.Transport | None = None
        self._linger: asyncio.TimerHandle | None = None
        self.is_blocked = False
        """The peer does not keep up: what is written now only waits."""

    @property
    def is_open(self) -> bool:
        """Connected, and neither lost nor closed."""
        return self._owner is not None and self._transport is not None

    def start(self) -> None:
        """A dialled link is complete: tell the owner, or close it if it was given up meanwhile.

        Not done in `connection_made`: uvloop owns the socket only after that, and if the link is closed
        before, the socket's number is closed twice, which may hit another connection.
        """
        if self._owner is not None:
            self._owner.connected()
        elif self._transport is not None:
            self._transport.abort()

    def write(self, outbox: list[bytes]) -> None:
        """Everything the peer is owed, in one call; `outbox` is emptied first: `blocked` may fill it anew."""
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        if self._owner is not None and self._transport is not None:
            self._transport.write(data)

    def pause_reading(self) -> None:
        if self._owner is not None and self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._owner is not None and self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Hand over what was written, for LINGER seconds at most, then close. The owner hears no more."""
        self._owner = None
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size() and self._linger is None:
            self._linger = self._loop.call_later(LINGER, transport.abort)
        transport.close()

    def abort(self) -> None:
        """Close at once; what the peer has not read is gone. The owner hears nothing more."""
        self._owner = None
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, loss: Loss) -> None:
        owner = self._owner
        if owner is None:
            return
        self.abort()
        owner.lost(loss)

    # What the event loop calls, in the order of a link's life.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = link = cast("asyncio.Transport", transport)
        link.set_write_buffer_limits(high=self._high_water, low=self._high_water // 4)
        if self._accepted:
            if self._owner is not None:
                self._owner.connected()
            else:
                self._loop.call_soon(link.abort)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - the loop's hint does not matter
        return _SCRATCH

    def buffer_updated(self, nbytes: int) -> None:
        owner = self._owner
        if owner is None:
            return
        splitter = self._splitter
        frames = splitter.feed(bytes(_VIEW[:nbytes]))
        if frames:
            owner.received(frames)
        if splitter.error is not None:
            self._lose(Loss("frame", splitter.error))

    def pause_writing(self) -> None:
        self.is_blocked = True
        if self._owner is not None:
            self._owner.blocked(True)

    def resume_writing(self) -> None:
        self.is_blocked = False
        if self._owner is not None:
            self._owner.blocked(False)

    def eof_received(self) -> None:
        """A peer that stops sending is gone: no milter and no MTA uses half a connection."""
        self._lose(Loss("eof", self._what_was_left()))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._linger is not None:  # asyncio's transport cannot be aborted any more
            self._linger.cancel()
        if exc is None:
            self._lose(Loss("eof", self._what_was_left()))
        else:
            self._lose(Loss("reset", str(exc)))

    def _what_was_left(self) -> str:
        pending = self._splitter.pending
        return f"closed the connection {pending} bytes into a frame" if pending else "closed the connection"
