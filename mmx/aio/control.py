"""The control socket: how `mmx status` and the other commands reach the daemon.

    server  {"mmx": "0.1.0", "protocol": 1, "pid": 4711}
    client  {"do": "disable", "child": "clamav-milter", "seconds": 600}
    server  {"event": ...}                                   any number
    server  {"result": ...}   or   {"error": "what and what to do", "status": 69}

One JSON object a line, one request a connection; `status` is the exit status that the error is worth. What a
request does is not known here: `Commands` maps its word to a coroutine, which may send events before its
result.

Theory: the socket has mode 0600, and whoever connects is asked for all the same (SO_PEERCRED): root and the
user mmx runs as are served, others are refused with a reason. Requests are as long as REQUEST_LIMIT at most,
connections as many as MOST; the wait for a request, and the wait until a client takes what it is sent, have
an end. A client that goes away ends what it asked for. This is the only part of the daemon that has a task
for each connection: its traffic is that of a person.

Mail does not depend on it: if the socket cannot be made, that is a warning, and the next reload tries again.
"""

import asyncio
import contextlib
import json
import logging
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from mmx import __version__
from mmx.aio.listener import Access, Listener, bind_unix
from mmx.errors import EX_NOPERM, EX_SOFTWARE, EX_TEMPFAIL, EX_USAGE, InvalidValueError, MmxError

PROTOCOL: Final = 1
"""Changes when a client of before would misunderstand."""
MOST: Final = 16
"""Connections at a time."""
REQUEST_LIMIT: Final = 4096
"""Bytes of a request."""
REQUEST_TIME: Final = 10.0
"""Seconds that a client has to send its request."""
TAKE_TIME: Final = 30.0
"""Seconds that a client may leave what it is sent."""

_BACKLOG: Final = 16
_CREDENTIALS: Final = struct.Struct("3i")

_log = logging.getLogger(__name__)


class Client:
    """Who asks, and the way to send it something."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        connection = writer.get_extra_info("socket")
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        self.uid: int = _CREDENTIALS.unpack(told)[1]

    @property
    def may_ask(self) -> bool:
        """Root, and the user that mmx runs as."""
        return self.uid in (0, os.geteuid())

    @property
    def who(self) -> str:
        """For the log."""
        return f"{user_name(self.uid)} (uid {self.uid})"

    async def event(self, value: object) -> None:
        """Send something before the result."""
        await self.events([value])

    async def events(self, values: list[Any]) -> None:
        """Send several, each on its line."""
        self._writer.writelines(_line({"event": value}) for value in values)
        await self._taken()

    async def end(self, **said: object) -> None:
        """Send the last line."""
        self._writer.write(_line(said))
        await self._taken()

    async def _taken(self) -> None:
        async with asyncio.timeout(TAKE_TIME):
            await self._writer.drain()

    def hello(self) -> None:
        """Send the first line."""
        self._writer.write(_line({"mmx": __version__, "protocol": PROTOCOL, "pid": os.getpid()}))


Request = Mapping[str, Any]
Command = Callable[[Request, Client], Awaitable[object]]
Commands = Mapping[str, Command]
"""The word of a request to what it does; the result must be JSON. Raises MmxError for the client to read."""


class ControlSocket:
    """The listener and its connections."""

    def __init__(self, commands: Commands, loop: asyncio.AbstractEventLoop) -> None:
        self._commands = commands
        self._loop = loop
        self._path: str | None = None
        self._listener: Listener | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def change(self, path: str | None) -> None:
        """Listen there from now on; None: nowhere."""
        if self._listener is not None and path == self._path and self._listener.is_in_place:
            return
        former, self._listener, self._path = self._listener, None, path
        if former is not None:
            former.close()
        if path is None:
            return
        try:
            sock = bind_unix(path, Access(0o600, None), "control_socket")
            listener = Listener("control", path, [sock], owned_path=path)
            listener.serve(self._new_connection, _BACKLOG)
        except MmxError as error:
            _log.warning("no control socket, so `mmx status` and the like cannot work: %s", error)
            return
        self._listener = listener
        _log.info("control socket at %s", path)

    def close(self) -> None:
        """End everything."""
        self.change(None)
        for task in self._tasks:
            task.cancel()

    def _new_connection(self, _listener: str) -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader(limit=REQUEST_LIMIT, loop=self._loop)
        return asyncio.StreamReaderProtocol(reader, self._connected, loop=self._loop)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer), name="control connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, Client(writer))
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client has gone, is too slow, or mmx stops
        except Exception:  # noqa: BLE001 - a fault of ours must not disturb the mail
            _log.exception("internal error in a control connection")
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, client: Client) -> None:
        client.hello()
        if not client.may_ask:
            _log.warning("control socket: %s was refused", client.who)
            text = f"user {user_name(client.uid)} may not: be root or {user_name(os.geteuid())}"
            await client.end(error=text, status=EX_NOPERM)
            return
        if len(self._tasks) > MOST:
            text = f"{MOST} control connections are open; try again when one has ended"
            await client.end(error=text, status=EX_TEMPFAIL)
            return
        try:
            async with asyncio.timeout(REQUEST_TIME):
                request = _parse(await reader.readline())
            command = self._find(request)
        except ValueError as error:
            await client.end(error=str(error), status=EX_USAGE)
            return
        await self._carry_out(command, request, reader, client)

    def _find(self, request: Request) -> Command:
        word = request.get("do")
        if not isinstance(word, str) or word not in self._commands:
            raise ValueError(f"no such request; known are {', '.join(self._commands)}")
        return self._commands[word]

    async def _carry_out(
        self, command: Command, request: Request, reader: asyncio.StreamReader, client: Client
    ) -> None:
        """Until it is done or the client has gone: whatever a client sends now ends it."""
        work = self._loop.create_task(_outcome(command, request, client), name="control request")
        gone = self._loop.create_task(reader.read(1), name="control client")
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await client.end(**work.result())
        finally:
            for task in (work, gone):
                task.cancel()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.gather(work, gone, return_exceptions=True)


async def _outcome(command: Command, request: Request, client: Client) -> dict[str, object]:
    try:
        return {"result": await command(request, client)}
    except MmxError as error:
        return {"error": str(error), "status": error.exit_code}
    except (OSError, TimeoutError):
        raise  # of the connection
    except Exception:  # noqa: BLE001 - a fault of ours must not disturb the mail
        _log.exception("internal error in a control request")
        return {"error": "internal error in mmx; its log has the traceback", "status": EX_SOFTWARE}


def _parse(line: bytes) -> Request:
    """A request; raises ValueError."""
    if not line.endswith(b"\n"):
        raise ValueError(f"a request is one line of at most {REQUEST_LIMIT} bytes")
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("the request is no JSON") from None
    if not isinstance(request, dict):
        raise ValueError('the request is no JSON object, such as {"do": "status"}')
    return request


def number(request: Request, key: str, least: float, most: float) -> float | None:
    """A number of a request, None if it is not there; raises InvalidValueError."""
    value = request.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidValueError(f"{key} is not a number from {least:g} to {most:g}")
    return float(value)


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def user_name(uid: int) -> str:
    """The name of a user, or the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
