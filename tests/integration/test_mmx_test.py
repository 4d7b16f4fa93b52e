"""`mmx test` against real milters: directly, behind a running mmx, and beside a real Postfix.

One mmx has a listener for each of the five milters, at which it alone sees the mail; so what `mmx test` tells
of a milter must be the same on both ways. At one more listener all five do. What it tells is then
compared with what Postfix does with the same mail and the same milter.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mmx.tools.mail_file import parse_message
from tests.integration.daemon import Mmx
from tests.integration.postfix import HOSTNAME, Postfix, Smtpd
from tests.integration.real_milters import DKIMPY, GTUBE, SIGNED_DOMAIN, VIRUS, RealMilters
from tests.integration.sink import LmtpSink
from tests.integration.smtp_client import run_session
from tests.integration.test_real_daemons import message

pytestmark = [pytest.mark.usefixtures("real_milter_packages"), pytest.mark.timeout(300)]

CHILDREN = ("opendkim", "clamav-milter", "spamass-milter", "rspamd", DKIMPY)
MAILS = ("clean", "virus", "gtube", "signed")
CLIENT = ("--client", "192.0.2.7", "--name", "client.clean.test", "--macro", f"j={HOSTNAME}")
ENVELOPE = ("--from", "author@clean.test", "--rcpt", "reader@rcpt.test")
XCLIENT = "NAME=client.clean.test ADDR=192.0.2.7"
# Numbers of a daemon that count or measure.
VARIES = re.compile(r"0x[0-9a-f]+|time=\S+")


@dataclass(frozen=True)
class Site:
    milters: RealMilters
    mmx: Mmx
    directory: Path
    """Holds the mails, each in a file of its name."""

    @property
    def config(self) -> str:
        return str(self.mmx.directory / "mmx.yaml")

    def file(self, name: str) -> str:
        return str(self.directory / f"{name}.eml")

    def run(self, *arguments: str, status: int | None = None) -> str:
        """What `mmx test` prints."""
        command = [sys.executable, "-m", "mmx", "test", *CLIENT, *ENVELOPE, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert status in (None, done.returncode), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout or done.stderr

    def told(self, *arguments: str) -> list[dict[str, Any]]:
        """As JSON, a message each."""
        return [json.loads(line) for line in self.run("--json", *arguments).splitlines()]


@pytest.fixture(scope="module")
def site(real_milter_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("mails")
    mails = {
        "clean": message("Hello,\r\nhow are you?\r\n"),
        "virus": message(f"{VIRUS}\r\n", subject="infected"),
        "gtube": message(f"{GTUBE}\r\n", subject="spam"),
        "unsigned": message("signed\r\n", SIGNED_DOMAIN),
    }
    for name, text in mails.items():
        (directory / f"{name}.eml").write_bytes(text)
    with RealMilters() as milters:
        listen = milters.directory / "mmx.sock"
        settings = {
            "listen": [
                {"name": "all", "endpoint": f"unix:{listen}"},
                *({"name": name, "endpoint": f"unix:{listen}.{name}"} for name in CHILDREN),
            ],
            "conditions": {f"by-{name}": {"listener": [name, "all"]} for name in CHILDREN},
        }
        children = {name: {"endpoint": milters.endpoint(name), "when": [f"by-{name}"]} for name in CHILDREN}
        with Mmx(listen, children, settings) as mmx:
            running = Site(milters, mmx, directory)
            signer = ("--to", milters.endpoint("signer"), "--client", "127.0.0.1", "--name", "localhost")
            signed = ("--from", f"author@{SIGNED_DOMAIN}", "--output", running.file("signed"))
            running.run(*signer, *signed, running.file("unsigned"), status=0)
            yield running


def compared(told: dict[str, Any]) -> dict[str, Any]:
    """What must be the same on both ways."""
    kept = ("status", "reply", "refused", "sender", "recipients", "quarantine", "diff")
    # rspamd tells its symbols in no order.
    return {key: told[key] for key in kept} | {"diff": sorted(VARIES.sub("", line) for line in told["diff"])}


@pytest.mark.parametrize("child", CHILDREN)
def test_a_milter_says_the_same_directly_and_behind_mmx(site: Site, child: str) -> None:
    files = [site.file(name) for name in MAILS]
    direct = site.told("--to", site.milters.endpoint(child), *files)
    behind = site.told("--config", site.config, "--listener", child, *files)
    assert len(direct) == len(behind) == len(MAILS)
    assert [compared(told) for told in behind] == [compared(told) for told in direct]
    # What the child said is heard over the control socket, and is what it says when asked directly.
    for told, asked in zip(behind, direct, strict=True):
        assert told["problems"] == []
        assert {line["by"] for line in told["said"]} == {"mmx", child}
        last = [line["text"] for line in told["said"] if line["by"] == child][-1]
        assert last == asked["said"][-1]["text"]
        assert all(line["at"] <= told["seconds"] + 0.5 for line in told["said"])


@pytest.mark.parametrize(
    ("child", "mail", "status", "shown"),
    [
        ("opendkim", "signed", "accept", "dkim=pass"),
        (DKIMPY, "signed", "accept", "dkim=pass"),
        ("clamav-milter", "clean", "accept", "X-Virus-Status: Clean"),
        ("clamav-milter", "virus", "reject", "550 5.7.1 Infected: Mmx.Lab.UNOFFICIAL"),
        ("spamass-milter", "clean", "accept", "X-Spam-Status: No"),
        ("spamass-milter", "gtube", "reject", "SpamAssassin"),
        ("rspamd", "clean", "accept", "X-Spamd-Result"),
    ],
)
def test_what_the_milters_are_there_for(site: Site, child: str, mail: str, status: str, shown: str) -> None:
    printed = site.run("--config", site.config, "--listener", child, site.file(mail))
    assert printed.splitlines()[0] == f"status: {status}"
    assert re.fullmatch(r"elapsed-time: \d+\.\d{3} seconds", printed.splitlines()[1])
    assert shown in printed


def test_the_whole_chain(site: Site) -> None:
    clean, virus = site.told("--config", site.config, site.file("clean"), site.file("virus"))
    assert list(dict.fromkeys(line["by"] for line in clean["said"])) == ["mmx", *CHILDREN]
    assert clean["status"] == "accept"
    added = "\n".join(line for line in clean["diff"] if line.startswith("+"))
    # dkimpy-milter removes results that bear the name of this host, which opendkim has just added.
    said = [line for line in clean["said"] if "uthentication-" in line["text"] and line["by"] in CHILDREN]
    results = [(line["by"], line["text"].split()[0]) for line in said]
    assert results == [("opendkim", "INSHEADER"), (DKIMPY, "CHGHEADER")]
    assert "Authentication-Results" not in added
    for name in ("X-Virus-Status", "X-Spam-Status", "X-Spamd-Result"):
        assert f"+{name}:" in added
    assert (virus["status"], virus["reply"]) == ("reject", "550 5.7.1 Infected: Mmx.Lab.UNOFFICIAL")
    refusals = {line["by"] for line in virus["said"] if line["text"].startswith("REPLYCODE 550")}
    assert refusals == {"mmx", "clamav-milter"}


def test_a_child_by_its_name_and_expectations(site: Site) -> None:
    scanner = ("--config", site.config, "--child", "clamav-milter")
    site.run(*scanner, "--expect", "reject:550:5.7.1", site.file("virus"), status=0)
    site.run(*scanner, "--expect", "accept", site.file("virus"), status=1)
    site.run(*scanner, site.file("virus"), status=65)


@pytest.mark.parametrize("child", CHILDREN)
def test_small_pieces_unknown_commands_and_several_messages(site: Site, child: str) -> None:
    arguments = ("--chunk", "7", "--unknown", "FOO bar", "--repeat", "2", "--sessions", "2")
    told = site.told("--to", site.milters.endpoint(child), *arguments, site.file("clean"))
    assert [(one["status"], one["session"]) for one in told] == [("accept", 1)] * 2 + [("accept", 2)] * 2


@pytest.mark.parametrize("version", [2, 3, 4])
def test_older_versions(site: Site, version: int) -> None:
    """libmilter of today speaks them all, and so does mmx."""
    scanner = ("--to", site.milters.endpoint("clamav-milter"))
    through = ("--config", site.config, "--listener", "clamav-milter")
    for way in (scanner, through):
        arguments = (*way, "--protocol", str(version), site.file("virus"), site.file("clean"))
        told = site.told(*arguments)
        assert [one["status"] for one in told] == ["reject", "accept"]
        assert told[0]["options"]["version"] == version


def test_a_milter_that_does_not_speak_an_older_version(site: Site) -> None:
    printed = site.run("--to", site.milters.endpoint("rspamd"), "--protocol", "2", status=69)
    assert "closed the connection when it was to answer to OPTNEG" in printed


def test_clamd_is_no_milter(site: Site) -> None:
    printed = site.run("--to", f"unix:{site.milters.directory}/clamd.ctl", "--timeout", "5s", status=69)
    assert "not a milter: it said 'UNKN' where a frame length is due" in printed


# Beside Postfix.


@pytest.fixture(scope="module")
def postfix(site: Site) -> Iterator[tuple[Postfix, LmtpSink]]:
    sink = LmtpSink()
    smtpds = [Smtpd(name, [site.milters.endpoint(name)]) for name in CHILDREN]
    with Postfix(smtpds, sink.port, {"milter_content_timeout": "120s"}) as running:
        yield running, sink
    sink.close()


def deliver(postfix: Postfix, child: str, content: bytes) -> str:
    """Postfix's last reply to the same mail."""
    steps = ["EHLO client.clean.test", f"XCLIENT {XCLIENT}", "EHLO client.clean.test"]
    steps += ["MAIL FROM:<author@clean.test>", "RCPT TO:<reader@rcpt.test>"]
    *_, last, _ = run_session(postfix.ports[child], [*steps, ("DATA", content.decode()), "QUIT"])
    return last


