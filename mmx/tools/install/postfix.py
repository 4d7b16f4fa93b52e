"""Handing Postfix's milters over to mmx, and back.

What stood in main.cf and master.cf is saved before anything changes, in a file that only root writes. Going
back restores what is still as it was set here; what somebody has changed since stays, and is told.

No milter may get lost: one that Postfix is told to use and that is no child of mmx would see no mail any
more, so that is refused with the line to write. An empty list stays empty: such a service has no milters on
purpose, for example the one that takes mail back from a content filter.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mmx.detect.commands import Run
from mmx.detect.postfix_milters import read_milters
from mmx.errors import UnavailableError
from mmx.settings.endpoint import ChildEndpoint, Endpoint, same_place
from mmx.tools.install.steps import Command, RemoveFile, Step, Target, WriteFile

SAVED: Final = "/etc/mmx/postfix.saved.json"
MILTER: Final = "unix:mmx/mmx.sock"
"""Relative to the queue directory, which is right with and without a chroot."""
LISTS: Final = ("smtpd_milters", "non_smtpd_milters")
ACTION: Final = "milter_default_action"
PARAMETERS: Final = (*LISTS, ACTION)
POSTCONF: Final = "/usr/sbin/postconf"
POSTFIX: Final = "/usr/sbin/postfix"
_LIMIT: Final = 20.0
ENTRY: Final = re.compile(r"\{[^}]*\}|[^\s,{}]+")
"""One milter of a list, with its braces if it has settings of its own."""


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter of main.cf, or `SERVICE/TYPE/PARAMETER` of master.cf; `old` None: not set."""

    name: str
    old: str | None
    new: str

    @property
    def in_master(self) -> bool:
        return "/" in self.name

    def __str__(self) -> str:
        where = "master.cf" if self.in_master else "main.cf"
        before = "not set" if self.old is None else f"`{self.old}`"
        return f"{where}: {self.name}: {before} becomes `{self.new}`"


class Postfix:
    """Postfix's configuration as postconf tells it; values raw or with their `$` put in."""

    def __init__(self, target: Target) -> None:
        self._run: Run = target.run
        self.base = (POSTCONF, "-c", str(target.place("/etc/postfix")))
        self.raw = dict(self._rows("-n", *PARAMETERS))
        self.raw |= dict(self._rows("-P", *_everywhere()))
        self.full = dict(self._rows("-nx", *PARAMETERS)) | dict(self._rows("-Px", *_everywhere()))
        self.queue = dict(self._rows("-x", "queue_directory")).get("queue_directory", "")

    def _rows(self, *words: str) -> Iterator[tuple[str, str]]:
        answer = self._run((*self.base, *words), _LIMIT)
        if answer.failure or answer.status:
            raise UnavailableError(f"postconf {' '.join(words)} failed: {answer.complaint}")
        for line in answer.output.decode("utf-8", "surrogateescape").splitlines():
            name, equals, value = line.partition("=")
            if equals:
                yield name.strip(), value.strip()


def _everywhere() -> tuple[str, ...]:
    return tuple(f"*/*/{parameter}" for parameter in PARAMETERS)


def changes_to(postfix: Postfix) -> list[Change]:
    """What makes mmx the one milter, wherever Postfix has milters now; smtpd_milters in any case."""
    changes = []
    for name in ("smtpd_milters", *sorted(postfix.raw.keys() - {"smtpd_milters"})):
        parameter = name.rpartition("/")[2]
        old, full = postfix.raw.get(name), postfix.full.get(name, "")
        if parameter == ACTION:
            new = "tempfail" if full == "accept" else old or ""
        elif full or name == "smtpd_milters":
            # A reference to the other list follows it by itself.
            new = old if old == "$smtpd_milters" else MILTER
        else:
            continue
        if old != new:
            changes.append(Change(name, old, new))
    return changes


def lost(postfix: Postfix, children: Sequence[ChildEndpoint]) -> list[tuple[str, str]]:
    """Milters that no child is, as (parameter, entry): they would see no mail any more."""
    found = []
    for name, full in postfix.full.items():
        if name.rpartition("/")[2] not in LISTS:
            continue
        for entry in ENTRY.findall(full):
            meant = _meant(postfix, entry)
            if entry != MILTER and not any(same_place(one, child) for one in meant for child in children):
                found.append((name, entry))
    return found


def _meant(postfix: Postfix, value: str) -> list[Endpoint]:
    """The endpoints that a list of milters may mean."""
    text = f"queue_directory = {postfix.queue}\nsmtpd_milters = {value}\n"
    return [milter.endpoint for milter in read_milters(text.encode(), b"")]


def refuse_losses(postfix: Postfix, children: Sequence[ChildEndpoint]) -> None:
    """Raise UnavailableError if a milter would get lost."""
    missing = lost(postfix, children)
    if missing:
        lines = [f"{name} names {entry}, which is no child of mmx" for name, entry in missing]
        raise UnavailableError(
            "\n".join(lines) + "\nwrite each of them into mmx.yaml, as in `children: {NAME: {endpoint: "
            f'"{missing[0][1]}"}}}}`, and reload mmx; or take it out of Postfix first'
        )


def connect_steps(postfix: Postfix, changes: Sequence[Change], target: Target) -> list[Step]:
    """Save what is there, set what is to be, have Postfix read it."""
    saved = _read_saved(target)
    for change in changes:
        saved.setdefault(change.name, {"old": change.old, "new": change.new})
        saved[change.name]["new"] = change.new
    steps: list[Step] = []
    if changes:
        text = json.dumps(saved, indent=2, sort_keys=True) + "\n"
        steps.append(WriteFile(SAVED, text, mode=0o600))
    steps += [_set(postfix, change.name, change.new) for change in changes]
    return [*steps, *_reload(target, bool(changes))]


def restore_steps(postfix: Postfix, target: Target, tell: Callable[[str], None]) -> list[Step]:
    """Put back what was saved, as far as nobody has changed it since."""
    saved = _read_saved(target)
    steps: list[Step] = []
    for name, values in saved.items():
        old, new = values["old"], values["new"]
        if postfix.raw.get(name) != new:
            tell(f"{name} stays as it is: somebody has changed it since mmx did")
        elif old is not None:
            steps.append(_set(postfix, name, old))
        else:
            steps.append(Command((*postfix.base, "-X", name)))
    return [*steps, *_reload(target, bool(steps)), RemoveFile(SAVED)]


def still_used(postfix: Postfix) -> list[str]:
    """The parameters that name mmx, in whatever form."""
    own = _meant(postfix, MILTER)
    return [
        name
        for name, value in postfix.full.items()
        if name.rpartition("/")[2] in LISTS
        and any(same_place(one, other) for one in _meant(postfix, value) for other in own)
    ]


def _set(postfix: Postfix, name: str, value: str) -> Command:
    return Command((*postfix.base, "-P" if "/" in name else "-e", f"{name}={value}"))


def _reload(target: Target, wanted: bool) -> list[Step]:
    def is_running(host: Target) -> bool:
        return host.run((POSTFIX, "status"), _LIMIT).status == 0

    return [Command((POSTFIX, "reload"), is_running)] if wanted and target.is_host else []


def _read_saved(target: Target) -> dict[str, dict[str, str | None]]:
    text = target.read(SAVED)
    if text is None:
        return {}
    try:
        saved: Mapping[str, Mapping[str, str | None]] = json.loads(text)
        return {name: {"old": values["old"], "new": values["new"]} for name, values in saved.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnavailableError(
            f"{target.place(SAVED)} is damaged ({error}); put Postfix right by hand"
        ) from error
