"""Mail from sendmail(1) through non_smtpd_milters: cleanup(8) makes up the session, addresses bare."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.daemon import Mmx
from tests.integration.postfix import Postfix, eventually
from tests.integration.scripted_child import ChildScript, Reply, ScriptedChild
from tests.integration.scripts import add, edits, insert, plain, quarantine, replace_body
from tests.integration.sink import Delivery, LmtpSink
from tests.integration.views import View, normalised, views

SIDES = ("direct", "mmx")
HEADERS = b"From: <author@sender.test>\nDate: Mon, 06 Jul 2026 10:00:00 +0000\nMessage-Id: <m@sender.test>\n"
CONTENT = HEADERS + b"\nhello\n"
LIMIT = 20.0


@dataclass(frozen=True)
class Site:
    children: tuple[ScriptedChild, ScriptedChild]
    sink: LmtpSink
    postfixes: dict[str, Postfix]

    def submit(self, side: str, replies: dict[str, Reply], sender: str, *recipients: str) -> Postfix:
        for child in self.children:
            child.load(ChildScript(replies=replies if child is self.children[0] else {}))
        postfix = self.postfixes[side]
        postfix.command("sendmail", "-i", "-f", sender, *recipients, stdin=CONTENT)
        return postfix

    def delivered(self, postfix: Postfix) -> Delivery:
        """The one message of this test, normalised."""
        assert eventually(lambda: self.sink.count() == 1, LIMIT), postfix.log_text()
        (found,) = self.sink.take()
        # lmtp(8) sends no XFORWARD for mail without a client: the id is told from the first Received.
        queue_id = found.content.partition(b"\tid ")[2].partition(b";")[0].decode()
        content = normalised(found.content, queue_id)
        return Delivery("", found.sender, found.sender_options, found.recipients, content)

    def view(self, sender: str) -> View:
        assert eventually(lambda: self.children[1].open_connections() == 0, LIMIT)
        return views(self.children[1].connections[-1].packets)[sender]


@pytest.fixture(scope="module")
def site(postfix_package: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    sink = LmtpSink()
    with Postfix((), sink.port) as base:
        directory = base.directory
        children = (ScriptedChild(directory / "a"), ScriptedChild(directory / "b"))
        listen = directory / "mmx"
        settings = {child.path.name: {"endpoint": child.endpoint} for child in children}
        direct = {"non_smtpd_milters": " ".join(child.endpoint for child in children)}
        behind = {"non_smtpd_milters": f"unix:{listen}"}
        with (
            Mmx(listen, settings),
            Postfix((), sink.port, direct) as first,
            Postfix((), sink.port, behind) as second,
        ):
            yield Site(children, sink, {"direct": first, "mmx": second})
        for child in children:
            child.close()
    sink.close()


REPLIES: dict[str, dict[str, Reply]] = {
    "nothing": {},
    "edits": {"eom": edits(add("X-A", "a"), insert(1, "X-B", "b"), replace_body("new\r\n"))},
    "accept": {"mail": plain("a")},
}


@pytest.mark.parametrize("sender", ["m1@sender.test", ""])
@pytest.mark.parametrize("case", REPLIES)
def test_local_mail_is_the_same(site: Site, case: str, sender: str) -> None:
    found = []
    for side in SIDES:
        postfix = site.submit(side, REPLIES[case], sender or "<>", "r1@rcpt.test", "r2@rcpt.test")
        found.append((site.delivered(postfix), site.view(sender)))
    assert found[0] == found[1]


@pytest.mark.parametrize("side", SIDES)
def test_local_mail_is_discarded(site: Site, side: str) -> None:
    postfix = site.submit(side, {"eom": plain("d")}, "m1@sender.test", "r1@rcpt.test")
    assert eventually(lambda: "milter-discard: " in postfix.log_text(), LIMIT), postfix.log_text()
    assert site.sink.count() == 0


@pytest.mark.parametrize("side", SIDES)
def test_local_mail_is_held(site: Site, side: str) -> None:
    postfix = site.submit(side, {"eom": edits(quarantine("why"))}, "m1@sender.test", "r1@rcpt.test")
    assert eventually(lambda: _queues(postfix) == ["hold"], LIMIT), postfix.log_text()
    (entry,) = postfix.queued()
    postfix.release(entry["queue_id"])
    assert site.delivered(postfix).recipients == ("r1@rcpt.test",)


def _queues(postfix: Postfix) -> list[str]:
    return [entry["queue_name"] for entry in postfix.queued()]


def test_no_mail_of_the_tests_is_in_the_machines_own_queue() -> None:
    maildrop = Path("/var/spool/postfix/maildrop")
    assert not [path for path in maildrop.glob("*") if b"sender.test" in path.read_bytes()]
