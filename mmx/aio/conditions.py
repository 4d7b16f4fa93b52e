"""The conditions of the settings as the core asks them, and what they need to be answered.

Each named condition is made once and shared by all that name it. Lists become sets and tables here, so that a
session only looks things up. What a condition needs is told beside it: the macros that the MTA must be asked
for, and the DNS lists to look the client up in; only conditions of children in the chain count.

Names of domains outside ASCII are compared in both of their forms, since either may come from the network.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

from mmx.core import client_tests, message_tests
from mmx.core.condition import Condition as CoreCondition
from mmx.core.condition import Facts, Point, Truth
from mmx.core.joints import All, Any, Named, Not, Part
from mmx.core.networks import Networks
from mmx.core.patterns import Patterns
from mmx.settings import mta_macros
from mmx.settings.condition_walk import leaves_of, own_conditions, when_condition
from mmx.settings.conditions import KINDS
from mmx.settings.entries import DOMAINS, FILE, NETWORKS
from mmx.settings.model import Condition, Settings
from mmx.wire import option


@dataclass(frozen=True, slots=True)
class LocalNetworks:
    """Networks whose clients are local, in order, each perhaps an exception; and what could not be read."""

    networks: tuple[tuple[str, bool], ...] = ()
    unread: tuple[str, ...] = ()


NO_NETWORKS: Final = LocalNetworks()

_STAGES: Final = {
    mta_macros.CONNECT: (option.STAGE_CONNECT, Point.CONNECT),
    mta_macros.HELO: (option.STAGE_HELO, Point.MAIL),
    mta_macros.MAIL: (option.STAGE_MAIL, Point.MAIL),
    mta_macros.END: (option.STAGE_EOM, Point.EOM),
}
"""Stage to ask for a macro at, and the event at which it is known not to come: TLS may begin after a HELO."""

_NEEDED: Final = {
    "authenticated": ("{auth_type}", "{auth_authen}"),
    "unauthenticated": ("{auth_type}", "{auth_authen}"),
    "s25r": ("{client_resolve}",),
    "client_name": ("{client_resolve}",),
}


@dataclass(frozen=True, slots=True)
class When:
    """The condition of a child. Two are equal if the settings that they were made of are: a reload tells."""

    source: object
    part: Part = field(compare=False)

    @property
    def per_recipient(self) -> bool:
        """True if a test in it is about one recipient."""
        return self.part.per_recipient

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        """What it makes of the facts."""
        return self.part.truth(facts, recipient, negated=negated)

    def why(self, facts: Facts, recipient: bytes | None) -> str:
        """The part that decided."""
        return self.part.why(facts, recipient)


class Compiler:
    """Makes conditions of one version of the settings."""

    def __init__(self, settings: Settings, local: LocalNetworks) -> None:
        self._settings = settings
        self._local = local
        self._own = own_conditions(settings)
        self._tables = {(table.kind, FILE + table.path): table.entries for table in settings.tables}
        self._made: dict[str, Part] = {}
        self._shipped: dict[str, Callable[[], Part]] = {
            "authenticated": message_tests.Authenticated,
            "unauthenticated": lambda: Not(message_tests.Authenticated()),
            "local": self._is_local,
            "remote": lambda: Not(self._is_local()),
            "s25r": self._s25r,
            "trusted_domain": self._trusted_domain,
            "stressed": client_tests.Stressed,
            "calm": lambda: Not(client_tests.Stressed()),
            "dnsbl": lambda: client_tests.DnsList(settings.dnsbl.zones),
        }

    def when(self, words: tuple[str, ...]) -> CoreCondition | None:
        """What `when` stands for; None if it says nothing."""
        return When(self._source(words), self._part(when_condition(words))) if words else None

    def trusted_domain(self) -> CoreCondition | None:
        """What gives children the macro {trusted_domain}; None if no domain is trusted."""
        return self._trusted_domain() if self._settings.trusted_domains else None

    def macros(self, words: Iterable[str]) -> dict[int, tuple[bytes, ...]]:
        """Stage to names: what the MTA must send for these conditions to be answered."""
        stages: dict[int, dict[bytes, None]] = {}
        for test in self._tests(words):
            names = (test.values[0],) if test.test == "macro" else _NEEDED.get(_label(test), ())
            for name in names:
                stage, _ = _STAGES[mta_macros.mta_macro(name).stage]
                stages.setdefault(stage, {})[name.encode()] = None
        return {stage: tuple(names) for stage, names in sorted(stages.items())}

    def missing(self, words: Iterable[str]) -> tuple[str, ...]:
        """What of the local networks these conditions need and nobody could read."""
        asked = any(_label(test) in {"local", "remote"} for test in self._tests(words))
        return self._local.unread if asked and self._settings.local_networks is None else ()

    def dns_lists(self, words: Iterable[str]) -> tuple[str, ...]:
        """The DNS lists that these conditions ask, as they are written."""
        zones: dict[str, None] = {}
        for test in self._tests(words):
            if _label(test) == "dnsbl":
                zones |= dict.fromkeys(test.values if test.test == "dnsbl" else self._settings.dnsbl.zones)
        return tuple(zones)

    def _source(self, words: tuple[str, ...]) -> object:
        """All that a condition is made of."""
        settings, labels = self._settings, {_label(test) for test in self._tests(words)}
        used = {value for test in self._tests(words) for value in test.values}
        return (
            words,
            settings.conditions if {word.removeprefix("not ") for word in words} & self._own.keys() else (),
            (settings.local_networks, self._local) if labels & {"local", "remote"} else (),
            settings.s25r if "s25r" in labels else (),
            settings.trusted_domains if "trusted_domain" in labels else (),
            settings.dnsbl.zones if "dnsbl" in labels else (),
            tuple(table for table in settings.tables if FILE + table.path in used),
        )

    def _tests(self, words: Iterable[str]) -> Iterator[Condition]:
        return leaves_of(when_condition(words), self._own)

    # Parts.

    def _part(self, condition: Condition) -> Part:
        if condition.test == "named":
            return self._named(condition.values[0])
        if condition.test == "not":
            return Not(self._part(condition.parts[0]))
        if condition.test in {"all", "any"}:
            parts = [self._part(part) for part in condition.parts]
            if len(parts) == 1:
                return parts[0]
            return All(parts) if condition.test == "all" else Any(parts)
        return self._test(condition)

    def _named(self, name: str) -> Part:
        if name not in self._made:
            own = self._own.get(name)
            self._made[name] = self._shipped[name]() if own is None else Named(name, self._part(own))
        return self._made[name]

    def _test(self, condition: Condition) -> Part:
        test, values = condition.test, condition.values
        name, texts = values[0], values[1:]
        if test == "client":
            return client_tests.Client(self._networks(values))
        if test == "client_name":
            return client_tests.ClientName(self._domains(values))
        if test == "helo":
            return message_tests.Helo(self._domains(values))
        if test == "listener":
            return client_tests.Listener(frozenset(values))
        if test == "dnsbl":
            return client_tests.DnsList(values)
        if test == "size_above":
            return message_tests.SizeAbove(int(name))
        if test == "header":
            return message_tests.Header(name.encode(), _globs(texts))
        if test == "macro":
            _, due = _STAGES[mta_macros.mta_macro(name).stage]
            return message_tests.Macro(name.strip("{}").encode(), _globs(texts), due)
        return _OF_ADDRESSES[test](test, self._addresses(test, values))

    def _is_local(self) -> Part:
        told = self._settings.local_networks
        if told is not None:
            return client_tests.Local(self._networks(told))
        rows = ((ip_network(text), listed) for text, listed in self._local.networks)
        return client_tests.Local((Networks(rows),), complete=not self._local.unread)

    def _s25r(self) -> Part:
        lists = self._settings.s25r
        return client_tests.S25r(self._domains(lists.allow), self._domains(lists.deny))

    def _trusted_domain(self) -> Part:
        domains = message_tests.Domains(self._domains(self._settings.trusted_domains))
        return message_tests.Sender("trusted_domain", domains)

    # Lists.

    def _addresses(self, test: str, values: tuple[str, ...]) -> message_tests.AddressList:
        if KINDS[test] == DOMAINS:
            return message_tests.Domains(self._domains(values))
        return message_tests.Addresses(tuple(_forms(self._entries(KINDS[test], values))))

    def _domains(self, values: tuple[str, ...]) -> Patterns:
        return Patterns(_forms(self._entries(DOMAINS, values)), domains=True)

    def _networks(self, values: tuple[str, ...]) -> tuple[Networks, ...]:
        """One table for what is written out, and one for each file, whose order counts."""
        lists = [[(value, True) for value in values if not value.startswith(FILE)]]
        lists += [list(self._tables[NETWORKS, value]) for value in values if value.startswith(FILE)]
        return tuple(Networks((ip_network(text), listed) for text, listed in rows) for rows in lists if rows)

    def _entries(self, kind: str, values: tuple[str, ...]) -> Iterator[str]:
        for value in values:
            if value.startswith(FILE):
                yield from (text for text, _ in self._tables[kind, value])
            else:
                yield value


_OF_ADDRESSES: Final[dict[str, Callable[[str, message_tests.AddressList], Part]]] = {
    "sender": message_tests.Sender,
    "sender_domain": message_tests.Sender,
    "recipient": message_tests.Recipient,
    "recipient_domain": message_tests.Recipient,
    "every_recipient": message_tests.EveryRecipient,
    "every_recipient_domain": message_tests.EveryRecipient,
}


def _label(test: Condition) -> str:
    return test.values[0] if test.test == "named" else test.test


def _globs(texts: Iterable[str]) -> Patterns:
    return Patterns(text.encode() for text in texts)


def _forms(texts: Iterable[str]) -> Iterator[bytes]:
    """Each entry in UTF-8 and, if its domain has another form in ASCII, in that."""
    for text in map(str.lower, texts):
        yield text.encode()
        if not text.isascii():
            local, at, domain = text.rpartition("@")
            try:
                yield local.encode() + at.encode() + domain.encode("idna")
            except UnicodeError:
                continue
