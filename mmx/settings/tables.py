"""Files of networks and names that conditions and lists name as `file:/PATH`.

One entry a line; empty lines, and what stands behind a `#` at the beginning of a line or after a blank,
are left out. A list of networks may be a cidr table of Postfix: `NETWORK RESULT`, of which the first
network that holds an address counts. The result DUNNO makes it an exception, any other lists it. Of
Postfix's further syntax nothing is read, and all of it is refused by name: `if` and `endif`, `!NETWORK`,
and lines that go on in the next one.

Files are read with the settings, at start and at each reload; what is wrong in one is an error of the
settings with its own line. A file is read once, however often it is named.
"""

import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from mmx.errors import InvalidValueError, Problem
from mmx.settings import entries
from mmx.settings.condition_walk import leaves_of
from mmx.settings.conditions import KINDS
from mmx.settings.files import read_file
from mmx.settings.model import Settings, TableFile
from mmx.settings.section import Findings

LARGEST_TABLE: Final = 8 << 20
MOST_ENTRIES: Final = 200_000
_MOST_FAULTS: Final = 20
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_EXCEPTION: Final = "DUNNO"

Entry = tuple[str, bool]


def read_tables(settings: Settings, findings: Findings) -> Settings:
    """The settings with what their files hold; what is wrong goes to `findings`."""
    wanted: dict[tuple[str, str], str] = {}
    for key, kind, value in _lists(settings):
        if value.startswith(entries.FILE):
            wanted.setdefault((kind, value.removeprefix(entries.FILE)), key)
    tables = [_read(kind, path, key, findings) for (kind, path), key in wanted.items()]
    return replace(settings, tables=tuple(tables)) if tables else settings


def _lists(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Every value of a list: its key in the settings, the kind of its entries, itself."""
    lists = [
        ("local_networks", entries.NETWORKS, settings.local_networks or ()),
        ("trusted_domains", entries.DOMAINS, settings.trusted_domains),
        ("s25r.allow", entries.DOMAINS, settings.s25r.allow),
        ("s25r.deny", entries.DOMAINS, settings.s25r.deny),
    ]
    for name, condition in settings.conditions:
        tests = (test for test in leaves_of(condition, {}) if test.test in KINDS)
        lists.extend((f"conditions.{name}", KINDS[test.test], test.values) for test in tests)
    for key, kind, values in lists:
        for value in values:
            yield key, kind, value


def _read(kind: str, path: str, key: str, findings: Findings) -> TableFile:
    empty = TableFile(kind, path, ())
    file = Path(path)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            findings.refuse(key, f"{entries.FILE}{path}", "no regular file", "name a file")
            return empty
        data = read_file(file, LARGEST_TABLE, findings)
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        findings.refuse(key, f"{entries.FILE}{path}", message, "let mmx read it, or remove the entry")
        return empty
    if len(data) > LARGEST_TABLE:
        findings.refuse(key, f"{entries.FILE}{path}", f"larger than {LARGEST_TABLE >> 20} MiB", "split it")
        return empty
    rows, problems = parse_table(kind, path, data)
    findings.problems += problems
    return TableFile(kind, path, tuple(rows))


def parse_table(kind: str, path: str, data: bytes) -> tuple[list[Entry], list[Problem]]:
    """The entries of a file, and what is wrong with it, the first faults only."""
    table = _Table(kind)
    problems: list[Problem] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            table.add(line.decode())
        except UnicodeDecodeError:
            problems.append(Problem(path, number, "", "", "not UTF-8", "save the file as UTF-8"))
        except InvalidValueError as error:
            problems.append(Problem(path, number, "", _shown(line), error.message, error.remedy))
        if table.is_over or len(problems) == _MOST_FAULTS:
            break
    return table.rows, problems


class _Table:
    """The entries of a file as far as it was read; `is_over` once they are more than there may be."""

    def __init__(self, kind: str) -> None:
        self.rows: list[Entry] = []
        self.is_over = False
        self._kind = kind
        self._patterns = 0

    def add(self, line: str) -> None:
        """Read one line."""
        text = _COMMENT.sub("", line)
        if not text.strip():
            return
        row = _network_row(text) if self._kind == entries.NETWORKS else _name_row(self._kind, text)
        self._patterns += entries.is_tried(row[0])
        if len(self.rows) == MOST_ENTRIES:
            self.is_over = True
            raise InvalidValueError(f"more than {MOST_ENTRIES} entries", "split the file, or the condition")
        if self._patterns > entries.MOST_PATTERNS:
            self.is_over = True
            raise InvalidValueError(*entries.TOO_MANY)
        self.rows.append(row)


def _shown(line: bytes) -> str:
    text = line[:80].decode(errors="replace").strip()
    return "".join(char if char.isprintable() else "?" for char in text)


def _network_row(text: str) -> Entry:
    if text[0].isspace():
        raise InvalidValueError(
            "begins with a blank: Postfix would join it to the line before", "remove the blank"
        )
    network, *result = text.split(maxsplit=1)
    if network.lower() in {"if", "endif"} or network.startswith("!"):
        raise InvalidValueError(
            "this syntax of Postfix's cidr tables is not read", "write each network on a line of its own"
        )
    return entries.parse_network(network), " ".join(result).strip().upper() != _EXCEPTION


def _name_row(kind: str, text: str) -> Entry:
    words = text.split()
    if len(words) > 1:
        raise InvalidValueError("more than one word", "write one entry a line, without a result")
    return entries.PARSERS[kind](words[0]), True
