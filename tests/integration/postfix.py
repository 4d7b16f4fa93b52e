"""A Postfix of the tests' own.

Theory of operation: configuration, queue and data directories lie in one new directory that every user may
enter (the milter sockets may lie there too); all services listen on loopback at ports chosen here; master(8)
runs in the foreground as our child process and is ended by its own process id. Everything that is accepted
goes out through lmtp(8) to an LMTP port, which is usually a `sink.LmtpSink`. The machine's own Postfix, its
configuration and its queue are never touched; only its programs are used. Needs root, as Postfix does.

Nothing slows a test down on purpose: no error delays, no client limits, no in-flow delay, no rate limits.
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HOSTNAME = "mx.test.invalid"
DAEMONS = Path("/usr/lib/postfix/sbin")
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace")
START_LIMIT = 20.0
STOP_LIMIT = 20.0

MAIN_CF = f"""
compatibility_level = 3.7
mail_owner = postfix
setgid_group = postdrop
daemon_directory = {DAEMONS}
myhostname = {HOSTNAME}
mydestination =
mynetworks = 127.0.0.0/8 192.0.2.0/24 [2001:db8::]/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{{{refused@rcpt.test = 550 5.1.1 Unknown}}}}
append_dot_mydomain = no
biff = no
smtputf8_enable = no
disable_dns_lookups = yes
smtp_host_lookup = native
lmtp_host_lookup = native
lmtp_line_length_limit = 0
lmtp_send_xforward_command = yes
lmtp_destination_recipient_limit = 2000
lmtp_connection_cache_on_demand = no
disable_mime_output_conversion = yes
message_size_limit = 52428800
mailbox_size_limit = 0
header_size_limit = 1024000
hash_queue_names = trace
queue_minfree = 0
in_flow_delay = 0
maximal_backoff_time = 10m
default_process_limit = 30
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1001
smtpd_hard_error_limit = 1000
smtpd_junk_command_limit = 1000
smtpd_recipient_limit = 2000
smtpd_recipient_overshoot_limit = 2000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_authorized_xclient_hosts = 127.0.0.1
smtp_tls_security_level = none
smtpd_tls_security_level = none
milter_connect_timeout = 5s
milter_command_timeout = 10s
milter_content_timeout = 15s
"""

MASTER_CF = """
pickup    unix       n - n 60  1 pickup
cleanup   unix       n - n -   0 cleanup
qmgr      unix       n - n 300 1 qmgr
rewrite   unix       - - n -   - trivial-rewrite
bounce    unix       - - n -   0 bounce
defer     unix       - - n -   0 bounce
trace     unix       - - n -   0 bounce
flush     unix       n - n -   0 flush
proxymap  unix       - - n -   - proxymap
showq     unix       n - n -   - showq
error     unix       - - n -   - error
retry     unix       - - n -   - error
discard   unix       - - n -   - discard
lmtp      unix       - - n -   - lmtp
anvil     unix       - - n -   1 anvil
postlog   unix-dgram n - n -   1 postlogd
"""


class PostfixError(Exception):
    """Postfix did not start, did not stop or did what a test does not allow; holds the log's end."""


@dataclass(frozen=True)
class Smtpd:
    """One SMTP service: a name for tests and the main.cf parameters that hold for it alone."""

    name: str
    milters: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def master_line(self, port: int) -> str:
        settings = {"smtpd_milters": " ".join(self.milters), **self.options}
        words = "".join(f"\n  -o {{ {name} = {value} }}" for name, value in settings.items())
        return f"127.0.0.1:{port} inet n - n - - smtpd{words}\n"


