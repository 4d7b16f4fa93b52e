"""The peers of mmx on real sockets: an MTA that connects, and children that listen.

A child's connections are served one after the other: frames on a new one wait until mmx has closed the one
before, so the order in a child's queue does not depend on which socket the loop looks at first.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from mmx.wire.framing import FrameSplitter
from tests.scenarios.queues import CLOSED, Item
from tests.scenarios.still_loop import StillLoop

LARGEST: Final = 1 << 31
Receive = Callable[[Item], bytes | None]


class PeerLink(asyncio.Protocol):
    """One connection of a peer; `receive` takes what mmx sends and gives what to answer at once."""

    def __init__(self, receive: Receive, ended: Callable[["PeerLink"], None]) -> None:
        self._receive = receive
        self._ended = ended
        self._splitter = FrameSplitter(LARGEST)
        self._transport: asyncio.Transport | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def pause(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()

    def resume(self) -> None:
        assert self._transport is not None
        self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self.is_open and self._transport is not None:
            self._transport.write(data)

    def hang_up(self) -> None:
        """Close from this side; mmx has nothing more to say to it."""
        if self.is_open and self._transport is not None:
            self.is_open = False
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        for frame in self._splitter.feed(data):
            if not self.is_open:
                return
            answer = self._receive(frame)
            if answer is not None:
                self.write(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_open:
            self.is_open = False
            self._receive(CLOSED)
        self._ended(self)


class ChildServer:
    """A child's socket and its connections, the oldest first."""

    def __init__(self, loop: StillLoop, path: Path, receive: Receive) -> None:
        self._loop = loop
        self._path = path
        self._receive = receive
        self._links: deque[PeerLink] = deque()
        self._server: asyncio.AbstractServer | None = None
        self._listening: socket.socket | None = None
        self._queue: list[socket.socket] = []

    def reach(self, how: str) -> None:
        """How connections end from now on: a word of ChildSpec.reach."""
        self._stop()
        if how == "missing":
            return
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        listening.bind(str(self._path))
        self._listening = listening
        if how == "stalled":
            self._fill_backlog(listening)
        elif how != "down":
            self._server = self._loop.run_until_complete(
                self._loop.create_unix_server(self._accept, sock=listening)
            )

    @property
    def open_links(self) -> int:
        return len(self._links)

    def write(self, data: bytes) -> None:
        """Send on the current connection; without one the bytes are lost."""
        if self._links:
            self._links[0].write(data)

    def hang_up(self) -> None:
        if self._links:
            self._links[0].hang_up()

    def close(self) -> None:
        self._stop()
        for link in list(self._links):
            link.hang_up()

    def _accept(self) -> PeerLink:
        return _ChildLink(self._receive, self._began, self._ended)

    def _began(self, link: PeerLink) -> None:
        self._links.append(link)
        if len(self._links) > 1:
            link.pause()

    def _ended(self, link: PeerLink) -> None:
        was_current = self._links[0] is link
        self._links.remove(link)
        if was_current and self._links:
            self._links[0].resume()

    def _fill_backlog(self, listening: socket.socket) -> None:
        """After this a connect waits: Linux takes one connection more than the backlog says."""
        listening.listen(0)
        for _ in range(2):
            waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._queue.append(waiting)
            try:
                waiting.connect(str(self._path))
            except BlockingIOError:
                return

    def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for one in [*self._queue, *([self._listening] if self._listening else [])]:
            one.close()
        self._queue.clear()
        self._listening = None
        self._path.unlink(missing_ok=True)


class _ChildLink(PeerLink):
    """A connection that tells its server when it begins."""

    def __init__(
        self,
        receive: Receive,
        began: Callable[[PeerLink], None],
        ended: Callable[[PeerLink], None],
    ) -> None:
        super().__init__(receive, ended)
        self._began = began

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._began(self)
