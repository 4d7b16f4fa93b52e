"""What is to be done to make mmx a service of a host: user, groups, directories, units, settings.

The files are those of systemd/ and etc/ of the project, with the path of the program that runs and Postfix's
queue directory put in. They go to /etc, where an administrator's files have their place: packages use /usr.

The user becomes a member of the group of every milter that is there, since most sockets are open to a group
only, and some daemons' own configuration, which says where the socket is, likewise. Who installs a milter
later runs `mmx install` again.
"""

import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mmx
from mmx.errors import UnavailableError
from mmx.tools.install.steps import Command, RemoveFile, Step, Target, WriteFile, when_changed

USER: Final = "mmx"
QUEUE: Final = "/var/spool/postfix"
SERVICE: Final = "/etc/systemd/system/mmx.service"
SOCKET: Final = "/etc/systemd/system/mmx.socket"
SYSUSERS: Final = "/etc/sysusers.d/mmx.conf"
TMPFILES: Final = "/etc/tmpfiles.d/mmx.conf"
SETTINGS: Final = "/etc/mmx/mmx.yaml"
UNITS: Final = ("mmx.socket", "mmx.service")
SYSTEMCTL: Final = "/usr/bin/systemctl"
POSTCONF: Final = "/usr/sbin/postconf"

GROUPS: Final = (
    *("postfix", "opendkim", "opendmarc", "openarc", "clamav", "clamilt", "spamass-milter", "sa-milt"),
    *("debian-spamd", "_rspamd", "rspamd", "amavis", "dkimpy-milter", "pyspf-milter", "milter-greylist"),
    *("greylist", "grmilter", "milter-regex", "defang", "smfs"),
)
"""Groups of milters on Debian, Fedora and EL."""
ONLY_BESIDE: Final = {"mail": "grmilter"}
"""EL opens the directory of milter-greylist to the group mail; elsewhere that group reads people's mail."""

