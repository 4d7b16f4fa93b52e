"""Configuration files of one keyword and one value a line.

    KEYWORD   Keyword value     "#" anywhere begins a comment    opendkim, opendmarc, openarc, dkimpy, smf-spf
    EQUALS    Keyword = value   likewise                         pyspf-milter
    CLAMAV    Keyword value     "#" only as the first character  clamav-milter

In all of them the case of a keyword does not matter and the last of several lines wins. A value may stand in
quotes. A line `Example` in a file of ClamAV keeps the daemon from starting.
"""

import re
from typing import Final

from mmx.detect.lines import Value, numbered
from mmx.settings.catalog import Grammar

_WORD: Final = {
    Grammar.KEYWORD: re.compile(r"\s*([A-Za-z0-9_]+)\s+(.*)"),
    Grammar.CLAMAV: re.compile(r"\s*([A-Za-z0-9_]+)\s+(.*)"),
    Grammar.EQUALS: re.compile(r"\s*([A-Za-z0-9_]+)\s*=\s*(.*)"),
}


def read_keyword(data: bytes, keyword: str, grammar: Grammar) -> Value | None:
    """The value of a keyword; None if no line sets it."""
    found = None
    for number, line in numbered(data):
        match = _WORD[grammar].fullmatch(_without_comment(line, grammar))
        if match and match[1].lower() == keyword.lower() and (value := _unquoted(match[2])):
            found = Value(value, number)
    return found


def example_line(data: bytes) -> int | None:
    """The line of an `Example` that is not commented out; None if there is none."""
    for number, line in numbered(data):
        if line.split()[:1] == ["Example"]:
            return number
    return None


def _without_comment(line: str, grammar: Grammar) -> str:
    if grammar is Grammar.CLAMAV:
        return "" if line.lstrip().startswith("#") else line
    return line.partition("#")[0]


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    return text
