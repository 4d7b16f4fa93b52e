"""What the HTTP server answers, apart from sockets: requests, responses, and the table of pages.

A page is a function of a request, found by its exact path. Whatever goes out, errors too, carries the same
headers: a browser runs no script of it, shows it in no frame, keeps no copy and guesses no type. The pages
have no secrets and change nothing, but a loopback address alone does not protect them: a page of another
site can have its own name point at 127.0.0.1 and read the answer. Hence the Host of a request must be one by
which this server is known: a loopback name or address, the address listened on, the one connected to, or one
of `metrics.hosts`.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from mmx.settings.endpoint import is_loopback

PLAIN: Final = "text/plain; charset=utf-8"
METHODS: Final = ("GET", "HEAD")

HEADERS: Final[tuple[tuple[str, str], ...]] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
"""On every response."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a page may know of a request. Everything in it is the client's word."""

    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name; of several with one name the last."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; `headers` come beside HEADERS and those that the body asks for."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    content_type: str = PLAIN
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Response]
Routes = Mapping[str, Handler]


def error(status: int, text: str = "", *headers: tuple[str, str]) -> Response:
    """An answer that says what is wrong."""
    phrase = HTTPStatus(status).phrase
    return Response(status, f"{status} {phrase}{': ' if text else ''}{text}\n".encode(), headers=headers)


def respond(routes: Routes, method: str, target: str, headers: Mapping[str, str], hosts: "Hosts") -> Response:
    """The answer to a request without a body."""
    target, named = _split(target)
    host = named or headers.get("host")
    if host is not None and not hosts.fits(host):
        return error(HTTPStatus.MISDIRECTED_REQUEST, "no host of that name here; metrics.hosts adds names")
    if method not in METHODS:
        return error(HTTPStatus.METHOD_NOT_ALLOWED, "", ("Allow", ", ".join(METHODS)))
    path, _, query = target.partition("?")
    handler = routes.get(path)
    if handler is None:
        return error(HTTPStatus.NOT_FOUND)
    return handler(Request(path, query, headers))


def _split(target: str) -> tuple[str, str]:
    """The path, and the host of a target in absolute form."""
    if not target.lower().startswith("http://"):
        return target, ""
    host, _, path = target[len("http://") :].partition("/")
    return f"/{path}", host


class Hosts:
    """The names by which one connection may ask: `listen` is the host listened on, `local` the address that
    the client has connected to.
    """

    __slots__ = ("_names",)

    def __init__(self, listen: str, local: str, more: tuple[str, ...]) -> None:
        self._names = frozenset(_plain(name) for name in ("localhost", listen, local, *more) if name)

    def fits(self, host: str) -> bool:
        """Whether a Host field names this server; its port does not matter."""
        name = _plain(_without_port(host))
        return name in self._names or is_loopback(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        inside, bracket, port = host[1:].partition("]")
        return inside if bracket and (not port or port[:1] == ":") else ""
    return host.partition(":")[0]


def _plain(name: str) -> str:
    """One spelling for each name: addresses in short form, names in lower case without the last dot."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().removesuffix(".")
