"""Can whoever sends a mail keep it from a child by what he writes?

A condition may rest on what the sender chooses. That is all right for a greylist, and for a scanner it is
a way past it. Which tests rest on what:

    the sender chooses      helo, sender, sender_domain, trusted_domain, header, size_above (a mail can be
                            made longer; a declared size never keeps one from a child), stressed and calm
                            (whoever opens enough sessions), s25r (the owner of an address chooses its
                            reverse name), client_name unless each entry ends in a domain, under which only
                            its owner gives names, macro as mmx.settings.mta_macros has it
    others decide           client, local, remote: the address; authenticated, unauthenticated: a login;
                            listener: the administrator gave it to somebody; dnsbl: its operator;
                            recipient...: the sender can choose only among those that are accepted

Theory: take a stranger, who is remote, has not logged in and stands on no list of networks. For each part
of a condition, ask which pairs (worst, best) of outcomes he can have at the outset, where he picks `worst`
or `best` by what he chooses, and all else stays as it is. A test that he chooses has the pair (no, yes);
one that others decide has (no, no) or (yes, yes), or either. `all` takes the lesser of its parts, `any`
the greater, `not` turns a pair about. If (no, yes) is among the pairs of the whole, he can keep his mail
from the child.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Final

from mmx.settings.condition_walk import leaves_of
from mmx.settings.entries import FILE
from mmx.settings.model import Condition, TableFile
from mmx.settings.mta_macros import mta_macro

Pair = tuple[bool, bool]
Pairs = frozenset[Pair]

_NO: Final[Pairs] = frozenset({(False, False)})
_YES: Final[Pairs] = frozenset({(True, True)})
_EITHER: Final[Pairs] = _NO | _YES
_CHOSEN: Final[Pairs] = frozenset({(False, True)})

OF_A_STRANGER: Final[Mapping[str, Pairs]] = {
    "authenticated": _NO,
    "unauthenticated": _YES,
    "local": _NO,
    "remote": _YES,
    "client": _NO,
    "listener": _EITHER,
    "dnsbl": _EITHER,
    "recipient": _EITHER,
    "recipient_domain": _EITHER,
    "every_recipient": _EITHER,
    "every_recipient_domain": _EITHER,
    "helo": _CHOSEN,
    "sender": _CHOSEN,
    "sender_domain": _CHOSEN,
    "trusted_domain": _CHOSEN,
    "header": _CHOSEN,
    "size_above": _CHOSEN,
    "stressed": _CHOSEN,
    "calm": _CHOSEN,
    "s25r": _CHOSEN,
}
"""Tests and shipped conditions; client_name and macro are judged by their values."""

# What follows the last wildcard of a pattern, or a whole suffix, of names that only one owner can give.
_OWNED_TAIL: Final = re.compile(r"[^.]*(?:\.[^.]+){2,}\.?")
_OF_A_LOGIN: Final = re.compile(r"\{(auth_.*|client_addr)\}")

Named = Mapping[str, Condition]


def ways_past(condition: Condition, named: Named, tables: Iterable[TableFile] = ()) -> tuple[str, ...]:
    """The tests by which a sender can keep his mail from a child with this condition; () if he cannot."""
    judge = _Judge(named, tables)
    if (False, True) not in judge.pairs(condition):
        return ()
    chosen = {_name(test) for test in leaves_of(condition, named) if judge.of_test(test) == _CHOSEN}
    return tuple(sorted(chosen))


class _Judge:
    """What a stranger can make of conditions."""

    def __init__(self, named: Named, tables: Iterable[TableFile]) -> None:
        self._named = named
        self._known: dict[str, Pairs] = {}
        self._tables = {FILE + table.path: table.entries for table in tables}

    def pairs(self, condition: Condition) -> Pairs:
        """The pairs of worst and best outcomes."""
        if condition.test == "named" and condition.values[0] in self._named:
            name = condition.values[0]
            if name not in self._known:
                self._known[name] = self.pairs(self._named[name])
            return self._known[name]
        parts = [self.pairs(part) for part in condition.parts]
        if condition.test == "not":
            return frozenset((not best, not worst) for worst, best in parts[0])
        if condition.test == "all":
            return _joined(parts, min, _YES)
        if condition.test == "any":
            return _joined(parts, max, _NO)
        return self.of_test(condition)

    def of_test(self, test: Condition) -> Pairs:
        """The pairs of a single test."""
        if test.test == "named":
            return OF_A_STRANGER[test.values[0]]
        if test.test == "macro":
            return _of_macro(test.values[0])
        if test.test == "client_name":
            return _NO if all(map(self._is_owned, test.values)) else _CHOSEN
        return OF_A_STRANGER[test.test]

    def _is_owned(self, entry: str) -> bool:
        if entry in self._tables:
            return all(_is_owned(name) for name, _ in self._tables[entry])
        return _is_owned(entry)


def _joined(parts: Iterable[Pairs], join: Callable[[bool, bool], bool], start: Pairs) -> Pairs:
    def both(one: Pairs, other: Pairs) -> Pairs:
        return frozenset((join(a, c), join(b, d)) for a, b in one for c, d in other)

    return reduce(both, parts, start)


def _of_macro(name: str) -> Pairs:
    if mta_macro(name).chosen:
        return _CHOSEN
    return _NO if _OF_A_LOGIN.fullmatch(name) else _EITHER


def _is_owned(entry: str) -> bool:
    tail = re.split(r"[*?]", entry)[-1]
    return (tail == entry and entry[0] != ".") or _OWNED_TAIL.fullmatch(tail) is not None


def _name(test: Condition) -> str:
    return test.values[0] if test.test == "named" else test.test
