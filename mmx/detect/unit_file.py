"""Unit files, for hosts where systemd does not run and so nobody else reads them.

Of a file and its drop-ins, laid over it in the order of their names, only what detection needs is kept:
ExecStart, Environment and EnvironmentFile of [Service], the Listen of [Socket]. An empty assignment clears
what was before, a backslash joins lines, and of the specifiers those are replaced that concern the name of an
instance (systemd.unit(5)).
"""

import re
import shlex
from collections.abc import Iterable
from typing import Final

from mmx.detect.facts import Unit
from mmx.detect.lines import Value, joined
from mmx.detect.unit_show import environment

Settings = dict[str, list[Value]]

_KEPT: Final = frozenset({"ExecStart", "Environment", "EnvironmentFile", "ListenStream"})
_PREFIXES: Final = "@-:+!|"


def read_settings(contents: Iterable[bytes]) -> Settings:
    """The settings of a unit file and its drop-ins, in that order."""
    settings: Settings = {}
    for data in contents:
        for number, line in joined(data):
            text = line.strip()
            name, equals, value = text.partition("=")
            name, value = name.strip(), value.strip()
            if not equals or text.startswith(("#", ";")) or name not in _KEPT:
                continue
            if value:
                settings.setdefault(name, []).append(Value(value, number))
            else:
                settings.pop(name, None)
    return settings


def line_of(data: bytes, name: str, part: str) -> int | None:
    """The last line of a unit file that sets `name` with `part` in it."""
    found = None
    for number, line in joined(data):
        if re.match(rf"\s*{re.escape(name)}\s*=", line) and part in line:
            found = number
    return found


def unit_of(name: str, contents: Iterable[bytes]) -> Unit:
    """The unit that these files describe, with nothing of its state."""
    settings = read_settings(contents)

    def texts(key: str) -> list[str]:
        return [_specified(value.text, name) for value in settings.get(key, [])]

    variables: dict[str, str] = {}
    for text in texts("Environment"):
        variables |= environment(text)
    return Unit(
        name=name,
        argv=_argv(texts("ExecStart")),
        environment=variables,
        environment_files=tuple(text.removeprefix("-") for text in texts("EnvironmentFile")),
        listen=tuple(f"{text} (Stream)" for text in texts("ListenStream")),
    )


def _argv(commands: list[str]) -> tuple[str, ...]:
    if not commands:
        return ()
    text = commands[0].lstrip(_PREFIXES)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _specified(text: str, name: str) -> str:
    stem = name.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    values = {"i": instance, "I": instance, "p": prefix, "P": prefix, "n": name, "N": stem, "%": "%"}
    return re.sub(r"%(.)", lambda match: values.get(match[1], match[0]), text)
