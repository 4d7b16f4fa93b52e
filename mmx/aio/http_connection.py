"""One HTTP connection: h11 reads and writes, this drives it.

Theory: requests are answered one by one, each in the callback that completes it, and a connection that has
sent several at once gets one answer in a turn of the event loop, so that mail goes on in between. While the
client does not take its answers nothing more is read.

Every state has an end. A request, from its first byte, and an answer that is being taken have
`request_timeout`; a connection between requests has `idle_timeout`. Bytes that trickle in move none of these.
The head of a request has at most LONGEST_HEAD bytes. A request with a body is refused from its head, so a
body is never read. After a refusal the connection is half closed and what still comes is thrown away for a
moment: closed at once, the client's unread bytes would make the kernel take the answer back.
"""

import asyncio
import logging
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, Protocol, cast

import h11

from mmx.aio.http import HEADERS, Hosts, Response, Routes, error, respond
from mmx.settings.model import MetricsSettings

LONGEST_HEAD: Final = 16 << 10
"""Bytes of the request line and the header fields."""
LONGEST_TEXT: Final = 200
"""Characters of what h11 says of a request that is none."""
LINGER: Final = 1.0
"""Seconds that the client has to read a refusal."""

_log = logging.getLogger(__name__)


class Server(Protocol):
    """What a connection needs of the server."""

    @property
    def settings(self) -> MetricsSettings: ...

    @property
    def routes(self) -> Routes: ...

    def opened(self, connection: "HttpConnection") -> bool:
        """Note a new connection; False if it is one too many."""

    def closed(self, connection: "HttpConnection") -> None: ...


class HttpConnection(asyncio.Protocol):
    """The protocol of one accepted connection."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        self._request: h11.Request | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = self._over = self._ended = False
        self._next: asyncio.Handle | None = None
        self.idle = True
        """Between requests: it may be closed to make room for another connection."""

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is no subclass.
        self._transport = cast("asyncio.Transport", transport)
        settings = self._server.settings
        local = transport.get_extra_info("sockname")
        listen = settings.listen.host if settings.listen is not None else ""
        address = str(local[0]) if isinstance(local, tuple) else ""
        self._hosts = Hosts(listen, address, settings.hosts)
        self._arm(settings.idle_timeout)
        if not self._server.opened(self):
            # Not here: uvloop closes the socket twice when the connection ends before this returns.
            self._next = self._loop.call_soon(self._turn_away)

    def _turn_away(self) -> None:
        self._next = None
        self._refuse(error(HTTPStatus.SERVICE_UNAVAILABLE, "metrics.max_connections are open"))

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self.idle:
            self.idle = False
            self._arm(self._server.settings.request_timeout)
        self._h11.receive_data(data)
        if self._next is None:
            self._read()

    def eof_received(self) -> bool:
        if not self._over and not self._ended:
            self._ended = True
            self._h11.receive_data(b"")
            if self._next is None:
                self._read()
        elif self._over:
            self.close()
        return True

    def pause_writing(self) -> None:
        self._blocked = True
        self._pause_reading()
        if not self._over:
            self._arm(self._server.settings.request_timeout)

    def resume_writing(self) -> None:
        self._blocked = False
        if not self._over:
            self._wait()

    def connection_lost(self, _: Exception | None) -> None:
        self._over = True
        self._transport = None
        for handle in (self._timer, self._next):
            if handle is not None:
                handle.cancel()
        self._server.closed(self)

    # Reading.

    def _read(self) -> None:
        """Go on to the next answer, or to where more must come."""
        while not self._over and not self._blocked:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as problem:
                self._refuse(error(problem.error_status_hint, str(problem)[:LONGEST_TEXT]))
                return
            if isinstance(event, h11.Request):
                self._request = event
                if _has_body(event):
                    self._refuse(
                        error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no request may have a body here")
                    )
            elif isinstance(event, h11.EndOfMessage):
                self._answer()
                return
            else:  # NEED_DATA, or the end of the connection
                if event is not h11.NEED_DATA or self._ended:
                    self.close()
                return

    def _answer(self) -> None:
        request = self._request
        if request is None:
            self.close()
            return
        self._send(self._respond(request))
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            self.close()
            return
        self._h11.start_next_cycle()
        self._request = None
        if not self._blocked:
            self._wait()

    def _respond(self, request: h11.Request) -> Response:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
        try:
            return respond(self._server.routes, method, target, headers, self._hosts)
        except Exception:  # noqa: BLE001 - a fault in a page must end in an answer and leave mail alone
            _log.exception("internal error in an HTTP page")
            return error(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _wait(self) -> None:
        """An answer is given and taken: the next request may be here already, or be waited for."""
        if self._h11.trailing_data[0] or self._ended:
            self._arm(self._server.settings.request_timeout)
            self._pause_reading()
            self._next = self._loop.call_soon(self._go_on)
        else:
            self.idle = True
            self._arm(self._server.settings.idle_timeout)
            self._resume_reading()

    def _go_on(self) -> None:
        self._next = None
        if not self._over:
            self._resume_reading()
            self._read()

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    # Writing.

    def _send(self, response: Response) -> None:
        if self._transport is None:
            return
        fields = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            *HEADERS,
            *response.headers,
        ]
        if self._h11.their_state is not h11.DONE:
            fields.append(("Connection", "close"))
        head = h11.Response(status_code=response.status, headers=fields, reason=_phrase(response.status))
        out = [self._h11.send(head)]
        if self._request is None or self._request.method != b"HEAD":
            out.append(self._h11.send(h11.Data(data=response.body)))
        out.append(self._h11.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in out if part))

    def _refuse(self, response: Response) -> None:
        """Answer what cannot be gone on from, and close once the client has had time to read it."""
        if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(response)
        self._over = True
        self._arm(LINGER)
        transport = self._transport
        if transport is not None and not self._ended and transport.can_write_eof():
            transport.write_eof()
            transport.resume_reading()
        elif transport is not None:
            transport.close()

    # The end.

    def abort(self) -> None:
        """Close at once."""
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        """The time is over: tell a client that is late with its request, drop one that takes nothing."""
        if self._over or self.idle or self._blocked or self._transport is None:
            self.abort()
        else:
            self._refuse(error(HTTPStatus.REQUEST_TIMEOUT))

    def close(self) -> None:
        """Close when everything is written, or when that takes too long."""
        self._over = True
        if self._transport is not None:
            self._arm(self._server.settings.request_timeout)
            self._transport.close()


def _has_body(request: h11.Request) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in request.headers
    )


def _phrase(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode("ascii")
