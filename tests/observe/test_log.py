import io
import json
import logging
import os
import re
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.observe.gathering import GatheringHandler
from mmx.observe.log import Line, escape, fields, set_up, together
from mmx.observe.syslog import SyslogHandler
from mmx.settings.model import LogFormat, LogLevel, LogSettings, LogTarget

pytestmark = pytest.mark.usefixtures("logger_restored")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text <a@b>", "plain text <a@b>"),
        (b"a\r\nb\0", r"a\x0d\x0ab\x00"),
        ("a\\b", r"a\x5cb"),
        ("é", r"\xc3\xa9"),
        (b"\xff", r"\xff"),
        ("\udcff", r"\xff"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x7f", r"\x7f"),
    ],
)
def test_escape(text: bytes | str, shown: str) -> None:
    assert escape(text) == shown


@given(st.binary(max_size=300) | st.text(max_size=300), st.integers(0, 40))
def test_escaped_text_is_short_printable_and_whole(text: bytes | str, limit: int) -> None:
    shown = escape(text, limit)
    assert len(shown) <= limit
    assert re.fullmatch(r"(?:[ -\[\]-~]|\\x[0-9a-f]{2})*", shown)


@given(st.binary(max_size=50))
def test_escaping_loses_nothing_within_the_limit(data: bytes) -> None:
    shown = escape(data)
    assert re.sub(rb"\\x(..)", lambda match: bytes.fromhex(match[1].decode()), shown.encode()) == data


def test_what_is_cut_ends_in_dots() -> None:
    assert escape("x" * 201) == "x" * 197 + "..."
    assert escape("x" * 200) == "x" * 200
    assert escape("x" * 5 + "\0" * 9, 12) == r"x" * 5 + r"\x00" + "..."


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"session": "7f3a", "ms": 12}, "session=7f3a ms=12"),
        ({"reason": "no such user", "empty": ""}, 'reason="no such user" empty=""'),
        ({"a": 'x"y', "b": "x=y"}, 'a="x\\x22y" b="x=y"'),
        ({"a": None, "b": b"\n", "c": True, "d": 0.25, "e": 3.0}, "b=\\x0a c=yes d=0.25 e=3"),
        ({"a": LogLevel.INFO, "path": Path("/run/x")}, "a=info path=/run/x"),
    ],
)
def test_fields(values: dict[str, object], line: str) -> None:
    assert fields(**values) == line


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_fields_can_be_told_apart(texts: list[str]) -> None:
    line = fields(**{f"k{index}": text for index, text in enumerate(texts)})
    pairs = re.findall(r'(k\d)=("[^"]*"|[^ "=]+)(?: |$)', line)
    assert [key for key, _ in pairs] == [f"k{index}" for index in range(len(texts))]
    assert " ".join(f"{key}={value}" for key, value in pairs) == line


def line_of(form: LogFormat, message: str | Line, *arguments: object) -> str:
    stream = io.StringIO()
    set_up(LogSettings(form), stream, {}).warning(message, *arguments)
    return stream.getvalue()


