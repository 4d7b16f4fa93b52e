"""Units on a host where systemd does not run: a container, a chroot, an image on another machine.

`systemctl --root=` still tells the states of unit files and, through systemd's own helper, whether an init
script is enabled. What `systemctl show` would tell is put together from the files themselves: the unit file
and its drop-ins, and the links in *.wants and *.requires that make other units start it. Whether anything
runs is not known.
"""

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mmx.detect.commands import Run
from mmx.detect.facts import Failure, Unit
from mmx.detect.host_files import HostFiles
from mmx.detect.unit_file import unit_of

TIME_LIMIT: Final = 10.0
"""Seconds that one systemctl may take."""

# The first directory that has a file wins (systemd.unit(5)).
DIRECTORIES: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


def offline_units(
    patterns: Sequence[str], files: HostFiles, systemctl: str, run: Run
) -> Mapping[str, Unit] | Failure:
    """The units that there are of those named; a pattern may be `NAME@*.service`."""
    command = [systemctl, f"--root={files.root}", "--no-pager"]
    kinds = ["--type=service", "--type=socket"]
    answer = run([*command, "list-unit-files", "--output=json", *kinds], TIME_LIMIT)
    if answer.failure or answer.status:
        return Failure(answer.complaint)
    states = read_states(answer.output)
    wants = _wants(files)
    units = {}
    for name in sorted(_present(patterns, states, wants)):
        state = states.get(name, "enabled")
        if state == "alias":
            state = states.get(_alias(name, files), "alias")
        unit = _unit(name, files)
        sockets = (socket,) if (socket := name.replace(".service", ".socket")) in states else ()
        units[name] = replace(
            unit,
            load_state="masked" if state.startswith("masked") else "loaded",
            file_state=state,
            wanted_by=tuple(wants.get(name, ())),
            triggered_by=sockets if name.endswith(".service") else (),
        )
    for name in patterns:
        stem = name.removesuffix(".service")
        if name in units or stem == name or not files.exists(f"/etc/init.d/{stem}"):
            continue
        answer = run([*command, "is-enabled", name], TIME_LIMIT)
        if answer.failure:
            return Failure(answer.complaint)
        enabled = answer.output.split()[-1:] == [b"enabled"]
        units[name] = Unit(
            name=name,
            file_state="generated",
            source=f"/etc/init.d/{stem}",
            wanted_by=("multi-user.target",) if enabled else (),
        )
    return units


def read_states(output: bytes) -> dict[str, str]:
    """Unit file to state, from JSON or from the table that older versions print instead."""
    text = output.decode("utf-8", "replace").strip()
    if not text.startswith("["):
        rows = [line.split() for line in text.splitlines()]
        return {row[0]: row[1] for row in rows if len(row) >= 2 and "." in row[0]}
    try:
        return {str(row["unit_file"]): str(row["state"]) for row in json.loads(text)}
    except (ValueError, TypeError, KeyError):
        return {}


def _present(
    patterns: Sequence[str], states: Mapping[str, str], wants: Mapping[str, list[str]]
) -> Iterator[str]:
    for name in {*states, *wants}:
        if not name.endswith(("@.service", "@.socket")) and any(
            fnmatch.fnmatchcase(name, pattern) for pattern in patterns
        ):
            yield name


def _wants(files: HostFiles) -> dict[str, list[str]]:
    """Unit to the units that want or require it."""
    wants: dict[str, list[str]] = {}
    for directory in DIRECTORIES:
        for name in files.names(directory):
            wanting, _, kind = name.rpartition(".")
            if kind in {"wants", "requires"}:
                for wanted in files.names(f"{directory}/{name}"):
                    wants.setdefault(wanted, []).append(wanting)
    return wants


def _alias(name: str, files: HostFiles) -> str:
    return next(filter(None, (files.link(f"{directory}/{name}") for directory in DIRECTORIES)), "")


def _unit(name: str, files: HostFiles) -> Unit:
    """What the files of a unit say."""
    stem, at, _ = name.partition("@")
    template = f"{stem}@.{name.rpartition('.')[2]}" if at else ""
    paths = [f"{directory}/{one}" for one in (name, template) if one for directory in DIRECTORIES]
    fragment = next((path for path in paths if isinstance(files.read(path), bytes)), "")
    drop_ins: dict[str, str] = {}
    for directory in reversed(DIRECTORIES):
        for one in filter(None, (template, name)):
            below = f"{directory}/{one}.d"
            drop_ins |= {file: f"{below}/{file}" for file in files.names(below) if file.endswith(".conf")}
    paths = [fragment, *(drop_ins[file] for file in sorted(drop_ins))] if fragment else []
    contents = [data for path in paths if isinstance(data := files.read(path), bytes)]
    return replace(unit_of(name, contents), fragment=fragment, drop_ins=tuple(paths[1:]))
