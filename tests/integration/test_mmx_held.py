"""`mmx held` on mail that a child behind mmx really had quarantined, in the hold queue of a real Postfix.

The Postfix is the tests' own; the command sees its configuration at /etc/postfix, in a mount namespace, so
that Postfix's programs are run exactly as on a host.
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
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import EX_INTERRUPTED, EX_NOPERM, EX_OK, EX_UNAVAILABLE, EX_USAGE
from tests.integration.daemon import Mmx
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripted_child import ChildScript, ScriptedChild
from tests.integration.scripts import add, edits, message, plain, quarantine, session
from tests.integration.sink import Delivery, LmtpSink
from tests.integration.smtp_client import run_session

SOON = 20.0
REASON = "p=quarantine \x1b[31mred"
HOLDS = {"smtpd_sender_restrictions": "check_sender_access static:HOLD"}


def reply_at_the_end(reason: str) -> ChildScript:
    """Quarantines all mail but that of passes@sender.test; its edit shows whether it has seen a message."""
    replies = {
        "eom": edits(add("X-Scanned", "yes"), quarantine(reason)),
        "eom passes@sender.test": plain("c"),
    }
    return ChildScript(replies=replies)


class Site:
    """Postfix, mmx behind it, one child behind that; and the command."""

    def __init__(
        self, directory: Path, mmx: Mmx, postfix: Postfix, sink: LmtpSink, child: ScriptedChild
    ) -> None:
        self.directory = directory
        self.mmx = mmx
        self.postfix = postfix
        self.sink = sink
        self.child = child
        self.ledger = mmx.directory / "held.jsonl"

    def send(
        self, *tags: str, service: str = "in", recipients: tuple[str, ...] = ("r1@rcpt.test",)
    ) -> list[str]:
        """Messages of these senders, in one session; their queue ids."""
        steps = session(*(message(tag, recipients) for tag in tags))
        found = re.findall(r"queued as (\w+)", "".join(run_session(self.postfix.ports[service], steps)))
        assert len(found) == len(tags)
        return found

    def hold(self, *tags: str) -> list[str]:
        """Messages that the child has held; their queue ids."""
        ids = self.send(*tags)
        assert [self.postfix.queue_of(queue_id) for queue_id in ids] == ["hold"] * len(ids)
        assert eventually(lambda: self.ledger.exists() and set(ids) <= self.claimed(), SOON)
        return ids

    def claimed(self) -> set[str]:
        """The queue ids in the ledger."""
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


@pytest.fixture(scope="module")
def running(postfix_package: None) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmx-held-")))
        directory.chmod(0o755)
        child = ScriptedChild(directory / "child.sock")
        stack.callback(child.close)
        child.load(reply_at_the_end(REASON))
        sink = LmtpSink()
        stack.callback(sink.close)
        mmx = stack.enter_context(Mmx(directory / "mmx.sock", {"opendmarc": {"endpoint": child.endpoint}}))
        milter = f"unix:{directory}/mmx.sock"
        main_cf = {
            "non_smtpd_milters": milter,
            "fast_flush_domains": "dead.test",
            "transport_maps": "inline:{dead.test=lmtp:inet:127.0.0.1:1}",
            "multi_instance_enable": "yes",
            "multi_instance_name": "postfix-out",
        }
        services = [Smtpd("in", [milter]), Smtpd("holds", options=HOLDS), Smtpd("plain")]
        postfix = stack.enter_context(Postfix(services, sink.port, main_cf))
        yield Site(directory, mmx, postfix, sink, child)


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    yield running
    running.clear()


def test_the_list_says_who_and_why_and_what_did_not_go_through_mmx(site: Site) -> None:
    first, second = site.hold("m1", "m2")
    (other,) = site.send("m3", service="holds")
    site.send("passes")
    text, complaints = site.held()
    assert complaints == ""
    assert text.endswith("3 messages on hold, 1 not through mmx\n")
    assert r"  opendmarc        p=quarantine \x1b[31mred" in site.row(first)
    arrived = {entry["queue_id"]: entry["arrival_time"] for entry in site.postfix.queued()}
    assert f"  {other}@{arrived[other]}  " in site.row(other)
    assert "  not through mmx  -" in site.row(other)
    entries = site.listed()
    assert set(entries) == {first, second, other}
    assert entries[first]["children"] == [{"child": "opendmarc", "reason": REASON}]
    assert [entries[name]["through_mmx"] for name in (first, second, other)] == [True, True, False]
    assert abs(entries[second]["mail_at"] - entries[second]["arrival_time"]) < 2
    assert set(site.listed("--child", "opendmarc")) == {first, second}
    assert site.held("--child", "rspamd")[0] == "no mail is on hold\n"


def test_the_ledger_has_held_mail_alone_and_only_its_owner_reads_it(site: Site) -> None:
    (queue_id,) = site.hold("m1")
    (passed,) = site.send("passes")
    site.arrives(passed)
    written = site.ledger.read_text()
    assert queue_id in written
    assert passed not in written
    assert "passes@" not in written
    assert site.ledger.stat().st_mode & 0o777 == 0o640


def test_arrival_is_the_reply_to_mail_however_long_that_and_what_follows_take(site: Site) -> None:
    wait = ("sleep", "2.5"), ("c", "")
    script = reply_at_the_end("slow")
    site.child.load(replace(script, replies={**script.replies, "mail": wait, "rcpt": wait}))
    try:
        (queue_id,) = site.hold("m1")
    finally:
        site.child.load(script)
    entry = site.listed()[queue_id]
    assert entry["children"] == [{"child": "opendmarc", "reason": "slow"}]
    assert -0.5 < entry["mail_at"] - entry["arrival_time"] < 1.5


def test_mail_that_was_not_sent_by_smtp_is_claimed_too(site: Site) -> None:
    site.postfix.command(
        "sendmail", "-f", "m1@sender.test", "r1@rcpt.test", stdin=b"Subject: local\n\nhello\n"
    )
    kick_pickup(site.postfix)
    assert eventually(lambda: len(site.postfix.queued()) == 1, SOON)
    assert eventually(lambda: bool(site.listed("--child", "opendmarc")), SOON, 0.1)


def kick_pickup(postfix: Postfix) -> None:
    """Have pickup(8) look at the maildrop now; it does by itself every minute."""
    command = ["/usr/sbin/postkick", "-c", str(postfix.config), "public", "pickup", "W"]
    subprocess.run(command, check=True, timeout=20)


def test_a_message_is_shown_with_its_escapes_harmless(site: Site) -> None:
    (queue_id,) = site.hold("m1")
    headers, _ = site.held("show", queue_id)
    assert "Subject: a test\n" in headers
    assert "X-Scanned: yes\n" in headers
    assert "hello" not in headers
    whole, _ = site.held("show", "--whole", queue_id)
    assert "\nhello\n" in whole
    assert f"*** ENVELOPE RECORDS hold/{queue_id} ***" in whole
    assert all(char.isprintable() or char == "\n" for char in headers + whole)


def test_a_released_message_arrives_with_the_edits_of_its_child(site: Site) -> None:
    released, stays = site.hold("m1", "m2")
    assert site.held("release", released)[0] == f"released: {released}\n"
    assert b"\r\nX-Scanned: yes\r\n" in site.arrives(released).content
    assert set(site.listed()) == {stays}


def test_a_deleted_message_is_gone_and_a_dry_run_deletes_none(site: Site) -> None:
    deleted, stays = site.hold("m1", "m2")
    text, _ = site.held("delete", "--dry-run", deleted)
    assert text.endswith(f"would delete: {deleted}\n")
    assert set(site.listed()) == {deleted, stays}
    assert site.held("delete", deleted)[0] == f"deleted: {deleted}\n"
    assert set(site.listed()) == {stays}
    assert site.sink.deliveries(deleted) == ()


def test_a_requeued_message_is_scanned_by_nobody_and_arrives_with_a_new_id(site: Site) -> None:
    site.sink.forget()
    (queue_id,) = site.hold("m1")
    seen = len(site.child.connections)
    packets = sum(len(connection.packets) for connection in site.child.connections)
    assert site.held("requeue", queue_id)[0] == f"requeued: {queue_id}\n"
    kick_pickup(site.postfix)
    assert eventually(lambda: site.sink.count() == 1, SOON), site.postfix.log_text()
    (delivery,) = site.sink.take()
    assert re.search(rf" (?!{queue_id})\w+: uid=.* orig_id={queue_id}\n", site.postfix.log_text())
    assert delivery.content.count(b"\r\nX-Scanned: yes\r\n") == 1
    assert site.held()[0] == "no mail is on hold\n"
    # non_smtpd_milters names mmx, so a scan would have shown in the child.
    assert len(site.child.connections) == seen
    assert sum(len(connection.packets) for connection in site.child.connections) == packets


def test_a_site_is_flushed(site: Site) -> None:
    (queue_id,) = site.send("passes", recipients=("r1@dead.test",))
    assert eventually(lambda: site.postfix.queue_of(queue_id) == "deferred", SOON)

    def tries() -> int:
        return len(re.findall(f"{queue_id}: to=<r1@dead.test>.*status=deferred", site.postfix.log_text()))

    before = tries()
    site.held("flush", "dead.test")
    assert eventually(lambda: tries() > before, SOON)
    site.postfix.command("postsuper", "-d", queue_id)
    _, complaint = site.held("flush", "elsewhere.test", status=EX_UNAVAILABLE)
    assert complaint == 'postqueue: fatal: Flush service is not configured for destination "elsewhere.test"\n'


def test_a_reused_id_is_refused_and_its_message_can_still_be_named(site: Site) -> None:
    other, queue_id = site.hold("m1", "m2")
    arrived = site.listed()[queue_id]["arrival_time"]
    ledger = site.ledger.read_text()
    site.ledger.write_text(
        re.sub(rf'"mail_at":[0-9.]+(,"queue_id":"{queue_id}")', r'"mail_at":1764093000.5\1', ledger)
    )
    assert "mmx had another message of this queue id held" in site.row(queue_id)
    for action in ("show", "release", "delete", "requeue"):
        names = [queue_id] if action == "show" else ["--yes", other, queue_id]
        _, complaint = site.held(action, *names, status=EX_UNAVAILABLE)
        assert complaint.startswith(f"{queue_id}: the message that mmx had held arrived 2025-11-25 ")
        assert complaint.endswith(f" and is called {queue_id}@{arrived}\nnothing was done\n")
    _, complaint = site.held("delete", f"{queue_id}@{arrived - 1}", status=EX_UNAVAILABLE)
    assert complaint.startswith(f"{queue_id}: another message by now: ")
    assert set(site.listed()) == {other, queue_id}
    assert site.held("delete", f"{queue_id}@{arrived}")[0] == f"deleted: {queue_id}\n"
    assert set(site.listed()) == {other}


def test_mail_that_nobody_claims_needs_its_time(site: Site) -> None:
    (queue_id,) = site.send("m1", service="holds")
    name = site.listed()[queue_id]["name"]
    _, complaint = site.held("release", queue_id, status=EX_UNAVAILABLE)
    assert complaint.startswith(f"{queue_id}: not through mmx, ")
    assert site.held("release", name)[0] == f"released: {queue_id}\n"
    site.arrives(queue_id)


def test_claims_that_are_not_true_are_shown_and_harmless(site: Site) -> None:
    (queue_id,) = site.send("m1", service="holds")
    arrived = site.listed()[queue_id]["arrival_time"]
    evil = "\x1b]0;owned\x07\x1b[2J\n\u202eforged"
    forged = json.loads(site.ledger.read_text().splitlines()[-1])
    forged |= {"mail_at": arrived, "queue_id": queue_id, "session": evil, "sender": evil}
    forged["children"] = [{"child": evil, "reason": evil}]
    with site.ledger.open("a") as ledger:
        ledger.write(f"{{torn\n{json.dumps(forged)}\n")
    text, _ = site.held()
    assert text.count(r"\x1b]0;owned\x07\x1b[2J\x0a\xe2\x80\xaeforged") == 1
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len(text.splitlines()) == 3


def test_what_is_not_on_hold_is_refused(site: Site) -> None:
    _, complaint = site.held("release", "4bZxWk2", status=EX_UNAVAILABLE)
    assert complaint == "4bZxWk2: not on hold\nnothing was done\n"
    _, complaint = site.held("delete", "ALL", status=EX_USAGE)
    assert complaint.startswith("mmx held: ALL: neither a queue id nor ID@ARRIVAL")


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


def test_all_wants_a_phrase_typed_at_a_terminal(site: Site) -> None:
    site.hold("m1", "m2")
    (other,) = site.send("m3", service="holds")
    _, complaint = site.held("delete", "--all", "--yes", status=EX_NOPERM)
    assert "--all is confirmed by hand" in complaint
    command = site.command("delete", "--all", "--child", "opendmarc")
    status, shown = at_terminal(command, b"yes\n")
    assert (status, len(site.listed())) == (EX_NOPERM, 3)
    assert "not confirmed: nothing was done" in shown
    status, shown = at_terminal(command, b"delete 2\n")
    assert (status, set(site.listed())) == (EX_OK, {other})
    assert 'type "delete 2" to go on: ' in shown
    assert shown.count("deleted: ") == 2


def test_several_are_asked_about_and_an_interrupt_ends_it_cleanly(site: Site) -> None:
    ids = site.hold("m1", "m2")
    command = site.command("release", *ids)
    status, shown = at_terminal(command, b"\x03")
    assert status == EX_INTERRUPTED
    assert "Traceback" not in shown
    assert set(site.listed()) == set(ids)
    status, shown = at_terminal(command, b"y\n")
    assert status == EX_OK
    assert {site.arrives(queue_id).queue_id for queue_id in ids} == set(ids)


def test_another_instance_is_asked_through_postmulti(site: Site) -> None:
    (queue_id,) = site.hold("m1")
    primary = site.directory / "primary"
    primary.mkdir()
    for name in ("main.cf", "master.cf"):
        (primary / name).write_text((site.postfix.config / name).read_text())
    with (primary / "main.cf").open("a") as main_cf:
        main_cf.write(
            f"queue_directory = {site.directory}/queue\ndata_directory = {site.directory}/data\n"
            f"multi_instance_name =\nmulti_instance_directories = {site.postfix.config}\n"
        )
    text, _ = site.held("--instance", "postfix-out", config=primary)
    assert queue_id in text
    assert site.held("-i", "postfix-out", "release", queue_id, config=primary)[0] == f"released: {queue_id}\n"
    site.arrives(queue_id)
    _, complaint = site.held("-i", "nosuch", status=EX_UNAVAILABLE, config=primary)
    assert complaint.startswith("postmulti does nothing for the instance nosuch: ")


def test_a_stopped_postfix_is_told_of_and_its_queue_read_all_the_same(site: Site) -> None:
    milter = f"unix:{site.directory}/mmx.sock"
    # postsuper itself could not write the log that postlogd(8) writes.
    with Postfix([Smtpd("in", [milter])], site.sink.port, {"maillog_file": ""}) as postfix:
        other = Site(site.directory, site.mmx, postfix, site.sink, site.child)
        (queue_id,) = other.hold("m1")
        postfix._stop()
        text, complaint = other.held()
        assert queue_id in text
        assert complaint.startswith("mmx held: postqueue: warning: Mail system is down")
        text, complaint = other.held("release", queue_id)
        assert text == f"released: {queue_id}\n"
        assert "released, and not delivered yet: " in complaint
