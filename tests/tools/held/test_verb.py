"""The command `mmx held`, with programs that stand for Postfix's."""

import json
import os
import sys
from pathlib import Path

import pytest

from mmx.errors import EX_OK, EX_USAGE, PermissionsError, UnavailableError
from mmx.tools.held import verb as held
from tests.tools.held.test_act import Terminal
from tests.tools.held_programs import ARRIVED, Programs, claimed, listed


class Site:
    """A queue, a ledger and settings."""

    def __init__(self, directory: Path) -> None:
        self.programs = Programs(directory)
        self.directory = directory
        self.ledger = directory / "held.jsonl"
        self.settings = directory / "mmx.yaml"
        self.settings.write_text(f"held: {{ledger: {self.ledger}}}")

    def run(self, *words: str) -> int:
        """The exit code."""
        return held.main("held", ["--config", str(self.settings), *words], self.directory)

    def refused(self, *words: str) -> None:
        """The command line is wrong."""
        with pytest.raises(SystemExit) as caught:
            self.run(*words)
        assert caught.value.code == EX_USAGE


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    made = Site(tmp_path)
    made.programs.lists(
        listed("A1"),
        listed("A2", sender="\x1b[2J@x"),
        listed("F1", ARRIVED + 60),
        listed("D1", queue="deferred"),
    )
    made.ledger.write_bytes(
        claimed("A1", opendmarc="p=quarantine") + claimed("A2", rspamd="\x1b]0;x\x07spam")
    )
    return made


