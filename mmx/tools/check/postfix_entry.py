"""The lists of milters of Postfix, entry by entry, and which entry is mmx.

An entry is an endpoint, or one with settings of its own in braces: `{ inet:host:port, default_action=accept
}`. Which socket a path means depends on the service: without a leading slash it is below the queue directory;
with one it is too where the service runs in the chroot, which is the queue directory, and else it is the path
of the host.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from mmx.errors import InvalidValueError
from mmx.settings.endpoint import Endpoint, InetEndpoint, UnixEndpoint, parse_endpoint, same_place
from mmx.tools.check.host import HostView
from mmx.tools.check.postfix_look import Place, PostfixView, Service
from mmx.tools.install.postfix import ENTRY, MILTER

PUBLIC: Final = frozenset({"smtp", "25", "smtpd", "submission", "587", "smtps", "submissions", "465"})
"""Services that take mail from outside; others may be for mail that comes back from a content filter."""

_UNIX: Final = ("unix", "local")


@dataclass(frozen=True, slots=True)
class Entry:
    """One milter of a list; `options` are the settings of its own."""

    endpoint: str
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if not self.options:
            return self.endpoint
        return "{ " + ", ".join([self.endpoint, *(f"{name}={value}" for name, value in self.options)]) + " }"

    def meant(self, service: Service, queue: str) -> Endpoint | None:
        """The socket that the entry means to this service; None if it is no endpoint."""
        scheme, _, path = self.endpoint.partition(":")
        if scheme in _UNIX:
            below = service.chroot or not path.startswith("/")
            return _endpoint(f"unix:{queue}/{path.lstrip('/')}" if below else f"unix:{path}")
        return _endpoint(self.endpoint)


def entries(value: str) -> list[Entry]:
    """The entries of a list with its `$` put in."""
    return [_entry(text) for text in ENTRY.findall(value)]


def _entry(text: str) -> Entry:
    if not text.startswith("{"):
        return Entry(text)
    endpoint, *rest = text.strip("{}").replace(",", " ").split() or [""]
    pairs = [word.partition("=") for word in " ".join(rest).replace(" = ", "=").split()]
    return Entry(endpoint, tuple((name, value) for name, _, value in pairs))


def joined(several: Iterable[Entry]) -> str:
    """The list as it stands in main.cf."""
    return ", ".join(map(str, several))


@dataclass(frozen=True, slots=True)
class Ears:
    """Where mmx and its children listen, to compare entries with."""

    queue: str
    mmx: tuple[Endpoint, ...]
    children: tuple[tuple[str, Endpoint], ...]

    @property
    def right(self) -> str:
        """What an entry of mmx should say."""
        below = [
            f"unix:{PurePosixPath(place.path).relative_to(self.queue)}"
            for place in self.mmx
            if isinstance(place, UnixEndpoint) and PurePosixPath(place.path).is_relative_to(self.queue)
        ]
        inet = [str(place) for place in self.mmx if isinstance(place, InetEndpoint)]
        return next(iter([*below, *inet, *map(str, self.mmx)]), MILTER)

    def hears(self, entry: Entry, service: Service) -> bool:
        """Whether this entry of this service reaches mmx."""
        meant = entry.meant(service, self.queue)
        return meant is not None and any(same_place(meant, place) for place in self.mmx)

    def child(self, entry: Entry, services: Sequence[Service]) -> str:
        """The child that the entry means; "" if it is none."""
        meant = [entry.meant(service, self.queue) for service in services]
        for name, place in self.children:
            if any(one is not None and same_place(one, place) for one in meant):
                return name
        return ""

    def is_mmx(self, entry: Entry, services: Sequence[Service]) -> bool:
        """Whether the entry reaches mmx or is meant to: a path of the same name, the same port."""
        return self._looks_so(entry) or any(self.hears(entry, service) for service in services)

    def _looks_so(self, entry: Entry) -> bool:
        scheme, _, path = entry.endpoint.partition(":")
        if scheme in _UNIX:
            names = {PurePosixPath(place.path).name for place in self.mmx if isinstance(place, UnixEndpoint)}
            return PurePosixPath(path).name in names | {PurePosixPath(MILTER).name}
        meant = _endpoint(entry.endpoint)
        ports = {place.port for place in self.mmx if isinstance(place, InetEndpoint)}
        return isinstance(meant, InetEndpoint) and meant.port in ports


def ears(view: HostView, postfix: PostfixView) -> Ears:
    """Where mmx and its children listen on this host."""
    return Ears(postfix.value("queue_directory"), view.listeners, view.children)


def lists(postfix: PostfixView) -> Iterator[Place]:
    """Every list of milters that holds for some service."""
    yield from postfix.places("smtpd_milters", "smtpd")
    yield from postfix.places("non_smtpd_milters", "cleanup")


def is_local(service: Service) -> bool:
    """Whether only this host can speak to the service: its name begins with a loopback address."""
    host = service.name.rpartition(":")[0].strip("[]")
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _endpoint(text: str) -> Endpoint | None:
    try:
        return parse_endpoint(text)
    except InvalidValueError:
        return None
