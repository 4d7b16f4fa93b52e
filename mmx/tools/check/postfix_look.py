"""Postfix as `mmx check` sees it: what postconf tells, whether the master runs, whether mmx can be reached.

A parameter may have one value in main.cf and others in master.cf (`-o name=value` of a service). `places`
gives every value that holds for some service of a daemon, each with the command that sets it there.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.aio.main_cf import MACRO_LISTS
from mmx.detect.collector import POSTCONF
from mmx.detect.commands import Answer, Run
from mmx.detect.facts import Absence, Failure
from mmx.settings.endpoint import Endpoint
from mmx.tools.check.finding import shell
from mmx.tools.check.postfix_reach import Reached, try_to_reach

POSTFIX: Final = "/usr/sbin/postfix"
LIMIT: Final = 10.0
"""Seconds that each command may take."""

PARAMETERS: Final = (
    *("smtpd_milters", "non_smtpd_milters", "smtpd_milter_maps", "internal_mail_filter_classes"),
    *("receive_override_options", "content_filter"),
    *("milter_default_action", "milter_protocol"),
    *("milter_connect_timeout", "milter_command_timeout", "milter_content_timeout"),
    *MACRO_LISTS,
    *("milter_macro_v", "mail_name"),
    *("mynetworks", "mynetworks_style", "smtpd_relay_restrictions", "smtpd_recipient_restrictions"),
    *("mail_version", "mail_owner", "queue_directory", "compatibility_level", "multi_instance_directories"),
)

_BLANKS: Final = re.compile(r"[\s,]+")

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """A row of master.cf; `key` is its name and type as postconf writes them: `submission/inet`."""

    key: str
    daemon: str
    chroot: bool

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a parameter that holds for `services`. `override`: the one of them that sets it for itself
    in master.cf, "" for main.cf. `raw` is as written, None if it is not set; `full` has its `$` put in.
    """

    parameter: str
    override: str
    raw: str | None
    full: str
    services: tuple[Service, ...]

    def __str__(self) -> str:
        if self.override:
            return f"master.cf: {self.override}/{self.parameter}"
        return f"main.cf: {self.parameter}"

    @property
    def is_reference(self) -> bool:
        """Whether all it says is to look at another parameter."""
        return self.raw is not None and self.raw.startswith("$") and self.raw != self.full


@dataclass(frozen=True, slots=True)
class PostfixView:
    """What was seen. `main` and `master` are as written, `full` and `full_master` have their `$` put in;
    `full` has every parameter of PARAMETERS, set or not.
    """

    directory: str = ""
    """Of main.cf, if it is not the usual one."""
    main: Values = field(default_factory=dict)
    full: Values = field(default_factory=dict)
    master: Values = field(default_factory=dict)
    full_master: Values = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    unread: str = ""
    """Why the overrides of master.cf could not be read."""
    remarks: tuple[str, ...] = ()
    """What postconf warned of."""
    running: bool | Failure = True
    reached: Mapping[str, Reached] = field(default_factory=dict)
    """By endpoint of a listener of mmx."""

    def value(self, parameter: str) -> str:
        return self.full.get(parameter, "")

    def places(self, parameter: str, *daemons: str) -> Iterator[Place]:
        """Every value that holds for a service of these daemons; main.cf's first, if it holds for any."""
        services = tuple(one for one in self.services if one.daemon in daemons)
        plain = tuple(one for one in services if f"{one.key}/{parameter}" not in self.master)
        if plain:
            yield Place(parameter, "", self.main.get(parameter), self.value(parameter), plain)
        for service in services:
            raw = self.master.get(f"{service.key}/{parameter}")
            if raw is not None:
                full = self.full_master.get(f"{service.key}/{parameter}", raw)
                yield Place(parameter, service.key, raw, full, (service,))

    def set(self, place: Place, value: str) -> tuple[str, ...]:
        """The commands that give a parameter this value there."""
        if place.override:
            # Blanks are refused there.
            plain = _BLANKS.sub(",", value).replace("{,", "{").replace(",}", "}")
            change = shell(*self._postconf, "-P", f"{place.override}/{place.parameter}={plain}")
        else:
            change = shell(*self._postconf, "-e", f"{place.parameter}={value}")
        return (change, *self.reload)

    def unset(self, parameter: str, *, everywhere: bool = False) -> tuple[str, ...]:
        """The commands that take a parameter out of main.cf, so that Postfix's own value holds; `everywhere`:
        out of every service of master.cf.
        """
        words = ("-PX", f"*/*/{parameter}") if everywhere else ("-X", parameter)
        return (shell(*self._postconf, *words), *self.reload)

    def dechroot(self, service: Service) -> tuple[str, ...]:
        """The commands that have a service run outside the chroot."""
        return (shell(*self._postconf, "-F", f"{service.key}/chroot=n"), *self.reload)

    @property
    def reload(self) -> tuple[str, ...]:
        """The command that makes a change known, if anybody is there to know."""
        where = ("-c", self.directory) if self.directory else ()
        return (shell("postfix", *where, "reload"),) if self.running else ()

    @property
    def _postconf(self) -> tuple[str, ...]:
        return ("postconf", "-c", self.directory) if self.directory else ("postconf",)


