"""Reaching a child.

Theory: a connect to a unix socket never takes time, it succeeds or fails at once. So it is done in the
callback that wants it, with our own non-blocking connect: event loops differ in what they make of a full
backlog (EAGAIN), some report it as connected. A full backlog, like a lack of descriptors or memory, is the
machine's shortage and not the child's fault: it is tried again, at short growing distances, until the time
is up. A connect over TCP takes time, and names may need a resolver, so it is a task; several addresses are
tried in order, each with its share of the time.

Each failure is a Loss whose detail says what was tried, what the system said, and what an administrator can
do.
"""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any, Final

from mmx.aio.access import advice, own_account, unexplained
from mmx.aio.stream import Stream
from mmx.core.action import Loss
from mmx.settings.endpoint import ChildEndpoint, InetEndpoint, UnixEndpoint, UnknownEndpoint

FIRST_PAUSE: Final = 0.005
"""Seconds before a connect that met a shortage is tried again; each further pause is longer by half."""
LONGEST_PAUSE: Final = 0.25

SHORTAGES: Final = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What passes: the child is busy, or mmx is short of something, which says nothing about the child."""

_REASONS: Final = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ECONNREFUSED: "refused",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "reset",
    errno.EAGAIN: "busy",
} | dict.fromkeys(SHORTAGES - {errno.EAGAIN}, "resources")

# What to tell of several addresses: one that refuses says more than one this machine has no way to.
_TELLING: Final = {"timeout": 0, "refused": 1}

# RFC 6761, 6.3: this name always means the loopback addresses, so no resolver is asked.
_LOCALHOST: Final = ("127.0.0.1", "::1")


class Dialling:
    """One attempt to reach a child within `within` seconds, a link wrapped around the result.

    Ends in exactly one of: the stream connects (its owner hears `connected`), `start` returns a Loss,
    `failed` is called with one, or `cancel`.
    """

    __slots__ = (
        "_deadline",
        "_endpoint",
        "_failed",
        "_is_attaching",
        "_loop",
        "_name",
        "_pause",
        "_stream",
        "_task",
        "_timer",
    )

    def __init__(
        self,
        stream: Stream,
        failed: Callable[[Loss], None],
        *,
        name: str,
        endpoint: ChildEndpoint,
        within: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._stream = stream
        self._failed = failed
        self._name = name
        self._endpoint = endpoint
        self._deadline = loop.time() + within
        self._loop = loop
        self._pause = FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_attaching = False

    def start(self) -> Loss | None:
        """Begin; a Loss if it failed already."""
        if isinstance(self._endpoint, UnknownEndpoint):
            return Loss("missing", f"where {self._name} listens is not known: {self._endpoint.reason}")
        if isinstance(self._endpoint, UnixEndpoint):
            return self._try_unix(self._endpoint)
        self._task = self._loop.create_task(self._reach(self._endpoint), name=f"dial {self._name}")
        return None

    def cancel(self) -> None:
        """Stop; neither the stream's owner nor `failed` hears anything more."""
        self._stream.abort()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None and not self._is_attaching:
            self._task.cancel()

    def _try_unix(self, endpoint: UnixEndpoint) -> Loss | None:
        sock = None
        try:
            sock = socket.socket(
                socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            sock.connect(endpoint.path)
        except OSError as error:
            if sock is not None:
                sock.close()
            if error.errno in SHORTAGES and self._loop.time() + self._pause < self._deadline:
                self._timer = self._loop.call_later(self._pause, self._try_again, endpoint)
                self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
                return None
            return explain(self._name, endpoint, error)
        self._is_attaching = True
        self._task = self._loop.create_task(self._attach(sock), name=f"attach {self._name}")
        return None

    def _try_again(self, endpoint: UnixEndpoint) -> None:
        loss = self._try_unix(endpoint)
        if loss is not None:
            self._failed(loss)

    async def _attach(self, sock: socket.socket) -> None:
        """Have the event loop watch a connected socket. Never cancelled: see Stream.start."""
        self._is_attaching = True
        make = (
            self._loop.create_unix_connection
            if sock.family == socket.AF_UNIX
            else self._loop.create_connection
        )
        try:
            await make(lambda: self._stream, sock=sock)
        except OSError as error:
            sock.close()
            self._failed(explain(self._name, self._endpoint, error))
        else:
            self._stream.start()

    async def _reach(self, endpoint: InetEndpoint) -> None:
        result = await self._connect(endpoint)
        if isinstance(result, Loss):
            self._failed(result)
        else:
            await self._attach(result)

    async def _connect(self, endpoint: InetEndpoint) -> socket.socket | Loss:
        try:
            async with asyncio.timeout(self._deadline - self._loop.time()):
                addresses = await resolve(endpoint)
        except TimeoutError:
            return Loss("timeout", f"the resolver did not find {endpoint.host} of {self._name} in time")
        except socket.gaierror as error:
            return Loss("other", f"no address for {endpoint.host} of {self._name}: {error.strerror}")
        losses: list[Loss] = []
        for number, address in enumerate(addresses):
            share = (self._deadline - self._loop.time()) / (len(addresses) - number)
            result = await self._connect_to(address, share, endpoint)
            if isinstance(result, socket.socket):
                return result
            losses.append(result)
        return min(losses, key=lambda loss: _TELLING.get(loss.reason, len(_TELLING)))

    async def _connect_to(
        self, address: "Address", within: float, endpoint: InetEndpoint
    ) -> socket.socket | Loss:
        deadline = self._loop.time() + within
        pause = FIRST_PAUSE
        while True:
            sock = None
            try:
                sock = socket.socket(
                    address[0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
                )
                async with asyncio.timeout_at(deadline):
                    await self._loop.sock_connect(sock, address[1])
            except TimeoutError:
                _close(sock)
                return Loss(
                    "timeout", f"{self._name} at {endpoint} ({address[1][0]}) does not answer to a connect"
                )
            except OSError as error:
                _close(sock)
                if error.errno not in SHORTAGES or self._loop.time() + pause >= deadline:
                    return explain(self._name, endpoint, error)
            except BaseException:
                _close(sock)
                raise
            else:
                return sock
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)


Address = tuple[socket.AddressFamily, tuple[Any, ...]]


async def resolve(endpoint: InetEndpoint) -> list[Address]:
    """The addresses of an endpoint in the order to try; at least one, or socket.gaierror."""
    hosts = _LOCALHOST if endpoint.host.rstrip(".").lower() == "localhost" else (endpoint.host,)
    try:
        return [_literal(host, endpoint.port) for host in hosts]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except UnicodeError:  # Python's own check: a label of more than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return [(family, address) for family, _, _, _, address in found]


def _literal(host: str, port: int) -> Address:
    if ipaddress.ip_address(host).version == 6:
        return socket.AF_INET6, (host, port, 0, 0)
    return socket.AF_INET, (host, port)


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()


def explain(name: str, endpoint: ChildEndpoint, error: OSError) -> Loss:
    """What a failed connect means, and what to try."""
    number = error.errno or 0
    reason = _REASONS.get(number, "other")
    said = f"{os.strerror(number)} ({errno.errorcode[number]})" if number in errno.errorcode else str(error)
    return Loss(reason, f"{name} at {endpoint}: {said}; {_advice(name, endpoint, reason)}")


def _advice(name: str, endpoint: ChildEndpoint, reason: str) -> str:
    if reason == "denied" and isinstance(endpoint, UnixEndpoint):
        account = own_account()
        return advice(name, endpoint.path, account) or unexplained(account)
    if reason == "busy":
        return f"{name} accepts connections too slowly: its backlog is full"
    if reason == "resources":
        return "mmx is short of descriptors (LimitNOFILE), or this machine of memory"
    if reason == "missing":
        return f"is {name} running, and is this the path it listens on?"
    if reason == "refused":
        return f"is {name} running, and does it listen here?"
    return f"is {name} reachable from this machine?"
