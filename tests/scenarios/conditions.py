"""Conditions of scenario files: `when=TEST:VALUE|VALUE,not-TEST:VALUE`, all of which must hold.

The tests are plain comparisons of what arrives; what mmx's own conditions make of addresses and names is
tested where they are (tests/core). What matters here is when each becomes known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mmx.core.condition import Condition, Facts, Point, Truth


def _known(holds: bool) -> Truth:
    return Truth.YES if holds else Truth.NO


def _client(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    return _known(facts.client is not None and facts.client.address in values)


def _helo(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    if facts.point < Point.HELO:
        return Truth.OPEN
    return Truth.UNKNOWN if facts.helo is None else _known(facts.helo in values)


def _sender(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    return Truth.OPEN if facts.point < Point.MAIL else _known(facts.sender in values)


def _recipient(_: Facts, recipient: bytes | None, values: tuple[bytes, ...]) -> Truth:
    return Truth.OPEN if recipient is None else _known(recipient in values)


def _every_recipient(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    if facts.point < Point.DATA:
        return Truth.OPEN
    return _known(all(recipient in values for recipient in facts.recipients))


def _header(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    if any(name in values for name, _ in facts.headers):
        return Truth.YES
    return Truth.OPEN if facts.point < Point.EOH else Truth.NO


def _size_above(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    if facts.size > int(values[0]):
        return Truth.YES
    return Truth.OPEN if facts.point < Point.EOM else Truth.NO


def _macro(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    if facts.point < Point.MAIL:
        return Truth.OPEN
    return _known(values[0] in facts.macros) if values[0] in facts.sent_macros else Truth.UNKNOWN


def _listed(facts: Facts, _: bytes | None, values: tuple[bytes, ...]) -> Truth:
    return facts.listed.get(values[0].decode(), Truth.OPEN)


_TESTS: Final[dict[str, Callable[[Facts, bytes | None, tuple[bytes, ...]], Truth]]] = {
    "client": _client,
    "helo": _helo,
    "sender": _sender,
    "recipient": _recipient,
    "every_recipient": _every_recipient,
    "header": _header,
    "size_above": _size_above,
    "macro": _macro,
    "listed": _listed,
}
_OPPOSITE: Final = {Truth.YES: Truth.NO, Truth.NO: Truth.YES}


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a `when`."""

    name: str
    values: tuple[bytes, ...]
    negated: bool

    @property
    def per_recipient(self) -> bool:
        return self.name == "recipient"

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        truth = _TESTS[self.name](facts, recipient, self.values)
        return _OPPOSITE.get(truth, truth) if self.negated else truth

    def why(self, facts: Facts, recipient: bytes | None) -> str:
        return ("not " if self.negated else "") + self.name


@dataclass(frozen=True, slots=True)
class All:
    """All tests of a `when`: NO if one says no, else OPEN before UNKNOWN before YES."""

    tests: tuple[Test, ...]

    @property
    def per_recipient(self) -> bool:
        return any(test.per_recipient for test in self.tests)

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        said = {test.truth(facts, recipient) for test in self.tests}
        return next(truth for truth in (Truth.NO, Truth.OPEN, Truth.UNKNOWN, Truth.YES) if truth in said)

    def why(self, facts: Facts, recipient: bytes | None) -> str:
        truth = self.truth(facts, recipient)
        return next(
            test.why(facts, recipient) for test in self.tests if test.truth(facts, recipient) is truth
        )


def dns_lists(when: Condition | None) -> tuple[str, ...]:
    """The DNS lists that it asks."""
    tests = when.tests if isinstance(when, All) else ()
    return tuple(test.values[0].decode() for test in tests if test.name == "listed")


def parse_when(text: str) -> Condition:
    """The condition that `when=TEXT` means; raises ValueError."""
    return All(tuple(_test(word) for word in text.split(",")))


def _test(word: str) -> Test:
    name, _, values = word.partition(":")
    negated = name.startswith("not-")
    name = name.removeprefix("not-")
    if name not in _TESTS or not values:
        raise ValueError(f"{word!r} is no test: known are {', '.join(_TESTS)}")
    return Test(name, tuple(value.encode() for value in values.split("|")), negated)
