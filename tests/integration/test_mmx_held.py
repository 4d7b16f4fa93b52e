"""`mmx held` on mail that a child behind mmx really had quarantined, in the hold queue of a real Postfix."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.errors import EX_INTERRUPTED, EX_NOPERM, EX_OK, EX_UNAVAILABLE, EX_USAGE
from tests.integration.held_site import SOON, Site, at_terminal, kick_pickup, running_site
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripted_child import ChildScript, ScriptedChild
from tests.integration.scripts import add, content, edits, plain, quarantine

REASON = "p=quarantine \x1b[31mred"


def reply_at_the_end(reason: str) -> ChildScript:
    """Quarantines all mail but that of passes@sender.test; its edit shows whether it has seen a message."""
    replies = {
        "eom": edits(add("X-Scanned", "yes"), quarantine(reason)),
        "eom passes@sender.test": plain("c"),
    }
    return ChildScript(replies=replies)


@pytest.fixture(scope="module")
def child() -> Iterator[ScriptedChild]:
    with tempfile.TemporaryDirectory(prefix="mmx-held-") as directory:
        made = ScriptedChild(Path(directory) / "child.sock")
        made.load(reply_at_the_end(REASON))
        yield made
        made.close()


@pytest.fixture(scope="module")
def running(postfix_package: None, child: ScriptedChild) -> Iterator[Site]:
    with running_site("opendmarc", child.endpoint) as made:
        yield made


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


def test_arrival_is_the_reply_to_mail_however_long_that_and_what_follows_take(
    site: Site, child: ScriptedChild
) -> None:
    wait = ("sleep", "2.5"), ("c", "")
    script = reply_at_the_end("slow")
    child.load(replace(script, replies={**script.replies, "mail": wait, "rcpt": wait}))
    try:
        (queue_id,) = site.hold("m1")
    finally:
        child.load(script)
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


def test_a_requeued_message_is_scanned_by_nobody_and_arrives_with_a_new_id(
    site: Site, child: ScriptedChild
) -> None:
    site.sink.forget()
    (queue_id,) = site.hold("m1")
    seen = len(child.connections)
    packets = sum(len(connection.packets) for connection in child.connections)
    assert site.held("requeue", queue_id)[0] == f"requeued: {queue_id}\n"
    kick_pickup(site.postfix)
    assert eventually(lambda: site.sink.count() == 1, SOON), site.postfix.log_text()
    (delivery,) = site.sink.take()
    assert re.search(rf" (?!{queue_id})\w+: uid=.* orig_id={queue_id}\n", site.postfix.log_text())
    assert delivery.content.count(b"\r\nX-Scanned: yes\r\n") == 1
    assert site.held()[0] == "no mail is on hold\n"
    # non_smtpd_milters names mmx, so a scan would have shown in the child.
    assert len(child.connections) == seen
    assert sum(len(connection.packets) for connection in child.connections) == packets


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
        other = Site(site.directory, site.mmx, postfix, site.sink)
        (queue_id,) = other.hold("m1")
        postfix._stop()
        text, complaint = other.held()
        assert queue_id in text
        assert complaint.startswith("mmx held: postqueue: warning: Mail system is down")
        text, complaint = other.held("release", queue_id)
        assert text == f"released: {queue_id}\n"
        assert "released, and not delivered yet: " in complaint


def test_a_closed_pipe_ends_it_cleanly(site: Site) -> None:
    (queue_id,) = site.hold("m1", text=content(20_000 * f"{'x' * 70}\r\n"))
    process = subprocess.Popen(
        site.command("show", "--whole", queue_id), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"time ")
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(SOON) == EX_OK