def look_at_postfix(
    run: Run, directory: Path | None, listeners: Sequence[Endpoint], *, is_root: bool
) -> PostfixView | Failure:
    """Ask postconf, and try to reach mmx as Postfix would."""
    if not Path(POSTCONF).exists():
        return Absence(f"Postfix is not installed: there is no {POSTCONF}")
    base = (POSTCONF, *(("-c", str(directory)) if directory else ()))
    answers: dict[str, Answer] = {}
    for option, names in (("-n", ()), ("-x", PARAMETERS), ("-P", ()), ("-Px", ()), ("-M", ())):
        answers[option] = run((*base, option, *names), LIMIT)
        if answers[option].failure:
            # It would take its time for each of the others.
            return Failure(f"postconf {option}: {answers[option].failure}")
    failed = _failure(answers, "-n", "-x", "-M")
    if failed:
        return Failure(failed)
    full = _rows(answers["-x"])
    return PostfixView(
        directory=str(directory) if directory else "",
        main=_rows(answers["-n"]),
        full=full,
        master=_rows(answers["-P"]),
        full_master=_rows(answers["-Px"]),
        services=read_services(answers["-M"].output, full.get("compatibility_level", "")),
        unread=_failure(answers, "-P", "-Px"),
        remarks=_remarks(answers["-n"]),
        running=_is_running(run, directory, is_root=is_root),
        reached=try_to_reach(listeners, full.get("mail_owner", "postfix"), is_root=is_root),
    )


def read_services(output: bytes, level: str) -> tuple[Service, ...]:
    """The rows that postconf -M prints: name type private unprivileged chroot wakeup most command ..."""
    usual = "n" if level.partition(".")[0].isdigit() and int(level.partition(".")[0]) >= 1 else "y"
    rows = (line.split() for line in output.decode("utf-8", "surrogateescape").splitlines())
    return tuple(
        Service(f"{row[0]}/{row[1]}", row[7], (usual if row[4] == "-" else row[4]) == "y")
        for row in rows
        if len(row) >= 8
    )


def _failure(answers: Mapping[str, Answer], *options: str) -> str:
    for option in options:
        if answers[option].failure or answers[option].status:
            return f"postconf {option}: {answers[option].complaint}"
    return ""


def _rows(answer: Answer) -> dict[str, str]:
    lines = answer.output.decode("utf-8", "surrogateescape").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _remarks(answer: Answer) -> tuple[str, ...]:
    lines = answer.errors.decode("utf-8", "replace").splitlines()
    return tuple(
        dict.fromkeys(line.partition("warning: ")[2].strip() for line in lines if "warning: " in line)
    )


def _is_running(run: Run, directory: Path | None, *, is_root: bool) -> bool | Failure:
    """Only root may ask postfix(1); others look for its master process."""
    if is_root:
        answer = run((POSTFIX, *(("-c", str(directory)) if directory else ()), "status"), LIMIT)
        return Failure(answer.failure) if answer.failure else answer.status == 0
    found = [_program(process) for process in Path("/proc").glob("[0-9]*")]
    if any(name.endswith("/master") and "postfix" in name for name in found):
        return True
    return False if _program(Path("/proc/1")) else Failure("/proc does not show the processes of others")


def _program(process: Path) -> str:
    try:
        return os.fsdecode((process / "cmdline").read_bytes().partition(b"\0")[0])
    except OSError:
        return ""
