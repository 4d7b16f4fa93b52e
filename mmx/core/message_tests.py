"""Tests of the message: its user, HELO, sender, recipients, macros, header and size.

A test is OPEN until the event that tells, and has an answer from then on:

    helo                                     at HELO; at MAIL, UNKNOWN, if there was none
    authenticated, sender, sender_domain     at MAIL
    recipient, recipient_domain              at RCPT, about each recipient
    every_recipient, every_recipient_domain  at DATA
    macro                                    with the value, or when the MTA would have sent it
    header                                   YES as soon as one fits, NO at the end of the header
    size_above                               YES as soon as it is exceeded, NO at the end of the message

A size that the client declares (SIZE= of MAIL) is a promise: it may show a message to a child early, but
keeps none from it, so it does not count below a `not`.
"""

from typing import Final

from mmx.core.client_tests import in_list
from mmx.core.condition import Facts, Point, Truth
from mmx.core.leaf import OPEN, Finding, Leaf, unknown, yes_or_no
from mmx.core.mailbox import Mailbox, parse_mailbox
from mmx.core.patterns import Patterns, plain

USER: Final = b"auth_authen"
MECHANISM: Final = b"auth_type"
NULL_SENDER: Final = b"<>"
_SIZE: Final = b"SIZE="
_MOST_DIGITS: Final = 20
_ROUTED: Final = "only the MTA knows where this leads"
_DOMAIN_ONLY: Final = b"*@"


class Authenticated(Leaf):
    """`authenticated`: the client has logged in (AUTH)."""

    __slots__ = ()
    label = "authenticated"

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        if facts.point < Point.MAIL:
            return OPEN
        user = facts.macros.get(USER)
        if user or facts.macros.get(MECHANISM):
            return Truth.YES, user or b"", "has logged in"
        if USER in facts.sent_macros or MECHANISM in facts.sent_macros:
            return Truth.NO, b"", "no login"
        return Truth.UNKNOWN, b"", "the MTA sends neither {auth_authen} nor {auth_type}"


class Helo(Leaf):
    """`helo`: what the client said in HELO or EHLO."""

    __slots__ = ("_names",)
    label = "helo"

    def __init__(self, names: Patterns) -> None:
        self._names = names

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        if facts.helo is None:
            return unknown(facts, Point.MAIL, "no HELO")
        return in_list(plain(facts.helo), self._names)


class Addresses:
    """A list of addresses and patterns of them; `<>` is the null sender. `*@` before a domain costs no more
    than the domain.
    """

    __slots__ = ("_domains", "_patterns")

    def __init__(self, entries: tuple[bytes, ...]) -> None:
        whole = [entry for entry in entries if not entry.startswith(_DOMAIN_ONLY)]
        self._domains = Patterns(
            (entry.removeprefix(_DOMAIN_ONLY) for entry in entries if entry.startswith(_DOMAIN_ONLY)),
            domains=True,
        )
        self._patterns = Patterns(entry.strip().rstrip(b".") for entry in whole)

    def look_up(self, mailbox: Mailbox) -> Finding:
        """Whether the address is in the list."""
        if mailbox.is_null:
            found = self._patterns.find(NULL_SENDER) is not None
            return yes_or_no(found, NULL_SENDER, "is in the list", "is not in the list")
        if self._domains.find(mailbox.domain) is not None:
            return Truth.YES, mailbox.address, "is in a domain of the list"
        return in_list(mailbox.address, self._patterns)


