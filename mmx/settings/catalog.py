"""The milters that mmx knows, as data: one entry each, and nothing else to change when one is added.

An entry says what the settings need (its place in the chain, its part in it, defaults of its keys) and what
detection needs (its units, and where its socket is configured). Both stand here because one entry is easier
to keep right than two.

Sources of a socket are tried in the order of the entry; the first that says anything wins. So an entry has
them in the order in which the daemon itself decides: its command line, the environment that its unit gives
it, its own configuration, what it was compiled with. An init script reads a file of shell assignments; such
sources count only where an init script starts the daemon, as systemd's units do not read these files.

Facts are those of Debian 12 and of the packages of Fedora and EPEL.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mmx.settings.model import Content, Pipelining


class Role(StrEnum):
    """What a milter does to a message; the order of the chain is judged by it."""

    GREYLISTS = "greylists"
    REJECTS = "rejects"
    SIGNS = "signs"
    SEALS = "seals"
    VERIFIES = "verifies"
    SCANS = "scans"
    # Changes what it takes for spam.
    MARKS = "marks"
    # Changes any message.
    CHANGES = "changes"


class Grammar(StrEnum):
    """Form of a daemon's own configuration file."""

    # `Keyword value`, comments from any "#" on.
    KEYWORD = "keyword"
    # The same, comments only as whole lines, and a bare `Example` that keeps the daemon from starting.
    CLAMAV = "clamav"
    # `Keyword = value`.
    EQUALS = "equals"
    # `socket "path" mode`
    GREYLIST = "greylist"


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line, with a blank or without before its value."""

    flag: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable in the environment that the unit gives the daemon or its wrapper."""

    name: str


@dataclass(frozen=True, slots=True)
class InitFile:
    """A shell variable that an init script uses, read from a file if it sets it there."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class ConfFile:
    """The daemon's own configuration: the file its command line names, else the first of `paths` there is.

    `flags` are the options that name it; "" stands for an argument without one.
    """

    paths: tuple[str, ...]
    keyword: str = "Socket"
    grammar: Grammar = Grammar.KEYWORD
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyWorker:
    """Rspamd's proxy worker, as `rspamadm configdump` prints it."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What holds when nothing is configured; `init`: behind an init script, `beside`: if that exists."""

    socket: str
    init: bool = False
    beside: str = ""


Source = Option | Variable | InitFile | ConfFile | ProxyWorker | Compiled


@dataclass(frozen=True, slots=True)
class Switch:
    """A shell variable that keeps an init script from starting anything unless it is 1."""

    path: str
    name: str
    default: str


@dataclass(frozen=True, slots=True)
class Milter:
    """A milter that mmx knows. `units` are without their suffix, the usual one first."""

    name: str
    rank: int
    roles: frozenset[Role]
    units: tuple[str, ...]
    sources: tuple[Source, ...]
    content: Content = Content.EDITED
    # It uses libmilter, which reads on while a filter works and answers in order.
    pipelining: Pipelining = Pipelining.YES
    # The mail that it is meant for, unless the settings say otherwise.
    when: tuple[str, ...] = ()
    switch: Switch | None = None


def _opendkim_like(name: str, flag: str) -> tuple[Source, ...]:
    paths = (f"/etc/{name}.conf",)
    return (Option("-p"), ConfFile(paths, flags=(flag,)), InitFile(f"/etc/default/{name}", "SOCKET"))


_UNAUTHENTICATED: Final = ("unauthenticated",)

