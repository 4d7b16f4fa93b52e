"""Conditions: the grammar of `conditions` and of the names in `when`.

    conditions:
      NAME: TESTS
    TESTS  = a map of tests, all of which must hold; or the name of a shipped condition
    test   = all: [TESTS, ...]  |  any: [TESTS, ...]  |  not: TESTS
           | client: networks  |  client_name, helo, sender, sender_domain, recipient, recipient_domain: globs
           | listener: names   |  size_above: size    |  header: {HEADER: globs}
    when   = [NAME | "not NAME", ...]       all must hold

Globs know `*` and `?`; regular expressions are not offered, since one could stop the only thread there is.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import partial
from typing import Final

from mmx.settings import values
from mmx.settings.document import Items, Node, Table
from mmx.settings.model import Condition
from mmx.settings.values import Fault, Reader, RefusedError, did_you_mean, refusal

SHIPPED: Final = frozenset(
    {"authenticated", "unauthenticated", "remote", "local", "s25r", "trusted_domain", "stressed", "dnsbl"}
)
_GLOBS: Final = values.one_or_list_of(values.text)
_HEADER_NAME: Final = re.compile(r"[!-9;-~]+")
_JOINTS: Final = ("all", "any")
_NAMES: Final = ("client_name", "helo", "sender", "sender_domain", "recipient", "recipient_domain")


def network(node: Node) -> str:
    """An address or a network in CIDR form, written canonically."""
    word = values.text(node)
    try:
        return str(ipaddress.ip_network(word))
    except ValueError as error:
        raise refusal(
            node, f"no network: {error}", "write an address or ADDRESS/BITS without host bits"
        ) from None


def when_word(node: Node) -> str:
    """One word of `when`: a name, perhaps behind "not"; blanks are made one."""
    words = values.text(node).split()
    if len(words) == 1 or (len(words) == 2 and words[0] == "not"):
        return " ".join(words)
    raise refusal(node, "not the name of a condition", 'write NAME or "not NAME"')


_LEAVES: Final[dict[str, Reader[tuple[str, ...]]]] = {
    "client": values.one_or_list_of(network),
    "listener": _GLOBS,
    **dict.fromkeys(_NAMES, _GLOBS),
}
_KNOWN: Final = (*_JOINTS, "not", *_LEAVES, "size_above", "header")


def condition(node: Node) -> Condition:
    """A whole condition."""
    if isinstance(node, Table):
        if not node.entries:
            raise refusal(node, "a condition without a test", f"write one of {', '.join(_KNOWN)}")
        parts = _collect((name, partial(_test, name), value) for name, value in node.entries.items())
        return parts[0] if len(parts) == 1 else Condition("all", parts=parts)
    word = values.text(node)
    if word not in SHIPPED:
        raise refusal(node, "no shipped condition", did_you_mean(word, SHIPPED))
    return Condition("named", (word,))


def _test(name: str, node: Node) -> Condition:
    if name in _JOINTS:
        if not isinstance(node, Items) or not node.items:
            raise refusal(node, "a list of conditions is wanted here", f"write {name}: [ONE, ANOTHER]")
        return Condition(name, parts=_collect(("", condition, item) for item in node.items))
    if name == "not":
        return Condition("not", parts=(condition(node),))
    if name == "header":
        return _headers(node)
    if name == "size_above":
        return Condition(name, (str(values.size(node)),))
    if name in _LEAVES:
        return Condition(name, _LEAVES[name](node))
    raise refusal(node, "unknown test", did_you_mean(name, _KNOWN))


def _headers(node: Node) -> Condition:
    if not isinstance(node, Table) or not node.entries:
        raise refusal(node, "a map of headers is wanted here", 'write {HEADER: "GLOB"}')
    parts = _collect((name, partial(_header, name), value) for name, value in node.entries.items())
    return parts[0] if len(parts) == 1 else Condition("all", parts=parts)


def _header(name: str, node: Node) -> Condition:
    if not _HEADER_NAME.fullmatch(name):
        raise refusal(node, f"{name!r} is no header name", "write it without its colon")
    return Condition("header", (name, *_GLOBS(node)))


def _collect(jobs: Iterable[tuple[str, Reader[Condition], Node]]) -> tuple[Condition, ...]:
    """Read every node, then tell all faults at once, each below the key it belongs to."""
    conditions: list[Condition] = []
    faults: list[Fault] = []
    for key, read, node in jobs:
        try:
            conditions.append(read(node))
        except RefusedError as error:
            for fault in error.faults:
                path = ".".join(part for part in (key, fault.key) if part)
                faults.append(Fault(fault.place, path, fault.value, fault.message, fault.remedy))
    if faults:
        raise RefusedError(faults)
    return tuple(conditions)