@pytest.mark.parametrize("child", CHILDREN)
def test_postfix_makes_the_same_message_of_it(
    site: Site, postfix: tuple[Postfix, LmtpSink], child: str, tmp_path: Path
) -> None:
    running, sink = postfix
    output = tmp_path / "out"
    site.run("--to", site.milters.endpoint(child), "--output", str(output), site.file("clean"), status=0)
    reply = deliver(running, child, Path(site.file("clean")).read_bytes())
    assert reply.startswith("250"), reply
    while not (found := sink.deliveries(reply.split()[-1])):
        sink.wait(10)
    ours, theirs = parse_message(output.read_bytes()), parse_message(found[0].content)
    own = [(name, value) for name, value in theirs.headers if name != b"Received"]
    assert list(ours.headers) == own
    assert ours.body == theirs.body


@pytest.mark.parametrize(("child", "mail"), [("clamav-milter", "virus"), ("spamass-milter", "gtube")])
def test_postfix_refuses_it_with_the_same_words(
    site: Site, postfix: tuple[Postfix, LmtpSink], child: str, mail: str
) -> None:
    (told,) = site.told("--to", site.milters.endpoint(child), site.file(mail))
    assert deliver(postfix[0], child, Path(site.file(mail)).read_bytes()).rstrip() == told["reply"]
