"""Tests of the connection: who the client is, and by which way it came. All are known at CONNECT.

The name of a client counts only if the MTA has verified it, which means that it leads back to the address.
Postfix sends `unknown` for any other, Sendmail the address in brackets; both are no name here. If a name
server did not answer, which the macro {client_resolve} tells, it is not known whether there is a name.

`local` and `remote` are opposites. A client whose address is not known is neither for certain; one that has
none, on a unix socket, is local.
"""

from abc import abstractmethod
from typing import Final

from mmx.core.condition import Facts, Point, Truth
from mmx.core.leaf import Finding, Leaf, unknown, yes_or_no
from mmx.core.networks import UNIX, Networks, client_address
from mmx.core.patterns import Patterns, plain
from mmx.core.s25r import rule_of
from mmx.wire.payload import Connection

RESOLVE: Final = b"client_resolve"
_TEMPORARY: Final = b"TEMP"
_WEIGHT: Final = {Truth.NO: 0, Truth.UNKNOWN: 1, Truth.OPEN: 2}
_NO_ANSWER: Final = "the name server did not answer"
_NO_NAME: Final = "no verified name"


def verified_name(client: Connection) -> bytes | None:
    """The client's name in small letters, if the MTA found that it leads back to the address."""
    name = plain(client.hostname)
    if not name or name == b"unknown" or name[:1] == b"[" or b":" in name:
        return None
    if name == client.address.lower() or name.rpartition(b".")[2].isdigit():
        return None
    return name


class _OfClient(Leaf):
    """A test of the client itself."""

    __slots__ = ()

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        if facts.client is None:
            return unknown(facts, Point.HELO, "no client")
        return self.look_at(facts.client, facts)

    @abstractmethod
    def look_at(self, client: Connection, facts: Facts, /) -> Finding:
        """What it makes of the client."""


class _OfAddress(_OfClient):
    """A test of the client's address against lists of networks."""

    __slots__ = ("_complete", "_networks")

    def __init__(self, networks: tuple[Networks, ...], *, complete: bool = True) -> None:
        self._networks = networks
        self._complete = complete
        """False if there may be more networks, which nobody could read."""

    def listed(self, client: Connection) -> Finding:
        """Whether one of the lists has the address."""
        address = client_address(client)
        if address is None:
            return Truth.UNKNOWN, client.address, "no client address"
        for networks in self._networks:
            network = networks.find(address)
            if network is not None:
                return Truth.YES, client.address, f"is in {network}"
        if not self._complete:
            return Truth.UNKNOWN, client.address, "may be in a list that cannot be read"
        return Truth.NO, client.address, "is in no network of the list"


class Client(_OfAddress):
    """`client`: the address is in one of the networks."""

    __slots__ = ()
    label = "client"

    def look_at(self, client: Connection, _facts: Facts, /) -> Finding:
        if client.family == UNIX:
            return Truth.NO, b"", "on a unix socket"
        return self.listed(client)


class Local(_OfAddress):
    """`local`: loopback, a unix socket, or one of the networks."""

    __slots__ = ()
    label = "local"

    def look_at(self, client: Connection, _facts: Facts, /) -> Finding:
        if client.family == UNIX:
            return Truth.YES, b"", "on a unix socket"
        address = client_address(client)
        if address is not None and address.is_loopback:
            return Truth.YES, client.address, "is loopback"
        return self.listed(client)


class ClientName(_OfClient):
    """`client_name`: the verified name is in the list."""

    __slots__ = ("_names",)
    label = "client_name"

    def __init__(self, names: Patterns) -> None:
        self._names = names

    def look_at(self, client: Connection, facts: Facts, /) -> Finding:
        name = verified_name(client)
        if name is None:
            if facts.macros.get(RESOLVE) == _TEMPORARY:
                return Truth.UNKNOWN, b"", _NO_ANSWER
            return Truth.NO, b"", _NO_NAME
        return in_list(name, self._names)


def in_list(name: bytes, names: Patterns) -> Finding:
    """Whether a name is in a list, and by which entry."""
    entry = names.find(name)
    if entry is None:
        return Truth.NO, name, "is not in the list"
    return Truth.YES, name, "is in the list" if entry == name else f"matches {entry.decode(errors='replace')}"


class S25r(_OfClient):
    """`s25r`: the name looks like that of a dial-up line. The list `allow` goes before `deny`."""

    __slots__ = ("_allow", "_deny")
    label = "s25r"

    def __init__(self, allow: Patterns, deny: Patterns) -> None:
        self._allow = allow
        self._deny = deny

    def look_at(self, client: Connection, facts: Facts, /) -> Finding:
        if client.family == UNIX:
            return Truth.NO, b"", "on a unix socket"
        name = verified_name(client)
        if name is None and facts.macros.get(RESOLVE) == _TEMPORARY:
            return Truth.UNKNOWN, b"", _NO_ANSWER
        if name is not None and self._allow.find(name) is not None:
            return Truth.NO, name, "is allowed"
        if name is not None and self._deny.find(name) is not None:
            return Truth.YES, name, "is denied"
        rule = rule_of(name)
        return yes_or_no(rule is not None, name or b"", rule or "", "satisfies no rule")


class Listener(Leaf):
    """`listener`: the MTA came by one of these."""

    __slots__ = ("_names",)
    label = "listener"

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        name = facts.listener
        return yes_or_no(name in self._names, name.encode(), "is in the list", "is not in the list")


class Stressed(Leaf):
    """`stressed`: many sessions were open when this one began."""

    __slots__ = ()
    label = "stressed"

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        return yes_or_no(facts.stressed, b"", "many sessions are open", "few sessions are open")


class DnsList(Leaf):
    """`dnsbl`: one of the lists has the client's address."""

    __slots__ = ("_zones",)
    label = "dnsbl"

    def __init__(self, zones: tuple[str, ...]) -> None:
        self._zones = zones

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        """A list that has not answered may still say yes; one that never will leaves it unknown."""
        worst: Finding = (Truth.NO, b"", "in none of the lists")
        for zone in self._zones:
            answer = facts.listed.get(zone, Truth.OPEN)
            if answer is Truth.YES:
                return Truth.YES, b"", f"in {zone}"
            if _WEIGHT[answer] > _WEIGHT[worst[0]]:
                worst = (answer, b"", f"no answer from {zone}")
        return worst
