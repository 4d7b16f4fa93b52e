"""What must be true before postsuper is run: whose mail it is, that it was confirmed, that it is the same."""

import io
import sys
from pathlib import Path

import pytest

from mmx.errors import EX_OK, EX_UNAVAILABLE, InvalidValueError, PermissionsError, UnavailableError
from mmx.observe.claim import Claim
from mmx.tools.held import act as held_act
from mmx.tools.held.act import ACTS, carry_out, check_name, chosen, confirm_all, confirm_several
from mmx.tools.held.ledger import HeldMail
from mmx.tools.held.postfix import Postfix
from mmx.tools.held.queue import QueuedMail
from tests.tools.held_programs import ARRIVED, Programs, listed


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def postfix(tmp_path: Path) -> Postfix:
    return Postfix(programs=tmp_path)


def claim(queue_id: str, at: float) -> Claim:
    return Claim(at, queue_id, "s", "a", 1, 1, (("opendmarc", "p"),))


def ours(queue_id: str) -> HeldMail:
    return HeldMail(QueuedMail(queue_id, ARRIVED, 1, "a"), claim(queue_id, ARRIVED))


FOREIGN = HeldMail(QueuedMail("F1", ARRIVED, 1, "a"))
REUSED = HeldMail(QueuedMail("R1", ARRIVED, 1, "a"), None, claim("R1", ARRIVED - 99))
MAILS = [ours("A1"), ours("A2"), FOREIGN, REUSED]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("A1", MAILS[0]),
        (f"A1@{ARRIVED}", MAILS[0]),
        (f"F1@{ARRIVED}", FOREIGN),
        (f"R1@{ARRIVED}", REUSED),
    ],
)
def test_a_name_that_is_of_one_message(name: str, found: HeldMail) -> None:
    assert chosen([name, name], MAILS) == [found]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("A3", "A3: not on hold"),
        (f"A1@{ARRIVED + 1}", "A1: another message by now: the one on hold now arrived "),
        ("F1", "F1: not through mmx, so its queue id alone does not tell "),
        ("R1", "R1: the message that mmx had held arrived "),
    ],
)
def test_a_name_that_is_of_no_message_or_of_another_one(name: str, told: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        chosen(["A1", name], MAILS)
    first, last = str(caught.value).splitlines()
    assert first.startswith(told)
    assert last == "nothing was done"
    if not name.startswith("A3"):
        assert first.endswith(f"is called {name[:2]}@{ARRIVED}")


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(UnavailableError) as caught:
        chosen(["A3", "A4", "R1"], MAILS)
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize("text", ["4bZxWk2", "4bZxWk2@1764093000"])
def test_names(text: str) -> None:
    assert check_name(text) == text


@pytest.mark.parametrize("text", ["", "ALL", "-", "a/b", "@5", "A1@", "A1@x", "A1@5@6", "A1@-5", "A1 B2"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidValueError):
        check_name(text)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False), ("\n", False)]
)
def test_several_messages_are_asked_about(
    typed: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    if goes_on:
        confirm_several("release", 2)
    else:
        with pytest.raises(PermissionsError, match="not confirmed: nothing was done"):
            confirm_several("release", 2)
    assert capsys.readouterr().err.startswith("release 2 messages? [y/N] ")


@pytest.mark.parametrize(
    ("typed", "goes_on"),
    [("delete 37\n", True), ("delete 3\n", False), ("y\n", False), ("yes\n", False), ("", False)],
)
def test_all_messages_are_asked_about_with_a_phrase(
    typed: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    if goes_on:
        confirm_all("delete", 37)
    else:
        with pytest.raises(PermissionsError, match="not confirmed: nothing was done"):
            confirm_all("delete", 37)


@pytest.mark.parametrize("stdin", [io.StringIO("y\ndelete 2\n"), None])
def test_nobody_is_asked_where_there_is_no_terminal(
    stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(PermissionsError, match="say --yes to delete 2 messages"):
        confirm_several("delete", 2)
    with pytest.raises(PermissionsError, match="--all is confirmed by hand"):
        confirm_all("delete", 2)


@pytest.mark.parametrize(("action", "option"), [("release", "-H"), ("delete", "-d"), ("requeue", "-r")])
def test_postsuper_gets_the_ids_and_is_limited_to_the_hold_queue(
    action: str, option: str, programs: Programs, postfix: Postfix
) -> None:
    programs.lists(listed("A1"), listed("A2"), listed("A3"))
    programs.obeys("A1", "A2")
    told: list[str] = []
    assert carry_out(action, MAILS[:2], postfix, told.append) == EX_OK
    assert programs.calls[:2] == ["postqueue -j", f"postsuper {option} A1 {option} A2 hold"]
    assert told == [f"{ACTS[action].done}: A1", f"{ACTS[action].done}: A2"]


def test_released_mail_is_delivered_at_once(programs: Programs, postfix: Postfix) -> None:
    programs.lists(listed("A1"), listed("A2"))
    programs.obeys("A1")
    assert carry_out("release", MAILS[:2], postfix, lambda _: None) == EX_UNAVAILABLE
    assert programs.calls[2:] == ["postqueue -i A1"]


def test_the_queue_is_looked_at_again_right_before(
    programs: Programs, postfix: Postfix, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.lists(listed("A1", ARRIVED + 3), listed("A2"))
    programs.obeys("A2")
    assert carry_out("delete", MAILS[:2], postfix) == EX_UNAVAILABLE
    assert programs.calls == ["postqueue -j", "postsuper -d A2 hold"]
    told = capsys.readouterr()
    assert told.out == "deleted: A2\n"
    assert told.err == "A1: gone, or another message, since it was looked at: left alone\n"


def test_nothing_is_run_when_nothing_is_left(programs: Programs, postfix: Postfix) -> None:
    programs.lists(listed("A1", queue="deferred"))
    assert carry_out("delete", MAILS[:1], postfix) == EX_UNAVAILABLE
    assert programs.calls == ["postqueue -j"]


def test_what_postsuper_has_not_done_is_not_said_to_be_done(
    programs: Programs, postfix: Postfix, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.lists(listed("A1"), listed("A2"))
    programs.obeys("A2", "ZZ")
    assert carry_out("delete", MAILS[:2], postfix) == EX_UNAVAILABLE
    assert capsys.readouterr().out == "deleted: A2\n"


def test_what_postsuper_did_before_it_failed_is_said(
    programs: Programs, postfix: Postfix, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.lists(listed("A1"), listed("A2"))
    errors = b"postsuper: A1: removed\npostsuper: fatal: open logfile: Permission denied\n"
    programs.says("postsuper", errors=errors, status=1)
    with pytest.raises(UnavailableError, match="open logfile: Permission denied"):
        carry_out("delete", MAILS[:2], postfix)
    assert capsys.readouterr().out == "deleted: A1\n"


def test_many_go_in_batches_each_looked_at(
    programs: Programs, postfix: Postfix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_act, "BATCH", 2)
    monkeypatch.setattr(held_act, "MOST_AT_ONCE", 2)
    names = ["B1", "B2", "B3"]
    programs.lists(*map(listed, names))
    programs.obeys(*names)
    assert carry_out("release", [ours(name) for name in names], postfix, lambda _: None) == EX_OK
    assert programs.calls == [
        *("postqueue -j", "postsuper -H B1 -H B2 hold"),
        *("postqueue -j", "postsuper -H B3 hold"),
    ]


def test_a_queue_that_cannot_be_flushed_is_told_and_the_release_counts(
    programs: Programs, postfix: Postfix, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.lists(listed("A1"))
    programs.script(
        "postqueue", 'case $1 in -j) cat "$0.out";; *) echo "postqueue: fatal: no" >&2; exit 69;; esac'
    )
    programs.obeys("A1")
    assert carry_out("release", MAILS[:1], postfix) == EX_OK
    assert capsys.readouterr().err == "released, and not delivered yet: postqueue: fatal: no\n"
