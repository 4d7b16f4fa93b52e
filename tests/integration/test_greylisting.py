"""The path that mail takes by a greylist under the defaults of mmx, with a real Postfix.

The child is called milter-greylist, so it has the conditions of the catalog: remote, unauthenticated,
s25r. What it does is done by a small greylist of the tests; milter-greylist itself is in no current
Debian. A second child sees all mail: `mmx filter` without a rule.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.integration import packages
from tests.integration.daemon import Mmx
from tests.integration.filtering import Filter
from tests.integration.peers import programs
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripts import message
from tests.integration.sink import Delivery, LmtpSink
from tests.integration.smtp_client import Step, run_session
from tests.integration.test_conditions import FROM_ALL, LIMIT

PACKAGES: Final = ("python3", "python3-milter")
LATER: Final = "451 4.7.1 Greylisting in action, please come back later\r\n"


@dataclass(frozen=True)
class Site:
    postfix: Postfix
    sink: LmtpSink
    scanner: Filter
    trace: Path

    def send(self, client: str, *recipients: str, tag: str) -> list[str]:
        """The replies to RCPT and to the message, if there was one."""
        steps: list[Step] = ["EHLO client.test", f"XCLIENT {client}", "EHLO client.test"]
        mail = message(tag, tuple(f"{recipient}@rcpt.test" for recipient in recipients))
        replies = run_session(self.postfix.ports["smtp"], [*steps, *mail, "QUIT"])
        return [reply for reply in replies[5:-1] if not reply.startswith("354")]

    def delivered(self) -> Delivery:
        assert eventually(lambda: self.sink.count() == 1, LIMIT), self.postfix.log_text()
        (found,) = self.sink.take()
        return found

    def clients(self) -> list[str]:
        """Names of the clients that the greylist was asked about, since the last time."""
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        self.trace.write_text("")
        return [line.split()[0] for line in lines]

    def recipients_of_the_scanner(self) -> list[str]:
        """All those that it was told of since the last time."""
        shapes = [told["shape"].split() for told in self.scanner.news("in")]
        return [words[1] for words in shapes if words[0] == "RCPT"]


@pytest.fixture(scope="module")
def running(postfix_package: None) -> Iterator[Site]:
    packages.require(PACKAGES)
    with tempfile.TemporaryDirectory(prefix="mmx-greylist-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        socket, trace, listen = (directory / each for each in ("greylist", "trace", "mmx"))
        source = programs.HERE / "greylist_child.py"
        command: list[str | Path] = ["/usr/bin/python3", source, f"unix:{socket}", trace]
        sink, scanner = LmtpSink(), Filter(directory, "scanner", "")
        children = {
            "milter-greylist": {"endpoint": f"unix:{socket}"},
            "scanner": {"endpoint": scanner.endpoint},
        }
        smtpd = Smtpd("smtp", (f"unix:{listen}",))
        with (
            scanner,
            programs.Program(command, directory / "log", lambda: programs.negotiates(socket)),
            Mmx(listen, children, {"local_networks": ["10.0.0.0/8"]}),
            Postfix([smtpd], sink.port, FROM_ALL) as postfix,
        ):
            yield Site(postfix, sink, scanner, trace)
        sink.close()


@pytest.fixture
def site(running: Site) -> Site:
    running.clients()
    running.sink.take()
    running.scanner.news("in")
    return running


DIAL_UP: Final = "NAME=dsl-192-0-2-7.example.net ADDR=192.0.2.7"


def test_a_dial_up_line_is_deferred_and_then_taken(site: Site) -> None:
    assert site.send(DIAL_UP, "r1", tag="first")[0] == LATER
    assert site.recipients_of_the_scanner() == []  # it never learns of a recipient that was refused
    rcpt, end = site.send(DIAL_UP, "r1", tag="first")
    assert (rcpt[:3], end[:3]) == ("250", "250")
    delivery = site.delivered()
    assert b"\r\nX-Greylist: delayed\r\n" in delivery.content
    assert site.recipients_of_the_scanner() == ["<r1@rcpt.test>"]
    assert site.clients() == ["dsl-192-0-2-7.example.net"] * 2


def test_each_recipient_has_his_own_answer(site: Site) -> None:
    assert site.send(DIAL_UP, "r2", tag="second")[0] == LATER
    known, new, end = site.send(DIAL_UP, "r2", "r3", tag="second")
    assert (known[:3], new, end[:3]) == ("250", LATER, "250")
    assert site.delivered().recipients == ("r2@rcpt.test",)


@pytest.mark.parametrize(
    "client",
    [
        "NAME=mail.example.net ADDR=192.0.2.25",
        f"{DIAL_UP} LOGIN=ann",
        "NAME=dsl-10-0-0-7.example.net ADDR=10.0.0.7",
        "NAME=localhost ADDR=127.0.0.1",
    ],
    ids=["a mail server", "a user", "a local network", "loopback"],
)
def test_who_is_not_greylisted(site: Site, client: str) -> None:
    rcpt, end = site.send(client, "r4", tag="third")
    assert (rcpt[:3], end[:3]) == ("250", "250")
    assert b"X-Greylist" not in site.delivered().content
    assert site.recipients_of_the_scanner() == ["<r4@rcpt.test>"]
    assert site.clients() == []


@pytest.mark.parametrize("name", ["unavailable", "tempunavail"])
def test_a_client_without_a_name_is(site: Site, name: str) -> None:
    assert site.send(f"NAME=[{name}] ADDR=192.0.2.8", "r5", tag=name)[0] == LATER
    assert site.clients() == ["[192.0.2.8]"]  # what libmilter makes of `unknown`
