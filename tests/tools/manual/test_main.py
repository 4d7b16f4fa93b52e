"""The manual pages: one for each command, and what is in them."""

import re
from pathlib import Path

import pytest

from mmx.errors import EX_USAGE, UnavailableError
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.show import show
from mmx.tools.command_tree import command_tree
from mmx.tools.manual.__main__ import main, pages
from mmx.tools.verbs import VERBS

PAGES = pages("2026-11-02")


def plain(page: str) -> str:
    """The text of a page, without most of its roff."""
    text = re.sub(r"\\f[BIR]", "", PAGES[page].replace(" \\\n", " "))
    return text.replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\e", "\\")


def test_there_is_a_page_for_each_verb() -> None:
    assert set(PAGES) == {"mmx.8", "mmx.yaml.5", *(f"mmx-{verb.name}.8" for verb in VERBS)}


@pytest.mark.parametrize("verb", VERBS, ids=[verb.name for verb in VERBS])
def test_a_page_has_what_help_has(verb: object) -> None:
    command = next(one for one in command_tree().commands if one.words == (verb.name,))  # type: ignore[attr-defined]
    text = plain(f"mmx-{command.words[0]}.8")
    assert f"mmx-{command.words[0]} - {command.told}" in text
    for one in command.walk():
        assert f"mmx {one.path}" in text
        assert [name for option in one.options for name in option.names if name not in text] == []
    for example, _ in command.parser.examples:  # type: ignore[attr-defined]
        assert f"\n{example}\n" in text


def test_the_page_of_mmx_lists_all_others() -> None:
    text = plain("mmx.8")
    assert [verb.name for verb in VERBS if f"\nmmx-{verb.name}(8)\n" not in text] == []
    for word in (
        "--check-config",
        "SIGHUP",
        "NOTIFY_SOCKET",
        "/etc/mmx/mmx.yaml",
        "smtpd_milters = unix:mmx/mmx.sock",
    ):
        assert word in text
    assert re.search(r"\n\.TP\n78\nThe settings are wrong", text)


def test_the_page_of_settings_has_every_key() -> None:
    text = plain("mmx.yaml.5")
    path: list[str] = []
    keys = []
    for line in show(Settings(children=(ChildSettings("NAME"),)), {}).splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        key, _, value = line.replace('"NAME"', "NAME").strip().partition(":")
        path[depth:] = [key]
        keys += [".".join(path)] if value else []
    assert len(keys) > 60
    assert [key for key in keys if f"\n.TP\n{key}\n" not in text] == []


def test_pages_are_written_where_man_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    assert main([str(tmp_path / "man")]) == 0
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.?")}
    assert {"man/man5/mmx.yaml.5", "man/man8/mmx.8", "man/man8/mmx-status.8"} <= written
    first = (tmp_path / "man/man8/mmx.8").read_text().splitlines()[0]
    assert first.startswith('.TH "MMX" "8" "2026-09-21" "mmx ')


def test_pages_are_ascii_and_of_lines_that_readers_take() -> None:
    for text in PAGES.values():
        assert text.isascii()
        verbatim = re.sub(r"(?ms)^\.EX$.*?^\.EE$", "", text)
        assert max(map(len, verbatim.splitlines())) <= 80


def test_lists_and_scripts_of_help_are_lists_and_scripts() -> None:
    assert "\n.TP\nrelease\nlet messages be delivered, and try that now\n" in plain("mmx-held.8")
    assert "\n.EX\nrules:\n  - at: rcpt\n    when: " in plain("mmx-filter.8")


def test_exit_statuses_are_told_once() -> None:
    assert "\n0 when all is well, 64 after" in plain("mmx-status.8")
    assert "\nAs told above; 64 after" in plain("mmx-test.8")


def test_only_sentences_begin_with_a_capital() -> None:
    assert "\nunix:PATH or inet:HOST:PORT.\n" in plain("mmx-filter.8")
    assert "\nThe control socket of the daemon.\n" in plain("mmx-status.8")
    assert "\nshow: envelope, headers and body\n" in plain("mmx-held.8")


def test_what_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=f"cannot write {tmp_path}/file/man8/mmx.8: Not a directory"):
        main([f"{tmp_path}/file"])
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == EX_USAGE
    assert "required: DIR; see python3 -m mmx.tools.manual --help" in capsys.readouterr().err
