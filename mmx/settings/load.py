"""Finding and reading the settings files.

The main file is read first, then, in byte order of their names, the files `*.yaml` of the directory `conf.d`
beside it, hidden ones left out. Each is laid over the ones before it (mmx.settings.document). Either all of
them together give valid settings, or every problem of all of them is reported at once.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from mmx.errors import Problem, SettingsError
from mmx.settings.build import build
from mmx.settings.checks import check
from mmx.settings.detected import Detection, Look, look_nowhere
from mmx.settings.document import LARGEST_FILE, Place, Table, merge, read_document
from mmx.settings.files import read_file
from mmx.settings.model import Settings
from mmx.settings.section import Findings
from mmx.settings.tables import read_tables

DEFAULT_PATH: Final = Path("/etc/mmx/mmx.yaml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Valid settings, where each value came from, what to be told about them, and the files read.

    `origins` maps dotted keys ("children.opendkim.endpoint") to "FILE:LINE", "default", or the key that the
    value is inherited from. `detection` is what looking for milters gave.
    """

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()
    detection: Detection = field(default_factory=Detection)


class Loader(Protocol):
    """How the daemon gets its settings: from files and, if they say so, from what the host has installed."""

    def load(self, path: Path, former: Loaded | None = None, /) -> Loaded:
        """Read everything anew; raises SettingsError. `former` is what is in force: what cannot be told now
        stays as it is there.
        """

    def news(self, loaded: Loaded, /) -> tuple[str, ...]:
        """What a reload would change about the milters found; a line each. May take seconds."""


class FilesOnly:
    """The loader that looks for nothing."""

    def load(self, path: Path, _former: Loaded | None = None, /) -> Loaded:
        return load(path)

    def news(self, _loaded: Loaded, /) -> tuple[str, ...]:
        return ()


def load(path: Path, look: Look = look_nowhere) -> Loaded:
    """Read the main file and its drop-ins; raises SettingsError with all problems.

    `look` looks for milters, and is asked only after the files were read.
    """
    findings = Findings(str(path))
    root, files = _documents(path, findings)
    settings = read_tables(build(root, findings, look), findings)
    check(settings, findings)
    if findings.problems:
        rank = {str(file): index for index, file in enumerate(files)}
        findings.problems.sort(key=lambda problem: (rank.get(problem.file, -1), problem.line or 0))
        raise SettingsError(findings.problems)
    return Loaded(settings, findings.origins, tuple(findings.warnings), tuple(files), findings.detection)


def load_leniently(path: Path) -> Settings:
    """What the files say that can be read, and defaults for the rest.

    For a command that asks a daemon, which may run with what stood there before.
    """
    findings = Findings(str(path))
    root, _ = _documents(path, findings)
    return build(root, findings)


def _documents(path: Path, findings: Findings) -> tuple[Table, list[Path]]:
    files = [path, *_drop_ins(path, findings)]
    root = Table(Place(str(path), 1), {}, {})
    for file in files:
        table, problems = read_document(str(file), _read(file, findings))
        findings.problems += problems
        root = merge(root, table)
    return root, files


def _drop_ins(path: Path, findings: Findings) -> list[Path]:
    directory = path.parent / "conf.d"
    try:
        names = sorted(os.listdir(directory), key=os.fsencode)  # noqa: PTH208  # the order is that of bytes
    except FileNotFoundError:
        return []
    except OSError as error:
        findings.problems.append(_unreadable(directory, error))
        return []
    visible = [directory / name for name in names if not name.startswith(".")]
    for file in visible:
        if file.suffix == ".yml":
            message = "not read: only names that end in .yaml are"
            findings.warnings.append(
                Problem(str(file), None, "", "", message, f"rename it to {file.stem}.yaml")
            )
    return [file for file in visible if file.suffix == ".yaml"]


def _read(file: Path, findings: Findings) -> bytes:
    try:
        return read_file(file, LARGEST_FILE, findings)
    except OSError as error:
        findings.problems.append(_unreadable(file, error))
        return b""


def _unreadable(file: Path, error: OSError) -> Problem:
    remedies = {
        FileNotFoundError: "create it, or name another file with --config",
        PermissionError: "let the user that runs mmx read it",
        IsADirectoryError: "name a file",
    }
    remedy = remedies.get(type(error), "mend the cause")
    return Problem(str(file), None, "", "", f"cannot be read: {error.strerror}", remedy)
