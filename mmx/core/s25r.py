"""Selective SMTP Rejection: does the name of a client look like that of a dial-up line?

The rules are those of Hideo Asami's paper on S25R. They speak of the labels of the reverse name, the one of
the host itself first:

    no name   there is no reverse name, or it does not lead back to the address
    rule 1    two groups of digits in the first label, with something else between them
    rule 2    five digits on end in the first label
    rule 3    the first or the second label begins with a digit, with three or more labels behind it
    rule 4    the first label ends in a digit, and in the second a digit, a dash and a digit follow each other
    rule 5    the first two labels both end in a digit, of five or more
    rule 6    the first label begins with dhcp, dialup, ppp or a kind of dsl, and has a digit in it

Each is decided on the one or two labels that it speaks of, which are read once, so the time grows with the
length of the name and no faster. In rule 3 the last label must begin with a letter, as in any real name.
"""

import re
from typing import Final

NO_NAME: Final = "no reverse name"

_DIGITS_APART: Final = re.compile(rb"[0-9][^0-9]+[0-9]")
_FIVE_DIGITS: Final = re.compile(rb"[0-9]{5}")
_DIGIT_DASH_DIGIT: Final = re.compile(rb"[0-9]-[0-9]")
_LINE: Final = re.compile(rb"(?:dhcp|dialup|ppp|[achrsvx]?dsl)")
_DIGIT: Final = re.compile(rb"[0-9]")


def rule_of(name: bytes | None) -> str | None:
    """The rule that a name satisfies, None if none; `name` is in small letters, None if there is none."""
    if name is None:
        return NO_NAME
    labels = name.split(b".", 4)
    first = labels[0]
    second = labels[1] if len(labels) > 1 else b""
    if len(labels) > 1 and _DIGITS_APART.search(first):
        return "rule 1"
    if _FIVE_DIGITS.search(first):
        return "rule 2"
    if _begins_with_a_digit(name, labels):
        return "rule 3"
    if _ends_in_a_digit(first) and _DIGIT_DASH_DIGIT.search(second):
        return "rule 4"
    if len(labels) == 5 and _ends_in_a_digit(first) and _ends_in_a_digit(second):
        return "rule 5"
    if _LINE.match(first) and _DIGIT.search(first):
        return "rule 6"
    return None


def _begins_with_a_digit(name: bytes, labels: list[bytes]) -> bool:
    """Rule 3: the paper wants at least three labels behind the one that begins with a digit."""
    if not name[name.rfind(b".") + 1 :][:1].isalpha():
        return False
    return any(len(labels) >= 4 + at and labels[at][:1].isdigit() for at in (0, 1))


def _ends_in_a_digit(label: bytes) -> bool:
    return label[-1:].isdigit()