def test_the_list_is_what_is_done_without_a_word(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run() == site.run("list") == EX_OK
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    head, first, second, third, summary = lines[:5]
    assert head.split() == ["time", "queue", "id", "size", "sender", "recipients", "child", "reason"]
    assert first.endswith(
        "A1             327 B  a@example.net  r1@example.com  opendmarc        p=quarantine"
    )
    assert r"\x1b[2J@x" in second
    assert second.endswith(r"\x1b]0;x\x07spam")
    assert f"F1@{ARRIVED + 60}" in third
    assert "not through mmx" in third
    assert summary == "3 messages on hold, 1 not through mmx"
    assert told.err == ""


def test_one_child_and_json(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("--child", "rspamd", "--json") == EX_OK
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["queue_id"] == "A2"


def test_an_empty_queue(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.programs.lists()
    assert site.run() == EX_OK
    assert capsys.readouterr().out == "no mail is on hold\n"


def test_without_a_ledger_nobody_is_said_not_to_have_been_it(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.settings.write_text("held: {ledger: null}")
    assert site.run() == EX_OK
    told = capsys.readouterr()
    assert "not through mmx" not in told.out
    assert "who had mail held is not known" in told.err


def test_a_ledger_that_was_never_written_is_empty(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.ledger.unlink()
    assert site.run() == EX_OK
    told = capsys.readouterr()
    assert told.out.endswith("3 messages on hold, 3 not through mmx\n")
    assert told.err == ""


def test_nobody_is_said_not_to_have_been_it_where_there_can_be_no_ledger(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.settings.write_text("held: {ledger: /nonexistent/held.jsonl}")
    assert site.run() == EX_OK
    told = capsys.readouterr()
    assert "not through mmx" not in told.out
    assert told.err.startswith("mmx held: there is no directory /nonexistent for the ledger: ")


def test_settings_that_cannot_be_read_are_told_of(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.settings.unlink()
    assert site.run() == EX_OK
    complaint = f"mmx held: {site.settings} cannot be read: is the ledger /var/lib/mmx/held.jsonl? "
    assert capsys.readouterr().err.startswith(complaint)


def test_a_ledger_that_is_none(site: Site) -> None:
    with pytest.raises(UnavailableError, match="the ledger / cannot be read: not a plain file"):
        site.run("--ledger", "/")


def test_a_listing_that_is_not_understood_is_told_of(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.programs.says("postqueue", b"what?\n")
    assert site.run() == EX_OK
    assert "lines of postqueue -j that were not understood, and are left out: 1" in capsys.readouterr().err


def test_a_message_is_shown_with_its_escapes_harmless(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    long = b"x" * (held._PIECE + 100)
    site.programs.says("postcat", b"Subject: \x1b[31mred\r\n\tfolded \xff\n" + long + b"\nend\n")
    assert site.run("show", "A1") == EX_OK
    shown = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    assert shown == [r"Subject: \x1b[31mred", r"        folded \xff", long.decode(), "end"]
    assert site.programs.calls[-1] == "postcat -qh A1"
    assert site.run("show", "--whole", f"F1@{ARRIVED + 60}") == EX_OK
    assert site.programs.calls[-1] == "postcat -q F1"


def test_one_message_is_acted_on_without_a_question(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.programs.obeys("A1")
    assert site.run("release", "A1") == EX_OK
    assert capsys.readouterr().out == "released: A1\n"
    assert site.programs.calls[2:] == ["postsuper -H A1 hold", "postqueue -i A1"]


def test_options_may_stand_anywhere(site: Site) -> None:
    assert site.run("delete", "--dry-run", "A1", "--yes", "A2") == EX_OK


@pytest.mark.parametrize("words", [("A1", "A2"), ("--all",), ("--all", "--child", "opendmarc")])
def test_a_dry_run_does_nothing(
    site: Site, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.run("delete", "--dry-run", *words) == EX_OK
    names = "A1" if "opendmarc" in words else "A1 A2"
    assert capsys.readouterr().out.endswith(f"would delete: {names}\n")
    assert site.programs.calls == ["postqueue -j"]


def test_several_are_asked_about_unless_yes_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.programs.obeys("A1", "A2")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    with pytest.raises(PermissionsError):
        site.run("delete", "A1", "A2")
    assert not any(call.startswith("postsuper") for call in site.programs.calls)
    assert site.run("delete", "--yes", "A1", "A2") == EX_OK
    assert site.programs.calls[-1] == "postsuper -d A1 -d A2 hold"


def test_all_is_what_went_through_mmx_and_yes_is_not_enough(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.programs.obeys("A1", "A2")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    with pytest.raises(PermissionsError):
        site.run("delete", "--all", "--yes")
    monkeypatch.setattr(sys, "stdin", Terminal("delete 2\n"))
    assert site.run("delete", "--all") == EX_OK
    assert site.programs.calls[-1] == "postsuper -d A1 -d A2 hold"


def test_all_of_a_child_that_had_nothing_held(site: Site) -> None:
    with pytest.raises(UnavailableError, match="no such mail is on hold"):
        site.run("delete", "--all", "--child", "clamav-milter")


def test_a_reused_id_is_refused(site: Site) -> None:
    site.programs.lists(listed("A1", ARRIVED + 600))
    with pytest.raises(UnavailableError, match=r"^A1: the message that mmx had held arrived .* and has gone"):
        site.run("delete", "A1")
    assert site.programs.calls == ["postqueue -j"]


def test_a_site_is_flushed_without_a_look_at_what_is_held(site: Site) -> None:
    for name in ("example.com", "[192.0.2.7]", "[IPv6:2001:db8::1]"):
        assert site.run("flush", name) == EX_OK
        assert site.programs.calls[-1] == f"postqueue -s {name}"


@pytest.mark.parametrize("action", ["show", "release", "delete", "requeue"])
def test_what_needs_root_says_so(site: Site, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermissionsError, match=f"mmx held {action} needs root"):
        site.run(action, "A1")
    assert site.programs.calls == []


def test_every_program_is_run_for_the_instance(site: Site) -> None:
    site.programs.script("postmulti", 'shift 3; exec "$@"')
    site.programs.obeys("A1")
    assert site.run("--instance", "postfix-out", "delete", "A1") == EX_OK
    calls = [call for call in site.programs.calls if call.startswith("postmulti")]
    assert calls[-1] == f"postmulti -i postfix-out -x {site.directory}/postsuper -d A1 hold"
    assert len(calls) == 3


@pytest.mark.parametrize(
    "line",
    [
        "shout",
        "list A1",
        "show",
        "show A1 A2",
        "show A1 --json",
        "show A1 --child x",
        "release",
        "release --all A1",
        "release A1 --child opendmarc",
        "release ALL",
        "release -- -d",
        "delete ../A1",
        "delete A1@now",
        "requeue A1 --whole",
        "flush",
        "flush a b",
        "flush -- -f",
        "flush a;b",
        "flush a --dry-run",
        "--instance a;b",
        "--yes",
        "--whole",
        "--nonsense",
    ],
)
def test_a_wrong_command_line(site: Site, line: str) -> None:
    site.refused(*line.split())
    assert site.programs.calls == []
