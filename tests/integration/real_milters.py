"""Debian's own milters, each with a small configuration of its own.

Theory of operation: one new directory holds every configuration, database, log and socket. All daemons run in
one network, mount and process namespace: only loopback is there, with a DNS server of ours, so no query
leaves; the process namespace ends with its first process, which takes every daemon with it. The milters
listen on unix sockets, which work across network namespaces, so Postfix and mmx stay outside. Needs root.

The clamd database has one signature: a message holding VIRUS is infected. `signed.example` has a DKIM key
and a DMARC policy of reject in the DNS; the milter `signer` signs for it and is no part of the chain, nor is
dkimpy-milter, which does what opendkim does.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.daemon import greet
from tests.integration.postfix import HOSTNAME, eventually

DKIMPY = "dkimpy-milter"
CHAIN = ("opendkim", "opendmarc", "spamass-milter", "clamav-milter", "rspamd")
VIRUS = "MMX-LAB-VIRUS-MARKER"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SIGNED_DOMAIN = "signed.example"  # not below .test: opendkim's resolver, libunbound, never asks for that
SELECTOR = "lab"
START_LIMIT = 90.0
LARGE = "100M"


class RealMilters:
    """Context manager: the daemons of CHAIN, DKIMPY and `signer`, each answering on its socket."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mmx-real-"))
        self.directory.chmod(0o777)
        self._outer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            sys.stderr.write(self.logs())
        if self._outer is not None:
            self._outer.kill()  # unshare --kill-child: every process of the namespace ends with it
            self._outer.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def socket(self, name: str) -> Path:
        return self.directory / f"{name}.sock"

    def endpoint(self, name: str) -> str:
        """As Postfix and mmx write it."""
        return f"unix:{self.socket(name)}"

    def logs(self) -> str:
        """The end of every daemon's log."""
        parts = []
        for path in sorted(self.directory.glob("*.log")):
            lines = path.read_text("utf-8", "replace").splitlines()[-15:]
            parts.append(f"--- {path.name}\n" + "\n".join(lines) + "\n")
        return "".join(parts)

    def _start(self) -> None:
        self._make_key()
        for name, text in _configurations(self.directory).items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in ("rspamd/db", "rspamd/log"):
            (self.directory / name).mkdir()
        with (self.directory / "namespace.log").open("wb") as log:
            self._outer = subprocess.Popen(
                [
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    "unshare",
                    "--net",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                    "bash",
                    "inner",
                ],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for name in ("signer", DKIMPY, *CHAIN):
            if not eventually(partial(self._answers, name), START_LIMIT, 0.1):
                raise RuntimeError(f"{name} does not answer\n{self.logs()}")

    def _make_key(self) -> None:
        command = [
            "opendkim-genkey",
            "-b",
            "1024",
            "-d",
            SIGNED_DOMAIN,
            "-s",
            SELECTOR,
            "-D",
            str(self.directory),
        ]
        subprocess.run(command, check=True, capture_output=True)

    def _answers(self, name: str) -> bool:
        path = self.socket(name)
        if self._outer is not None and self._outer.poll() is not None:
            raise RuntimeError(f"the namespace ended\n{self.logs()}")
        if not path.exists():
            return False
        path.chmod(0o666)  # smtpd(8) connects as user postfix
        try:
            greet(path, events=False)
        except (OSError, EOFError):
            return False
        return True


def _configurations(directory: Path) -> Mapping[str, str]:
    """Every file by its name below the directory."""
    return {
        "inner": _script(directory),
        "resolv.conf": "nameserver 127.0.0.1\n",
        "dns": _zone(directory),
        "opendkim.conf": _opendkim(directory, "opendkim", "Mode v\nAlwaysAddARHeader yes\n"),
        "signer.conf": _opendkim(
            directory,
            "signer",
            f"Mode s\nDomain {SIGNED_DOMAIN}\nSelector {SELECTOR}\nKeyFile {directory}/{SELECTOR}.private\n"
            "Canonicalization relaxed/relaxed\n",
        ),
        "dkimpy.conf": (
            f"Syslog no\nSocket local:{directory}/{DKIMPY}.sock\nUMask 000\nUserID dkimpy-milter\n"
            f"PidFile {directory}/{DKIMPY}.pid\nAuthservID {HOSTNAME}\nMode v\n"
        ),
        "opendmarc.conf": (
            f"Syslog false\nSocket local:{directory}/opendmarc.sock\nUMask 0000\n"
            f"PidFile {directory}/opendmarc.pid\nAuthservID {HOSTNAME}\n"
            f"TrustedAuthservIDs {HOSTNAME}\nRejectFailures true\nSPFIgnoreResults true\n"
        ),
        "clamdb/lab.ndb": f"Mmx.Lab:0:*:{VIRUS.encode().hex()}\n",
        "clamd.conf": (
            f"LocalSocket {directory}/clamd.ctl\nForeground true\nDatabaseDirectory {directory}/clamdb\n"
            f"ScanMail true\nStreamMaxLength {LARGE}\nMaxScanSize {LARGE}\nMaxFileSize {LARGE}\n"
        ),
        "clamav-milter.conf": (
            f"MilterSocket unix:{directory}/clamav-milter.sock\nMilterSocketMode 666\nForeground true\n"
            f"ClamdSocket unix:{directory}/clamd.ctl\nOnInfected Reject\nRejectMsg Infected: %v\n"
            f"AddHeader Add\nMaxFileSize {LARGE}\nPidFile {directory}/clamav-milter.pid\n"
        ),
        "rspamd/local.d/worker-proxy.inc": f'bind_socket = "{directory}/rspamd.sock mode=0666";\n',
        "rspamd/local.d/options.inc": (
            f'dns {{ nameserver = ["127.0.0.1"]; timeout = 0.5s; retransmits = 1; }}\n'
            f"max_message = {LARGE};\n"
        ),
        "rspamd/local.d/milter_headers.conf": (
            'use = ["x-spamd-result"];\nskip_local = false;\nskip_authenticated = false;\n'
        ),
    }


def _opendkim(directory: Path, name: str, settings: str) -> str:
    return (
        f"Syslog no\nSocket local:{directory}/{name}.sock\nUMask 000\nPidFile {directory}/{name}.pid\n"
        f"AuthservID {HOSTNAME}\nNameservers 127.0.0.1\nRequireSafeKeys false\n{settings}"
    )


def _zone(directory: Path) -> str:
    """The DKIM key as opendkim-genkey wrote it, and the DMARC policy."""
    record = (directory / f"{SELECTOR}.txt").read_text()
    key = "".join(record.split('"')[1::2])
    return f"{SELECTOR}._domainkey.{SIGNED_DOMAIN} {key}\n_dmarc.{SIGNED_DOMAIN} v=DMARC1; p=reject\n"


def _script(directory: Path) -> str:
    """What the first process of the namespace runs."""
    rspamd = " ".join(
        f"--var {name}={directory}/rspamd{below}"
        for name, below in (("LOCAL_CONFDIR", ""), ("DBDIR", "/db"), ("LOGDIR", "/log"), ("RUNDIR", ""))
    )
    daemons = {
        "dns": f"{sys.executable} {Path(__file__).with_name('fake_dns.py')} dns",
        "opendkim": "opendkim -f -x opendkim.conf",
        "signer": "opendkim -f -x signer.conf",
        DKIMPY: "dkimpy-milter dkimpy.conf",
        "opendmarc": "opendmarc -f -c opendmarc.conf",
        "clamd": f"clamd -c {directory}/clamd.conf",
        "spamd": (
            f"spamd -L --max-children=2 --socketpath={directory}/spamd.sock --socketmode=0666 "
            f"-u debian-spamd --pidfile={directory}/spamd.pid"
        ),
        "rspamd": f"rspamd -f -u _rspamd -g _rspamd -c /etc/rspamd/rspamd.conf {rspamd}",
        "clamav-milter": f"clamav-milter -c {directory}/clamav-milter.conf",
        "spamass-milter": (
            f"spamass-milter -p {directory}/spamass-milter.sock -u nobody -r 15 -- -U {directory}/spamd.sock"
        ),
    }
    lines = [
        "mount --make-rprivate /; ip link set lo up; mount -t tmpfs tmpfs /run; mkdir -p /run/lock",
        f"mount --bind {directory}/resolv.conf /etc/resolv.conf; umask 000",
        "chown -R _rspamd:_rspamd rspamd",
        "while_absent() { for _ in $(seq 400); do [ -S $1 ] && return; sleep 0.1; done; }",
    ]
    for name, command in daemons.items():
        if name == "clamav-milter":
            lines += ["while_absent clamd.ctl", "while_absent spamd.sock"]
        lines.append(f"setsid {command} > {name}.log 2>&1 < /dev/null &")
    return "\n".join((*lines, "exec sleep infinity\n"))
