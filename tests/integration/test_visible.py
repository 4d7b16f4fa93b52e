"""What goes wrong is seen within a second in each place where somebody may look: the metrics, the log, the
status page and `mmx status` of a running mmx.
"""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.daemon import Mmx
from tests.integration.overload import ill_children, mta
from tests.integration.postfix import eventually
from tests.integration.scripted_child import packet, read_packet

UNIT = float(os.environ.get("MMX_TEST_TIME_UNIT", "1.0"))
SOON = 1.0 * UNIT
SPOOL = 100_000


@dataclass(frozen=True)
class Site:
    """A running mmx and the places to look at."""

    mmx: Mmx
    port: int

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def page(self) -> str:
        """The text of the status page."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.get("/")).split())

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        samples = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", self.get("/metrics"), re.MULTILINE)
        assert samples, f"no {name}"
        return sum(float(value) for held, value in samples if wanted <= set(held.split(",")))

    def status(self) -> dict[str, Any]:
        """What `mmx status --json` says."""
        command = [
            sys.executable,
            "-m",
            "mmx",
            "status",
            "--json",
            "--socket",
            str(self.mmx.directory / "control.sock"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def child(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(child for child in self.status()["children"] if child["name"] == name)
        return found

    def shows(
        self, since: float, *, metrics: Callable[[], bool], log: str, page: str, status: Callable[[], bool]
    ) -> None:
        """All places tell, and no later than a second after `since`."""
        left = since + SOON - time.monotonic()
        assert eventually(metrics, left, 0.01), self.get("/metrics")
        left = since + SOON - time.monotonic()
        assert eventually(lambda: log in self.mmx.log_text(), left, 0.01), self.mmx.log_text()
        left = since + SOON - time.monotonic()
        assert eventually(lambda: page in self.page(), left, 0.01), self.page()
        assert eventually(status, SOON, 0.01), self.status()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def site(directory: Path, children: Mapping[str, Mapping[str, Any]], **settings: Any) -> Iterator[Site]:
    port = free_port()
    settings = {
        "metrics": {"listen": f"127.0.0.1:{port}"},
        "status": {"slow_after": f"{round(200 * UNIT)}ms"},
        **settings,
    }
    with Mmx(directory / "mmx.sock", children, settings) as mmx:
        yield Site(mmx, port)


def answers_at_the_end(wait: threading.Event) -> Callable[[socket.socket], None]:
    """A child that may change all, and gives its verdict when it is let."""

    def serve(sock: socket.socket) -> None:
        ill_children.negotiate(sock)
        while True:
            code, _ = read_packet(sock)
            if code == "Q":
                return
            if code == "E":
                wait.wait(20 * UNIT)
            if code in "CHMRTLNBEU":
                sock.sendall(packet("c"))

    return serve


@contextmanager
def sending(path: Path, body: bytes = b"hello\r\n") -> Iterator[None]:
    """A message is under way."""
    thread = threading.Thread(target=mta.one, args=(path,), kwargs={"body": body}, name="message")
    thread.start()
    yield
    thread.join(20 * UNIT)


def test_a_dead_child() -> None:
    with tempfile.TemporaryDirectory(prefix="mmx-visible-") as name:
        directory = Path(name)
        scanner = ill_children.IllChild(directory / "scanner.sock", ill_children.replaces_body(0))
        children = {"scanner": {"endpoint": scanner.endpoint, "default_action": "accept"}}
        with site(directory, children) as here:
            with scanner:
                assert mta.one(here.mmx.socket).passed
                assert here.child("scanner")["state"] == "up"
            died = time.monotonic()
            assert mta.one(here.mmx.socket).passed
            here.shows(
                died,
                metrics=lambda: here.metric("mmx_child_up", child="scanner") == 0,
                log="child failed session=",
                page="scanner has been down for",
                status=lambda: bool(here.child("scanner")["state"] == "down"),
            )


def test_a_slow_child() -> None:
    with tempfile.TemporaryDirectory(prefix="mmx-visible-") as name:
        directory, answers = Path(name), threading.Event()
        scanner = ill_children.IllChild(directory / "scanner.sock", answers_at_the_end(answers))
        children = {"scanner": {"endpoint": scanner.endpoint}}
        with scanner, site(directory, children) as here, sending(here.mmx.socket):
            began = time.monotonic() + 0.2 * UNIT
            here.shows(
                began,
                metrics=lambda: here.metric("mmx_child_oldest_wait_seconds", child="scanner") >= 0.2 * UNIT,
                log="child is slow child=scanner",
                page="scanner is slow: 1 session waits for it",
                status=lambda: here.child("scanner")["slow"] is True,
            )
            answers.set()


def test_a_hung_child_once_its_limit_has_passed() -> None:
    limit = 0.4 * UNIT
    with tempfile.TemporaryDirectory(prefix="mmx-visible-") as name:
        directory, never = Path(name), threading.Event()
        scanner = ill_children.IllChild(directory / "scanner.sock", answers_at_the_end(never))
        children = {"scanner": {"endpoint": scanner.endpoint, "content_timeout": f"{round(1000 * limit)}ms"}}
        with scanner, site(directory, children) as here, sending(here.mmx.socket):
            here.shows(
                time.monotonic() + limit,
                metrics=lambda: (
                    here.metric("mmx_child_failures_total", child="scanner", reason="timeout") == 1
                ),
                log="step=EOM reason=timeout action=tempfail",
                page="scanner failed a session",
                status=lambda: bool(here.child("scanner")["history"]["failures"] == {"timeout": 1}),
            )
            never.set()


def test_a_full_spool() -> None:
    with tempfile.TemporaryDirectory(prefix="mmx-visible-") as name:
        directory, answers = Path(name), threading.Event()
        first = ill_children.IllChild(directory / "first.sock", answers_at_the_end(answers))
        second = ill_children.IllChild(directory / "second.sock", ill_children.replaces_body(0))
        children = {"first": {"endpoint": first.endpoint}, "second": {"endpoint": second.endpoint}}
        limits = {"max_spool": f"{SPOOL}B", "message_memory": "1000B"}
        running = site(directory, children, limits=limits)
        with first, second, running as here, sending(here.mmx.socket, b"x" * SPOOL):
            assert eventually(lambda: here.status()["spool_used"] == SPOOL, 10 * UNIT, 0.01)
            full = time.monotonic()
            assert mta.one(here.mmx.socket).deferred
            here.shows(
                full,
                metrics=lambda: here.metric("mmx_spool_bytes") == SPOOL,
                log="the spool is full: new messages are refused with 451 (max_spool)",
                page="The spool is full",
                status=lambda: bool(here.status()["spool_used"] >= here.status()["spool_limit"]),
            )
            answers.set()
