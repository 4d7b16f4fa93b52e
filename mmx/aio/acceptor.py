"""Accepting connections, and only as many as there are descriptors for.

Theory: event loops differ in what they do when accept(2) finds no descriptor. libuv closes every connection
that waits, unanswered and without a word, and accepts all that wait in one go before anything else runs. So
mmx accepts itself, a few at a time, while `has_room` says so. Otherwise connections wait in the backlog until
there is room again: that is looked for every LOOK_AGAIN seconds.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from mmx.aio.throttle import Throttle

AT_ONCE: Final = 64
"""Connections that one callback accepts at most: those already open must not wait longer."""
LOOK_AGAIN: Final = 0.1
"""Seconds until a full daemon looks whether there is room again."""
REPEAT: Final = 60.0
"""Seconds between two log lines about the same."""

_log = logging.getLogger(__name__)


class Acceptor:
    """Accepts on one listening socket; each connection gets a protocol made by `factory`."""

    def __init__(
        self,
        sock: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        has_room: Callable[[], bool],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._socket = sock
        self._factory = factory
        self._has_room = has_room
        self._loop = loop
        self._throttle = Throttle(REPEAT)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._resume()

    def close(self) -> None:
        """Accept nothing more; the socket stays open."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._socket, self._accept)

    def _pause(self, why: str) -> None:
        self._loop.remove_reader(self._socket)
        self._timer = self._loop.call_later(LOOK_AGAIN, self._resume)
        if self._throttle.passes("pause", self._loop.time()) is not None:
            _log.error("%s: new connections wait in the backlog until others end", why)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if not self._has_room():
                self._pause("too many connections for the limit of file descriptors (LimitNOFILE)")
                return
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(f"cannot accept a connection: {error}")
                return
            connection.setblocking(False)
            # The protocol counts as a session from now on, so it is made here and not in the task.
            task = self._loop.create_task(self._attach(connection, self._factory()), name="accept")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attach(self, connection: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError as error:
            connection.close()
            protocol.connection_lost(error)
