"""What the collector brings: the host as far as detection cares, all of it plain data.

Nothing in here is a judgement. A fact that could not be had is there as the reason why, so that the planner
can tell "not so" from "not known".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmx.settings.detected import PostfixMilter


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as systemd has it; words are those of `systemctl show`, empty where nobody could say.

    `wanted_by` holds RequiredBy too. `argv` is the first ExecStart, variables not put in; `listen` are the
    sockets of a socket unit; `environment_files` are without what systemd thinks of their absence.
    """

    name: str
    load_state: str = "loaded"
    active_state: str = ""
    sub_state: str = ""
    file_state: str = ""
    fragment: str = ""
    source: str = ""
    drop_ins: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()

    @property
    def from_init_script(self) -> bool:
        """Whether systemd made it from a script in /etc/init.d."""
        return self.source.startswith(("/etc/init.d/", "/etc/rc.d/init.d/"))


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be learnt, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Absence(Failure):
    """There is nobody to ask; that is no fault."""


# A file's content, or why it cannot be read. A path that is not in the map is not there.
Files = Mapping[str, bytes | Failure]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything there is to know. `units` is a Failure if systemd did not answer.

    `existing` are paths, of those that entries ask after, that exist. `workers` is what rspamadm printed;
    None if nobody asked it. `limits` says in words how far the facts reach, if not all the way.
    """

    units: Mapping[str, Unit] | Failure
    files: Files = field(default_factory=dict)
    existing: frozenset[str] = frozenset()
    workers: str | Failure | None = None
    in_postfix: tuple[PostfixMilter, ...] = ()
    limits: tuple[str, ...] = ()
