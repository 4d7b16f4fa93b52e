"""The verb: options, exit status, output."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.detect.facts import Failure
from mmx.tools.check import verb as check
from mmx.tools.check.finding import Level
from mmx.tools.check.host import HostView
from mmx.tools.check.table import examine
from tests.tools.check_hosts import host


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[HostView]:
    """The views that `look` brings, the first one first."""
    views = [host()]
    monkeypatch.setattr(check, "look", lambda *_, **__: views[0])
    return views


def test_all_is_well(looked: list[HostView], capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main("check", []) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Postfix\nok       Postfix: version 3.7.11\n")
    assert check.main("check", ["--quiet"]) == 0
    assert capsys.readouterr().out.endswith(" ok\n")


def test_json(looked: list[HostView], capsys: pytest.CaptureFixture[str]) -> None:
    looked[0] = replace(looked[0], postfix=Failure("no postconf"))
    assert check.main("check", ["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["worst"] == "note"
    assert told["findings"][0]["seen"] == "no postconf"
    assert told["findings"][0]["unseen"]


def test_every_level_has_an_exit_status() -> None:
    assert [check.STATUS[level] for level in Level] == [0, 0, 1, 2]


def test_a_healthy_host_has_nothing_above_ok() -> None:
    assert [finding for finding in examine(host()) if finding.level is not Level.OK] == []


@pytest.mark.parametrize("words", [["--level", "bad"], ["--quiet", "--level", "ok"], ["extra"]])
def test_wrong_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check.main("check", words)
    assert ended.value.code == 64
    assert "see mmx check --help" in capsys.readouterr().err


def test_the_real_host_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it is like, that ends in a report."""
    assert check.main("check", ["--config", str(tmp_path / "none.yaml")]) in {0, 1, 2}
    assert "Postfix" in capsys.readouterr().out
