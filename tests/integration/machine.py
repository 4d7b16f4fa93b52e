"""A whole host of its own: a real systemd as pid 1 of new namespaces, on a volatile copy of this machine's root.

The scripts in lab/ do the work (they need root, cgroup2 and overlayfs); lab/pre-boot makes it a Debian mail
host with eight milters and mmx below /opt/mmx. Its network has nothing but a loopback of its own: a
connection from a test is made by a thread that enters that network, and stays in it.
"""

import ctypes
import os
import shlex
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import yaml

from tests.integration.postfix import eventually

LAB = Path(__file__).parent / "lab"
SOURCE = LAB.parent.parent.parent
PYTHON = "/usr/bin/python3"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "iproute2", "procps", "postfix", "opendkim", "opendmarc"),
    *("clamav-milter", "clamav-daemon", "spamass-milter", "spamd", "rspamd", "amavisd-milter"),
    *("dkimpy-milter", "pyspf-milter"),
)
MILTERS = (
    *("pyspf-milter", "opendkim", "dkimpy-milter", "opendmarc", "spamass-milter", "clamav-milter"),
    *("amavisd-milter", "rspamd"),
)
VIRUS = "MMX-LAB-VIRUS-MARKER"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
_CLONE_NEWNET = 0x40000000


def require_python() -> None:
    """Skip where the system's Python cannot load the libraries of the one that runs the tests."""
    script = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=False)
    if done.stdout.split() != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(f"{PYTHON} is not of version {sys.version_info[0]}.{sys.version_info[1]}")


