import logging
import re
from pathlib import Path

import pytest

from mmx.errors import EX_OK, EX_USAGE, UnavailableError
from mmx.tools.demo import verb as demo
from mmx.tools.demo.scenes import Pace

QUICK = Pace(usual_scan=0.02, long_scan=0.25, keep_alive=0.06, patience=30.0)


def played(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert demo.main("demo", arguments, QUICK) == EX_OK
    out, err = capsys.readouterr()
    assert err == ""
    return out


def without_what_varies(text: str) -> str:
    """The text without numbers, the names of directory and session, and how often the MTA had to wait."""
    lines = [line for line in text.splitlines() if not line.endswith("(wait)")]
    return re.sub(r" *[0-9]+(\.[0-9])?\b *", " # ", "\n".join(lines))


def verdicts(text: str) -> list[list[str]]:
    """Of each message, the codes of the SMTP dialogue."""
    parts = re.split(r"^[1-6]\. ", text, flags=re.MULTILINE)[1:]
    return [re.findall(r"^   \S.{31}([2-5][0-9]{2}) ", part, flags=re.MULTILINE) for part in parts]


def test_all_six_messages_and_their_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    text = played(capsys)
    assert verdicts(text) == [
        ["250", "250", "250"],
        ["250", "250", "550"],
        ["250", "250", "250"],
        ["250", "250", "250"],
        ["451"],
        ["250", "550", "250", "250"],
    ]
    assert text.startswith("mmx is one milter to the MTA")
    assert "docs/tutorial/mail-filter.md" in text.splitlines()[-2]


def test_only_the_wanted_messages(capsys: pytest.CaptureFixture[str]) -> None:
    text = played(capsys, "6", "2")
    assert re.findall(r"^([1-6])\. ", text, flags=re.MULTILINE) == ["6", "2"]


def test_output_is_the_same_but_for_times(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("1", "3", "6")
    assert without_what_varies(played(capsys, *chosen)) == without_what_varies(played(capsys, *chosen))


def test_output_is_plain_and_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    text = played(capsys)
    assert text.isascii()
    assert "\033" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_nothing_is_left_behind(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("mmx")
    before = logger.handlers[:], logger.level, logger.propagate
    played(capsys, "4")
    assert (logger.handlers, logger.level, logger.propagate) == before


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], EX_OK), (["0"], EX_USAGE), (["7"], EX_USAGE), (["x"], EX_USAGE)]
)
def test_exit_code(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        demo.main("demo", arguments, QUICK)
    assert ended.value.code == code


def test_directory_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / ("x" * 100)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with pytest.raises(UnavailableError, match="TMPDIR"):
        demo.main("demo", ["1"], QUICK)
    assert list(place.iterdir()) == []
