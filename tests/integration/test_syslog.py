"""mmx as an init script starts it, standard error at /dev/null: its lines go to syslogd, facility mail."""

import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import Mmx
from tests.integration.overload import mta
from tests.integration.postfix import eventually

# A /dev of its own for mmx, in which /dev/log is the test's socket.
_OWN_DEV = """
set -e
mkdir "$0/dev"
mount -t tmpfs tmpfs "$0/dev"
cp -a /dev/null /dev/zero /dev/random /dev/urandom "$0/dev"
ln -s "$0/syslog" "$0/dev/log"
mount --bind "$0/dev" /dev
exec "$@" 2>/dev/null
"""
LINE = re.compile(r"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mmx\[(\d+)\]: (.*)")


class Syslogd:
    """What syslogd would get."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "syslog"))
        self.socket.setblocking(False)
        self.lines: list[tuple[int, int, str]] = []

    def hears(self, words: str) -> bool:
        while True:
            try:
                match = LINE.fullmatch(self.socket.recv(65536).decode())
            except BlockingIOError:
                return any(words in text for _, _, text in self.lines)
            assert match is not None
            self.lines.append((int(match[1]), int(match[2]), match[3]))

    @property
    def wrapper(self) -> list[str]:
        return ["unshare", "--mount", "bash", "-c", _OWN_DEV, str(self.directory)]


@pytest.fixture
def syslogd() -> Iterator[Syslogd]:
    with tempfile.TemporaryDirectory(prefix="mmx-syslog-") as directory:
        one = Syslogd(Path(directory))
        yield one
        one.socket.close()


def test_lines_go_to_syslog_when_nobody_reads_standard_error(syslogd: Syslogd) -> None:
    gone = {"gone": {"endpoint": f"unix:{syslogd.directory}/gone.sock", "default_action": "accept"}}
    with Mmx(syslogd.directory / "mmx.sock", gone, wrapper=syslogd.wrapper) as mmx:
        assert mta.one(mmx.socket).passed
        assert eventually(lambda: syslogd.hears("message session="), 5.0, 0.02)
        assert mmx.process is not None
        by_event = {text.split(" session=")[0]: (priority, pid) for priority, pid, text in syslogd.lines}
        assert by_event["message"] == (22, mmx.process.pid)
        assert (20, mmx.process.pid) in by_event.values()
        assert any(text.startswith("child gone is down (missing)") for _, _, text in syslogd.lines)
        assert mmx.log_text() == ""