CATALOG: Final = (
    Milter(
        name="milter-greylist",
        rank=10,
        roles=frozenset({Role.GREYLISTS}),
        units=("milter-greylist",),
        sources=(
            Option("-p"),
            InitFile("/etc/default/milter-greylist", "SOCKET"),
            ConfFile(
                ("/etc/milter-greylist/greylist.conf", "/etc/mail/greylist.conf"),
                keyword="socket",
                grammar=Grammar.GREYLIST,
                flags=("-f",),
            ),
            Compiled("/var/run/milter-greylist/milter-greylist.sock"),
        ),
        when=("remote", "unauthenticated", "s25r"),
        switch=Switch("/etc/default/milter-greylist", "ENABLED", "0"),
    ),
    Milter(
        name="milter-regex",
        rank=15,
        roles=frozenset({Role.REJECTS}),
        units=("milter-regex",),
        sources=(Option("-p"), Compiled("/var/spool/milter-regex/sock")),
    ),
    Milter(
        name="pyspf-milter",
        rank=20,
        roles=frozenset({Role.VERIFIES}),
        units=("pyspf-milter",),
        sources=(
            ConfFile(("/etc/pyspf-milter/pyspf-milter.conf",), grammar=Grammar.EQUALS, flags=("",)),
            Compiled("local:/var/run/pyspf-milter/pyspf-milter.sock"),
        ),
        when=_UNAUTHENTICATED,
    ),
    Milter(
        name="smf-spf",
        rank=20,
        roles=frozenset({Role.VERIFIES}),
        units=("smf-spf",),
        sources=(
            ConfFile(("/etc/mail/smfs/smf-spf.conf", "/etc/smf-spf.conf"), flags=("-c",)),
            Compiled("unix:/var/run/smfs/smf-spf.sock"),
        ),
        when=_UNAUTHENTICATED,
    ),
    Milter(
        name="opendkim",
        rank=30,
        roles=frozenset({Role.SIGNS, Role.VERIFIES}),
        units=("opendkim",),
        sources=_opendkim_like("opendkim", "-x"),
    ),
    Milter(
        name="dkimpy-milter",
        rank=30,
        roles=frozenset({Role.SIGNS, Role.VERIFIES}),
        units=("dkimpy-milter",),
        sources=(
            ConfFile(("/etc/dkimpy-milter/dkimpy-milter.conf", "/etc/dkimpy-milter.conf"), flags=("",)),
            Compiled("local:/var/run/dkimpy-milter/dkimpy-milter.sock"),
        ),
    ),
    Milter(
        name="opendmarc",
        rank=40,
        roles=frozenset({Role.VERIFIES}),
        units=("opendmarc",),
        sources=_opendkim_like("opendmarc", "-c"),
        when=_UNAUTHENTICATED,
    ),
    Milter(
        name="openarc",
        rank=45,
        roles=frozenset({Role.VERIFIES, Role.SEALS}),
        units=("openarc",),
        sources=_opendkim_like("openarc", "-c"),
    ),
    Milter(
        name="spamass-milter",
        rank=50,
        roles=frozenset({Role.SCANS, Role.MARKS}),
        units=("spamass-milter", "spamass-milter-root"),
        sources=(
            Option("-p"),
            InitFile("/etc/default/spamass-milter", "SOCKET"),
            Compiled("/var/spool/postfix/spamass/spamass.sock", init=True, beside="/usr/sbin/postfix"),
            Compiled("/var/run/spamass/spamass.sock", init=True),
            Compiled("/run/spamass-milter/spamass-milter.sock"),
        ),
    ),
    Milter(
        name="clamav-milter",
        rank=60,
        roles=frozenset({Role.SCANS}),
        units=("clamav-milter",),
        sources=(
            ConfFile(
                ("/etc/clamav/clamav-milter.conf", "/etc/mail/clamav-milter.conf"),
                keyword="MilterSocket",
                grammar=Grammar.CLAMAV,
                flags=("-c", "--config-file"),
            ),
        ),
        content=Content.ORIGINAL_UNLESS_REPLACED,
    ),
    Milter(
        name="mimedefang",
        rank=65,
        roles=frozenset({Role.SCANS, Role.CHANGES}),
        units=("mimedefang",),
        sources=(
            Option("-p"),
            Variable("SOCKET"),
            InitFile("/etc/default/mimedefang", "SOCKET"),
            Compiled("/var/spool/MIMEDefang/mimedefang.sock"),
        ),
    ),
    Milter(
        name="amavisd-milter",
        rank=70,
        roles=frozenset({Role.SCANS, Role.CHANGES}),
        units=("amavisd-milter",),
        sources=(
            Option("-s"),
            InitFile("/etc/default/amavisd-milter", "MILTERSOCKET"),
            Compiled("/var/lib/amavis/amavisd-milter.sock", init=True),
        ),
    ),
    Milter(
        name="rspamd",
        rank=80,
        roles=frozenset({Role.SCANS, Role.MARKS}),
        units=("rspamd",),
        sources=(ProxyWorker(),),
        pipelining=Pipelining.HEADERS,
    ),
)

MILTERS: Final = {milter.name: milter for milter in CATALOG}


def milter_of(child: str) -> Milter | None:
    """The milter behind the name of a child; an instance of a template unit is called NAME@INSTANCE."""
    return MILTERS.get(child.partition("@")[0])
