"""The client's end of the control socket (mmx.aio.control): find it, ask, and say what is wrong if it fails.

The path is that of --socket, else what the settings file says; a file that cannot be read or is wrong leaves
the default, for the daemon may run with what was there before.
"""

import argparse
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from mmx import __version__
from mmx.aio.control import PROTOCOL
from mmx.errors import (
    EX_NOPERM,
    InvalidValueError,
    MmxError,
    PermissionsError,
    UnavailableError,
)
from mmx.settings.load import DEFAULT_PATH, load_leniently
from mmx.settings.units import parse_duration
from mmx.tools.arguments import Examples, Parser

ANSWER_TIME: Final = 30.0
"""Seconds that the daemon has to greet, or to answer a question that needs no waiting."""
LONGEST_LINE: Final = 64 << 20
"""Bytes of an answer."""

_ROOT: Final = 0


class RefusedError(MmxError):
    """The daemon says no; `exit_code` is what it gave."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.exit_code = status


def parser_for_daemon(verb: str, description: str, examples: Examples, more: str = "") -> Parser:
    """The parser of a verb that asks the daemon, with the options that all of those have."""
    made = Parser(verb, description, examples, more)
    made.add_argument(
        *("-c", "--config"),
        type=Path,
        default=DEFAULT_PATH,
        metavar="FILE",
        help="settings file that says where the control socket is (default: %(default)s)",
    )
    made.add_argument("--socket", metavar="PATH", help="the control socket of the daemon")
    return made


def duration(text: str) -> float:
    """A duration of the command line, such as 10m, in seconds."""
    try:
        return parse_duration(text)
    except InvalidValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def socket_path(options: argparse.Namespace) -> str:
    """Where the daemon is to be asked; raises UnavailableError if the settings have no control socket."""
    return str(options.socket) if options.socket else _configured_path(options.config)


def running_settings(config: Path, *, as_json: bool) -> str:
    """The settings that the daemon of this settings file has in force; raises MmxError."""
    path = _configured_path(config)
    answer = ask(path, {"do": "config"})
    if as_json:
        return str(answer["json"])
    return f"# In force in the mmx that runs with pid {answer['pid']}, asked at {path}.\n{answer['text']}"


def _configured_path(config: Path) -> str:
    path = load_leniently(config).control_socket
    if path is None:
        raise UnavailableError(
            f"{config} says `control_socket: null`, so mmx cannot be asked; set it to a path and restart mmx"
        )
    return path


def ask(
    path: str,
    request: dict[str, Any],
    on_event: Callable[[Any], None] = lambda _: None,
    *,
    waits: bool = False,
    within: float = ANSWER_TIME,
) -> Any:
    """The result of a request, after its events; raises MmxError. `waits`: it may take its time, else it has
    so many seconds.
    """
    with _connect(path, within) as connection, connection.makefile("rb") as lines:
        check_hello(path, _read(path, lines))
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            pass  # it refuses without having read
        if waits:
            connection.settimeout(None)
        while True:
            line = _read(path, lines)
            if "event" in line:
                on_event(line["event"])
            elif "result" in line:
                return line["result"]
            else:
                raise refusal(line)


def _connect(path: str, within: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(within)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise explain(path, error) from error
    return connection


def _read(path: str, lines: BinaryIO) -> dict[str, Any]:
    try:
        line = lines.readline(LONGEST_LINE)
    except ConnectionResetError:
        line = b""
    except OSError as error:
        raise explain(path, error) from error
    return parse_line(path, line)


def parse_line(path: str, line: bytes) -> dict[str, Any]:
    """What the daemon says in one line, b"" being its end; raises UnavailableError."""
    if not line:
        raise UnavailableError(f"mmx at {path} closed the connection: it may just have been stopped")
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise UnavailableError(f"what answers at {path} is not mmx, or one of another version")
    return told


def check_hello(path: str, hello: dict[str, Any]) -> None:
    """Raise UnavailableError unless the daemon that greets so can be understood."""
    if hello.get("protocol") != PROTOCOL:
        raise UnavailableError(
            f"mmx {hello.get('mmx', 'of unknown version')} at {path} speaks version {hello.get('protocol')} "
            f"of the control protocol, this is mmx {__version__} with version {PROTOCOL}: restart mmx after "
            "an update"
        )


def refusal(line: dict[str, Any]) -> RefusedError:
    """The error that the daemon answers with."""
    status = line.get("status")
    text = str(line.get("error", "an answer that is none"))
    if status == EX_NOPERM:
        text += "; try sudo"
    return RefusedError(text, status if isinstance(status, int) else UnavailableError.exit_code)


def explain(path: str, error: OSError) -> MmxError:
    """What it means that the socket cannot be used, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UnavailableError(
            f"there is no control socket {path}: mmx does not run (systemctl status mmx), or it runs with "
            "`control_socket: null` or another path in its settings"
        )
    if isinstance(error, ConnectionRefusedError):
        return UnavailableError(f"nobody answers at {path}: mmx has ended; see systemctl status mmx")
    if isinstance(error, PermissionError):
        who = "" if os.geteuid() == _ROOT else f", and you are uid {os.geteuid()}"
        return PermissionsError(f"only root and the user of mmx may use {path}{who}: try sudo")
    if isinstance(error, TimeoutError | BlockingIOError):
        return UnavailableError(f"mmx at {path} does not answer: its event loop hangs, or is overloaded")
    return UnavailableError(f"cannot connect to {path}: {error.strerror or error}")