class Domains:
    """A list of the domains of addresses; the null sender is in none."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns

    def look_up(self, mailbox: Mailbox) -> Finding:
        """Whether the domain of the address is in the list."""
        if mailbox.is_null:
            return Truth.NO, NULL_SENDER, "has no domain"
        return in_list(mailbox.domain, self._patterns)


AddressList = Addresses | Domains


class _OfAddresses(Leaf):
    """A test of addresses; several tests of the settings share a class."""

    __slots__ = ("_addresses", "label")

    def __init__(self, label: str, addresses: AddressList) -> None:
        self.label = label
        self._addresses = addresses


class Sender(_OfAddresses):
    """`sender`, `sender_domain` and `trusted_domain`: the address of MAIL."""

    __slots__ = ()

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        if facts.point < Point.MAIL:
            return OPEN
        mailbox = parse_mailbox(facts.sender)
        if mailbox.uncertain:
            return Truth.UNKNOWN, facts.sender, _ROUTED
        return self._addresses.look_up(mailbox)


class Recipient(_OfAddresses):
    """`recipient` and `recipient_domain`: the recipient that is asked about."""

    __slots__ = ()

    @property
    def per_recipient(self) -> bool:
        return True

    def look(self, _facts: Facts, recipient: bytes | None, _negated: bool, /) -> Finding:
        if recipient is None:
            return OPEN
        return _of_recipient(recipient, self._addresses)


class EveryRecipient(_OfAddresses):
    """`every_recipient` and `every_recipient_domain`: all that were accepted."""

    __slots__ = ()

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        if facts.point < Point.DATA:
            return OPEN
        if not facts.recipients:
            return Truth.UNKNOWN, b"", "no recipient"
        result: Finding = (Truth.YES, b"", "all are in the list")
        for each in facts.recipients:
            finding = _of_recipient(each, self._addresses)
            if finding[0] is Truth.NO:
                return finding
            if finding[0] is Truth.UNKNOWN:
                result = finding
        return result


def _of_recipient(path: bytes, addresses: AddressList) -> Finding:
    mailbox = parse_mailbox(path)
    if mailbox.uncertain or mailbox.routed or mailbox.is_null:
        return Truth.UNKNOWN, path, _ROUTED
    return addresses.look_up(mailbox)


class Macro(Leaf):
    """`macro`: a macro of the MTA has one of the values. `due`: an event later it is known not to come."""

    __slots__ = ("_due", "_name", "_values", "label")

    def __init__(self, name: bytes, values: Patterns, due: Point) -> None:
        self.label = f"macro {{{name.decode()}}}"
        self._name = name
        self._values = values
        self._due = due

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        value = facts.macros.get(self._name)
        if value:
            return in_list(value.strip().lower(), self._values)
        if facts.point < self._due or (facts.client is None and facts.point < Point.HELO):
            return OPEN
        if self._name in facts.sent_macros:
            return Truth.NO, b"", "has no value"
        return Truth.UNKNOWN, b"", "the MTA does not send it"


class Header(Leaf):
    """`header`: a header field of this name has one of the values; `*` fits any.

    A value is compared as one line, each run of blanks made one; nothing in it is decoded.
    """

    __slots__ = ("_name", "_values", "label")

    def __init__(self, name: bytes, values: Patterns) -> None:
        self.label = f"header {name.decode()}"
        self._name = name.lower()
        self._values = values

    def look(self, facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        length = len(self._name)
        for name, value in facts.headers:
            if len(name) == length and name.lower() == self._name:
                finding = in_list(b" ".join(value.split()).lower(), self._values)
                if finding[0] is Truth.YES:
                    return finding
        return OPEN if facts.point < Point.EOH else (Truth.NO, b"", "no such field")


class SizeAbove(Leaf):
    """`size_above`: header and body have more bytes than this."""

    __slots__ = ("_bytes",)
    label = "size_above"

    def __init__(self, size: int) -> None:
        self._bytes = size

    def look(self, facts: Facts, _recipient: bytes | None, negated: bool, /) -> Finding:
        size = b"%d" % facts.size
        if facts.size > self._bytes:
            return Truth.YES, size, f"bytes came, above {self._bytes}"
        declared = declared_size(facts)
        if not negated and declared > self._bytes:
            return Truth.YES, b"%d" % declared, f"bytes are declared, above {self._bytes}"
        return OPEN if facts.point < Point.EOM else (Truth.NO, size, f"bytes, not above {self._bytes}")


def declared_size(facts: Facts) -> int:
    """What the client says of the size of its message, 0 if nothing."""
    if facts.point < Point.MAIL:
        return 0
    for parameter in facts.parameters:
        if parameter[:5].upper() == _SIZE:
            digits = parameter[5:]
            return int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else 0
    return 0
