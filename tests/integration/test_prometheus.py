"""A real Prometheus scrapes a running mmx: metrics are sound, alerts load and fire, the board has data."""

import json
import math
import re
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration import packages
from tests.integration.overload import ill_children, mta
from tests.integration.postfix import eventually
from tests.integration.scripted_child import packet, read_packet
from tests.integration.test_prometheus_rules import ROOT, RULES
from tests.integration.test_visible import Site, free_port, site

BOARD = ROOT / "etc" / "grafana" / "mmx.json"
LIMIT = 60.0
INTERVAL = "40s"
"""What $__rate_interval stands for, with a scrape each half second."""


@pytest.fixture(autouse=True, scope="module")
def prometheus_is_there() -> None:
    packages.require(("prometheus",))


def serve(sock: socket.socket) -> None:
    """A child that marks each message, and refuses those of `bad` when it has seen them."""
    ill_children.negotiate(sock)
    refuses = False
    while True:
        code, data = read_packet(sock)
        if code == "Q":
            return
        if code == "M":
            refuses = data.startswith(b"<bad@")
        if code == "E" and refuses:
            sock.sendall(packet("r"))
        elif code == "E":
            sock.sendall(packet("h", b"X-Mark-scanner\0yes\0") + packet("c"))
        elif code in "CHMRTLNBU":
            sock.sendall(packet("c"))


@dataclass(frozen=True)
class Prometheus:
    """A running one."""

    port: int

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """The numbers that an expression has now."""
        result = self.ask("query", query=expression)["result"]
        return [number for row in result if not math.isnan(number := float(row["value"][1]))]

    def is_ready(self) -> bool:
        try:
            return bool(self.ask("status/buildinfo"))
        except OSError:
            return False


@contextmanager
def prometheus(directory: Path, target: int) -> Iterator[Prometheus]:
    """Scrapes that port of the loopback address and evaluates the rules that are shipped, all the time."""
    port = free_port()
    settings = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": "mmx", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]},
        ],
    }
    (directory / "prometheus.yml").write_text(json.dumps(settings))
    command = [
        "prometheus",
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        one = Prometheus(port)
        assert eventually(one.is_ready, LIMIT, 0.05), (directory / "prometheus.log").read_text()
        yield one
    finally:
        process.terminate()
        process.wait(LIMIT)


@dataclass(frozen=True)
class Watched:
    """mmx, and the Prometheus that watches it."""

    mmx: Site
    prometheus: Prometheus

    def sends(self) -> None:
        """Some mail: accepted, refused."""
        for word in ("fine", "fine", "bad"):
            mta.one(self.mmx.mmx.socket, word)


@pytest.fixture(scope="module")
def watched(prometheus_is_there: None) -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="mmx-prometheus-") as name:
        directory = Path(name)
        with (
            ill_children.IllChild(directory / "scanner.sock", serve) as scanner,
            ill_children.IllChild(directory / "trial.sock", serve) as trial,
        ):
            children: dict[str, dict[str, object]] = {
                "scanner": {"endpoint": scanner.endpoint, "when": ["not calm-people"]},
                "watch": {"endpoint": scanner.endpoint, "mode": "observe"},
                "gone": {"endpoint": f"unix:{directory}/gone.sock", "default_action": "accept"},
                "trial": {"endpoint": trial.endpoint, "mode": "observe"},
            }
            conditions = {"calm-people": {"sender": ["calm@sender.test"]}}
            with (
                site(directory, children, conditions=conditions) as mmx,
                prometheus(directory, mmx.port) as watching,
            ):
                yield Watched(mmx, watching)


def scrape(site: Site) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/metrics", timeout=20) as answer:
        text: bytes = answer.read()
        return text


def test_promtool_finds_nothing_to_say_of_the_metrics(watched: Watched) -> None:
    watched.sends()
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=scrape(watched.mmx), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_it_scrapes_what_mmx_did(watched: Watched) -> None:
    before = dict(re.findall(r'mmx_messages_total{verdict="(\w+)"} (\S+)', scrape(watched.mmx).decode()))
    watched.sends()
    mta.one(watched.mmx.mmx.socket, "calm")
    ask = watched.prometheus.values
    accepted, rejected = float(before["accept"]) + 3, float(before["reject"]) + 1
    assert eventually(lambda: ask('mmx_messages_total{verdict="accept"}') == [accepted], LIMIT, 0.1)
    assert ask('mmx_messages_total{verdict="reject"}') == [rejected]
    assert ask('up{job="mmx"}') == [1.0]
    assert ask('mmx_child_up{child="scanner"}') == [1.0]
    assert ask('mmx_child_up{child="gone"}') == [0.0]
    assert ask('mmx_child_skipped_total{condition="not calm-people"}') == [1.0]


def test_the_alerts_are_loaded_and_one_fires(watched: Watched) -> None:
    (group,) = watched.prometheus.ask("rules")["groups"]
    assert len(group["rules"]) == RULES.read_text().count("- alert:") > 0

    def firing() -> set[tuple[str, str]]:
        watched.sends()
        alerts = watched.prometheus.ask("alerts")["alerts"]
        return {(alert["labels"]["alertname"], alert["state"]) for alert in alerts}

    assert eventually(lambda: ("MmxDefaultAction", "firing") in firing(), LIMIT, 0.2)
    assert eventually(lambda: ("MmxChildDown", "pending") in firing(), LIMIT, 0.2)
    assert all(rule["health"] == "ok" for rule in watched.prometheus.ask("rules")["groups"][0]["rules"])


def expressions() -> list[str]:
    """The queries of the board, with what Grafana puts in."""
    panels = json.loads(BOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(found) >= 20
    return [one.replace("$__rate_interval", INTERVAL).replace("$instance", ".+") for one in found]


@pytest.mark.parametrize("expression", expressions())
def test_each_query_of_the_board_has_data(watched: Watched, expression: str) -> None:
    def has_data() -> bool:
        watched.sends()
        return bool(watched.prometheus.values(expression))

    assert eventually(has_data, LIMIT, 0.3), expression


def test_every_metric_is_drawn_or_watched() -> None:
    """A metric that neither the board nor an alert uses is one that nobody looks at."""
    used = set(re.findall(r"mmx_\w+", BOARD.read_text() + RULES.read_text()))
    known = set(re.findall(r"\| `(mmx_\w+)` \|", (ROOT / "docs" / "reference" / "metrics.md").read_text()))
    used = {name.removesuffix("_bucket") for name in used}
    assert used <= known | {"mmx_milters"}
    assert known <= used
