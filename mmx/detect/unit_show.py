"""The output of `systemctl show` for many units at once: blocks of `Property=value`, empty lines between.

An ExecStart reads `{ path=/usr/sbin/x ; argv[]=/usr/sbin/x -p y ; ignore_errors=no ; ... }`. systemd prints
the words of argv[] with blanks between and without the quotes they had. Environment has quotes where a value
has blanks; EnvironmentFiles is a line a file, `PATH (ignore_errors=yes)`; a socket unit has a line Listen for
each of its sockets.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from mmx.detect.facts import Unit
from mmx.detect.lines import numbered

PROPERTIES: Final = (
    *("Id", "Names", "LoadState", "ActiveState", "SubState", "UnitFileState", "FragmentPath", "SourcePath"),
    *("DropInPaths", "WantedBy", "RequiredBy", "TriggeredBy", "ExecStart", "Environment", "EnvironmentFiles"),
    "Listen",
)
_ARGV: Final = re.compile(r"\{.*? ; argv\[\]=(.*?) ; (?:ignore_errors|flags)=.*")


def read_units(output: bytes) -> dict[str, Unit]:
    """Every unit of the output, under each of its names."""
    units: dict[str, Unit] = {}
    block: dict[str, list[str]] = {}
    for _, line in [*numbered(output), (0, "")]:
        name, equals, value = line.partition("=")
        if equals:
            block.setdefault(name, []).append(value)
        elif not line and block:
            unit = _unit(block)
            units |= dict.fromkeys([unit.name, *_words(block, "Names")], unit)
            block = {}
    return units


def _unit(block: Mapping[str, list[str]]) -> Unit:
    def one(name: str) -> str:
        return block.get(name, [""])[0]

    return Unit(
        name=one("Id"),
        load_state=one("LoadState"),
        active_state=one("ActiveState"),
        sub_state=one("SubState"),
        file_state=one("UnitFileState"),
        fragment=one("FragmentPath"),
        source=one("SourcePath"),
        drop_ins=_words(block, "DropInPaths"),
        wanted_by=(*_words(block, "WantedBy"), *_words(block, "RequiredBy")),
        triggered_by=_words(block, "TriggeredBy"),
        argv=_argv(one("ExecStart")),
        environment=environment(one("Environment")),
        environment_files=tuple(
            re.sub(r" \(ignore_errors=\w+\)$", "", text) for text in block.get("EnvironmentFiles", []) if text
        ),
        listen=tuple(text for text in block.get("Listen", []) if text),
    )


def _words(block: Mapping[str, list[str]], name: str) -> tuple[str, ...]:
    return tuple(block.get(name, [""])[0].split())


def _argv(text: str) -> tuple[str, ...]:
    match = _ARGV.fullmatch(text)
    return tuple(match[1].split()) if match else ()


def environment(text: str) -> dict[str, str]:
    """The assignments of an `Environment=`, in quotes or not."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return dict(word.split("=", 1) for word in words if "=" in word)