class Machine:
    """Context manager: the booted host."""

    def __init__(self) -> None:
        # Not in /tmp: systemd empties that at boot.
        self.directory = Path(tempfile.mkdtemp(prefix="mmx-lab-", dir="/var/tmp"))  # noqa: S108
        self._environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LAB": str(self.directory),
            "MMX_SOURCE": str(SOURCE),
            "MMX_SITE": str(Path(yaml.__file__).parent.parent),
            "MMX_PYTHON": os.path.realpath(PYTHON),
        }

    def __enter__(self) -> Self:
        shutil.copy(LAB / "pre-boot", self.directory)
        try:
            done = self._script("systemd-start")
            if done.returncode:
                log = (self.directory / "boot.log").read_text()
                raise RuntimeError(f"the machine does not boot: {done.stdout}{done.stderr}\n{log}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._script("systemd-stop")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _script(self, name: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(LAB / name), *words]
        return subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            input=stdin,
            check=False,
            timeout=240,
            errors="replace",
        )

    # Commands.

    def attempt(self, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a shell command as root, whatever comes of it."""
        return self._script("systemd-exec", "sh", "-c", command, stdin=stdin)

    def run(self, command: str, stdin: str = "") -> str:
        """Run a shell command as root that must succeed; what it prints."""
        done = self.attempt(command, stdin)
        assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start_command(self, command: str) -> subprocess.Popen[str]:
        """Start a shell command as root and do not wait for it."""
        return subprocess.Popen(
            [str(LAB / "systemd-exec"), "sh", "-c", command],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def write(self, path: str, text: str) -> None:
        """Write a file; directories are made."""
        name = shlex.quote(path)
        self.run(f'mkdir -p "$(dirname {name})" && cat > {name}', stdin=text)

    def read(self, path: str) -> str:
        return self.run(f"cat {shlex.quote(path)}")

    # mmx.

    def show(self, name: str, unit: str = "mmx.service") -> str:
        """A property of a unit."""
        return self.run(f"systemctl show -P {name} {unit}").strip()

    def log(self, since: str = "") -> str:
        """What mmx has logged, behind a cursor of `mark`."""
        after = f"--after-cursor={shlex.quote(since)}" if since else ""
        return self.run(f"journalctl -u mmx.service -o cat --no-pager {after}")

    def mark(self) -> str:
        """The place in the journal where it ends now."""
        shown = self.run("journalctl --sync; journalctl -n 1 --show-cursor --no-pager -o cat")
        return shown.rpartition("-- cursor: ")[2].strip()

    def logs(self, text: str, since: str = "", limit: float = 30.0) -> None:
        """Wait for a line of mmx."""
        assert eventually(lambda: text in self.log(since), limit, 0.2), f"no {text!r} in\n{self.log(since)}"

    def reload(self) -> None:
        """Systemctl reload mmx, and all of it done, handshakes included."""
        since = self.mark()
        self.run("systemctl reload mmx")
        self.settled(since)

    def restart(self) -> None:
        """Systemctl restart mmx, and hands shaken with every child."""
        self.run("systemctl reset-failed mmx.service mmx.socket; systemctl restart mmx")

    def settled(self, since: str) -> None:
        """Wait until a reload is done."""
        self.logs("reloaded ", since)
        assert eventually(lambda: self.show("ActiveState") == "active", 30.0, 0.2)

    def chain(self) -> dict[str, str]:
        """What `mmx --check-config` lists: children and their endpoints."""
        return self.listed("in the chain")[0]

    def listed(self, _what: str = "") -> tuple[dict[str, str], dict[str, str], str]:
        """Children with endpoints, skipped ones with reasons, and the warnings."""
        done = self.attempt("mmx --check-config")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()[1:]
        rows = [line.split() for line in lines]
        chain = {words[0]: words[2] for words in rows if words[1:2] == ["at"]}
        skipped = dict(
            line.strip().removeprefix("skipped ").split(": ", 1) for line in lines if "skipped " in line[:12]
        )
        return chain, skipped, done.stderr

    # Mail.

    def connect(self, port: int = 25) -> socket.socket:
        """A connection to a port of the machine's loopback."""
        made: list[socket.socket | Exception] = []
        thread = threading.Thread(target=self._connect, args=(port, made))
        thread.start()
        thread.join()
        if isinstance(made[0], Exception):
            raise made[0]
        return made[0]

    def _connect(self, port: int, made: list[socket.socket | Exception]) -> None:
        try:
            outer = (self.directory / "outer.pid").read_text().strip()
            pid = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0]
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/proc/{pid}/ns/net").open() as network:
                if libc.setns(network.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_connection(("127.0.0.1", port), timeout=90))
        except Exception as error:  # noqa: BLE001 - raised in the thread that asked
            made.append(error)

    def client(self) -> "Client":
        """An SMTP connection from 192.0.2.7, HELO said."""
        return Client(self)

    def send(self, text: str = "Hello.", subject: str = "a test") -> tuple[int, str]:
        """One message in a connection of its own; the reply that decided."""
        with self.client() as client:
            return client.message(text, subject)


class Client(smtplib.SMTP):
    """A client of the machine's Postfix; not 127.0.0.1, which some milters pass over."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        super().__init__("127.0.0.1", 25)
        self.ehlo("client.test")
        code, text = self.docmd("XCLIENT NAME=client.test ADDR=192.0.2.7")
        assert code == 220, text
        self.ehlo("client.test")

    def _get_socket(self, _host: str, port: int, _timeout: float) -> socket.socket:  # type: ignore[override]
        return self._machine.connect(port)

    def message(self, text: str = "Hello.", subject: str = "a test") -> tuple[int, str]:
        """Send one; the reply that decided, whichever command it answers."""
        content = EmailMessage()
        content["From"], content["To"] = "author@clean.test", "reader@rcpt.test"
        content["Subject"], content["Message-Id"] = subject, f"<{subject.replace(' ', '.')}@clean.test>"
        content["Date"] = "Mon, 02 Nov 2026 12:00:00 +0000"
        content.set_content(text)
        for code, reply in self._envelope():
            if code >= 400:
                self.rset()
                return code, reply.decode()
        code, reply = self.data(content.as_bytes())
        return code, reply.decode()

    def _envelope(self) -> "Sequence[tuple[int, bytes]]":
        first = self.mail("author@clean.test")
        return [first] if first[0] >= 400 else [first, self.rcpt("reader@rcpt.test")]
