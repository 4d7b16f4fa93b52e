"""Files of assignments, read without running anything.

`read_shell` reads what init scripts source: /etc/default/NAME and /etc/sysconfig/NAME. It knows assignments,
`export`, quotes, comments, joined lines and variables that were set before (`$X`, `${X}`, `${X:-default}`,
`${X:=default}`, and those without the colon). What else a shell would do, such as running a command, cannot
be known here: a value that needs it is None, and so is one set inside `if` or `case` or behind `&&`.

`read_environment` reads a unit's EnvironmentFile, which looks alike but is not a shell's: nothing is
expanded, ";" begins a comment too, and there is no `export` (systemd.exec(5)).
"""

import re
from collections.abc import Mapping
from typing import Final

from mmx.detect.lines import Value, joined

# Variable to value; None: only a shell could tell.
Assignments = dict[str, Value | None]

_ASSIGNMENT: Final = re.compile(r"(?:(?:export|readonly)\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_HIDDEN: Final = re.compile(r"(?:^|[\s;&|(])([A-Za-z_][A-Za-z0-9_]*)=")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-=]([^}$`]*))?\}")
_OPENING: Final = re.compile(r"(?:if|case|for|while|until)\b|.*\{\s*$")
_CLOSING: Final = re.compile(r"(?:fi|esac|done)\b|\}")
_WORD_ENDS: Final = " \t;&|<>()"


class _UnclearError(Exception):
    """Only a shell could tell."""


def read_shell(data: bytes, known: Mapping[str, str]) -> Assignments:
    """Every variable that the file sets; `known` are those set before it."""
    found: Assignments = {}
    values = dict(known)
    depth = 0
    for number, line in joined(data):
        text = line.strip()
        match = _ASSIGNMENT.match(text)
        depth = max(depth + bool(_OPENING.match(text)) - bool(_CLOSING.match(text)), 0)
        try:
            if match is None or depth:
                raise _UnclearError
            word, end = _word(match[2], values)
            found[match[1]] = Value(word, number)
            values[match[1]] = word
            text = match[2][end:]
        except _UnclearError:
            pass  # every variable that the line may set is unclear, see below
        if not text.lstrip().startswith("#"):
            for name in _HIDDEN.findall(text):
                found[name] = None
                values.pop(name, None)
    return found


def read_environment(data: bytes) -> dict[str, Value]:
    """Every variable that an EnvironmentFile sets."""
    found = {}
    for number, line in joined(data):
        name, equals, value = line.partition("=")
        if equals and _NAME.fullmatch(name.strip()):
            found[name.strip()] = Value(_plain(value.strip()), number)
    return found


def _plain(text: str) -> str:
    if len(text) >= 2 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    return text


def _word(text: str, values: Mapping[str, str]) -> tuple[str, int]:
    """The first shell word of `text`, quotes removed and variables put in, and the index behind it."""
    word, quote, index = "", "", 0
    while index < len(text):
        char = text[index]
        index += 1
        if quote and char == quote:
            quote = ""
        elif char in "\"'" and not quote:
            quote = char
        elif char == "\\" and quote != "'" and index < len(text):
            word += text[index]
            index += 1
        elif char == "`" and quote != "'":
            raise _UnclearError
        elif char == "$" and quote != "'":
            value, index = _variable(text, index, values)
            word += value
        elif not quote and char in _WORD_ENDS:
            return word, index - 1
        else:
            word += char
    if quote:
        raise _UnclearError
    return word, index


def _variable(text: str, index: int, values: Mapping[str, str]) -> tuple[str, int]:
    """The value of the variable whose name begins at `index`, and the index behind it."""
    match = _VARIABLE.match(text, index)
    if match is None:
        raise _UnclearError
    name, default = match[1] or match[2], match[3]
    if name not in values and default is None:
        raise _UnclearError
    return values.get(name) or default or "", match.end()