def test_forms() -> None:
    assert line_of(LogFormat.PLAIN, "child %s down", "a") == "warning: child a down\n"
    assert line_of(LogFormat.JOURNAL, "child %s down", "a") == "<4>child a down\n"
    entry = json.loads(line_of(LogFormat.JSON, "child %s down", "a"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", entry.pop("time"))
    assert entry == {"level": "warning", "text": "child a down"}


@pytest.mark.parametrize("form", LogFormat)
def test_no_message_makes_two_lines(form: LogFormat) -> None:
    assert line_of(form, "a\nb\x1b\x85\u2028c").count("\n") == 1
    assert len(line_of(form, "a\nb\x1b\x85\u2028c").splitlines()) == 1


def test_tracebacks_carry_the_priority() -> None:
    stream = io.StringIO()
    logger = set_up(LogSettings(LogFormat.JOURNAL), stream, {})
    try:
        raise ValueError("bad\x00text")
    except ValueError:
        logger.exception("broken")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "<3>broken"
    assert lines[-1] == r"<3>ValueError: bad\x00text"
    assert all(line.startswith("<3>") for line in lines)


def test_json_tracebacks_stay_inside_the_object() -> None:
    stream = io.StringIO()
    logger = set_up(LogSettings(LogFormat.JSON), stream, {})
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("broken")
    assert json.loads(stream.getvalue())["traceback"][-1] == "ValueError: bad"


def test_level_and_second_call() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up(LogSettings(level=LogLevel.ERROR), first, {}).warning("not seen")
    set_up(LogSettings(level=LogLevel.DEBUG), second, {}).debug("seen")
    assert first.getvalue() == ""
    assert second.getvalue() == "debug: seen\n"


def test_plain_becomes_journal_on_the_stream_of_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stream:
        status = os.fstat(stream.fileno())
        set_up(LogSettings(), stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}).info("a")
        set_up(LogSettings(), stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"}).info("b")
        stream.seek(0)
        assert stream.read() == "<6>a\ninfo: b\n"


def test_a_line_with_fields_in_every_form() -> None:
    line = Line(
        "child failed", {"child": "a", "seconds": 0.25, "queue_id": None, "from": b"\xffx"}, "no answer"
    )
    assert line_of(LogFormat.PLAIN, line) == (
        "warning: child failed child=a seconds=0.25 from=\\xffx: no answer\n"
    )
    entry = json.loads(line_of(LogFormat.JSON, line))
    del entry["time"]
    assert entry == {
        "level": "warning",
        "event": "child failed",
        "text": "child failed: no answer",
        "child": "a",
        "seconds": 0.25,
        "from": "\\xffx",
    }


def test_a_line_without_a_name() -> None:
    line = Line("", {"session": "1"}, "MTA link closed")
    assert line_of(LogFormat.PLAIN, line) == "warning: session=1 MTA link closed\n"
    entry = json.loads(line_of(LogFormat.JSON, line))
    assert (entry["text"], entry["session"]) == ("MTA link closed", "1")
    assert "event" not in entry


@given(
    st.dictionaries(st.sampled_from("abc"), st.text() | st.binary() | st.floats() | st.integers()), st.text()
)
def test_every_line_is_one_object_with_its_fields(values: dict[str, object], told: str) -> None:
    text = line_of(LogFormat.JSON, Line("event", values, told))
    assert text.count("\n") == 1
    assert set(json.loads(text)) == {"time", "level", "event", "text"} | set(values)


def target_of(to: LogTarget, stream: TextIO) -> type[logging.Handler]:
    return type(set_up(LogSettings(to=to), stream, {}, syslog="/nowhere").handlers[0])


def test_where_lines_go(tmp_path: Path) -> None:
    """Standard error while somebody reads it; a null device or a closed descriptor has no reader."""
    with Path(os.devnull).open("w") as null, (tmp_path / "log").open("w") as file:
        assert target_of(LogTarget.AUTO, null) is SyslogHandler
        assert target_of(LogTarget.STDERR, null) is GatheringHandler
        assert target_of(LogTarget.AUTO, file) is GatheringHandler
        assert target_of(LogTarget.SYSLOG, file) is SyslogHandler
    assert target_of(LogTarget.AUTO, null) is SyslogHandler
    reader, writer = os.pipe()
    primary, secondary = os.openpty()
    for descriptor in (writer, secondary):
        with os.fdopen(descriptor, "w") as stream:
            assert target_of(LogTarget.AUTO, stream) is GatheringHandler
    os.close(reader)
    os.close(primary)


def test_a_line_told_later_has_the_time_of_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogSettings(format=LogFormat.JSON)).info(Line("message", {}, at=1_000_000_000.25))
    assert json.loads(capsys.readouterr().err)["time"] == "2001-09-09T01:46:40.250+00:00"


def test_lines_logged_together_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []
    stream = io.StringIO()
    monkeypatch.setattr(stream, "write", writes.append)
    logger = set_up(LogSettings(), stream)
    with together():
        logger.info("a")
        logger.info("b")
        assert writes == []
    assert writes == ["info: a\ninfo: b\n"]
