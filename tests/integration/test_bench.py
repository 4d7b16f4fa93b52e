"""`mmx bench` on a real milter, on mmx in front of it, and through a real Postfix with both."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import packages
from tests.integration.daemon import Mmx, greet
from tests.integration.filtering import Filter
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.sink import LmtpSink

DIRECT = "direct"
BEHIND = "behind"
START_LIMIT = 30.0
STOP_LIMIT = 20.0
OPENDKIM = ("opendkim", "opendkim-tools")
SCRIPT = """
rules:
  - {at: rcpt, when: {recipient: "nobody@*"}, do: {reply: "550 5.1.1 No such user here"}}
  - {at: eom, when: {sender: "dies@*"}, do: close}
  - {at: eom, when: {sender: "slow@*"}, do: {delay: 50ms}}
"""


class Site:
    """opendkim, which signs, and a scripted milter; mmx with both; Postfix with opendkim and with mmx."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self.opendkim = directory / "opendkim.sock"
        self._start_opendkim(directory, stack)
        self.filter = stack.enter_context(Filter(directory, "filter", SCRIPT))
        children = {
            "filter": {"endpoint": self.filter.endpoint},
            "opendkim": {"endpoint": f"unix:{self.opendkim}"},
        }
        self.mmx = stack.enter_context(Mmx(directory / "mmx", children))
        self.sink = LmtpSink()
        stack.callback(self.sink.close)
        smtpds = [
            Smtpd(DIRECT, [self.filter.endpoint, f"unix:{self.opendkim}"]),
            Smtpd(BEHIND, [f"unix:{self.mmx.socket}"]),
        ]
        self.postfix = stack.enter_context(Postfix(smtpds, self.sink.port))

    def _start_opendkim(self, directory: Path, stack: contextlib.ExitStack) -> None:
        key = ["opendkim-genkey", "-b", "1024", "-d", "sender.test", "-s", "lab", "-D", str(directory)]
        subprocess.run(key, check=True, capture_output=True)
        settings = directory / "opendkim.conf"
        settings.write_text(
            f"Syslog no\nSocket local:{self.opendkim}\nUMask 000\nMode s\nDomain sender.test\nSelector lab\n"
            f"KeyFile {directory}/lab.private\nInternalHosts 0.0.0.0/0\nRequireSafeKeys false\n"
        )
        process = subprocess.Popen(["opendkim", "-f", "-x", str(settings)], stdin=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        assert eventually(self._answers, START_LIMIT, 0.05)

    def _answers(self) -> bool:
        try:
            greet(self.opendkim, events=False)
        except (OSError, EOFError):
            return False
        return True

    def smtp(self, side: str) -> list[str]:
        return ["--smtp", f"127.0.0.1:{self.postfix.ports[side]}"]


@pytest.fixture(scope="module")
def site(postfix_package: None) -> Iterator[Site]:
    packages.require(OPENDKIM)
    with contextlib.ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="mmx-bench-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)
        yield Site(directory, stack)


def command(*arguments: str, sender: str = "author@sender.test") -> list[str]:
    return [sys.executable, "-m", "mmx", "bench", "--from", sender, "--rcpt", "r1@rcpt.test", *arguments]


def bench(*arguments: str, sender: str = "author@sender.test", status: int = 0) -> list[dict[str, Any]]:
    """What was measured of each target."""
    words = command("--json", *arguments, sender=sender)
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stderr) == (status, "")
    report = json.loads(done.stdout)
    assert report["whole"]
    targets: list[dict[str, Any]] = report["targets"]
    for target in targets:
        latency = target["latency"]
        assert latency["p50"] <= latency["p90"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    return targets


def test_a_real_milter_beside_mmx(site: Site) -> None:
    targets = bench("--to", f"unix:{site.opendkim}", "--to", f"unix:{site.mmx.socket}", "--messages", "60")
    assert [target["target"] for target in targets] == [f"unix:{site.opendkim}", f"unix:{site.mmx.socket}"]
    for target in targets:
        assert (target["verdicts"], target["failures"]) == ({"accept": 60}, {})
        assert target["rate"] > 0
        assert target["opening"]["count"] == 60


def test_sizes_and_several_messages_in_a_session(site: Site) -> None:
    (target,) = bench(
        *("--to", f"unix:{site.mmx.socket}", "--messages", "40", "--size", "1KiB-300KiB"),
        *("--per-session", "8", "--sessions", "2"),
    )
    assert target["verdicts"] == {"accept": 40}
    assert target["opening"]["count"] < 40


def test_through_postfix_with_both(site: Site) -> None:
    site.sink.take()
    targets = bench(*site.smtp(DIRECT), *site.smtp(BEHIND), "--messages", "30")
    for target in targets:
        assert (target["verdicts"], target["failures"]) == ({"accept": 30}, {})
    assert eventually(lambda: site.sink.count() == 60, START_LIMIT)
    assert all(b"DKIM-Signature:" in delivery.content for delivery in site.sink.take())


@pytest.mark.parametrize("side", [DIRECT, BEHIND])
def test_refused_recipients_through_postfix(site: Site, side: str) -> None:
    (target,) = bench(*site.smtp(side), "--rcpt", "nobody@rcpt.test", "--messages", "10")
    assert (target["verdicts"], target["refused_recipients"]) == ({"accept": 10}, 10)


def test_a_milter_that_dies_is_a_failure_alone_and_a_tempfail_behind_mmx(site: Site) -> None:
    (alone,) = bench("--to", site.filter.endpoint, "--messages", "10", sender="dies@sender.test", status=69)
    assert (alone["verdicts"], sum(alone["failures"].values())) == ({}, 10)
    (behind,) = bench("--to", f"unix:{site.mmx.socket}", "--messages", "10", sender="dies@sender.test")
    assert behind["verdicts"] == {"tempfail": 10}
    (through,) = bench(*site.smtp(BEHIND), "--messages", "10", sender="dies@sender.test")
    assert through["verdicts"] == {"tempfail": 10}


def test_a_delay_is_measured(site: Site) -> None:
    (target,) = bench(*site.smtp(BEHIND), "--messages", "12", sender="slow@sender.test")
    assert target["latency"]["p50"] > 0.05


def test_messages_of_files(site: Site, tmp_path: Path) -> None:
    mail = tmp_path / "m.eml"
    mail.write_text("From: author@sender.test\nSubject: of a file\n\n.dot\n")
    site.sink.take()
    bench(*site.smtp(BEHIND), "--messages", "3", str(mail))
    assert eventually(lambda: site.sink.count() == 3, START_LIMIT)
    assert all(delivery.content.endswith(b"\r\n\r\n.dot\r\n") for delivery in site.sink.take())


def test_an_interruption_prints_what_was_measured(site: Site) -> None:
    words = command("--to", f"unix:{site.mmx.socket}", "--messages", "1000000", sender="slow@sender.test")
    before = len(site.filter.all("begin"))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert eventually(lambda: len(site.filter.all("begin")) > before + 10, START_LIMIT, 0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=STOP_LIMIT)
    assert (process.returncode, err) == (130, "")
    assert "interrupted: this is what was measured until then" in out
    assert "accept" in out
