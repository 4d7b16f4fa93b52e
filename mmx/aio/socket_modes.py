"""How the daemons that mmx knows are told who may use their sockets: in words, and as commands for a shell.

A mode or group that is set by hand is gone when the daemon starts again, so it is the daemon's own
configuration that has to change. An entry is found by the name of the child; `{name}` stands for that name,
`{path}` for the socket. The commands leave one setting and no other line, whatever stood there before; there
are none if the path has characters that mean something to a shell.
"""

import re
from dataclasses import dataclass
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9/._@:+-]+")


@dataclass(frozen=True, slots=True)
class SocketMode:
    """What to set, and the commands that set it; the daemon is to be restarted after them."""

    told: str
    commands: tuple[str, ...] = ()

    def at(self, name: str, path: str) -> "SocketMode":
        """The same with the name of the milter and the path of its socket put in."""
        is_plain = _PLAIN.fullmatch(path) is not None
        lines = tuple(_put_in(line, name, path) for line in self.commands if is_plain)
        return SocketMode(_put_in(self.told, name, path), lines)


def socket_mode(child: str, path: str) -> SocketMode:
    """What makes this child's socket usable for its group."""
    name = child.partition("@")[0]
    return _MODES.get(name, _UNKNOWN).at(name, path)


def _put_in(text: str, name: str, path: str) -> str:
    return text.replace("{name}", name).replace("{path}", path)


def _keyword(line: str, file: str, told_file: str = "") -> SocketMode:
    """A line of a configuration file that begins with its keyword."""
    keyword = line.split(maxsplit=1)[0]
    return SocketMode(
        f"set `{line}` in {told_file or file}",
        (f"sed -i '/^[[:space:]]*{keyword}[[:space:]=]/Id' {file}", f"echo '{line}' >> {file}"),
    )


def _shell(line: str, file: str) -> SocketMode:
    """An assignment in a file that an init script reads: the last one counts."""
    command = f"echo '{line}' >> {file}"
    return SocketMode(f"run: {command}", (command,))


_CLAMAV: Final = "/etc/clamav/clamav-milter.conf"
_GREYLIST: Final = "/etc/milter-greylist/greylist.conf"
_RSPAMD: Final = "/etc/rspamd/local.d/worker-proxy.inc"
_OPENDKIM_LIKE: Final = _keyword("UMask 007", "/etc/{name}.conf")
_UNKNOWN: Final = SocketMode("have {name} make its socket with mode 0660")
_MODES: Final = {
    "opendkim": _OPENDKIM_LIKE,
    "opendmarc": _OPENDKIM_LIKE,
    "openarc": _OPENDKIM_LIKE,
    "dkimpy-milter": _keyword("UMask 007", "/etc/dkimpy-milter/dkimpy-milter.conf"),
    "pyspf-milter": _keyword("UMask = 007", "/etc/pyspf-milter/pyspf-milter.conf"),
    "clamav-milter": _keyword("MilterSocketMode 660", _CLAMAV, "clamav-milter.conf"),
    "milter-greylist": SocketMode(
        'write `socket "{path}" 660` in greylist.conf',
        (f"sed -i '/^socket /d' {_GREYLIST}", f"echo 'socket \"{{path}}\" 660' >> {_GREYLIST}"),
    ),
    "rspamd": SocketMode(
        f'write `bind_socket = "{{path}} mode=0660";` in {_RSPAMD}',
        (f"echo 'bind_socket = \"{{path}} mode=0660\";' >> {_RSPAMD}",),
    ),
    "spamass-milter": _shell('SOCKETMODE="0660"', "/etc/default/spamass-milter"),
    "amavisd-milter": _shell('MILTERSOCKETMODE="0660"', "/etc/default/amavisd-milter"),
}