_HIDDEN: Final = ("/root", "/home", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - to stay away from
"""Where the unit cannot look: ProtectHome= and PrivateTmp=."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the plan depends on: members of each group by name, users by name, the queue directory."""

    groups: Mapping[str, frozenset[str]]
    users: frozenset[str]
    queue: str = QUEUE
    has_sysusers: bool = True
    enabled: bool = False

    @property
    def wanted(self) -> tuple[str, ...]:
        """The groups that mmx is to be a member of."""
        beside = [name for name, other in ONLY_BESIDE.items() if other in self.groups]
        return tuple(name for name in (*GROUPS, *beside) if name in self.groups)

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of them that it is no member of."""
        return tuple(name for name in self.wanted if USER not in self.groups[name])


def facts_of(target: Target) -> Facts:
    """Look at the host; raises UnavailableError if mmx cannot be a service there."""
    groups = {
        fields[0]: frozenset(filter(None, fields[3].split(","))) for fields in _rows(target, "/etc/group", 4)
    }
    users = frozenset(fields[0] for fields in _rows(target, "/etc/passwd", 7))
    if not target.place(SYSTEMCTL).exists():
        raise UnavailableError("systemd is not installed: run mmx by hand, see docs/how-to")
    if "postfix" not in groups or "postfix" not in users:
        raise UnavailableError("Postfix is not installed: there is no user postfix; install it first")
    has_sysusers = bool(shutil.which("systemd-sysusers", path="/usr/bin:/bin"))
    return Facts(groups, users, _queue_directory(target), has_sysusers, _are_enabled(target))


def _rows(target: Target, path: str, width: int) -> Iterator[list[str]]:
    for line in (target.read(path) or "").splitlines():
        fields = line.split(":")
        if len(fields) >= width:
            yield fields


def _queue_directory(target: Target) -> str:
    if not Path(POSTCONF).exists():
        return QUEUE
    answer = target.run((POSTCONF, "-c", str(target.place("/etc/postfix")), "-xh", "queue_directory"), 10.0)
    text = answer.output.decode("utf-8", "replace").strip()
    return text if text.startswith("/") and not answer.status else QUEUE


def _are_enabled(target: Target) -> bool:
    argv = (*systemctl(target), "is-enabled", "--quiet", *UNITS)
    answer = target.run(argv, 30.0)
    return not answer.failure and not answer.status


def systemctl(target: Target) -> tuple[str, ...]:
    """How systemctl is called for the host, or for a tree."""
    return (SYSTEMCTL,) if target.is_host else (SYSTEMCTL, f"--root={target.root}")


def program() -> str:
    """The command that runs, as an absolute path; raises UnavailableError if the service could not run it."""
    for found in (Path(sys.argv[0]), Path(sys.executable).with_name("mmx")):
        if found.name == "mmx" and found.is_file():
            path = found.absolute()
            break
    else:
        raise UnavailableError("run this as the command mmx: its path goes into the unit")
    for needed in (
        path,
        path.resolve(),
        Path(os.path.realpath(sys.executable)),
        Path(mmx.__file__).resolve(),
    ):
        blocked = unreachable(needed)
        if blocked:
            raise UnavailableError(
                f"the service cannot use {needed}: {blocked}; install mmx where every user can reach it, "
                "for example in /opt/mmx, with a Python that every user can run"
            )
    return str(path)


def unreachable(path: Path) -> str:
    """Why the user of the service cannot use a file; "" if it can."""
    hidden = next((place for place in _HIDDEN if path.is_relative_to(place)), None)
    if hidden is not None:
        return f"its unit hides {hidden}"
    for step in (*reversed(path.parents), path):
        wanted = stat.S_IXOTH if step != path else stat.S_IROTH
        if not step.stat().st_mode & wanted:
            return f"{step} is closed to other users"
    return ""


def shipped(name: str) -> str:
    """The text of a file of systemd/ or etc/: of the source tree, or of what was installed beside mmx."""
    places = [Path(mmx.__file__).parent.parent, Path(sysconfig.get_path("data")) / "share/mmx"]
    for place in (*places, Path("/usr/share/mmx")):
        if (place / "systemd/mmx.service").is_file() and (place / name).is_file():
            return (place / name).read_text()
    raise UnavailableError(f"{name} was not installed with mmx: install mmx from a release or its source")


def adapted(text: str, facts: Facts, command: str) -> str:
    """A shipped file with what differs on this host."""
    return text.replace(QUEUE, facts.queue).replace("/usr/bin/mmx", command)


def sysusers_text(facts: Facts) -> str:
    """The shipped lines, and one for each group that is there."""
    members = "".join(f"m {USER} {group}\n" for group in facts.wanted)
    return shipped("systemd/mmx.sysusers") + members


def root_option(target: Target) -> tuple[str, ...]:
    """What systemd's programs are told for a tree."""
    return () if target.is_host else (f"--root={target.root}",)


def install_steps(facts: Facts, target: Target, command: str) -> list[Step]:
    """Everything but Postfix's configuration."""

    def text_of(name: str) -> str:
        return adapted(shipped(name), facts, command)

    root = root_option(target)
    reload = [Command((SYSTEMCTL, "daemon-reload"), when_changed)] if target.is_host else []
    enable = [] if facts.enabled else [Command((*systemctl(target), "enable", *UNITS))]
    return [
        *account_steps(facts, root),
        WriteFile(SETTINGS, text_of("etc/mmx.yaml"), keep=True),
        WriteFile(TMPFILES, text_of("systemd/mmx.tmpfiles")),
        Command(
            ("systemd-tmpfiles", *root, "--create", Path(TMPFILES).name),
            lambda host: host.changed or not host.place(f"{facts.queue}/mmx").is_dir(),
        ),
        WriteFile(SOCKET, text_of("systemd/mmx.socket")),
        WriteFile(SERVICE, text_of("systemd/mmx.service")),
        *reload,
        *enable,
    ]


def account_steps(facts: Facts, root: tuple[str, ...]) -> list[Step]:
    """Make the user and its memberships."""
    is_complete = USER in facts.users and not facts.missing
    if facts.has_sysusers:
        create = Command(("systemd-sysusers", *root, Path(SYSUSERS).name), lambda _: not is_complete)
        return [WriteFile(SYSUSERS, sysusers_text(facts)), create]
    steps: list[Step] = []
    if USER not in facts.users:
        options = ("--system", "--user-group", "--home-dir", "/var/lib/mmx", "--no-create-home")
        steps.append(Command(("useradd", *_long(root), *options, "--shell", "/usr/sbin/nologin", USER)))
    return [*steps, *membership_steps(facts, root)]


def membership_steps(facts: Facts, root: tuple[str, ...]) -> list[Step]:
    """Make the user, which exists by then, a member of the groups that it is missing in."""
    if not facts.missing:
        return []
    return [Command(("usermod", *_long(root), "-aG", ",".join(facts.missing), USER))]


def _long(root: tuple[str, ...]) -> tuple[str, ...]:
    """The option --root as shadow's programs take it."""
    return tuple(word for option in root for word in option.split("=", 1))


def uninstall_steps(target: Target) -> list[Step]:
    """Undo it; the user, its groups and /etc/mmx stay."""
    there = any(target.place(path).exists() for path in (SERVICE, SOCKET))
    stop = ("--now",) if target.is_host else ()
    disable = [Command((*systemctl(target), "disable", *stop, *UNITS))] if there else []
    reload = [Command((SYSTEMCTL, "daemon-reload"), when_changed)] if target.is_host else []
    return [*disable, *map(RemoveFile, (SERVICE, SOCKET, SYSUSERS, TMPFILES)), *reload]