class Postfix:
    """Context manager: a running Postfix with the given SMTP services, delivering to an LMTP port.

    `main_cf` holds further main.cf parameters, for example milter_default_action or non_smtpd_milters.
    """

    def __init__(
        self, smtpds: Sequence[Smtpd], lmtp_port: int, main_cf: Mapping[str, str] | None = None
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mmx-pf-"))
        self.config = self.directory / "etc"
        self.queue = self.directory / "spool"
        self.log = self.directory / "mail.log"
        self.ports: dict[str, int] = {}
        self._smtpds = tuple(smtpds)
        self._lmtp_port = lmtp_port
        self._main_cf = dict(main_cf or {})
        self._master: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._lay_out()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log_text(self) -> str:
        return self.log.read_text("latin-1") if self.log.exists() else ""

    def queued(self) -> list[dict[str, Any]]:
        """The queue as `postqueue -j` tells it: one dictionary a message, with queue_name, queue_id, ..."""
        lines = self.command("postqueue", "-j").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def command(self, program: str, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one of Postfix's own programs on this instance."""
        option = "-C" if program == "sendmail" else "-c"
        command = [str(self.directory / "bin" / program), option, str(self.config), *words]
        return subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=30)

    def queue_of(self, queue_id: str) -> str | None:
        """Which queue holds the message, in the order a message travels, or None."""
        for name in ("incoming", "active", "deferred", "hold"):
            if (self.queue / name / queue_id).exists():
                return name
        return None

    def release(self, queue_id: str) -> None:
        """Let a message on hold be delivered now."""
        self.command("postsuper", "-H", queue_id)
        self.command("postqueue", "-i", queue_id)

    def failure(self, what: str) -> PostfixError:
        end = "\n".join(self.log_text().splitlines()[-40:])
        return PostfixError(f"{what}\n--- end of {self.log}\n{end}")

    def _lay_out(self) -> None:
        owner = pwd.getpwnam("postfix")
        self.directory.chmod(0o755)
        for name in ("etc", "spool", "spool/pid"):
            (self.directory / name).mkdir(mode=0o755)
        for name in (*QUEUES, "private", "maildrop", "public"):
            path = self.queue / name
            path.mkdir(mode=0o700)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            shutil.chown(self.queue / name, group="postdrop")
            (self.queue / name).chmod(mode)
        data = self.directory / "data"
        data.mkdir(mode=0o700)
        os.chown(data, owner.pw_uid, owner.pw_gid)
        self._write_configuration(data)

    def _programs(self) -> Path:
        """A command directory of our own: a set-gid postdrop(1) would heed only /etc/postfix."""
        programs = self.directory / "bin"
        programs.mkdir(mode=0o755)
        for program in ("postqueue", "postsuper", "postconf", "postcat", "sendmail"):
            (programs / program).symlink_to(f"/usr/sbin/{program}")
        shutil.copyfile("/usr/sbin/postdrop", programs / "postdrop")
        (programs / "postdrop").chmod(0o755)
        return programs

    def _write_configuration(self, data: Path) -> None:
        settings = {
            "queue_directory": str(self.queue),
            "command_directory": str(self._programs()),
            "data_directory": str(data),
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(self.directory),
            "default_transport": f"lmtp:inet:127.0.0.1:{self._lmtp_port}",
            **self._main_cf,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.config / "main.cf").write_text(MAIN_CF + lines)
        self.ports = dict(
            zip((smtpd.name for smtpd in self._smtpds), free_ports(len(self._smtpds)), strict=True)
        )
        services = "".join(smtpd.master_line(self.ports[smtpd.name]) for smtpd in self._smtpds)
        (self.config / "master.cf").write_text(services + MASTER_CF)

    def _start(self) -> None:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "MAIL_CONFIG": str(self.config),
            "LC_ALL": "C",
        }
        with (self.directory / "master.out").open("wb") as out:
            self._master = subprocess.Popen(
                [str(DAEMONS / "master"), "-c", str(self.config), "-d"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        if not eventually(self._answers, START_LIMIT):
            raise self.failure("Postfix does not answer\n" + (self.directory / "master.out").read_text())

    def _answers(self) -> bool:
        if self._master is not None and self._master.poll() is not None:
            raise self.failure("master ended\n" + (self.directory / "master.out").read_text())
        return all(_listens(port) for port in self.ports.values())

    def _stop(self) -> None:
        if self._master is None:
            return
        if self._master.poll() is None:
            self._master.terminate()
        try:
            self._master.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._master.kill()
            self._master.wait()
            raise self.failure("master did not end") from None


def _listens(port: int) -> bool:
    """Whether a TCP port is listened on, told from /proc so that no connection is made and counted."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1] == wanted and words[3] == "0A":
            return True
    return False


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def eventually(condition: Callable[[], bool], limit: float, pause: float = 0.01) -> bool:
    """Poll a condition until it holds, at most `limit` seconds times the unit of test time."""
    end = time.monotonic() + limit * float(os.environ.get("MMX_TEST_TIME_UNIT", "1.0"))
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
