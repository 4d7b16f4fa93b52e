"""The HTTP server on the event loop of the mail: its sockets, its connections and their number.

A reload first binds the new address; only when all else of the reload can be had, too, `serve` puts it in
place of the old one. Connections stay open over a reload. At `metrics.max_connections` the oldest
that is between requests gives way; if all are busy the new one is answered 503, and at twice that number
new ones wait in the backlog.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from mmx.aio.http import Routes
from mmx.aio.http_connection import HttpConnection
from mmx.aio.listener import Access, Listener, open_listener
from mmx.errors import MmxError
from mmx.settings.endpoint import InetEndpoint
from mmx.settings.model import Listener as ListenerSettings
from mmx.settings.model import MetricsSettings

BACKLOG: Final = 64

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """Sockets that are bound and do not accept yet; None if there are to be none, or the old ones stay."""

    settings: MetricsSettings
    listener: Listener | None

    def close(self) -> None:
        """They are not wanted after all."""
        if self.listener is not None:
            self.listener.close()


class HttpServer:
    """Serves `routes`, a table of path to page."""

    def __init__(self, routes: Routes, loop: asyncio.AbstractEventLoop) -> None:
        self.routes = routes
        self.settings = MetricsSettings(listen=None)
        self._loop = loop
        self._listener: Listener | None = None
        self._connections: dict[HttpConnection, None] = {}

    def __len__(self) -> int:
        return len(self._connections)

    async def open(self, settings: MetricsSettings) -> Opened:
        """Bind what the settings say; raises MmxError and changes nothing if that cannot be."""
        if settings.listen is None or settings.listen == self.settings.listen:
            return Opened(settings, None)
        return Opened(settings, await _bind(settings.listen))

    def serve(self, opened: Opened) -> None:
        """Take over what `open` has bound, and the settings it was bound for."""
        former, self.settings = self.settings.listen, opened.settings
        if former == opened.settings.listen:
            return
        if self._listener is not None:
            _log.info("no longer serving HTTP on %s", former)
            self._listener.close()
        self._listener = opened.listener
        if opened.listener is not None:
            opened.listener.serve(lambda _: HttpConnection(self, self._loop), BACKLOG, self._has_room)
            _log.info("serving HTTP on %s", opened.settings.listen)

    def close(self) -> None:
        """Accept nothing more, and end every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.close()

    # What a connection needs (http_connection.Server).

    def opened(self, connection: HttpConnection) -> bool:
        """Note a connection; False if it is one too many."""
        fits = len(self._connections) < self.settings.max_connections or self._make_room()
        self._connections[connection] = None
        return fits

    def closed(self, connection: HttpConnection) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)

    def _has_room(self) -> bool:
        return len(self._connections) < 2 * self.settings.max_connections

    def _make_room(self) -> bool:
        oldest = next((connection for connection in self._connections if connection.idle), None)
        if oldest is not None:
            oldest.close()
            oldest.idle = False
        return oldest is not None


async def _bind(endpoint: InetEndpoint) -> Listener:
    try:
        return await open_listener(ListenerSettings("http", endpoint), Access(0o600, None))
    except MmxError as error:
        cause = error.__cause__
        said = cause.strerror if isinstance(cause, OSError) else error
        raise type(error)(
            f"cannot serve HTTP on {endpoint}: {said}; set metrics.listen to another address, or to null for "
            "no HTTP"
        ) from error
