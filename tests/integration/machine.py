"""A whole host of its own: a real systemd, pid 1 of its namespaces, on a volatile copy of this root.

The scripts in lab/ do the work (they need root, cgroup2 and overlayfs); lab/pre-boot makes it a Debian mail
host with eight milters and, if wanted, mmx below /opt/mmx. What is in `share` is in both worlds. Its network
has nothing but a loopback of its own: a connection from a test is made by a thread that enters that network,
and stays in it.
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
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
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
    """Context manager: the booted host; `with_mmx`: this checkout of mmx is below /opt/mmx."""

    def __init__(self, *, with_mmx: bool = True) -> None:
        # Not in /tmp: systemd empties that at boot.
        self.directory = Path(tempfile.mkdtemp(prefix="mmx-lab-", dir="/var/tmp"))
        self.share = self.directory / "share"
        self._environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LAB": str(self.directory),
            "MMX_SOURCE": str(SOURCE) if with_mmx else "",
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

    def start_shell(self) -> subprocess.Popen[str]:
        """A shell of root that reads commands, and writes all output to one place."""
        return subprocess.Popen(
            [str(LAB / "systemd-exec"), "bash", "-c", "exec bash 2>&1"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def write(self, path: str, text: str) -> None:
        """Write a file; directories are made."""
        name = shlex.quote(path)
        self.run(f'mkdir -p "$(dirname {name})" && cat > {name}', stdin=text)

    def read(self, path: str) -> str:
        return self.run(f"cat {shlex.quote(path)}")

    def show(self, name: str, unit: str = "mmx.service") -> str:
        """A property of a unit."""
        return self.run(f"systemctl show -P {name} {unit}").strip()

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


class Client(smtplib.SMTP):
    """A client of the machine's Postfix; not 127.0.0.1, which some milters pass over."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        super().__init__("127.0.0.1", 25)
        self.ehlo("client.test")
        code, text = self.docmd("XCLIENT NAME=client.test ADDR=192.0.2.7")
        assert code == 220, text
        self.ehlo("client.test")

    def _get_socket(self, _host: str, port: int, _timeout: float) -> socket.socket:
        return self._machine.connect(port)

    def message(self, text: str = "Hello.", subject: str = "a test") -> tuple[int, str]:
        """Send one; the reply that decided, whichever command it answers."""
        content = EmailMessage()
        content["From"], content["To"] = "author@clean.test", "reader@rcpt.test"
        content["Subject"], content["Message-Id"] = subject, f"<{subject.replace(' ', '.')}@clean.test>"
        content["Date"] = "Mon, 02 Nov 2026 12:00:00 +0000"
        content.set_content(text)
        code, reply = self.mail("author@clean.test")
        if code < 400:
            code, reply = self.rcpt("reader@rcpt.test")
        if code < 400:
            code, reply = self.docmd("DATA")
        if code == 354:
            self.send(content.as_bytes(policy=SMTP_POLICY) + b".\r\n")
            code, reply = self.getreply()
        else:
            self.rset()
        return code, reply.decode()


@dataclass(frozen=True)
class Look:
    """What `mmx --check-config` tells: children and endpoints, skipped milters and why, its warnings."""

    chain: dict[str, str]
    skipped: dict[str, str]
    warnings: str


class MailHost(Machine):
    """The machine with mmx installed as a service. `installed` holds what the steps of it printed."""

    def __init__(self, *, with_mmx: bool = True) -> None:
        super().__init__(with_mmx=with_mmx)
        self.installed: dict[str, str] = {}
        self.before_install: list[str] = []

    def install(self, former: str) -> None:
        """Install and start mmx, then connect Postfix, whose milters were `former`."""
        self.give_postfix(former)
        self.start_rspamd()
        self.installed["dry run"] = self.run("mmx install --dry-run")
        self.before_install = self.run("find /etc /var/spool/postfix -name '*mmx*'").split()
        self.installed["install"] = self.run("mmx install")
        self.installed["again"] = self.run("mmx install")
        self.run("systemctl start mmx")
        self.installed["postfix"] = self.run("mmx install --postfix")

    def give_postfix(self, former: str) -> None:
        """Milters of its own, as before mmx: in main.cf, and in a service; another service has none."""
        self.run(
            f"postconf -e smtpd_milters={former}; postconf -M 10025/inet='10025 inet n - y - - smtpd'; "
            f"postconf -P 10025/inet/smtpd_milters={former}; "
            "postconf -M 10026/inet='10026 inet n - y - - smtpd'; postconf -P 10026/inet/smtpd_milters="
        )

    def log(self, since: str = "") -> str:
        """What mmx has logged, behind a cursor of `mark`."""
        after = f"--after-cursor={shlex.quote(since)}" if since else ""
        return self.run(f"journalctl --sync; journalctl -t mmx -o cat --no-pager {after}")

    def mark(self) -> str:
        """The place in the log of mmx where it ends now.

        An entry of mmx itself: journalctl leaves the first match behind a cursor out if that is no match.
        """
        shown = self.run("journalctl --sync; journalctl -t mmx -n 1 --show-cursor --no-pager -o cat")
        return shown.rpartition("-- cursor: ")[2].strip()

    def logs(self, text: str, since: str = "", limit: float = 30.0) -> None:
        """Wait for a line of mmx."""
        assert eventually(lambda: text in self.log(since), limit, 0.2), f"no {text!r} in\n{self.log(since)}"

    def last_message(self) -> str:
        """The last line about a message."""
        # Lines of messages linger; whoever asks for the status has them written first.
        self.run("mmx status")
        lines = [line for line in self.log().splitlines() if line.startswith("message ")]
        return lines[-1]

    def reload(self) -> None:
        """Systemctl reload mmx, and all of it done, handshakes included."""
        since = self.mark()
        self.run("systemctl reload mmx")
        self.logs("reloaded ", since)
        assert eventually(lambda: self.show("SubState") == "running", 30.0, 0.2)

    def start_rspamd(self, port: int = 11332) -> None:
        """Restart rspamd and wait for its proxy, which listens late."""
        self.run("systemctl restart rspamd")
        assert eventually(lambda: f"127.0.0.1:{port} " in self.run("ss -ltnH"), 60.0, 0.2)

    def look(self) -> Look:
        """What `mmx --check-config` tells root."""
        done = self.attempt("mmx --check-config")
        assert done.returncode == 0, done.stderr
        lines = [line.strip() for line in done.stdout.splitlines()[1:]]
        chain = [line.split() for line in lines if " at " in line and not line.startswith("skipped ")]
        skipped = [
            line.removeprefix("skipped ").split(": ", 1) for line in lines if line.startswith("skipped ")
        ]
        reasons = {words[0]: words[1] for words in skipped}
        return Look({words[0]: words[2] for words in chain}, reasons, done.stderr)

    def client(self) -> Client:
        """An SMTP connection."""
        return Client(self)

    def send(self, text: str = "Hello.", subject: str = "a test") -> tuple[int, str]:
        """One message in a connection of its own; the reply that decided."""
        with self.client() as client:
            return client.message(text, subject)

    def delivered(self) -> int:
        """How many messages have arrived."""
        return int(self.run("ls /var/vmail/inbox/new 2>/dev/null | wc -l"))
