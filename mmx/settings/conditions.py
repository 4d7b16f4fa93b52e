"""Conditions: the grammar of `conditions` and of the names in `when`.

    conditions:
      NAME: TESTS
    TESTS  = a map of tests, all of which must hold; or NAME or "not NAME" of another condition
    test   = all: [TESTS, ...]  |  any: [TESTS, ...]  |  not: TESTS
           | client: networks  |  client_name, helo, sender_domain, recipient_domain: names
           | sender, recipient: addresses  |  every_recipient: addresses  |  every_recipient_domain: names
           | listener: names  |  size_above: size  |  header: {HEADER: globs}  |  macro: {MACRO: globs}
           | dnsbl: zones
    when   = [NAME | "not NAME", ...]       all must hold

What an entry of a list may be is told in mmx.settings.entries. Globs know `*` and `?`; regular expressions
are not offered, since one could stop the only thread there is.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from mmx.settings import entries, values
from mmx.settings.dns_zone import parse_dns_zone
from mmx.settings.document import Items, Node, Scalar, Table
from mmx.settings.model import Condition
from mmx.settings.mta_macros import OF_RECIPIENT
from mmx.settings.values import Reader, collect, did_you_mean, refusal

SHIPPED: Final = frozenset(
    {
        "authenticated",
        "unauthenticated",
        "remote",
        "local",
        "s25r",
        "trusted_domain",
        "stressed",
        "calm",
        "dnsbl",
    }
)
JOINTS: Final = ("all", "any")
_GLOBS: Final = values.one_or_list_of(values.text)
_HEADER_NAME: Final = re.compile(r"[!-9;-~]+")

KINDS: Final = {
    "client": entries.NETWORKS,
    "client_name": entries.DOMAINS,
    "helo": entries.DOMAINS,
    "sender": entries.ADDRESSES,
    "sender_domain": entries.DOMAINS,
    "recipient": entries.ADDRESSES,
    "recipient_domain": entries.DOMAINS,
    "every_recipient": entries.ADDRESSES,
    "every_recipient_domain": entries.DOMAINS,
}
"""Tests over lists to what the entries of their lists are."""


def zone(node: Node) -> str:
    """A DNS list, as it is written."""
    text = values.text(node)
    values.text_as(node, parse_dns_zone)
    return text


_LEAVES: Final[dict[str, Reader[tuple[str, ...]]]] = {
    **{test: entries.several(kind) for test, kind in KINDS.items()},
    "listener": values.one_or_list_of(values.text),
    "dnsbl": values.one_or_list_of(zone),
}
_KNOWN: Final = (*JOINTS, "not", *_LEAVES, "size_above", "header", "macro")


def when_word(node: Node) -> str:
    """One word of `when`: a name, perhaps behind "not"; blanks are made one."""
    words = values.text(node).split()
    if len(words) == 1 or (len(words) == 2 and words[0] == "not"):
        return " ".join(words)
    raise refusal(node, "not the name of a condition", 'write NAME or "not NAME"')


def condition(names: Iterable[str] = ()) -> Reader[Condition]:
    """Reads a whole condition, which may name the shipped ones and these."""
    return _Grammar(SHIPPED | set(names)).condition


class _Grammar:
    """The readers of conditions, for the names that may occur in them."""

    def __init__(self, names: frozenset[str] | set[str]) -> None:
        self._names = names
        self._tests: dict[str, Callable[[Node], Condition]] = {
            "not": lambda node: Condition("not", parts=(self.condition(node),)),
            "header": _each("header", "HEADER", _header_name),
            "macro": _each("macro", "MACRO", _macro_name),
            "size_above": lambda node: Condition("size_above", (str(values.size(node)),)),
        }

    def condition(self, node: Node) -> Condition:
        """A whole condition."""
        if not isinstance(node, Table):
            return self._named(node)
        if not node.entries:
            raise refusal(node, "a condition without a test", f"write one of {', '.join(_KNOWN)}")
        return _all(collect((name, partial(self._test, name), value) for name, value in node.entries.items()))

    def _named(self, node: Node) -> Condition:
        word = when_word(node) if isinstance(node, Scalar) and node.kind == "str" else values.text(node)
        name = word.removeprefix("not ")
        if name not in self._names:
            raise refusal(node, "no such condition", did_you_mean(name, self._names))
        named = Condition("named", (name,))
        return named if word == name else Condition("not", parts=(named,))

    def _test(self, name: str, node: Node) -> Condition:
        if name in JOINTS:
            if not isinstance(node, Items) or not node.items:
                raise refusal(node, "a list of conditions is wanted here", f"write {name}: [ONE, ANOTHER]")
            return Condition(name, parts=collect(("", self.condition, item) for item in node.items))
        if name in _LEAVES:
            return Condition(name, _LEAVES[name](node))
        if name in self._tests:
            return self._tests[name](node)
        raise refusal(node, "unknown test", did_you_mean(name, _KNOWN))


def _all(parts: tuple[Condition, ...]) -> Condition:
    return parts[0] if len(parts) == 1 else Condition("all", parts=parts)


def _each(test: str, what: str, check: Callable[[str, Node], None]) -> Reader[Condition]:
    """Reads a map of names of `what` to globs: a test for each, all of which must hold."""

    def read_one(name: str, node: Node) -> Condition:
        check(name, node)
        return Condition(test, (name, *_GLOBS(node)))

    def read(node: Node) -> Condition:
        if not isinstance(node, Table) or not node.entries:
            raise refusal(node, f"a map of {test}s is wanted here", f'write {{{what}: "GLOB"}}')
        return _all(collect((name, partial(read_one, name), value) for name, value in node.entries.items()))

    return read


def _header_name(name: str, node: Node) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise refusal(node, f"{name!r} is no header name", "write it without its colon")


def _macro_name(name: str, node: Node) -> None:
    values.macro(Scalar(node.place, "str", name))
    if name in OF_RECIPIENT:
        raise refusal(node, f"{name} is about one recipient", "write recipient or recipient_domain")
