"""A Postfix of the tests' own with mmx behind it, and `mmx held` as an administrator runs it there.

The command sees that Postfix's configuration at /etc/postfix, in a mount namespace, so that Postfix's
programs are run exactly as on a host.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmx.errors import EX_OK
from tests.integration.daemon import Mmx
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripts import message, session
from tests.integration.sink import Delivery, LmtpSink
from tests.integration.smtp_client import run_session

SOON = 20.0
HOLDS = {"smtpd_sender_restrictions": "check_sender_access static:HOLD"}


class Site:
    """Postfix, mmx behind it, one child behind that; and the command."""

    def __init__(self, directory: Path, mmx: Mmx, postfix: Postfix, sink: LmtpSink) -> None:
        self.directory = directory
        self.mmx = mmx
        self.postfix = postfix
        self.sink = sink
        self.ledger = mmx.directory / "held.jsonl"

    def send(
        self,
        *tags: str,
        service: str = "in",
        recipients: tuple[str, ...] = ("r1@rcpt.test",),
        text: str | None = None,
    ) -> list[str]:
        """Messages of these senders, in one session; their queue ids."""
        steps = session(*(message(tag, recipients, text) for tag in tags))
        found = re.findall(r"queued as (\w+)", "".join(run_session(self.postfix.ports[service], steps)))
        assert len(found) == len(tags)
        return found

    def hold(self, *tags: str, text: str | None = None) -> list[str]:
        """Messages that the child has held; their queue ids."""
        ids = self.send(*tags, text=text)
        assert [self.postfix.queue_of(queue_id) for queue_id in ids] == ["hold"] * len(ids)
        assert eventually(lambda: set(ids) <= self.claimed(), SOON)
        return ids

    def claimed(self) -> set[str]:
        """The queue ids in the ledger, which the first claim makes."""
        if not self.ledger.exists():
            return set()
        return set(re.findall(r'"queue_id":"(\w+)"', self.ledger.read_text()))

    def command(self, *words: str, config: Path | None = None) -> list[str]:
        """The command line of `mmx held`."""
        mount = 'mount --bind "$0" /etc/postfix && exec "$@"'
        settings = str(self.mmx.directory / "mmx.yaml")
        python = [sys.executable, "-m", "mmx", "held", "--config", settings, *words]
        namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount]
        return [*namespace, str(config or self.postfix.config), *python]

    def held(self, *words: str, status: int = EX_OK, config: Path | None = None) -> tuple[str, str]:
        """What it says, on standard output and on standard error."""
        command = self.command(*words, config=config)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def listed(self, *words: str) -> dict[str, dict[str, Any]]:
        """What is on hold, by queue id."""
        entries = [json.loads(line) for line in self.held("--json", *words)[0].splitlines()]
        return {entry["queue_id"]: entry for entry in entries}

    def row(self, queue_id: str) -> str:
        """Its line of the table."""
        (line,) = [line for line in self.held()[0].splitlines() if queue_id in line]
        return line

    def arrives(self, queue_id: str) -> Delivery:
        assert eventually(lambda: bool(self.sink.deliveries(queue_id)), SOON), self.postfix.log_text()
        (delivery,) = self.sink.deliveries(queue_id)
        return delivery

    def clear(self) -> None:
        """Nothing is on hold."""
        self.postfix.command("postsuper", "-d", "ALL", "hold")


def kick_pickup(postfix: Postfix) -> None:
    """Have pickup(8) look at the maildrop now; it does by itself every minute."""
    command = ["/usr/sbin/postkick", "-c", str(postfix.config), "public", "pickup", "W"]
    # A pickup that is busy may close the connection unread: postkick then dies of SIGPIPE.
    assert eventually(lambda: subprocess.run(command, check=False, timeout=20).returncode == 0, SOON)


def at_terminal(command: Sequence[str], typed: bytes) -> tuple[int, str]:
    """Run it at a terminal of its own, and type something once it asks; its status and what was shown."""
    master, slave = os.openpty()
    session_of_its_own = ["setsid", "--ctty", "--wait", *command]
    process = subprocess.Popen(session_of_its_own, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        end = time.monotonic() + SOON
        while not shown.endswith(b": ") and not shown.endswith(b"] ") and time.monotonic() < end:
            shown += os.read(master, 4096)
        os.write(master, typed)
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            while data := os.read(master, 4096):
                shown += data
        return process.wait(SOON), shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(master)


@contextlib.contextmanager
def running_site(child: str, endpoint: str) -> Iterator[Site]:
    """A site with this child. Its service "holds" is without mmx, and puts all mail on hold itself."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmx-held-")))
        directory.chmod(0o755)
        sink = LmtpSink()
        stack.callback(sink.close)
        mmx = stack.enter_context(Mmx(directory / "mmx.sock", {child: {"endpoint": endpoint}}))
        milter = f"unix:{directory}/mmx.sock"
        main_cf = {
            "non_smtpd_milters": milter,
            "fast_flush_domains": "dead.test",
            "transport_maps": "inline:{dead.test=lmtp:inet:127.0.0.1:1}",
            "multi_instance_enable": "yes",
            "multi_instance_name": "postfix-out",
        }
        services = [Smtpd("in", [milter]), Smtpd("holds", options=HOLDS)]
        postfix = stack.enter_context(Postfix(services, sink.port, main_cf))
        yield Site(directory, mmx, postfix, sink)
